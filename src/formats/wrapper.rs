//! What stands before every name of a network because of what it was wrapped in: `module.`, `_orig_mod.`, `model.`, or
//! several of them.

use std::collections::BTreeSet;

use super::imagenet::{RESIDUAL, STEM};

/// How the networks that are read name their tensors, to tell where their own names begin. What comes first counts: a
/// decoder may have a part of the name of another.
const SEGMENTATION: [&[Landmark]; 3] = [
    &[Landmark::Part("backbone.")],
    &[Landmark::Name(STEM), Landmark::Name(RESIDUAL)],
    &[Landmark::Part("aspp."), Landmark::Part("decoder.")],
];
const DISCRIMINATOR: [&[Landmark]; 1] = [&[Landmark::Name("conv1.weight")]];

/// Where a network's own names begin.
#[derive(Clone, Copy)]
enum Landmark {
    /// at the last such part of a name
    Part(&'static str),
    /// at this whole name
    Name(&'static str),
}

impl Landmark {
    /// What stands before a network's own name.
    fn before(self, name: &str) -> Option<&str> {
        let ends = |prefix: &&str| prefix.is_empty() || prefix.ends_with('.');
        match self {
            Landmark::Part(part) => name.rmatch_indices(part).map(|(at, _)| &name[..at]).find(ends),
            Landmark::Name(own) => name.strip_suffix(own).filter(ends),
        }
    }
}

/// What a segmentation network, or an ImageNet classifier, among these names is wrapped in: empty for one that is not,
/// as for names of neither.
///
/// # Errors
/// The prefixes, where several networks are wrapped each in its own.
pub(super) fn of_segmentation<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Result<&'a str, Vec<&'a str>> {
    wrapper(names, &SEGMENTATION)
}

/// The same of a discriminator, of which there is one.
pub(super) fn of_discriminator<'a>(names: impl Iterator<Item = &'a str> + Clone) -> &'a str {
    wrapper(names, &DISCRIMINATOR).unwrap_or_default()
}

fn wrapper<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
    landmarks: &[&[Landmark]],
) -> Result<&'a str, Vec<&'a str>> {
    for landmarks in landmarks {
        let before = |name| landmarks.iter().find_map(|landmark| landmark.before(name));
        let prefixes: BTreeSet<&str> = names.clone().filter_map(before).collect();
        let is_shared = |prefix: &&&str| names.clone().all(|name| name.starts_with(**prefix));
        if let Some(prefix) = prefixes.iter().rev().find(is_shared) {
            return Ok(prefix);
        }
        let mut all = prefixes.iter();
        match (all.next(), all.next()) {
            (None, _) => {}
            // Sorted: no prefix at all comes first, and is that of the network which is meant.
            (Some(prefix), None) => return Ok(prefix),
            (Some(&""), Some(_)) => return Ok(""),
            _ => return Err(prefixes.into_iter().collect()),
        }
    }
    Ok("")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [&str; 4] = [
        "backbone.features.0.0.weight",
        "backbone.low_level_features.0.0.weight",
        "aspp.bn1.bias",
        "decoder.conv1.weight",
    ];

    fn found(prefix: &str, own: &[&str], others: &[&str]) -> Result<String, Vec<String>> {
        let names: Vec<String> = own.iter().map(|name| format!("{prefix}{name}")).collect();
        let all = names.iter().map(String::as_str).chain(others.iter().copied());
        let owned = |prefixes: Vec<&str>| prefixes.into_iter().map(str::to_owned).collect();
        of_segmentation(all).map(str::to_owned).map_err(owned)
    }

    #[test]
    fn any_prefix_before_a_networks_names_is_found() {
        let prefixes = ["", "module.", "_orig_mod.", "model.", "model._orig_mod.", "network.", "a.b-c.d.", "backbone."];
        for prefix in prefixes {
            assert_eq!(found(prefix, &OWN, &[]).as_deref(), Ok(prefix));
            if prefix == "backbone." {
                // Before anything less than a whole network it is a part of the network's own names.
                continue;
            }
            assert_eq!(found(prefix, &OWN[2..], &[]).as_deref(), Ok(prefix));
            assert_eq!(found(prefix, &OWN, &["criterion.weight"]).as_deref(), Ok(prefix), "one is not the network's");
            for own in [&["features.0.0.weight", "classifier.1.bias"], &["layer3.0.conv1.weight", "fc.bias"]] {
                assert_eq!(found(prefix, own, &[]).as_deref(), Ok(prefix));
            }
        }
        assert_eq!(found("", &["a", "mybackbone.x", "xfeatures.0.0.weight"], &[]).as_deref(), Ok(""));
        // Segmentation networks whose encoder is such a classifier.
        assert_eq!(
            found("encoder.", &["layer3.0.conv1.weight"], &["decoder.aspp.0.weight"]).as_deref(),
            Ok("encoder.")
        );
    }

    #[test]
    fn of_several_networks_the_one_without_a_prefix_counts_or_none() {
        assert_eq!(found("", &OWN, &["ema.backbone.features.0.0.weight"]).as_deref(), Ok(""));
        let both = found("teacher.", &OWN, &["student.backbone.features.0.0.weight"]);
        assert_eq!(both, Err(vec!["student.".to_owned(), "teacher.".to_owned()]));
    }
}
