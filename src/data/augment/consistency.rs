//! The photometric copy of a target image that the consistency loss compares with the image itself.
//!
//! All arithmetic is on bytes in OpenCV's conventions: hue in [0, 180), grey as 0.299 R + 0.587 G + 0.114 B, blur
//! kernels (1 2 1) / 4 and (1 4 6 4 1) / 16 with the border mirrored without its edge pixel.

use image::RgbImage;
use rand::{Rng, RngExt};

use super::blur::blur;

/// Returns a copy with, in order: with probability 0.8 contrast and brightness x (1 + U(-0.2, 0.2)) + 255 U(-0.2, 0.2)
/// and then hue + U(-20, 20), saturation + U(-30, 30), value + U(-20, 20); with probability 0.2 no colour; with
/// probability 0.5 a Gaussian blur of 3 or 5 pixels. Nothing moves.
pub fn augment_target(image: &RgbImage, rng: &mut impl Rng) -> RgbImage {
    let mut copy = image.clone();
    if rng.random_bool(0.8) {
        let contrast = 1.0 + rng.random_range(-0.2..0.2f32);
        contrast_and_brightness(&mut copy, contrast, 255.0 * rng.random_range(-0.2..0.2f32));
        let mut shift = |limit: f32| rng.random_range(-limit..limit).round() as i32;
        shift_hsv(&mut copy, [shift(20.0), shift(30.0), shift(20.0)]);
    }
    if rng.random_bool(0.2) {
        remove_colour(&mut copy);
    }
    if rng.random_bool(0.5) {
        let kernel: &[u32] = if rng.random_bool(0.5) { &[1, 2, 1] } else { &[1, 4, 6, 4, 1] };
        blur(&mut copy, kernel);
    }
    copy
}

fn contrast_and_brightness(image: &mut RgbImage, factor: f32, offset: f32) {
    // The cast to a byte saturates.
    let table: [u8; 256] = std::array::from_fn(|byte| (byte as f32 * factor + offset).round() as u8);
    for byte in image.iter_mut() {
        *byte = table[usize::from(*byte)];
    }
}

/// Adds to hue (around the circle), saturation and value (clamped to bytes).
fn shift_hsv(image: &mut RgbImage, [hue, saturation, value]: [i32; 3]) {
    for pixel in image.pixels_mut() {
        let [h, s, v] = hsv_from_rgb(pixel.0);
        pixel.0 = rgb_from_hsv([
            (i32::from(h) + hue).rem_euclid(180) as u8,
            (i32::from(s) + saturation).clamp(0, 255) as u8,
            (i32::from(v) + value).clamp(0, 255) as u8,
        ]);
    }
}

fn remove_colour(image: &mut RgbImage) {
    for pixel in image.pixels_mut() {
        let [r, g, b] = pixel.0.map(u32::from);
        // The weights in 14-bit fixed point.
        pixel.0 = [((r * 4899 + g * 9617 + b * 1868 + (1 << 13)) >> 14) as u8; 3];
    }
}

/// Hue in [0, 180) (half degrees), saturation and value as bytes.
fn hsv_from_rgb(rgb: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = rgb.map(i32::from);
    let value = r.max(g).max(b);
    let spread = value - r.min(g).min(b);
    if spread == 0 {
        return [0, 0, value as u8];
    }
    let saturation = (255 * spread + value / 2) / value;
    // Sixths of the circle, times the spread, from red.
    let position = if value == r {
        g - b
    } else if value == g {
        b - r + 2 * spread
    } else {
        r - g + 4 * spread
    };
    let hue = (30 * position + spread / 2).div_euclid(spread);
    [hue.rem_euclid(180) as u8, saturation as u8, value as u8]
}

fn rgb_from_hsv([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    let sector = hue / 30;
    let fraction = f32::from(hue % 30) / 30.0;
    let saturation = f32::from(saturation) / 255.0;
    let scaled = |part: f32| (f32::from(value) * part + 0.5) as u8;
    let low = scaled(1.0 - saturation);
    let falling = scaled(1.0 - saturation * fraction);
    let rising = scaled(1.0 - saturation * (1.0 - fraction));
    match sector {
        0 => [value, rising, low],
        1 => [falling, value, low],
        2 => [low, value, rising],
        3 => [low, falling, value],
        4 => [rising, low, value],
        _ => [value, low, falling],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// RGB, its HSV, the RGB of that HSV, and its grey, as `cv2.cvtColor` (OpenCV 4) gives them.
    type Reference = ([u8; 3], [u8; 3], [u8; 3], u8);
    const OPENCV: [Reference; 12] = [
        ([200, 80, 30], [9, 217, 200], [200, 81, 30], 110),
        ([30, 200, 80], [69, 217, 200], [30, 200, 81], 135),
        ([80, 30, 200], [129, 217, 200], [81, 30, 200], 64),
        ([255, 0, 0], [0, 255, 255], [255, 0, 0], 76),
        ([255, 0, 1], [0, 255, 255], [255, 0, 0], 76),
        ([10, 10, 10], [0, 0, 10], [10, 10, 10], 10),
        ([0, 0, 0], [0, 0, 0], [0, 0, 0], 0),
        ([255, 255, 255], [0, 0, 255], [255, 255, 255], 255),
        ([128, 127, 126], [15, 4, 128], [128, 127, 126], 127),
        ([180, 60, 61], [0, 170, 180], [180, 60, 60], 96),
        ([90, 200, 199], [90, 140, 200], [90, 200, 200], 167),
        ([201, 7, 150], [158, 246, 201], [201, 7, 149], 81),
    ];

    #[test]
    fn colour_spaces_follow_opencv() {
        for (rgb, hsv, back, grey) in OPENCV {
            assert_eq!(hsv_from_rgb(rgb), hsv, "hsv of {rgb:?}");
            assert_eq!(rgb_from_hsv(hsv), back, "rgb of {hsv:?}");
            let mut image = RgbImage::from_pixel(1, 1, image::Rgb(rgb));
            remove_colour(&mut image);
            assert_eq!(image.as_raw(), &[grey; 3], "grey of {rgb:?}");
        }
    }

    #[test]
    fn contrast_and_brightness_saturate() {
        let mut image = RgbImage::from_raw(1, 1, vec![0, 100, 250]).expect("3 bytes");
        contrast_and_brightness(&mut image, 1.2, 20.0);
        assert_eq!(image.as_raw(), &[20, 140, 255]);
        contrast_and_brightness(&mut image, 0.8, -40.0);
        assert_eq!(image.as_raw(), &[0, 72, 164]);
    }

    #[test]
    fn copies_lose_their_colour_or_change_in_the_stated_proportions() {
        let image = RgbImage::from_fn(16, 16, |x, y| image::Rgb([150 + x as u8, 60 + y as u8, 30]));
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let rounds = 2000;
        let (mut grey, mut same) = (0.0, 0.0);
        for _ in 0..rounds {
            let copy = augment_target(&image, &mut rng);
            grey += f64::from(u8::from(copy.pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2])));
            same += f64::from(u8::from(copy == image));
        }
        // Standard errors are below 0.01; nothing happens with probability 0.2 * 0.8 * 0.5.
        assert!((grey / f64::from(rounds) - 0.2).abs() < 0.04, "{grey} of {rounds} grey");
        assert!((same / f64::from(rounds) - 0.08).abs() < 0.025, "{same} of {rounds} unchanged");
    }
}
