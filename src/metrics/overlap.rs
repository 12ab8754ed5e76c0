//! Pixelwise agreement of two masks.

use super::{BinaryMask, MetricsError};

/// Pixel counts of a predicted mask P against a true mask T of the same extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// |P ∩ T|
    pub true_positive: u64,
    /// |P \ T|
    pub false_positive: u64,
    /// |T \ P|
    pub false_negative: u64,
    /// Pixels in neither.
    pub true_negative: u64,
}

impl Overlap {
    /// Counts the pixels of both masks.
    ///
    /// # Errors
    /// [`MetricsError::Extent`] when the masks differ in extent.
    pub fn between(predicted: &BinaryMask, truth: &BinaryMask) -> Result<Self, MetricsError> {
        BinaryMask::same_extent(predicted, truth)?;
        let mut counts = [0u64; 4];
        for (p, t) in predicted.pixels().zip(truth.pixels()) {
            counts[usize::from(p) * 2 + usize::from(t)] += 1;
        }
        let [true_negative, false_negative, false_positive, true_positive] = counts;
        Ok(Self { true_positive, false_positive, false_negative, true_negative })
    }

    /// Dice coefficient smoothed by 1, `(2|P∩T| + 1) / (|P| + |T| + 1)`: 1 when both masks are empty.
    pub fn dice(&self) -> f64 {
        let both = (2 * self.true_positive) as f64;
        (both + 1.0) / (both + (self.false_positive + self.false_negative) as f64 + 1.0)
    }

    /// Intersection over union of the foreground, not smoothed. Two empty masks agree: 1.
    pub fn iou(&self) -> f64 {
        let union = self.true_positive + self.false_positive + self.false_negative;
        if union == 0 { 1.0 } else { self.true_positive as f64 / union as f64 }
    }

    /// Share of pixels on which the masks agree; 1 for masks without pixels.
    pub fn pixel_accuracy(&self) -> f64 {
        let agreed = self.true_positive + self.true_negative;
        let all = agreed + self.false_positive + self.false_negative;
        if all == 0 { 1.0 } else { agreed as f64 / all as f64 }
    }
}

/// Dice coefficient of two masks, smoothed by 1 (see [`Overlap::dice`]).
///
/// # Errors
/// [`MetricsError::Extent`] when the masks differ in extent.
pub fn dice(predicted: &BinaryMask, truth: &BinaryMask) -> Result<f64, MetricsError> {
    Ok(Overlap::between(predicted, truth)?.dice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_ratios_of_two_rectangles() {
        let predicted = BinaryMask::from_fn(10, 5, |x, _| x < 4);
        let truth = BinaryMask::from_fn(10, 5, |x, _| (2..8).contains(&x));
        let overlap = Overlap::between(&predicted, &truth).unwrap();
        let counted = Overlap { true_positive: 10, false_positive: 10, false_negative: 20, true_negative: 10 };
        assert_eq!(overlap, counted);
        assert_eq!(overlap.dice(), 21.0 / 51.0);
        assert_eq!(overlap.iou(), 0.25);
        assert_eq!(overlap.pixel_accuracy(), 0.4);
    }

    #[test]
    fn empty_masks_agree() {
        let empty = BinaryMask::from_fn(3, 3, |_, _| false);
        let full = BinaryMask::from_fn(3, 3, |_, _| true);
        let overlap = Overlap::between(&empty, &empty).unwrap();
        assert_eq!((overlap.dice(), overlap.iou(), overlap.pixel_accuracy()), (1.0, 1.0, 1.0));
        let overlap = Overlap::between(&empty, &full).unwrap();
        assert_eq!((overlap.dice(), overlap.iou(), overlap.pixel_accuracy()), (0.1, 0.0, 0.0));
    }

    #[test]
    fn different_extents_are_refused() {
        let error = dice(&BinaryMask::from_fn(4, 3, |_, _| true), &BinaryMask::from_fn(3, 4, |_, _| true));
        assert_eq!(error, Err(MetricsError::Extent { predicted: (4, 3), truth: (3, 4) }));
    }
}
