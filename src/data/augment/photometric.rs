//! Steps that change grey values but move nothing.

use image::{Rgb, RgbImage};
use rand::{Rng, RngExt};

/// Part of the pixels that salt turns white.
const SALT: f64 = 0.0024;
/// Part of the pixels that pepper turns black.
const PEPPER: f64 = 0.0096;

/// Turns 0.24 % of the pixels white (drawn with replacement).
pub(super) fn salt(image: &mut RgbImage, rng: &mut impl Rng) {
    speckle(image, SALT, 255, rng);
}

/// Turns 0.96 % of the pixels black (drawn with replacement).
pub(super) fn pepper(image: &mut RgbImage, rng: &mut impl Rng) {
    speckle(image, PEPPER, 0, rng);
}

fn speckle(image: &mut RgbImage, part: f64, value: u8, rng: &mut impl Rng) {
    let (width, height) = image.dimensions();
    let count = (part * f64::from(width) * f64::from(height)).ceil() as u32;
    for _ in 0..count {
        image.put_pixel(rng.random_range(0..width), rng.random_range(0..height), Rgb([value; 3]));
    }
}

/// Gamma correction, byte to 255 (byte / 255)^(1 / gamma): above 1 brightens, below darkens.
pub(super) fn gamma(image: &mut RgbImage, gamma: f64) {
    let table: [u8; 256] =
        std::array::from_fn(|byte| (255.0 * libm::pow(byte as f64 / 255.0, 1.0 / gamma)).round() as u8);
    for byte in image.iter_mut() {
        *byte = table[usize::from(*byte)];
    }
}

/// Covers a random rectangle (2 to 6 % of the area, height 0.3 to 0.6 of the width) with one random grey.
pub(super) fn erase(image: &mut RgbImage, rng: &mut impl Rng) {
    let (width, height) = image.dimensions();
    let area = rng.random_range(0.02..0.06) * f64::from(width) * f64::from(height);
    let ratio = rng.random_range(0.3..0.6);
    let erased_width = ((area / ratio).sqrt() as u32).clamp(1, width);
    let erased_height = ((area * ratio).sqrt() as u32).clamp(1, height);
    let left = rng.random_range(0..=width - erased_width);
    let top = rng.random_range(0..=height - erased_height);
    let grey = rng.random_range(0..=255u8);
    for y in top..top + erased_height {
        for x in left..left + erased_width {
            image.put_pixel(x, y, Rgb([grey; 3]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn flat(side: u32) -> RgbImage {
        RgbImage::from_pixel(side, side, Rgb([100, 120, 140]))
    }

    fn changed(image: &RgbImage) -> Vec<(u32, u32, [u8; 3])> {
        let pixels = image.enumerate_pixels().filter(|(_, _, p)| p.0 != [100, 120, 140]);
        pixels.map(|(x, y, p)| (x, y, p.0)).collect()
    }

    #[test]
    fn salt_and_pepper_touch_their_share_of_pixels() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut image = flat(512);
        salt(&mut image, &mut rng);
        let white = changed(&image);
        assert!((600..=630).contains(&white.len()), "{} of 262144 pixels", white.len());
        assert!(white.iter().all(|p| p.2 == [255; 3]));
        let mut image = flat(512);
        pepper(&mut image, &mut rng);
        let black = changed(&image);
        assert!((2470..=2517).contains(&black.len()), "{} of 262144 pixels", black.len());
        assert!(black.iter().all(|p| p.2 == [0; 3]));
    }

    #[test]
    fn gamma_follows_its_formula() {
        let mut image = RgbImage::from_raw(2, 1, vec![0, 64, 255, 10, 128, 200]).expect("2 pixels");
        gamma(&mut image, 2.0);
        assert_eq!(image.as_raw(), &[0, 128, 255, 50, 181, 226]);
        let mut image = RgbImage::from_raw(1, 1, vec![64, 128, 255]).expect("1 pixel");
        gamma(&mut image, 0.5);
        assert_eq!(image.as_raw(), &[16, 64, 255]);
    }

    #[test]
    fn erasing_covers_one_rectangle_of_the_right_shape() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for _ in 0..200 {
            let mut image = flat(256);
            erase(&mut image, &mut rng);
            let pixels = changed(&image);
            let span = |axis: fn(&(u32, u32, [u8; 3])) -> u32| {
                let (low, high) = (pixels.iter().map(axis).min().unwrap(), pixels.iter().map(axis).max().unwrap());
                f64::from(high - low + 1)
            };
            let (width, height) = (span(|p| p.0), span(|p| p.1));
            assert_eq!(width * height, pixels.len() as f64, "a full rectangle");
            assert!(pixels.iter().all(|p| p.2 == [pixels[0].2[0]; 3]), "of one grey");
            let area = width * height / 65536.0;
            assert!((0.018..0.06).contains(&area), "area {area}");
            // Both sides are cut to whole pixels, hence the slack.
            assert!((0.27..0.63).contains(&(height / width)), "{height} x {width}");
        }
    }
}
