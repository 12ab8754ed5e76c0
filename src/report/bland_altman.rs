//! Agreement of two measurements of the same thing (Bland and Altman, Lancet 1986).

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

    /// `bias ∓ 1.96 sd`, between which 95 % of the differences are expected.
    pub fn limits(&self) -> [f64; 2] {
        [self.bias - Z * self.sd, self.bias + Z * self.sd]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bias_and_limits_of_a_case_by_hand() {
        // Differences 0.1, −0.1, 0.3, 0.1: mean 0.1, squares 0 + 0.04 + 0.04 + 0, variance 0.08 / 3.
        let found = BlandAltman::of(&[(0.5, 0.4), (0.4, 0.5), (0.8, 0.5), (0.6, 0.5)]).expect("there are pairs");
        let sd = (0.08f64 / 3.0).sqrt();
        assert!((found.bias - 0.1).abs() < 1e-12 && (found.sd - sd).abs() < 1e-12, "{found:?}");
        let [low, high] = found.limits();
        assert!((low - (0.1 - 1.96 * sd)).abs() < 1e-12 && (high - (0.1 + 1.96 * sd)).abs() < 1e-12);
        assert!((found.points[2].0 - 0.65).abs() < 1e-12 && (found.points[2].1 - 0.3).abs() < 1e-12);
    }

    #[test]
    fn one_pair_has_no_spread_and_none_no_agreement() {
        assert_eq!(BlandAltman::of(&[]), None);
        let one = BlandAltman::of(&[(0.5, 0.25)]).expect("a pair");
        assert_eq!((one.bias, one.limits()), (0.25, [0.25, 0.25]));
    }
}
