//! Grey-level masks: 0 cup, 128 disc rim, 255 background, with tolerance for other encoders' levels.

use std::path::Path;

use image::GrayImage;

use super::error::DataError;

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

/// Replaces every level by the one of [`CUP`], [`RIM`] and [`BACKGROUND`] that it stands for.
pub fn canonical_levels(mask: &mut GrayImage) {
    for level in mask.iter_mut() {
        *level = match *level {
            0..=CUP_MAX => CUP,
            51..=DISC_MAX => RIM,
            _ => BACKGROUND,
        };
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
