//! Percentile bootstrap interval of a mean (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993).

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::surface::percentile;

/// Number of resamples drawn.
const RESAMPLES: usize = 2000;
/// Fixed, so that the same values always give the same interval.
const SEED: u64 = 0x7061_7069_6c6c_6121;

/// Values that it takes for an interval of their mean, and for a verdict by it: of fewer the resampled means vary too little.
pub const LEAST_FOR_INTERVAL: usize = 10;

/// A mean and, of enough values, its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanInterval {
    /// Mean of the values.
    pub mean: f64,
    /// 2.5th and 97.5th percentile of the resampled means; `None` of fewer than [`LEAST_FOR_INTERVAL`] values.
    pub ci95: Option<[f64; 2]>,
}

impl fmt::Display for MeanInterval {
    /// The mean with its interval in brackets, with four decimals unless a precision is given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(4);
        write!(f, "{:.decimals$}", self.mean)?;
        self.ci95.map_or(Ok(()), |[low, high]| write!(f, " [{low:.decimals$}, {high:.decimals$}]"))
    }
}

/// Mean of `values` with a 95 % percentile bootstrap interval from 2000 seeded resamples, if there are enough for one; `None`
/// without values.
pub fn mean_ci95(values: &[f64]) -> Option<MeanInterval> {
    let count = u32::try_from(values.len()).ok().filter(|&count| count > 0)?;
    let mean = values.iter().sum::<f64>() / f64::from(count);
    if values.len() < LEAST_FOR_INTERVAL {
        return Some(MeanInterval { mean, ci95: None });
    }
    let mut generator = ChaCha8Rng::seed_from_u64(SEED);
    // Multiply-shift: an index below `count`, biased by at most count / 2³².
    let mut draw = || values[((u64::from(generator.next_u32()) * u64::from(count)) >> 32) as usize];
    let mut means: Vec<f64> =
        (0..RESAMPLES).map(|_| (0..count).map(|_| draw()).sum::<f64>() / f64::from(count)).collect();
    means.sort_unstable_by(f64::total_cmp);
    Some(MeanInterval { mean, ci95: Some([0.025, 0.975].map(|share| percentile(&means, share))) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_mean_and_few_values_have_no_interval() {
        assert_eq!(mean_ci95(&[]), None);
        let few = mean_ci95(&[0.25; LEAST_FOR_INTERVAL - 1]).unwrap();
        assert_eq!((few, few.to_string().as_str()), (MeanInterval { mean: 0.25, ci95: None }, "0.2500"));
        let enough = mean_ci95(&[0.25; LEAST_FOR_INTERVAL]).unwrap();
        assert_eq!((enough.ci95, enough.to_string().as_str()), (Some([0.25; 2]), "0.2500 [0.2500, 0.2500]"));
    }

    #[test]
    fn the_interval_of_a_large_sample_is_near_the_normal_one() {
        // 400 values with mean 0.5 and standard deviation 0.5: standard error 0.025.
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let interval = mean_ci95(&values).unwrap();
        assert_eq!(interval.mean, 0.5);
        let [low, high] = interval.ci95.unwrap();
        assert!((low - (0.5 - 1.96 * 0.025)).abs() < 0.005, "{interval:?}");
        assert!((high - (0.5 + 1.96 * 0.025)).abs() < 0.005, "{interval:?}");
    }

    #[test]
    fn the_same_values_give_the_same_interval() {
        let values = [0.91, 0.85, 0.97, 0.42, 0.88, 0.91, 0.85, 0.97, 0.42, 0.88];
        let interval = mean_ci95(&values).unwrap();
        assert_eq!(mean_ci95(&values), Some(interval));
        let [low, high] = interval.ci95.unwrap();
        assert!(0.42 < low && low < interval.mean && interval.mean < high && high < 0.97);
    }
}
