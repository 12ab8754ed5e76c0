//! A binary mask of one structure.

use image::{GrayImage, Luma};

use super::MetricsError;

/// The set of pixels that belong to one structure (cup or disc) of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryMask {
    /// 255 inside, 0 outside, nothing else.
    image: GrayImage,
}

const INSIDE: Luma<u8> = Luma([255]);
const OUTSIDE: Luma<u8> = Luma([0]);

impl BinaryMask {
    /// The pixels for which `inside(x, y)` holds.
    pub fn from_fn(width: u32, height: u32, mut inside: impl FnMut(u32, u32) -> bool) -> Self {
        Self { image: GrayImage::from_fn(width, height, |x, y| if inside(x, y) { INSIDE } else { OUTSIDE }) }
    }

    /// The pixels whose value exceeds `threshold` (strictly). `values` is row-major, `height * width` long;
    /// a NaN is outside.
    ///
    /// # Errors
    /// [`MetricsError::Values`] when the number of values is not `width * height`.
    pub fn above(values: &[f32], width: u32, height: u32, threshold: f32) -> Result<Self, MetricsError> {
        let fits = values.len() as u64 == u64::from(width) * u64::from(height);
        let bytes = values.iter().map(|&value| if value > threshold { 255 } else { 0 }).collect();
        let image = GrayImage::from_raw(width, height, bytes).filter(|_| fits);
        image.map(|image| Self { image }).ok_or(MetricsError::Values { width, height, found: values.len() })
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.image.width()
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.image.height()
    }

    /// Whether the pixel in column `x` of row `y` is inside; `false` beyond the border.
    pub fn contains(&self, x: u32, y: u32) -> bool {
        self.image.get_pixel_checked(x, y).is_some_and(|&pixel| pixel == INSIDE)
    }

    /// Every pixel, row by row: whether it is inside.
    pub fn pixels(&self) -> impl ExactSizeIterator<Item = bool> + '_ {
        self.image.as_raw().iter().map(|&byte| byte != 0)
    }

    /// Number of pixels inside.
    pub fn area(&self) -> u64 {
        self.pixels().filter(|&inside| inside).count() as u64
    }

    /// Whether no pixel is inside.
    pub fn is_empty(&self) -> bool {
        self.pixels().all(|inside| !inside)
    }

    /// The mask as a grey image: 255 inside, 0 outside.
    pub fn as_image(&self) -> &GrayImage {
        &self.image
    }

    /// Confirms that two masks cover the same pixels.
    pub(super) fn same_extent(predicted: &Self, truth: &Self) -> Result<(), MetricsError> {
        let (predicted, truth) = (predicted.image.dimensions(), truth.image.dimensions());
        if predicted == truth { Ok(()) } else { Err(MetricsError::Extent { predicted, truth }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threshold_is_strict_and_nan_is_outside() {
        let mask = BinaryMask::above(&[0.75, 0.750_001, f32::NAN, 1.0], 2, 2, 0.75).unwrap();
        assert_eq!(mask.pixels().collect::<Vec<_>>(), [false, true, false, true]);
        assert_eq!(mask.area(), 2);
        assert!(mask.contains(1, 0) && !mask.contains(0, 0) && !mask.contains(2, 0));
    }

    #[test]
    fn a_wrong_number_of_values_is_refused_both_ways() {
        for count in [3, 5] {
            let error = BinaryMask::above(&vec![0.0; count], 2, 2, 0.5).unwrap_err();
            assert_eq!(error.to_string(), format!("a 2x2 map needs 4 values, but {count} were given"));
        }
        assert!(BinaryMask::above(&[], u32::MAX, u32::MAX, 0.5).is_err());
    }
}
