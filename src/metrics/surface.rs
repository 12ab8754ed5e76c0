//! Distances between the outlines of two masks, in pixels.
//!
//! The surface of a mask is the mask minus its erosion by the 4-connected cross, pixels beyond the image
//! counting as outside: a mask that touches the image border has surface there. Distances are Euclidean and
//! exact: squared distances are whole numbers, far below 2⁵³, in the `f64` distance transform of Felzenszwalb
//! and Huttenlocher ("Distance transforms of sampled functions", 2012).

use image::GrayImage;
use imageproc::distance_transform::euclidean_squared_distance_transform;

use super::{BinaryMask, MetricsError};

/// The distances from every surface pixel of each mask to the nearest surface pixel of the other.
#[derive(Debug, Clone, PartialEq)]
pub struct SurfaceDistances {
    /// From the predicted surface to the true one.
    predicted_to_true: Vec<f64>,
    /// From the true surface to the predicted one.
    true_to_predicted: Vec<f64>,
}

impl SurfaceDistances {
    /// Measures both directions; `None` when either mask is empty, because distances do not exist then.
    ///
    /// # Errors
    /// [`MetricsError::Extent`] when the masks differ in extent.
    pub fn between(predicted: &BinaryMask, truth: &BinaryMask) -> Result<Option<Self>, MetricsError> {
        BinaryMask::same_extent(predicted, truth)?;
        if predicted.is_empty() || truth.is_empty() {
            return Ok(None);
        }
        let (predicted, truth) = (surface(predicted), surface(truth));
        Ok(Some(Self {
            predicted_to_true: directed(&predicted, &truth),
            true_to_predicted: directed(&truth, &predicted),
        }))
    }

    /// Average surface distance: the mean of the two directed mean distances.
    pub fn asd(&self) -> f64 {
        (mean(&self.predicted_to_true) + mean(&self.true_to_predicted)) / 2.0
    }

    /// 95th percentile of both directions pooled, interpolated linearly between ranks (Hausdorff distance
    /// without its outliers).
    pub fn hd95(&self) -> f64 {
        let mut pooled = [self.predicted_to_true.as_slice(), &self.true_to_predicted].concat();
        pooled.sort_unstable_by(f64::total_cmp);
        percentile(&pooled, 0.95)
    }
}

/// Average surface distance in pixels; `None` when either mask is empty.
///
/// # Errors
/// [`MetricsError::Extent`] when the masks differ in extent.
pub fn asd(predicted: &BinaryMask, truth: &BinaryMask) -> Result<Option<f64>, MetricsError> {
    Ok(SurfaceDistances::between(predicted, truth)?.map(|distances| distances.asd()))
}

/// 95th percentile of the surface distances in pixels; `None` when either mask is empty.
///
/// # Errors
/// [`MetricsError::Extent`] when the masks differ in extent.
pub fn hd95(predicted: &BinaryMask, truth: &BinaryMask) -> Result<Option<f64>, MetricsError> {
    Ok(SurfaceDistances::between(predicted, truth)?.map(|distances| distances.hd95()))
}

/// The value at share `q` (0 to 1) of ascending `sorted`, which holds at least one value: linear between the
/// two neighbouring ranks, rank 0 being the smallest.
pub(super) fn percentile(sorted: &[f64], q: f64) -> f64 {
    let rank = q * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    below + (above - below) * rank.fract()
}

/// Mask pixels with at least one of their four neighbours outside the mask or the image.
fn surface(mask: &BinaryMask) -> GrayImage {
    let outline = BinaryMask::from_fn(mask.width(), mask.height(), |x, y| {
        // Column -1 wraps to a column beyond the image, where nothing is inside.
        let neighbours = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
        mask.contains(x, y) && !neighbours.iter().all(|&(x, y)| mask.contains(x, y))
    });
    outline.as_image().clone()
}

