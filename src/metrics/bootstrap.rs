//! Percentile bootstrap interval of a mean (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993).

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::surface::percentile;

/// Number of resamples drawn.
const RESAMPLES: usize = 2000;
/// Fixed, so that the same values always give the same interval.
const SEED: u64 = 0x7061_7069_6c6c_6121;

/// A mean and its 95 % interval, `low <= high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanInterval {
    /// Mean of the values.
    pub mean: f64,
    /// 2.5th percentile of the resampled means.
    pub low: f64,
    /// 97.5th percentile of the resampled means.
    pub high: f64,
}

impl fmt::Display for MeanInterval {
    /// The mean with its interval in brackets, with four decimals unless a precision is given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(4);
        write!(f, "{:.decimals$} [{:.decimals$}, {:.decimals$}]", self.mean, self.low, self.high)
    }
}

/// Mean of `values` with a 95 % percentile bootstrap interval from 2000 seeded resamples; `None` without values.
pub fn mean_ci95(values: &[f64]) -> Option<MeanInterval> {
    let count = u32::try_from(values.len()).ok().filter(|&count| count > 0)?;
    let mut generator = ChaCha8Rng::seed_from_u64(SEED);
    // Multiply-shift: an index below `count`, biased by at most count / 2³².
    let mut draw = || values[((u64::from(generator.next_u32()) * u64::from(count)) >> 32) as usize];
    let mut means: Vec<f64> =
        (0..RESAMPLES).map(|_| (0..count).map(|_| draw()).sum::<f64>() / f64::from(count)).collect();
    means.sort_unstable_by(f64::total_cmp);
    let mean = values.iter().sum::<f64>() / f64::from(count);
    Some(MeanInterval { mean, low: percentile(&means, 0.025), high: percentile(&means, 0.975) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_mean_and_one_value_has_no_spread() {
        assert_eq!(mean_ci95(&[]), None);
        assert_eq!(mean_ci95(&[0.25]), Some(MeanInterval { mean: 0.25, low: 0.25, high: 0.25 }));
    }

    #[test]
    fn the_interval_of_a_large_sample_is_near_the_normal_one() {
        // 400 values with mean 0.5 and standard deviation 0.5: standard error 0.025.
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let interval = mean_ci95(&values).unwrap();
        assert_eq!(interval.mean, 0.5);
        assert!((interval.low - (0.5 - 1.96 * 0.025)).abs() < 0.005, "{interval:?}");
        assert!((interval.high - (0.5 + 1.96 * 0.025)).abs() < 0.005, "{interval:?}");
    }

    #[test]
    fn the_same_values_give_the_same_interval() {
        let values = [0.91, 0.85, 0.97, 0.42, 0.88];
        let interval = mean_ci95(&values).unwrap();
        assert_eq!(mean_ci95(&values), Some(interval));
        assert!(0.42 < interval.low && interval.low < interval.mean && interval.mean < interval.high);
        assert!(interval.high < 0.97);
    }
}
