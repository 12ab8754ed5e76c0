//! Where the disc lies in an annotation, and the square that is cut out around it.

use image::{GrayImage, ImageBuffer, Luma, Pixel, RgbImage};
use imageproc::region_labelling::{Connectivity, connected_components};

use crate::data::disc_finder::Disc;
use crate::data::mask::BACKGROUND;

/// The largest connected piece of disc in a mask of the layout's levels, so that stray pixels do not move it; its
/// diameter is the longer side of the box around it.
pub(super) fn disc_of_mask(mask: &GrayImage) -> Option<Disc> {
    let mut inside = mask.clone();
    inside.iter_mut().for_each(|level| *level = u8::from(*level != BACKGROUND));
    let labels = connected_components(&inside, Connectivity::Eight, Luma([0]));
    let mut pieces: Vec<([u32; 4], u64)> = Vec::new();
    for (x, y, label) in labels.enumerate_pixels() {
        let Some(index) = (label.0[0] as usize).checked_sub(1) else { continue };
        if index >= pieces.len() {
            pieces.resize(index + 1, ([u32::MAX, u32::MAX, 0, 0], 0));
        }
        let ([left, top, right, bottom], area) = &mut pieces[index];
        (*left, *top, *right, *bottom) = ((*left).min(x), (*top).min(y), (*right).max(x), (*bottom).max(y));
        *area += 1;
    }
    let ([left, top, right, bottom], _) = pieces.into_iter().max_by_key(|(_, area)| *area)?;
    let centre = (f64::from(left + right) / 2.0, f64::from(top + bottom) / 2.0);
    Some(Disc { centre, diameter: f64::from((right - left).max(bottom - top) + 1) })
}

/// A square in the pixels of a photograph; it may reach beyond its border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Square {
    /// column of its first pixel
    pub left: i64,
    /// row of its first pixel
    pub top: i64,
    /// columns, and as many rows
    pub side: u32,
}

impl Square {
    /// The square of `side` pixels whose middle is next to a point.
    pub fn around(centre: (f64, f64), side: u32) -> Self {
        let first = |middle: f64| (middle + 0.5 - f64::from(side) / 2.0).round() as i64;
        Self { left: first(centre.0), top: first(centre.1), side }
    }

    /// The smallest square that contains a picture.
    pub fn containing(width: u32, height: u32) -> Self {
        let side = width.max(height);
        let first = |length: u32| -i64::from((side - length) / 2);
        Self { left: first(width), top: first(height), side }
    }

    /// Whether the square leaves a picture of this size.
    pub fn leaves(&self, width: u32, height: u32) -> bool {
        let side = i64::from(self.side);
        self.left < 0 || self.top < 0 || self.left + side > i64::from(width) || self.top + side > i64::from(height)
    }

    /// The pixels of the square. Beyond the border the picture is mirrored, the edge pixel repeated.
    pub fn cut_image(&self, photograph: &RgbImage) -> RgbImage {
        self.cut(photograph)
    }

    /// The same of a mask.
    pub fn cut_mask(&self, mask: &GrayImage) -> GrayImage {
        self.cut(mask)
    }

    fn cut<P: Pixel<Subpixel = u8>>(&self, from: &ImageBuffer<P, Vec<u8>>) -> ImageBuffer<P, Vec<u8>> {
        let indices = |first: i64, length: u32| -> Vec<u32> {
            (first..first + i64::from(self.side)).map(|i| mirrored(i, length)).collect()
        };
        let (columns, rows) = (indices(self.left, from.width()), indices(self.top, from.height()));
        ImageBuffer::from_fn(self.side, self.side, |x, y| *from.get_pixel(columns[x as usize], rows[y as usize]))
    }
}

/// The place on a line of `length` pixels that mirrors one beyond its ends.
fn mirrored(index: i64, length: u32) -> u32 {
    let folded = index.rem_euclid(2 * i64::from(length));
    folded.min(2 * i64::from(length) - 1 - folded) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_lie_around_their_centre_and_mirror_the_border() {
        // Pixels 3 and 4 of an even square lie around 3.5.
        assert_eq!(Square::around((3.5, 10.0), 4), Square { left: 2, top: 9, side: 4 });
        assert_eq!(Square::containing(5, 8), Square { left: -1, top: 0, side: 8 });
        let line = GrayImage::from_raw(3, 1, vec![10, 20, 30]).expect("3 pixels");
        let cut = Square { left: -2, top: 0, side: 7 }.cut_mask(&line);
        assert_eq!(cut.as_raw()[..7], [20, 10, 10, 20, 30, 30, 20]);
        assert_eq!(cut.as_raw()[..7], cut.as_raw()[42..], "a single row is repeated");
        assert!(Square { left: 0, top: 0, side: 2 }.leaves(3, 1) && !Square { left: 1, top: 0, side: 1 }.leaves(3, 1));
    }

    #[test]
    fn stray_pixels_do_not_move_the_disc() {
        let mut mask = GrayImage::from_fn(60, 50, |x, y| {
            let inside = (20..31).contains(&x) && (10..30).contains(&y);
            Luma([if inside { 128 } else { 255 }])
        });
        let disc = Disc { centre: (25.0, 19.5), diameter: 20.0 };
        assert_eq!(disc_of_mask(&mask), Some(disc));
        mask.put_pixel(59, 49, Luma([0]));
        assert_eq!(disc_of_mask(&mask), Some(disc));
        assert_eq!(disc_of_mask(&GrayImage::from_pixel(4, 4, Luma([255]))), None);
    }
}
