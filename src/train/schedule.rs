//! What of the settings changes from epoch to epoch, and how long it goes on.

use std::fmt;

use super::settings::{Config, Method};
use crate::method::step::LossWeights;

/// The published warm-up, 25 of 500 epochs, as a share: one of so many.
const USUAL_WARMUP: u64 = 20;

/// From when on a run computes the category-level losses, which are those of `align` and `clr` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CategoryLosses {
    /// its method has none, or all their weights are 0
    Absent,
    /// from an epoch on, counted from 0
    From {
        /// the first epoch after the warm-up
        epoch: u64,
    },
    /// the run ends in its warm-up
    Never,
}

impl fmt::Display for CategoryLosses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CategoryLosses::Absent => f.write_str("there are no category-level losses"),
            CategoryLosses::From { epoch: 0 } => f.write_str("the category-level losses run from the first step on"),
            CategoryLosses::From { epoch } => write!(f, "the category-level losses run from epoch {epoch} on"),
            CategoryLosses::Never => f.write_str("the category-level losses never run: the run ends in its warm-up"),
        }
    }
}

impl Config {
    /// The last epoch of the warm-up, counted from 0; -1 without one. It is as large a share of the epochs as the published one,
    /// unless it is given.
    pub fn warmup(&self) -> i64 {
        let usual = || if self.epochs < 2 { -1 } else { (self.epochs / USUAL_WARMUP) as i64 };
        self.warmup_epochs.unwrap_or_else(usual)
    }

    /// Whether an epoch, counted from 0, comes after the warm-up.
    pub fn is_warm(&self, epoch: u64) -> bool {
        epoch as i64 > self.warmup()
    }

    /// Whether the method has category-level losses, which wait for the end of the warm-up.
    pub fn has_category_losses(&self) -> bool {
        self.loss_weights(true) != self.loss_weights(false)
    }

    /// From when on there are category-level losses in a run of so many batches in an epoch.
    pub fn category_losses(&self, batches_per_epoch: u64) -> CategoryLosses {
        let epoch = self.warmup().saturating_add(1) as u64;
        match self.has_category_losses() {
            false => CategoryLosses::Absent,
            true if epoch.saturating_mul(batches_per_epoch) < self.total_steps(batches_per_epoch) => {
                CategoryLosses::From { epoch }
            }
            true => CategoryLosses::Never,
        }
    }

    /// Weights of the losses of the method, during the warm-up or after it.
    pub fn loss_weights(&self, warm: bool) -> LossWeights {
        let given = |weight: f32, used: bool| if used { weight } else { 0.0 };
        LossWeights {
            adversarial: given(self.adversarial_weight, self.method != Method::SourceOnly),
            align: given(self.align_weight, warm && matches!(self.method, Method::Align | Method::Clr)),
            discriminative: given(self.discriminative_weight, warm && self.method == Method::Clr),
            consistency: given(self.consistency_weight, warm && self.method == Method::Clr),
        }
    }

    /// Steps of a whole run.
    pub fn total_steps(&self, batches_per_epoch: u64) -> u64 {
        let all = self.epochs.saturating_mul(batches_per_epoch);
        self.steps.map_or(all, |steps| steps.min(all))
    }

    /// Learning rate of an epoch, counted from 0: the full one for the first 100 epochs.
    pub fn learning_rate(&self, epoch: u64) -> f32 {
        if epoch >= 100 { 0.2 * self.lr } else { self.lr }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_run_ends_with_its_epochs_or_its_steps() {
        let total = |epochs, steps| Config { epochs, steps, ..Config::new(PathBuf::new()) }.total_steps(5);
        assert_eq!([total(3, None), total(3, Some(7)), total(3, Some(16))], [15, 7, 15]);
        assert_eq!(total(i64::MAX as u64, None), u64::MAX);
    }

    #[test]
    fn the_usual_warmup_is_the_published_share_and_always_ends() {
        let of = |epochs| Config { method: Method::Clr, epochs, ..Config::new(PathBuf::new()) };
        assert_eq!([1, 2, 6, 19, 20, 100, 500].map(|epochs| of(epochs).warmup()), [-1, 0, 0, 0, 1, 5, 25]);
        for epochs in (1..100).chain([i64::MAX as u64]) {
            let losses = of(epochs).category_losses(4);
            assert!(matches!(losses, CategoryLosses::From { epoch } if epoch < epochs), "{epochs}: {losses:?}");
        }
    }

    #[test]
    fn category_level_losses_begin_after_the_warmup_or_never() {
        let of = |warmup, steps| {
            let config = Config {
                method: Method::Clr,
                epochs: 4,
                warmup_epochs: Some(warmup),
                steps,
                ..Config::new(PathBuf::new())
            };
            config.category_losses(5)
        };
        assert_eq!([-1, 0, 2].map(|warmup| of(warmup, None)), [0, 1, 3].map(|epoch| CategoryLosses::From { epoch }));
        assert_eq!([3, 25].map(|warmup| of(warmup, None)), [CategoryLosses::Never; 2]);
        assert_eq!([of(0, Some(5)), of(0, Some(6))], [CategoryLosses::Never, CategoryLosses::From { epoch: 1 }]);
        let weightless = Config { align_weight: 0.0, method: Method::Align, ..Config::new(PathBuf::new()) };
        assert_eq!(weightless.category_losses(5), CategoryLosses::Absent);
        assert_eq!(Config { method: Method::Beal, ..weightless }.category_losses(5), CategoryLosses::Absent);
    }

    #[test]
    fn the_rate_is_a_fifth_after_epoch_100() {
        let config = Config::new(PathBuf::new());
        for (epoch, rate) in [(0, 1e-3), (99, 1e-3), (100, 2e-4), (500, 2e-4)] {
            let found = config.learning_rate(epoch);
            assert!((found - rate).abs() < 1e-9, "{epoch}: {found}");
        }
    }
}