/// For every non-zero pixel of `from`, its distance to the nearest non-zero pixel of `to`.
fn directed(from: &GrayImage, to: &GrayImage) -> Vec<f64> {
    let squared = euclidean_squared_distance_transform(to);
    let on_surface = from.as_raw().iter().zip(squared.as_raw()).filter(|(inside, _)| **inside != 0);
    on_surface.map(|(_, squared)| squared.sqrt()).collect()
}

/// Mean of at least one value.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask_from(rows: &[&str]) -> BinaryMask {
        BinaryMask::from_fn(rows[0].len() as u32, rows.len() as u32, |x, y| {
            rows[y as usize].as_bytes()[x as usize] == b'#'
        })
    }

    #[test]
    fn distances_of_two_bars_by_hand() {
        let predicted = mask_from(&["#....", "#....", "....."]);
        let truth = mask_from(&["...#.", "...#.", "...#."]);
        let distances = SurfaceDistances::between(&predicted, &truth).unwrap().unwrap();
        assert_eq!(distances.predicted_to_true, [3.0, 3.0]);
        assert_eq!(distances.true_to_predicted, [3.0, 3.0, 10f64.sqrt()]);
        assert_eq!(distances.asd(), (3.0 + (6.0 + 10f64.sqrt()) / 3.0) / 2.0);
        let hd95 = 3.0 + 0.8 * (10f64.sqrt() - 3.0);
        assert!((distances.hd95() - hd95).abs() < 1e-12);
    }

    #[test]
    fn a_mask_touching_the_border_has_surface_there() {
        let full = BinaryMask::from_fn(5, 4, |_, _| true);
        let ring = surface(&full).as_raw().iter().filter(|&&byte| byte != 0).count();
        assert_eq!(ring, 14);
    }

    #[test]
    fn empty_masks_have_no_distances() {
        let (empty, full) = (BinaryMask::from_fn(4, 4, |_, _| false), BinaryMask::from_fn(4, 4, |_, _| true));
        for (predicted, truth) in [(&empty, &full), (&full, &empty), (&empty, &empty)] {
            assert_eq!(asd(predicted, truth), Ok(None));
            assert_eq!(hd95(predicted, truth), Ok(None));
        }
        assert_eq!(hd95(&full, &full), Ok(Some(0.0)));
    }

    #[test]
    fn percentile_interpolates_between_ranks() {
        assert_eq!(percentile(&[4.0], 0.95), 4.0);
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.5), 3.0);
        assert!((percentile(&[0.0, 10.0], 0.95) - 9.5).abs() < 1e-12);
    }

    proptest! {
        /// Against the definition: every surface pixel compared with every other, in whole numbers.
        #[test]
        fn directed_distances_match_exhaustive_search(
            (width, height, from, to) in (1u32..14, 1u32..14).prop_flat_map(|(w, h)| {
                let cells = (w * h) as usize;
                let bits = || proptest::collection::vec(proptest::bool::weighted(0.2), cells);
                (Just(w), Just(h), bits(), bits())
            })
        ) {
            prop_assume!(to.iter().any(|&inside| inside));
            let grey = |bits: &[bool]| {
                let bytes = bits.iter().map(|&inside| u8::from(inside)).collect();
                GrayImage::from_raw(width, height, bytes).expect("one byte per pixel")
            };
            let points = |bits: &[bool]| -> Vec<(i64, i64)> {
                let indices = (0..bits.len()).filter(|&i| bits[i]);
                indices.map(|i| (i as i64 % i64::from(width), i as i64 / i64::from(width))).collect()
            };
            let nearest = |a: &(i64, i64)| {
                let squared = points(&to).iter().map(|b| (a.0 - b.0).pow(2) + (a.1 - b.1).pow(2)).min();
                (squared.expect("a pixel is inside") as f64).sqrt()
            };
            let expected: Vec<f64> = points(&from).iter().map(nearest).collect();
            prop_assert_eq!(directed(&grey(&from), &grey(&to)), expected);
        }
    }
}
