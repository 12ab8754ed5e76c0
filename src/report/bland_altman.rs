//! Agreement of two measurements of the same thing (Bland and Altman, Lancet 1986).

use crate::metrics::LEAST_FOR_INTERVAL;

/// Quantile of the normal distribution between which 95 % lie.
const Z: f64 = 1.96;

/// Bias and limits of agreement of predictions and truths.
#[derive(Clone, Debug, PartialEq)]
pub struct BlandAltman {
    /// for each pair its mean and its difference, predicted − true
    pub points: Vec<(f64, f64)>,
    /// mean difference
    pub bias: f64,
    /// standard deviation of the differences, unbiased; 0 for a single pair
    pub sd: f64,
}

impl BlandAltman {
    /// Of pairs (predicted, true); `None` without any.
    pub fn of(pairs: &[(f64, f64)]) -> Option<BlandAltman> {
        if pairs.is_empty() {
            return None;
        }
        let points: Vec<(f64, f64)> = pairs.iter().map(|(p, t)| ((p + t) / 2.0, p - t)).collect();
        let bias = points.iter().map(|point| point.1).sum::<f64>() / points.len() as f64;
        let squares: f64 = points.iter().map(|point| (point.1 - bias).powi(2)).sum();
        let sd = (squares / (points.len() - 1).max(1) as f64).sqrt();
        Some(BlandAltman { points, bias, sd })
    }

    /// `bias ∓ 1.96 sd`, between which 95 % of the differences are expected; none of so few pairs that they would say nothing.
    pub fn limits(&self) -> Option<[f64; 2]> {
        let limits = [self.bias - Z * self.sd, self.bias + Z * self.sd];
        (self.points.len() >= LEAST_FOR_INTERVAL).then_some(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bias_and_limits_of_a_case_by_hand() {
        // Differences 0.1, −0.1, 0.3, 0.1, three times: mean 0.1, squares 3 (0 + 0.04 + 0.04 + 0), variance 0.24 / 11.
        let pairs = [(0.5, 0.4), (0.4, 0.5), (0.8, 0.5), (0.6, 0.5)].repeat(3);
        let found = BlandAltman::of(&pairs).expect("there are pairs");
        let sd = (0.24f64 / 11.0).sqrt();
        assert!((found.bias - 0.1).abs() < 1e-12 && (found.sd - sd).abs() < 1e-12, "{found:?}");
        assert_eq!(BlandAltman::of(&pairs[..9]).expect("there are pairs").limits(), None);
        let [low, high] = found.limits().expect("there are enough");
        assert!((low - (0.1 - 1.96 * sd)).abs() < 1e-12 && (high - (0.1 + 1.96 * sd)).abs() < 1e-12);
        assert!((found.points[2].0 - 0.65).abs() < 1e-12 && (found.points[2].1 - 0.3).abs() < 1e-12);
    }

    #[test]
    fn few_pairs_have_no_limits_and_none_no_agreement() {
        assert_eq!(BlandAltman::of(&[]), None);
        let one = BlandAltman::of(&[(0.5, 0.25)]).expect("a pair");
        assert_eq!((one.bias, one.limits()), (0.25, None));
    }
}
