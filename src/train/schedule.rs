//! What of the settings changes from epoch to epoch, and how long it goes on.

use super::settings::{Config, Method};
use crate::method::step::LossWeights;

impl Config {
    /// Whether an epoch, counted from 0, comes after the warm-up.
    pub fn is_warm(&self, epoch: u64) -> bool {
        epoch as i64 > self.warmup_epochs
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
    fn the_rate_is_a_fifth_after_epoch_100() {
        let config = Config::new(PathBuf::new());
        for (epoch, rate) in [(0, 1e-3), (99, 1e-3), (100, 2e-4), (500, 2e-4)] {
            let found = config.learning_rate(epoch);
            assert!((found - rate).abs() < 1e-9, "{epoch}: {found}");
        }
    }
}
