//! Scaling, cropping, turning and flipping.

use image::{GrayImage, ImageBuffer, Luma, Pixel, Rgb, RgbImage, imageops};
use rand::{Rng, RngExt};

use crate::data::mask::BACKGROUND;
use crate::data::resize::{resize_image, resize_mask};

/// Margin around the crop of a short image, in pixels at side 512.
const MARGIN: f64 = 5.0;

/// Scales width and height by independent factors in [0.5, 1.5), then takes a random crop of the original size.
///
/// Where a side has become too short, all four sides are first padded by the larger half of what is missing plus
/// a margin, the image with 0 and the mask with background.
pub(super) fn scale_and_crop(image: &mut RgbImage, mask: Option<&mut GrayImage>, rng: &mut impl Rng) {
    let side = image.width();
    let mut scaled = || ((f64::from(side) * rng.random_range(0.5..1.5)) as u32).max(1);
    let (width, height) = (scaled(), scaled());
    let padding = crop_padding(side, width, height);
    let x = i64::from(rng.random_range(0..=width + 2 * padding - side)) - i64::from(padding);
    let y = i64::from(rng.random_range(0..=height + 2 * padding - side)) - i64::from(padding);
    *image = window(&resize_image(image, width, height), x, y, side, Rgb([0; 3]));
    if let Some(mask) = mask {
        *mask = window(&resize_mask(mask, width, height), x, y, side, Luma([BACKGROUND]));
    }
}

/// Pixels added on every side before cropping to `side`; 0 when nothing is missing.
fn crop_padding(side: u32, width: u32, height: u32) -> u32 {
    if width >= side && height >= side {
        return 0;
    }
    let missing = side.saturating_sub(width).max(side.saturating_sub(height));
    let margin = ((MARGIN * f64::from(side) / 512.0).round() as u32).max(1);
    missing / 2 + margin
}

/// The `side` x `side` pixels from (x, y) on; what lies outside the image is `fill`.
fn window<P: Pixel<Subpixel = u8>>(
    image: &ImageBuffer<P, Vec<u8>>,
    x: i64,
    y: i64,
    side: u32,
    fill: P,
) -> ImageBuffer<P, Vec<u8>> {
    let mut out = ImageBuffer::from_pixel(side, side, fill);
    imageops::replace(&mut out, image, -x, -y);
    out
}

/// Turns by 90, 180 or 270 degrees.
pub(super) fn quarter_turn(image: &mut RgbImage, mask: Option<&mut GrayImage>, rng: &mut impl Rng) {
    let turns = rng.random_range(1..=3u32);
    *image = turned(image, turns);
    if let Some(mask) = mask {
        *mask = turned(mask, turns);
    }
}

fn turned<P: Pixel<Subpixel = u8> + 'static>(image: &ImageBuffer<P, Vec<u8>>, turns: u32) -> ImageBuffer<P, Vec<u8>> {
    match turns {
        1 => imageops::rotate90(image),
        2 => imageops::rotate180(image),
        _ => imageops::rotate270(image),
    }
}

/// Mirrors left to right, top to bottom, or both.
pub(super) fn flip(image: &mut RgbImage, mask: Option<&mut GrayImage>, horizontal: bool, vertical: bool) {
    if horizontal {
        imageops::flip_horizontal_in_place(image);
    }
    if vertical {
        imageops::flip_vertical_in_place(image);
    }
    if let Some(mask) = mask {
        if horizontal {
            imageops::flip_horizontal_in_place(mask);
        }
        if vertical {
            imageops::flip_vertical_in_place(mask);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn padding_covers_the_longer_gap_plus_a_margin() {
        assert_eq!(crop_padding(512, 512, 700), 0);
        assert_eq!(crop_padding(512, 511, 700), 5);
        assert_eq!(crop_padding(512, 300, 400), 106 + 5);
        assert_eq!(crop_padding(128, 64, 190), 32 + 1);
        for side in 1..40 {
            for width in 1..side {
                assert!(width + 2 * crop_padding(side, width, side) >= side, "{width} in {side}");
            }
        }
    }

    #[test]
    fn a_window_reaching_outside_is_filled() {
        let image = GrayImage::from_fn(4, 3, |x, y| Luma([(10 * y + x) as u8]));
        let got = window(&image, -1, 1, 3, Luma([99]));
        assert_eq!(got.as_raw(), &[99, 10, 11, 99, 20, 21, 99, 99, 99]);
        assert_eq!(window(&image, 2, 0, 2, Luma([99])).as_raw(), &[2, 3, 12, 13]);
    }

    #[test]
    fn turns_move_the_corner_clockwise() {
        let image = GrayImage::from_raw(2, 2, vec![1, 2, 3, 4]).expect("4 pixels");
        assert_eq!(turned(&image, 1).as_raw(), &[3, 1, 4, 2]);
        assert_eq!(turned(&image, 2).as_raw(), &[4, 3, 2, 1]);
        assert_eq!(turned(&image, 3).as_raw(), &[2, 4, 1, 3]);
    }

    #[test]
    fn scaled_and_cropped_mask_stays_on_the_image() {
        // A white square whose mask is its exact outline: after scaling, both must still coincide.
        let square = |x: u32, y: u32| (40..90).contains(&x) && (30..100).contains(&y);
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for _ in 0..50 {
            let mut image = RgbImage::from_fn(128, 128, |x, y| Rgb([if square(x, y) { 255 } else { 0 }; 3]));
            let mut mask = GrayImage::from_fn(128, 128, |x, y| Luma([if square(x, y) { 0 } else { 255 }]));
            scale_and_crop(&mut image, Some(&mut mask), &mut rng);
            let agree = image.pixels().zip(mask.iter()).filter(|(p, m)| (p.0[0] > 127) == (**m == 0)).count();
            assert!(agree as f64 > 0.97 * 128.0 * 128.0, "only {agree} pixels agree");
        }
    }
}
