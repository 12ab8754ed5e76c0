//! How a run ended.

use std::fmt;
use std::path::PathBuf;

use super::schedule::CategoryLosses;
use super::settings::Selection;
use crate::metrics::Calibration;

/// The regions that choose the best checkpoint of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChosenOn {
    /// whose they are
    pub select: Selection,
    /// how many
    pub regions: usize,
}

impl fmt::Display for ChosenOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let regions = self.select.regions();
        match self.regions {
            1 => write!(f, "1 {}", regions.replacen("regions", "region", 1)),
            count => write!(f, "{count} {regions}"),
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// steps done
    pub steps: u64,
    /// whether these are all: otherwise somebody asked the run to stop
    pub complete: bool,
    /// mean Dice of the checkpoint in `best`, if a validation chose one
    pub best_mean_dice: Option<f64>,
    /// what that is the mean Dice of
    pub chosen_on: ChosenOn,
    /// from when on the category-level losses ran
    pub category_losses: CategoryLosses,
    /// thresholds that are best for the last checkpoint on the held-out source, if there are regions enough to tell
    pub calibration: Option<Calibration>,
    /// where the best checkpoint lies
    pub best: PathBuf,
    /// where the checkpoint of the last step lies
    pub last: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_counted() {
        let told = |select, regions| ChosenOn { select, regions }.to_string();
        assert_eq!(told(Selection::Source, 28), "28 held-out source regions");
        assert_eq!(told(Selection::Source, 1), "1 held-out source region");
    }
}
