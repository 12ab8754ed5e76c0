//! Connected pieces of an image.

use image::{GrayImage, ImageBuffer, Luma};
pub use imageproc::region_labelling::Connectivity;
use imageproc::region_labelling::connected_components;

/// Labels from 1 on, in reading order, of the connected pieces of equal level; level 0 is no piece and has the label 0.
pub fn components(image: &GrayImage, connectivity: Connectivity) -> ImageBuffer<Luma<u32>, Vec<u32>> {
    if image.dimensions() == (1, 1) {
        // imageproc panics: it has room for as many labels as pixels, and counts the background among them.
        return ImageBuffer::from_pixel(1, 1, Luma([u32::from(image.get_pixel(0, 0).0[0] > 0)]));
    }
    connected_components(image, connectivity, Luma([0]))
}

/// Pixels of each piece of a labelled image, by its label; that of the background, 0, is 0.
pub(super) fn areas(labels: &ImageBuffer<Luma<u32>, Vec<u32>>) -> Vec<u64> {
    let mut areas = vec![0; labels.iter().max().map_or(0, |label| *label as usize) + 1];
    for label in labels.iter().filter(|label| **label > 0) {
        areas[*label as usize] += 1;
    }
    areas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_every_small_size_are_labelled() {
        for (width, height) in [(0, 0), (1, 1), (1, 2), (2, 1), (1, 7), (7, 1), (2, 2)] {
            for connectivity in [Connectivity::Four, Connectivity::Eight] {
                let full = components(&GrayImage::from_pixel(width, height, Luma([9])), connectivity);
                assert!(full.iter().all(|label| *label == 1), "{width}x{height}: {full:?}");
                assert_eq!(areas(&full).iter().sum::<u64>(), u64::from(width * height));
                let empty = components(&GrayImage::new(width, height), connectivity);
                assert!(empty.iter().all(|label| *label == 0), "{width}x{height}: {empty:?}");
                assert_eq!(areas(&empty), [0]);
            }
        }
        let apart = GrayImage::from_fn(5, 1, |x, _| Luma([u8::from(x != 2)]));
        assert_eq!(areas(&components(&apart, Connectivity::Eight)), [0, 2, 2]);
    }
}
