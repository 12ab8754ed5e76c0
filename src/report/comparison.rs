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
    /// average surface distance of the cup in pixels
    CupAsd,
    /// average surface distance of the disc in pixels
    DiscAsd,
    /// 95th percentile of the surface distances of the cup in pixels
    CupHd95,
    /// 95th percentile of the surface distances of the disc in pixels
    DiscHd95,
}

impl Measure {
    /// All of them, in the order of tables.
    pub const ALL: [Measure; 7] = [
        Measure::CupDice,
        Measure::DiscDice,
        Measure::VcdrError,
        Measure::CupAsd,
        Measure::DiscAsd,
        Measure::CupHd95,
        Measure::DiscHd95,
    ];

    /// Name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Measure::CupDice => "cup_dice",
            Measure::DiscDice => "disc_dice",
            Measure::VcdrError => "vcdr_error",
            Measure::CupAsd => "cup_asd",
            Measure::DiscAsd => "disc_asd",
            Measure::CupHd95 => "cup_hd95",
            Measure::DiscHd95 => "disc_hd95",
        }
    }

    /// Name for readers.
    pub fn title(self) -> &'static str {
        match self {
            Measure::CupDice => "Dice, cup",
            Measure::DiscDice => "Dice, disc",
            Measure::VcdrError => "vCDR, absolute error",
            Measure::CupAsd => "ASD, cup",
            Measure::DiscAsd => "ASD, disc",
            Measure::CupHd95 => "HD95, cup",
            Measure::DiscHd95 => "HD95, disc",
        }
    }

    /// Whether more is better.
    pub fn more_is_better(self) -> bool {
        matches!(self, Measure::CupDice | Measure::DiscDice)
    }

    /// Whether it is in pixels, and not a share of one.
    pub fn is_in_pixels(self) -> bool {
        matches!(self, Measure::CupAsd | Measure::DiscAsd | Measure::CupHd95 | Measure::DiscHd95)
    }

    /// The value of an image.
    pub fn of(self, row: &ImageRow) -> Option<f64> {
        match self {
            Measure::CupDice => row.cup_dice,
            Measure::DiscDice => row.disc_dice,
            Measure::VcdrError => row.vcdr_error,
            Measure::CupAsd => row.asd[0],
            Measure::DiscAsd => row.asd[1],
            Measure::CupHd95 => row.hd95[0],
            Measure::DiscHd95 => row.hd95[1],
        }
    }

    /// The same where what does not exist counts as bad as it can be.
    pub fn at_worst(self, row: &ImageRow) -> Option<f64> {
        match self {
            Measure::CupDice | Measure::DiscDice => self.of(row),
            Measure::VcdrError => row.worst_case.vcdr_error,
            Measure::CupAsd => row.worst_case.asd[0],
            Measure::DiscAsd => row.worst_case.asd[1],
            Measure::CupHd95 => row.worst_case.hd95[0],
            Measure::DiscHd95 => row.worst_case.hd95[1],
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
    /// images of both
    pub of: usize,
    /// the same over all images in the worst case, where both evaluations tell it
    pub worst_case: Option<MeanInterval>,
}

impl Difference {
    /// Titles of the columns of [`Self::csv_cells`]: `images` have the figure in both runs, `of` so many.
    pub const CSV_COLUMNS: [&'static str; 9] = [
        "figure",
        "difference",
        "ci95_low",
        "ci95_high",
        "images",
        "of",
        "worst_case_difference",
        "worst_case_ci95_low",
        "worst_case_ci95_high",
    ];

    /// A row of a table, six decimals; what is not known is an empty cell.
    pub fn csv_cells(&self) -> [String; 9] {
        let cell = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.6}"));
        let end = |mean: MeanInterval, index: usize| cell(mean.ci95.map(|ends| ends[index]));
        let values = |mean: MeanInterval| [cell(Some(mean.mean)), end(mean, 0), end(mean, 1)];
        let [mean, low, high] = values(self.interval);
        let [worst, worst_low, worst_high] = self.worst_case.map(values).unwrap_or_default();
        let (figure, images, of) = (self.measure.name().to_string(), self.images.to_string(), self.of.to_string());
        [figure, mean, low, high, images, of, worst, worst_low, worst_high]
    }

    /// Whether there is an interval which excludes 0, and if so whether the other run is the better one.
    pub fn verdict(&self) -> Option<bool> {
        let [low, high] = self.interval.ci95?;
        (low > 0.0 || high < 0.0).then_some((low > 0.0) == self.measure.more_is_better())
    }

    /// Over how many of how many images.
    pub fn over(&self) -> String {
        format!("{} of {}", self.images, self.of)
    }
}

