//! Pictures of a segmentation: outlines on the photograph, and masks as grey levels.

use std::path::Path;

use image::{DynamicImage, Rgb, RgbImage};

use super::image_file::write_png;
use super::mask::mask_image;
use super::morphology::city_block_distance;
use crate::atomic_file::WriteError;
use crate::own_file::{Overwriting, Purpose};

/// Colour of the disc's outline: blue.
pub const DISC_COLOUR: Rgb<u8> = Rgb([40, 120, 255]);
/// Colour of the cup's outline: green.
pub const CUP_COLOUR: Rgb<u8> = Rgb([40, 235, 70]);

/// Draws the outlines of disc and cup just inside their edges, the cup on top. Lines are a 256th of the longer
/// side thick, at least one pixel. `cup` and `disc` are row-major `[H, W]` of the image's size.
///
/// # Panics
/// When a mask has another number of pixels than the image.
pub fn draw_outlines(image: &mut RgbImage, cup: &[bool], disc: &[bool]) {
    let thickness = ((f64::from(image.width().max(image.height())) / 256.0).round() as u32).max(1);
    for (mask, colour) in [(disc, DISC_COLOUR), (cup, CUP_COLOUR)] {
        assert_eq!(mask.len(), image.pixels().len(), "a mask has the size of its image");
        let depth = city_block_distance(image.width() as usize, image.height() as usize, |i| !mask[i], true);
        for (pixel, depth) in image.pixels_mut().zip(depth) {
            if (1..=thickness).contains(&depth) {
                *pixel = colour;
            }
        }
    }
}

/// Writes a predicted mask: 0 cup, 128 disc rim, 255 background.
///
/// # Errors
/// [`WriteError`].
///
/// # Panics
/// When a mask does not have `size.0 * size.1` pixels.
pub fn write_mask(
    overwriting: &Overwriting,
    path: &Path,
    size: (u32, u32),
    cup: &[bool],
    disc: &[bool],
) -> Result<(), WriteError> {
    write_png(overwriting, path, Purpose::Mask, &DynamicImage::ImageLuma8(mask_image(size, cup, disc)))
}

/// Writes the photograph with both outlines.
///
/// # Errors
/// [`WriteError`].
pub fn write_overlay(
    overwriting: &Overwriting,
    path: &Path,
    mut image: RgbImage,
    cup: &[bool],
    disc: &[bool],
) -> Result<(), WriteError> {
    draw_outlines(&mut image, cup, disc);
    write_png(overwriting, path, Purpose::Overlay, &DynamicImage::ImageRgb8(image))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::image_file::read_grey;

    fn block(side: u32, from: u32, to: u32) -> Vec<bool> {
        let inside = from..to;
        (0..side * side).map(|i| inside.contains(&(i % side)) && inside.contains(&(i / side))).collect()
    }

    #[test]
    fn outlines_lie_just_inside_and_scale_with_the_image() {
        for (side, thickness) in [(64, 1), (512, 2), (1024, 4)] {
            let mut image = RgbImage::from_pixel(side, side, Rgb([9; 3]));
            let (disc, cup) = (block(side, 8, 56), block(side, 24, 40));
            draw_outlines(&mut image, &cup, &disc);
            let row: Vec<_> = (0..32).map(|x| *image.get_pixel(x, 32)).collect();
            for (x, pixel) in (0u32..).zip(row) {
                let want = if (8..8 + thickness).contains(&x) {
                    DISC_COLOUR
                } else if (24..24 + thickness).contains(&x) {
                    CUP_COLOUR
                } else {
                    Rgb([9; 3])
                };
                assert_eq!(pixel, want, "column {x} at side {side}");
            }
        }
    }

    #[test]
    fn masks_are_written_as_the_layout_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let rule = Overwriting::default();
        write_mask(&rule, &folder.path().join("eye_mask.png"), (64, 64), &block(64, 24, 40), &block(64, 8, 56))
            .unwrap();
        let read = read_grey(&folder.path().join("eye_mask.png")).unwrap();
        assert_eq!(
            [read.get_pixel(0, 0).0[0], read.get_pixel(10, 10).0[0], read.get_pixel(30, 30).0[0]],
            [255, 128, 0]
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
        let missing = folder.path().join("absent/eye_mask.png");
        let error = write_mask(&rule, &missing, (1, 1), &[true], &[true]).unwrap_err();
        assert!(error.to_string().contains("eye_mask.png"), "{error}");
    }
}
