//! What of the settings changes from epoch to epoch, and how long it goes on.
//!
//! What changes depends on the epoch, and on a warm-up that is fixed when a run begins, but not on how long the whole run is to
//! be, so that a run can be made longer.

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

/// How long a run is to be in all, where that is another length than it was begun with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// passes over the source
    pub epochs: Option<u64>,
    /// steps, of which there may be as many as they ask for
    pub steps: Option<u64>,
}

impl Length {
    /// Names of its settings, which say nothing about what was computed so far.
    pub const SETTINGS: [&'static str; 2] = ["epochs", "steps"];

    /// Whether it changes anything.
    pub(super) fn is_another(self) -> bool {
        self != Length::default()
    }

    /// The settings of a run of this length. Steps that are given alone make for as many epochs as they need; epochs that are
    /// given alone are not cut short by steps that the run was begun with.
    pub(super) fn of(self, config: Config, batches_per_epoch: u64) -> Config {
        let Length { epochs, steps } = self;
        let needed = steps.map_or(0, |steps| steps.div_ceil(batches_per_epoch));
        let config = config.with_warmup_held();
        match (epochs, steps) {
            (None, None) => config,
            (Some(epochs), steps) => Config { epochs, steps, ..config },
            (None, steps) => Config { epochs: config.epochs.max(needed), steps, ..config },
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

    /// With the usual warm-up held like one that is given: it stays when the run's epochs are changed.
    pub(super) fn with_warmup_held(self) -> Self {
        Config { warmup_epochs: Some(self.warmup()), ..self }
    }

    /// Whether an epoch, counted from 0, comes after the warm-up.
    pub fn is_warm(&self, epoch: u64) -> bool {
        epoch as i64 > self.warmup()
    }

    /// Whether the network is adapted to a target.
    pub fn adapts(&self) -> bool {
        self.target.is_some() && self.method != Method::SourceOnly
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
            adversarial: given(self.adversarial_weight, !matches!(self.method, Method::SourceOnly | Method::Teacher)),
            align: given(
                self.align_weight,
                warm && matches!(self.method, Method::Align | Method::Clr | Method::Teacher),
            ),
            discriminative: given(
                self.discriminative_weight,
                warm && matches!(self.method, Method::Clr | Method::Teacher),
            ),
            consistency: given(self.consistency_weight, warm && self.method == Method::Clr),
            teacher: given(self.teacher_weight, warm && self.method == Method::Teacher),
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
    fn a_run_is_made_as_long_as_is_asked() {
        let begun = Config { epochs: 3, steps: Some(7), method: Method::Clr, ..Config::new(PathBuf::new()) };
        let total = |epochs, steps| Length { epochs, steps }.of(begun.clone(), 5).total_steps(5);
        assert_eq!([total(None, None), total(Some(4), None), total(None, Some(9))], [7, 20, 9]);
        assert_eq!([total(None, Some(31)), total(Some(4), Some(31))], [31, 20]);
        // What depends on the epoch is as it was.
        let longer = Length { epochs: Some(200), steps: None }.of(begun.clone(), 5);
        for epoch in [0, 1, 2, 100] {
            assert_eq!(longer.is_warm(epoch), begun.is_warm(epoch));
            assert_eq!(longer.learning_rate(epoch), begun.learning_rate(epoch));
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
