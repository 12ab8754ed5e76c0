//! Bringing a region to the size a network is fed with.

use image::imageops::{self, FilterType};
use image::{GrayImage, RgbImage};

/// Antialiased bilinear resize (a triangle filter that widens when shrinking) to `width` x `height` pixels.
pub fn resize_image(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    if image.dimensions() == (width, height) {
        return image.clone();
    }
    imageops::resize(image, width, height, FilterType::Triangle)
}

/// Nearest resize of a mask: output index i takes source index floor(i * in / out).
pub fn resize_mask(mask: &GrayImage, width: u32, height: u32) -> GrayImage {
    if mask.dimensions() == (width, height) {
        return mask.clone();
    }
    let source = |i: u32, from: u32, to: u32| (u64::from(i) * u64::from(from) / u64::from(to)) as u32;
    let columns: Vec<u32> = (0..width).map(|x| source(x, mask.width(), width)).collect();
    GrayImage::from_fn(width, height, |x, y| *mask.get_pixel(columns[x as usize], source(y, mask.height(), height)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_takes_the_floor_of_the_scaled_index() {
        let line = GrayImage::from_raw(5, 1, vec![0, 10, 20, 30, 40]).expect("5 pixels");
        assert_eq!(resize_mask(&line, 3, 1).as_raw(), &[0, 10, 30]);
        assert_eq!(resize_mask(&line, 8, 1).as_raw(), &[0, 0, 10, 10, 20, 30, 30, 40]);
        assert_eq!(resize_mask(&line, 5, 2).as_raw(), &[0, 10, 20, 30, 40, 0, 10, 20, 30, 40]);
    }

    #[test]
    fn shrinking_averages_instead_of_picking() {
        // One-pixel stripes: without antialiasing the result would stay black and white.
        let stripes = RgbImage::from_fn(256, 256, |x, _| image::Rgb([if x % 2 == 0 { 0 } else { 255 }; 3]));
        let small = resize_image(&stripes, 64, 64);
        // At the first and last column the filter is cut off, and sees one colour more than the other.
        let inner = small.enumerate_pixels().filter(|(x, _, _)| (1..63).contains(x));
        assert!(inner.into_iter().all(|(_, _, p)| p.0 == [128; 3]), "the mean of 0 and 255");
        assert_eq!(resize_image(&small, 64, 64), small, "the same size changes nothing");
    }

    #[test]
    fn enlarging_is_bilinear_between_pixel_centres() {
        let two = RgbImage::from_raw(2, 1, vec![0, 0, 0, 200, 200, 200]).expect("2 pixels");
        let four = resize_image(&two, 4, 1);
        let reds: Vec<u8> = four.pixels().map(|p| p.0[0]).collect();
        assert_eq!(reds, [0, 50, 150, 200]);
    }
}
