//! Grey-level masks: 0 cup, 128 disc rim, 255 background, with tolerance for other encoders' levels.

use std::path::Path;

use image::{GrayImage, RgbImage};

use super::error::DataError;
use crate::metrics::BinaryMask;

/// Grey level written for the cup.
pub const CUP: u8 = 0;
/// Grey level written for the disc rim (disc without cup).
pub const RIM: u8 = 128;
/// Grey level written for the background.
pub const BACKGROUND: u8 = 255;

/// Levels up to this one are cup.
const CUP_MAX: u8 = 50;
/// Levels up to this one are disc (rim or cup); above is background.
const DISC_MAX: u8 = 200;

/// Grey levels, row-major `[H, W]`, to two planes `[2, H, W]` of 0 or 1: cup, then disc (which contains the cup).
pub fn decode_mask(grey: &[u8]) -> Vec<f32> {
    let plane = |limit: u8| grey.iter().map(move |&level| if level <= limit { 1.0 } else { 0.0 });
    plane(CUP_MAX).chain(plane(DISC_MAX)).collect()
}

/// The cup, and the disc with it.
pub fn structures(mask: &GrayImage) -> [BinaryMask; 2] {
    let (width, height) = mask.dimensions();
    [CUP_MAX, DISC_MAX].map(|limit| BinaryMask::from_fn(width, height, |x, y| mask.get_pixel(x, y).0[0] <= limit))
}

/// Two binary planes of equal length to grey levels; a cup pixel is cup whether or not the disc covers it.
pub fn encode_mask(cup: &[bool], disc: &[bool]) -> Vec<u8> {
    let level = |(&cup, &disc): (&bool, &bool)| {
        if cup {
            CUP
        } else if disc {
            RIM
        } else {
            BACKGROUND
        }
    };
    cup.iter().zip(disc).map(level).collect()
}

/// The same as an image.
///
/// # Panics
/// When a plane does not have `size.0 * size.1` pixels.
pub fn mask_image(size: (u32, u32), cup: &[bool], disc: &[bool]) -> GrayImage {
    GrayImage::from_raw(size.0, size.1, encode_mask(cup, disc)).expect("a mask has as many pixels as its size says")
}

/// Replaces every level by the one of [`CUP`], [`RIM`] and [`BACKGROUND`] that it stands for; says whether there was any other.
pub fn canonical_levels(mask: &mut GrayImage) -> bool {
    let mut has_others = false;
    for level in mask.iter_mut() {
        let canonical = match *level {
            0..=CUP_MAX => CUP,
            51..=DISC_MAX => RIM,
            _ => BACKGROUND,
        };
        has_others |= *level != canonical;
        *level = canonical;
    }
    has_others
}

/// What a mask contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskSummary {
    /// At least one cup pixel.
    pub has_cup: bool,
    /// At least one disc pixel (rim or cup).
    pub has_disc: bool,
}

impl MaskSummary {
    /// Looks through grey levels, in any order.
    pub fn of(grey: &[u8]) -> Self {
        let darkest = grey.iter().copied().min().unwrap_or(BACKGROUND);
        Self { has_cup: darkest <= CUP_MAX, has_disc: darkest <= DISC_MAX }
    }
}

/// Checks that a mask read from `path` has the layout's levels, and says what it contains. It may be empty.
///
/// # Errors
/// [`DataError::MaskLevels`] when all four corners are cup, which happens to inverted
/// masks and to masks with class numbers 0, 1, 2.
pub fn check_mask(mask: &GrayImage, path: &Path) -> Result<MaskSummary, DataError> {
    let summary = MaskSummary::of(mask.as_raw());
    let (right, bottom) = (mask.width() - 1, mask.height() - 1);
    let corners = [(0, 0), (right, 0), (0, bottom), (right, bottom)];
    if corners.iter().all(|&(x, y)| mask.get_pixel(x, y).0[0] <= CUP_MAX) {
        return Err(DataError::MaskLevels(path.to_path_buf()));
    }
    Ok(summary)
}

/// Pixels of a picture that are looked at to tell a mask from a photograph.
const LOOKED_AT: usize = 1 << 15;
/// Levels that compression leaves around one.
const SPREAD: usize = 6;
/// Levels of a mask that are told apart.
const CLASSES: usize = 4;
/// Share of the pixels that these hold, and the least that one holds.
const SHARES: (f64, f64) = (0.95, 0.005);
/// Levels between the darkest and the brightest of them.
const CONTRAST: usize = 40;

