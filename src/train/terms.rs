//! The terms of the total, each before and after its weight.

use crate::method::step::{LossWeights, TOTAL};

/// What is logged beside a loss that a step puts out, so that both its own size and its share of the total can be read.
struct Companion {
    loss: &'static str,
    name: &'static str,
    of: fn(f32, LossWeights) -> f32,
}

/// How the names of companions end that the total is the sum of.
const WEIGHTED: &str = "_weighted";

/// `adv` alone is put out weighted, as the published code logs it.
const COMPANIONS: [Companion; 5] = [
    Companion { loss: "adv", name: "adv_raw", of: |value, weights| value / weights.adversarial },
    Companion { loss: "align", name: "align_weighted", of: |value, weights| value * weights.align },
    Companion {
        loss: "discriminative",
        name: "discriminative_weighted",
        of: |value, weights| value * weights.discriminative,
    },
    Companion { loss: "consistency", name: "consistency_weighted", of: |value, weights| value * weights.consistency },
    Companion { loss: "teacher", name: "teacher_weighted", of: |value, weights| value * weights.teacher },
];

/// The names of losses, each followed by that of its companion.
pub(super) fn with_companions<'a>(losses: &[&'a str]) -> Vec<&'a str> {
    let companion = |loss: &str| COMPANIONS.iter().find(|companion| companion.loss == loss).map(|found| found.name);
    losses.iter().flat_map(|loss| std::iter::once(*loss).chain(companion(loss))).collect()
}

/// Losses, each followed by its companion.
pub(super) fn both_ways(losses: &[(&'static str, f32)], weights: LossWeights) -> Vec<(&'static str, f32)> {
    let companion = |loss: &str, value: f32| {
        let found = COMPANIONS.iter().find(|companion| companion.loss == loss)?;
        Some((found.name, (found.of)(value, weights)))
    };
    losses.iter().flat_map(|(loss, value)| std::iter::once((*loss, *value)).chain(companion(loss, *value))).collect()
}

/// The total and its terms as it has them, under the names of the losses, and the losses that are no part of it.
pub(super) fn summands(losses: &[(&'static str, f32)], weights: LossWeights) -> [Vec<(&'static str, f32)>; 2] {
    let weighted = |(loss, value): &(&'static str, f32)| {
        let found = COMPANIONS.iter().find(|companion| companion.loss == *loss && companion.name.ends_with(WEIGHTED));
        (*loss, found.map_or(*value, |found| (found.of)(*value, weights)))
    };
    let is_term = |(loss, _): &(&'static str, f32)| {
        [TOTAL, "seg"].contains(loss) || COMPANIONS.iter().any(|companion| companion.loss == *loss)
    };
    let (terms, others): (Vec<_>, Vec<_>) = losses.iter().map(weighted).partition(is_term);
    [terms, others]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_the_sum_of_the_weighted_terms() {
        let weights =
            LossWeights { adversarial: 0.25, align: 0.5, discriminative: 2.0, consistency: 0.125, teacher: 4.0 };
        let losses = [("total", 13.5), ("seg", 1.0), ("adv", 0.5), ("align", 3.0), ("discriminative", 5.0)];
        let losses = [&losses[..], &[("consistency", 4.0), ("d_same", 0.75)]].concat();
        let all = both_ways(&losses, weights);
        let of = |name: &str| all.iter().find(|(own, _)| *own == name).expect("every term is there").1;
        let terms = ["seg", "adv", "align_weighted", "discriminative_weighted", "consistency_weighted"];
        assert_eq!(terms.map(of).iter().sum::<f32>(), of("total"));
        assert_eq!(of("adv_raw"), 2.0);
        let names: Vec<&str> = losses.iter().map(|(name, _)| *name).collect();
        assert_eq!(with_companions(&names), all.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        assert_eq!(with_companions(&["total", "seg"]), ["total", "seg"]);
        let [sum, others] = summands(&losses, weights);
        assert_eq!((sum[0], others), (("total", 13.5), vec![("d_same", 0.75)]));
        assert_eq!(sum[1..].iter().map(|term| term.1).sum::<f32>(), 13.5);
    }
}
