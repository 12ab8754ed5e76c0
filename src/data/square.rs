//! Squares that are cut out of photographs.

use image::{GrayImage, ImageBuffer, Luma, Pixel, RgbImage};
use serde::{Deserialize, Serialize};

use super::mask::BACKGROUND;

/// A square in the pixels of a photograph; it may reach beyond its border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

    /// The square around the same middle whose side is that many times this one's, of a pixel at least.
    pub fn scaled(&self, factor: f32) -> Self {
        let side = ((f64::from(self.side) * f64::from(factor)).round() as u32).max(1);
        let moved = (i64::from(self.side) - i64::from(side)).div_euclid(2);
        Self { left: self.left + moved, top: self.top + moved, side }
    }

    /// Whether a pixel lies in the square.
    pub fn contains(&self, x: i64, y: i64) -> bool {
        let line = |first: i64| first..first + i64::from(self.side);
        line(self.left).contains(&x) && line(self.top).contains(&y)
    }

    /// Whether the square leaves a picture of this size.
    pub fn leaves(&self, width: u32, height: u32) -> bool {
        let side = i64::from(self.side);
        self.left < 0 || self.top < 0 || self.left + side > i64::from(width) || self.top + side > i64::from(height)
    }

    /// The pixels of the square. Beyond the border the picture is mirrored, the edge pixel repeated.
    pub fn cut_image(&self, photograph: &RgbImage) -> RgbImage {
        self.cut_mirrored(photograph)
    }

    /// The same of a mask, but beyond the border there is background: what is mirrored in is no second disc.
    pub fn cut_mask(&self, mask: &GrayImage) -> GrayImage {
        let within = |index: i64, length: u32| u32::try_from(index).ok().filter(|i| *i < length);
        self.cut(mask, within, Luma([BACKGROUND]))
    }

    /// Whether a part of what a mask shows is mirrored into the square; `cut` is what is [cut](Self::cut_mask) out of the mask.
    pub fn mirrors(&self, mask: &GrayImage, cut: &GrayImage) -> bool {
        self.leaves(mask.width(), mask.height()) && self.cut_mirrored(mask) != *cut
    }

    fn cut_mirrored<P: Pixel<Subpixel = u8>>(&self, from: &ImageBuffer<P, Vec<u8>>) -> ImageBuffer<P, Vec<u8>> {
        self.cut(from, |index, length| Some(mirrored(index, length)), *from.get_pixel(0, 0))
    }

    /// Pixels from the places that a row and a column have on lines of so many pixels; where they have none, `beyond`.
    fn cut<P: Pixel<Subpixel = u8>>(
        &self,
        from: &ImageBuffer<P, Vec<u8>>,
        place: impl Fn(i64, u32) -> Option<u32>,
        beyond: P,
    ) -> ImageBuffer<P, Vec<u8>> {
        let places = |first: i64, length: u32| -> Vec<Option<u32>> {
            (first..first + i64::from(self.side)).map(|index| place(index, length)).collect()
        };
        let (columns, rows) = (places(self.left, from.width()), places(self.top, from.height()));
        ImageBuffer::from_fn(self.side, self.side, |x, y| {
            columns[x as usize].zip(rows[y as usize]).map_or(beyond, |(x, y)| *from.get_pixel(x, y))
        })
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
        let four = Square { left: 2, top: 9, side: 4 };
        assert_eq!(four.scaled(0.5), Square { left: 3, top: 10, side: 2 });
        assert_eq!(four.scaled(1.25), Square { left: 1, top: 8, side: 5 });
        assert_eq!((four.scaled(1.0), four.scaled(0.01).side), (four, 1));
        assert!(four.contains(2, 12) && !four.contains(2, 13) && !four.contains(1, 9));
        let seven = Square { left: -2, top: 0, side: 7 };
        let cut = seven.cut_mirrored(&line);
        assert_eq!(cut.as_raw()[..7], [20, 10, 10, 20, 30, 30, 20]);
        assert_eq!(cut.as_raw()[..7], cut.as_raw()[42..], "a single row is repeated");
        let mask = seven.cut_mask(&line);
        assert_eq!(mask.as_raw()[..7], [255, 255, 10, 20, 30, 255, 255], "what is mirrored is background in a mask");
        assert!(mask.as_raw()[7..].iter().all(|level| *level == BACKGROUND));
        let none = GrayImage::from_pixel(3, 1, Luma([BACKGROUND]));
        let mirrors = |square: Square, mask: &GrayImage| square.mirrors(mask, &square.cut_mask(mask));
        let one = Square { left: 0, top: 0, side: 1 };
        assert!(mirrors(seven, &line) && !mirrors(seven, &none) && !mirrors(one, &line));
        assert!(Square { left: 0, top: 0, side: 2 }.leaves(3, 1) && !Square { left: 1, top: 0, side: 1 }.leaves(3, 1));
    }
}