/// True of a picture that is grey and has few levels: a mask where a photograph is expected.
pub fn looks_like_mask(image: &RgbImage) -> bool {
    let step = (image.pixels().len() / LOOKED_AT).max(1);
    let (mut levels, mut count) = ([0usize; 256], 0u32);
    for pixel in image.pixels().step_by(step) {
        let [r, g, b] = pixel.0;
        if r.abs_diff(g).max(g.abs_diff(b)) as usize > SPREAD {
            return false;
        }
        levels[usize::from(g)] += 1;
        count += 1;
    }
    let share = |pixels: usize| pixels as f64 / f64::from(count.max(1));
    let (mut covered, mut classes) = (0, Vec::new());
    for _ in 0..CLASSES {
        let mode = (0..256).max_by_key(|level| levels[*level]).unwrap_or_default();
        let around = &mut levels[mode.saturating_sub(SPREAD)..(mode + SPREAD + 1).min(256)];
        let pixels: usize = around.iter().sum();
        around.fill(0);
        covered += pixels;
        classes.extend((share(pixels) >= SHARES.1).then_some(mode));
    }
    let contrast = classes.iter().max().zip(classes.iter().min()).map_or(0, |(most, least)| most - least);
    share(covered) >= SHARES.0 && contrast >= CONTRAST
}

#[cfg(test)]
mod tests {
    use image::{Luma, Rgb};

    use super::*;

    #[test]
    fn masks_are_told_from_photographs() {
        let rings = |x: u32, y: u32| {
            let distance = (f64::from(x) - 100.0).hypot(f64::from(y) - 100.0);
            if distance < 30.0 {
                CUP
            } else if distance < 70.0 {
                RIM
            } else {
                BACKGROUND
            }
        };
        let mask = GrayImage::from_fn(200, 200, |x, y| Luma([rings(x, y)]));
        let as_photograph = |mask: &GrayImage| image::DynamicImage::ImageLuma8(mask.clone()).to_rgb8();
        assert!(looks_like_mask(&as_photograph(&mask)));
        // As JPEG leaves it: levels spread around each, and edges between them.
        let noisy = GrayImage::from_fn(200, 200, |x, y| {
            Luma([rings(x, y).saturating_sub(6).saturating_add(((x * 7 + y * 5) % 9) as u8)])
        });
        assert!(looks_like_mask(&as_photograph(&noisy)));
        let haze = RgbImage::from_fn(200, 200, |x, y| Rgb([(60 + (x + y) / 4) as u8; 3]));
        let coloured = RgbImage::from_fn(200, 200, |x, y| Rgb([rings(x, y), 90, 60]));
        for photograph in [haze, coloured, RgbImage::from_pixel(9, 9, Rgb([7; 3])), RgbImage::new(0, 0)] {
            assert!(!looks_like_mask(&photograph));
        }
    }

    #[test]
    fn every_level_has_the_class_the_layout_gives_it() {
        for level in 0..=255u8 {
            let mut image = GrayImage::from_pixel(1, 1, image::Luma([level]));
            canonical_levels(&mut image);
            let want = if level > 200 {
                BACKGROUND
            } else if level >= 51 {
                RIM
            } else {
                CUP
            };
            assert_eq!(image.as_raw()[0], want, "level {level}");
            let planes = decode_mask(&[level]);
            assert_eq!(planes, [f32::from(u8::from(want == CUP)), f32::from(u8::from(want != BACKGROUND))]);
            let bits: Vec<bool> = planes.iter().map(|&v| v > 0.5).collect();
            assert_eq!(encode_mask(&bits[..1], &bits[1..]), [want], "encoding undoes decoding");
        }
    }

    #[test]
    fn summary_and_check_tell_masks_apart() {
        let path = Path::new("m.png");
        let with = |levels: [u8; 9]| GrayImage::from_raw(3, 3, levels.to_vec()).expect("9 pixels");
        let whole = with([255, 255, 255, 255, 0, 128, 255, 255, 255]);
        assert_eq!(check_mask(&whole, path).unwrap(), MaskSummary { has_cup: true, has_disc: true });
        let no_cup = with([255, 255, 255, 255, 128, 128, 255, 255, 255]);
        assert_eq!(check_mask(&no_cup, path).unwrap(), MaskSummary { has_cup: false, has_disc: true });
        let empty = check_mask(&with([255; 9]), path).unwrap();
        assert_eq!(empty, MaskSummary { has_cup: false, has_disc: false });
        let inverted = with([0, 0, 0, 0, 255, 128, 0, 0, 0]);
        assert!(matches!(check_mask(&inverted, path).unwrap_err(), DataError::MaskLevels(_)));
        let numbered = with([2, 2, 2, 2, 0, 1, 2, 2, 2]);
        assert!(matches!(check_mask(&numbered, path).unwrap_err(), DataError::MaskLevels(_)));
    }
}
