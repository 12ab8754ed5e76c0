//! Which tensors of a file fit a network.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use super::StateDict;

/// Names listed one by one before a list is shortened to counts by prefix.
const LISTED: usize = 6;

/// The outcome of looking for a network's tensors in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Tensors of the network found with the right shape.
    pub matched: Vec<String>,
    /// Tensors of the network that the file lacks.
    pub missing: Vec<String>,
    /// Tensors of the file that the network lacks.
    pub unused: Vec<String>,
    /// Tensors whose shapes differ.
    pub mismatched: Vec<ShapeMismatch>,
}

/// A tensor that the file has in another shape than the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeMismatch {
    /// Name in both.
    pub name: String,
    /// Shape in the network.
    pub wanted: Vec<usize>,
    /// Shape in the file.
    pub found: Vec<usize>,
}

/// Compares the names and shapes a network wants with the tensors a file has.
pub fn match_tensors(wanted: &[(String, Vec<usize>)], have: &StateDict) -> LoadReport {
    let mut report = LoadReport::default();
    for (name, shape) in wanted {
        match have.get(name) {
            Some(tensor) if tensor.shape == *shape => report.matched.push(name.clone()),
            Some(tensor) => report.mismatched.push(ShapeMismatch {
                name: name.clone(),
                wanted: shape.clone(),
                found: tensor.shape.clone(),
            }),
            None => report.missing.push(name.clone()),
        }
    }
    let known: HashSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    report.unused = have.iter().map(|(name, _)| name).filter(|name| !known.contains(name)).map(str::to_owned).collect();
    report
}

impl LoadReport {
    /// Whether the file has every tensor of the network, in its shape. It may have more.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.mismatched.is_empty()
    }

    /// The same of a network that has first values from a seed: what does not fit keeps them.
    pub fn as_beginning(&self) -> String {
        let new = self.missing.len() + self.mismatched.len();
        let mut told = format!("{} of {} tensors loaded", self.matched.len(), self.matched.len() + new);
        if new > 0 {
            let names: Vec<String> = self.mismatched.iter().map(|m| &m.name).chain(&self.missing).cloned().collect();
            told += &format!("\nnew, with first values from the run's seed ({new}): {}", shortened(&names));
        }
        if !self.mismatched.is_empty() {
            told += &format!("\nof these of another shape ({}): {}", self.mismatched.len(), self.differences());
        }
        if !self.unused.is_empty() {
            told += &format!("\nnot used ({}): {}", self.unused.len(), shortened(&self.unused));
        }
        told
    }

    /// The first tensors of another shape, and how many more there are.
    fn differences(&self) -> String {
        let differences: Vec<String> = (self.mismatched.iter().take(LISTED))
            .map(|m| format!("{} needs {:?}, the file has {:?}", m.name, m.wanted, m.found))
            .collect();
        let more = self.mismatched.len() - differences.len();
        let more = if more > 0 { format!("; {more} more") } else { String::new() };
        format!("{}{more}", differences.join("; "))
    }

    /// The report on the tensors whose names begin with a prefix.
    pub fn part(&self, prefix: &str) -> LoadReport {
        let named = |names: &[String]| names.iter().filter(|name| name.starts_with(prefix)).cloned().collect();
        LoadReport {
            matched: named(&self.matched),
            missing: named(&self.missing),
            unused: named(&self.unused),
            mismatched: self.mismatched.iter().filter(|m| m.name.starts_with(prefix)).cloned().collect(),
        }
    }
}

/// A line of counts, then one for each kind of difference. Long lists are shortened to counts by prefix.
impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = self.matched.len() + self.missing.len() + self.mismatched.len();
        write!(f, "{} of {wanted} tensors matched", self.matched.len())?;
        if !self.missing.is_empty() {
            write!(f, "\nmissing in the file ({}): {}", self.missing.len(), shortened(&self.missing))?;
        }
        if !self.mismatched.is_empty() {
            write!(f, "\nof another shape ({}): {}", self.mismatched.len(), self.differences())?;
        }
        if !self.unused.is_empty() {
            write!(f, "\nnot used ({}): {}", self.unused.len(), shortened(&self.unused))?;
        }
        Ok(())
    }
}

/// All names when few, otherwise counts by the longest prefixes that leave few groups.
pub fn shortened(names: &[String]) -> String {
    if names.len() <= LISTED {
        return names.join(", ");
    }
    // For each prefix of so many parts: how many names have it, and one of them.
    let group_at = |parts: usize| {
        let mut groups: BTreeMap<String, (usize, &String)> = BTreeMap::new();
        for name in names {
            let prefix: Vec<&str> = name.split('.').take(parts).collect();
            groups.entry(prefix.join(".")).or_insert((0, name)).0 += 1;
        }
        groups
    };
    let deepest = (1..=4).map(group_at).take_while(|groups| groups.len() <= LISTED).last();
    let groups = deepest.unwrap_or_else(|| group_at(1));
    let line = |(prefix, (count, name)): (&String, &(usize, &String))| match count {
        1 => (*name).clone(),
        _ => format!("{prefix}.* ({count})"),
    };
    let mut listed: Vec<String> = groups.iter().take(LISTED).map(line).collect();
    if groups.len() > LISTED {
        listed.push(format!("{} more groups", groups.len() - LISTED));
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::HostTensor;

    fn have(entries: &[(&str, usize)]) -> StateDict {
        let mut state = StateDict::default();
        for (name, length) in entries {
            let tensor = HostTensor { shape: vec![*length], data: vec![0.0; *length] };
            state.insert((*name).to_owned(), tensor).expect("names differ");
        }
        state
    }

    fn wanted(entries: &[(&str, usize)]) -> Vec<(String, Vec<usize>)> {
        entries.iter().map(|(name, length)| ((*name).to_owned(), vec![*length])).collect()
    }

    #[test]
    fn every_kind_of_difference_is_reported() {
        let report = match_tensors(
            &wanted(&[("a.weight", 3), ("a.bias", 3), ("b.weight", 2)]),
            &have(&[("a.weight", 3), ("b.weight", 4), ("c", 1)]),
        );
        assert!(!report.is_complete());
        assert_eq!(
            report.to_string(),
            "1 of 3 tensors matched\nmissing in the file (1): a.bias\n\
             of another shape (1): b.weight needs [2], the file has [4]\nnot used (1): c"
        );
        let report = match_tensors(&wanted(&[("a", 1)]), &have(&[("a", 1)]));
        assert!(report.is_complete());
        assert_eq!(report.to_string(), "1 of 1 tensors matched");
    }

    #[test]
    fn long_lists_are_grouped_by_prefix() {
        let names: Vec<String> =
            (0..9).map(|i| format!("aspp.aspp{}.bn.{i}", i % 3)).chain(["decoder.conv1.weight".into()]).collect();
        assert_eq!(
            shortened(&names),
            "aspp.aspp0.bn.* (3), aspp.aspp1.bn.* (3), aspp.aspp2.bn.* (3), decoder.conv1.weight"
        );
        let scattered: Vec<String> = (0..9).map(|i| format!("layer{i}.weight")).collect();
        assert!(shortened(&scattered).ends_with("layer5.weight, 3 more groups"));
    }
}
