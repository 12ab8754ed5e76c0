//! Two runs on the same images: paired differences and their intervals.

use super::evaluation::{Evaluation, ImageRow};
use crate::metrics::{MeanInterval, mean_ci95};

/// A figure of an image that runs are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Dice of the cup
    CupDice,
    /// Dice of the disc
    DiscDice,
    /// absolute error of the vertical cup-to-disc ratio
    VcdrError,
}

impl Measure {
    /// All of them, in the order of tables.
    pub const ALL: [Measure; 3] = [Measure::CupDice, Measure::DiscDice, Measure::VcdrError];

    /// Name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Measure::CupDice => "cup_dice",
            Measure::DiscDice => "disc_dice",
            Measure::VcdrError => "vcdr_error",
        }
    }

    /// Name for readers.
    pub fn title(self) -> &'static str {
        match self {
            Measure::CupDice => "Dice, cup",
            Measure::DiscDice => "Dice, disc",
            Measure::VcdrError => "vCDR error",
        }
    }

    /// Whether more is better.
    pub fn more_is_better(self) -> bool {
        self != Measure::VcdrError
    }

    /// The value of an image.
    pub fn of(self, row: &ImageRow) -> Option<f64> {
        match self {
            Measure::CupDice => Some(row.cup_dice),
            Measure::DiscDice => Some(row.disc_dice),
            Measure::VcdrError => row.vcdr_error,
        }
    }
}

/// Mean of the paired differences of two runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// what is compared
    pub measure: Measure,
    /// other − baseline, with its 95 % bootstrap interval over images
    pub interval: MeanInterval,
    /// images that have the value in both
    pub images: usize,
}

impl Difference {
    /// Whether the interval excludes 0, and if so whether the other run is the better one.
    pub fn verdict(&self) -> Option<bool> {
        let MeanInterval { low, high, .. } = self.interval;
        (low > 0.0 || high < 0.0).then_some((low > 0.0) == self.measure.more_is_better())
    }
}

/// Differences `other − baseline` over the same images.
///
/// # Errors
/// A sentence when the two were evaluated on different images, or with other thresholds: there are no pairs then.
pub fn paired(baseline: &Evaluation, other: &Evaluation) -> Result<Vec<Difference>, String> {
    let names = |evaluation: &Evaluation| evaluation.images.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
    let (a, b) = (names(baseline), names(other));
    if a != b {
        let common = a.iter().filter(|name| b.contains(name)).count();
        return Err(format!(
            "they were evaluated on different images ({} and {}, {common} in common), so nothing is paired",
            a.len(),
            b.len()
        ));
    }
    if baseline.thresholds != other.thresholds {
        return Err("they were evaluated with different thresholds, so nothing is paired".to_string());
    }
    let difference = |measure: Measure| {
        let pairs = baseline.images.iter().zip(&other.images);
        let values: Vec<f64> = pairs.filter_map(|(a, b)| Some(measure.of(b)? - measure.of(a)?)).collect();
        Some(Difference { measure, interval: mean_ci95(&values)?, images: values.len() })
    };
    Ok(Measure::ALL.into_iter().filter_map(difference).collect())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn evaluation(rows: &[(&str, f64, f64, Option<f64>)]) -> Evaluation {
        let row = |&(name, cup_dice, disc_dice, vcdr_error): &(&str, f64, f64, Option<f64>)| ImageRow {
            name: name.to_string(),
            cup_dice,
            disc_dice,
            vcdr_predicted: None,
            vcdr_true: None,
            vcdr_error,
        };
        Evaluation {
            folder: PathBuf::new(),
            data: PathBuf::new(),
            checkpoint: PathBuf::new(),
            thresholds: [0.75; 2],
            totals: serde_json::Value::Null,
            images: rows.iter().map(row).collect(),
            is_stale: false,
        }
    }

    #[test]
    fn differences_are_paired_by_image() {
        let a = evaluation(&[("x", 0.5, 0.75, Some(0.25)), ("y", 0.25, 0.5, None), ("z", 0.0, 0.5, Some(0.5))]);
        let b = evaluation(&[("x", 0.75, 0.75, Some(0.125)), ("y", 0.5, 0.5, Some(0.1)), ("z", 0.25, 0.5, Some(0.25))]);
        let found = paired(&a, &b).expect("the images are the same");
        let means: Vec<_> = found.iter().map(|d| (d.measure, d.interval.mean, d.images)).collect();
        assert_eq!(means[0], (Measure::CupDice, 0.25, 3));
        assert_eq!(means[1], (Measure::DiscDice, 0.0, 3));
        assert_eq!(means[2], (Measure::VcdrError, -0.1875, 2), "an image without the error has no pair");
        assert_eq!((found[0].interval.low, found[0].interval.high), (0.25, 0.25));
        let verdicts: Vec<_> = found.iter().map(Difference::verdict).collect();
        assert_eq!(verdicts, [Some(true), None, Some(true)], "a smaller error is better");
    }

    #[test]
    fn other_images_or_thresholds_are_not_paired() {
        let a = evaluation(&[("x", 0.5, 0.5, None), ("y", 0.5, 0.5, None)]);
        let b = evaluation(&[("y", 0.5, 0.5, None), ("z", 0.5, 0.5, None)]);
        let reason = paired(&a, &b).expect_err("other images");
        assert!(reason.contains("different images (2 and 2, 1 in common)"), "{reason}");
        let c = Evaluation { thresholds: [0.5; 2], ..a.clone() };
        assert!(paired(&a, &c).expect_err("other thresholds").contains("thresholds"));
    }
}
