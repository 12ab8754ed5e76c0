//! What a file states about its weights beside them.

use std::collections::BTreeMap;
use std::fmt;

use super::Value;

/// A number or a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A whole number.
    Whole(i64),
    /// A floating-point number.
    Real(f64),
    /// A text.
    Text(String),
}

impl fmt::Display for Fact {
    /// As text that [`Facts`] read back to the same bits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(value) => write!(f, "{value}"),
            Self::Real(value) => write!(f, "{value:?}"),
            Self::Text(value) => write!(f, "{value}"),
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Whole,
    Real,
    Text,
}

/// Facts that are kept: those of published checkpoints, under their names there, then what the network is.
const KNOWN: [(&str, Kind); 15] = [
    ("epoch", Kind::Whole),
    ("iteration", Kind::Whole),
    ("arch", Kind::Text),
    ("learning_rate_gen", Kind::Real),
    ("learning_rate_dis", Kind::Real),
    ("learning_rate_dis2", Kind::Real),
    ("best_mean_dice", Kind::Real),
    (Facts::BACKBONE, Kind::Text),
    (Facts::NORM, Kind::Text),
    (Facts::OUTPUT_STRIDE, Kind::Whole),
    (Facts::SIZE, Kind::Whole),
    (Facts::STATISTICS, Kind::Text),
    (Facts::COLOURS, Kind::Text),
    (Facts::SCALES, Kind::Text),
    (Facts::THRESHOLDS, Kind::Text),
];

/// Facts by name: the epoch and iteration (from 0) that the weights come from, learning rates, the best mean Dice so
/// far; and the architecture, which published checkpoints do not state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts(Vec<(&'static str, Fact)>);

impl Facts {
    /// Name of the backbone, as on the command line.
    pub const BACKBONE: &'static str = "backbone";
    /// Kind of normalisation, as on the command line.
    pub const NORM: &'static str = "norm";
    /// Output stride of the deep feature.
    pub const OUTPUT_STRIDE: &'static str = "output_stride";
    /// Colours that every image is brought to before the network sees it.
    pub const COLOURS: &'static str = "colours";
    /// Scales at which every image is seen.
    pub const SCALES: &'static str = "scales";
    /// What the statistics of normalisations were moved to after training.
    pub const STATISTICS: &'static str = "statistics";
    /// Probabilities above which pixels are cup and disc, as they were calibrated.
    pub const THRESHOLDS: &'static str = "thresholds";
    /// Rows and columns to which images are brought.
    pub const SIZE: &'static str = "size";

    /// Adds a fact, in the order of the known ones, in place of another of that name. The name must be one of them.
    pub fn push(&mut self, name: &str, fact: Fact) {
        let place = |name: &str| KNOWN.iter().position(|(known, _)| *known == name);
        let own = place(name).expect("facts have names of the list above");
        self.0.retain(|(known, _)| *known != name);
        self.0.push((KNOWN[own].0, fact));
        self.0.sort_by_key(|(name, _)| place(name));
    }

    /// The fact of that name.
    pub fn get(&self, name: &str) -> Option<&Fact> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, fact)| fact)
    }

    /// The whole number of that name, if it is one that counts something.
    pub fn count(&self, name: &str) -> Option<usize> {
        if let Some(Fact::Whole(value)) = self.get(name) { usize::try_from(*value).ok() } else { None }
    }

    /// Names and facts in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'static str, &Fact)> {
        self.0.iter().map(|(name, fact)| (*name, fact))
    }

    /// Facts as the metadata of a safetensors file.
    pub fn to_metadata(&self) -> BTreeMap<String, String> {
        self.iter().map(|(name, fact)| (name.to_owned(), fact.to_string())).collect()
    }

    /// The known facts among the metadata of a safetensors file.
    pub fn of_metadata(metadata: &BTreeMap<String, String>) -> Self {
        let known = KNOWN.iter().filter_map(|&(name, kind)| {
            let text = metadata.get(name)?;
            let fact = match kind {
                Kind::Whole => Fact::Whole(text.parse().ok()?),
                Kind::Real => Fact::Real(text.parse().ok()?),
                Kind::Text => Fact::Text(text.clone()),
            };
            Some((name, fact))
        });
        Self(known.collect())
    }

    /// The known facts among the entries of a checkpoint.
    pub(super) fn of_checkpoint(checkpoint: &Value) -> Self {
        let known = KNOWN.iter().filter_map(|&(name, kind)| {
            let fact = match (kind, checkpoint.get(name)?) {
                (Kind::Whole, Value::Int(value)) => Fact::Whole(i64::try_from(*value).ok()?),
                (Kind::Real, Value::Float(value)) => Fact::Real(*value),
                // A best Dice of 0 is whole before the first validation.
                (Kind::Real, Value::Int(value)) => Fact::Real(*value as f64),
                (Kind::Text, Value::Str(text)) => Fact::Text(text.to_string()),
                _ => return None,
            };
            Some((name, fact))
        });
        Self(known.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_survive_as_text() {
        let mut facts = Facts::default();
        facts.push("epoch", Fact::Whole(-1));
        facts.push("arch", Fact::Text("DeepLab".into()));
        facts.push("best_mean_dice", Fact::Real(0.1 + 0.2));
        facts.push(Facts::SIZE, Fact::Whole(32));
        facts.push(Facts::SIZE, Fact::Whole(64));
        let mut metadata = facts.to_metadata();
        metadata.extend([("learning_rate_gen".into(), "quick".into()), ("format".into(), "pt".into())]);
        assert_eq!(Facts::of_metadata(&metadata), facts);
        assert_eq!((facts.count("epoch"), facts.count(Facts::SIZE), facts.count("arch")), (None, Some(64), None));
    }
}