/// The figures that no image has in both runs, so that there is no difference: a sentence, if there are any.
pub(super) fn not_in_both(differences: &[Difference]) -> Option<String> {
    let is_there = |measure| differences.iter().any(|difference| difference.measure == measure);
    let missing: Vec<&str> =
        Measure::ALL.into_iter().filter(|measure| !is_there(*measure)).map(Measure::title).collect();
    (!missing.is_empty()).then(|| format!("no image has it in both runs: {}", missing.join("; ")))
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
    if !baseline.is_made_like(other) {
        return Err("they were evaluated with different thresholds, so nothing is paired".to_string());
    }
    let difference = |measure: Measure| {
        let pairs = || baseline.images.iter().zip(&other.images);
        let values: Vec<f64> = pairs().filter_map(|(a, b)| Some(measure.of(b)? - measure.of(a)?)).collect();
        let at_worst = pairs().map(|(a, b)| Some(measure.at_worst(b)? - measure.at_worst(a)?));
        let worst_case = at_worst.collect::<Option<Vec<f64>>>().and_then(|values| mean_ci95(&values));
        let (images, of) = (values.len(), baseline.images.len());
        Some(Difference { measure, interval: mean_ci95(&values)?, images, of, worst_case })
    };
    Ok(Measure::ALL.into_iter().filter_map(difference).collect())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::metrics::Masking;

    fn evaluation(rows: &[(&str, f64, f64, Option<f64>)]) -> Evaluation {
        let row = |&(name, cup_dice, disc_dice, vcdr_error): &(&str, f64, f64, Option<f64>)| ImageRow {
            name: name.to_string(),
            cup_dice: Some(cup_dice),
            disc_dice: Some(disc_dice),
            vcdr_error,
            ..ImageRow::default()
        };
        Evaluation {
            folder: PathBuf::new(),
            data: PathBuf::new(),
            checkpoint: PathBuf::new(),
            steps: None,
            masking: Masking::USUAL,
            thresholds_of: None,
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
        assert_eq!((found[2].over().as_str(), found[2].worst_case), ("2 of 3", None));
        assert!(
            found.iter().all(|d| d.interval.ci95.is_none() && d.verdict().is_none()),
            "three are too few for a verdict"
        );
        assert_eq!(found[0].csv_cells()[..6], ["cup_dice", "0.250000", "", "", "3", "3"]);
    }

    #[test]
    fn of_enough_images_there_is_a_verdict() {
        let of = |count: usize, cup: f64, error: f64| {
            let names: Vec<String> = (10..10 + count).map(|number| number.to_string()).collect();
            let rows: Vec<_> = names.iter().map(|name| (name.as_str(), cup, 0.5, Some(error))).collect();
            evaluation(&rows)
        };
        let verdicts = |count| {
            let found = paired(&of(count, 0.5, 0.5), &of(count, 0.75, 0.25)).expect("the images are the same");
            found.iter().map(Difference::verdict).collect::<Vec<_>>()
        };
        let least = crate::metrics::LEAST_FOR_INTERVAL;
        assert_eq!(verdicts(least), [Some(true), None, Some(true)], "a smaller error is better");
        assert_eq!([verdicts(least - 1), verdicts(1)], [vec![None; 3], vec![None; 3]]);
    }

    #[test]
    fn a_run_that_finds_less_is_worse_in_the_worst_case() {
        let mut a = evaluation(&[("x", 0.5, 0.5, None), ("y", 0.5, 0.5, None)]);
        let mut b = a.clone();
        let distances = |evaluation: &mut Evaluation, found: [Option<f64>; 2]| {
            for (row, asd) in evaluation.images.iter_mut().zip(found) {
                row.asd[0] = asd;
                row.worst_case.asd[0] = Some(asd.unwrap_or(100.0));
            }
        };
        distances(&mut a, [Some(4.0), Some(8.0)]);
        distances(&mut b, [Some(3.0), None]);
        let found = paired(&a, &b).expect("the images are the same");
        let asd = found.iter().find(|d| d.measure == Measure::CupAsd).expect("an image has it in both");
        assert_eq!((asd.interval.mean, asd.over(), asd.verdict()), (-1.0, "1 of 2".to_string(), None));
        assert_eq!(asd.worst_case.map(|mean| mean.mean), Some((-1.0 + 92.0) / 2.0));
        let cells = asd.csv_cells();
        assert_eq!((cells[..2].join(" "), cells[4..7].join(" ")), ("cup_asd -1.000000".into(), "1 2 45.500000".into()));
        let missing = "no image has it in both runs: vCDR, absolute error; ASD, disc; HD95, cup; HD95, disc";
        assert_eq!(not_in_both(&found).as_deref(), Some(missing));
        assert_eq!(not_in_both(&Measure::ALL.map(|measure| Difference { measure, ..asd.clone() })), None);
    }

    #[test]
    fn other_images_or_thresholds_are_not_paired() {
        let a = evaluation(&[("x", 0.5, 0.5, None), ("y", 0.5, 0.5, None)]);
        let b = evaluation(&[("y", 0.5, 0.5, None), ("z", 0.5, 0.5, None)]);
        let reason = paired(&a, &b).expect_err("other images");
        assert!(reason.contains("different images (2 and 2, 1 in common)"), "{reason}");
        let c = Evaluation { masking: Masking { thresholds: [0.5; 2], ..a.masking }, ..a.clone() };
        assert!(paired(&a, &c).expect_err("other thresholds").contains("thresholds"));
    }
}
