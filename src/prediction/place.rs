//! Whole photographs: the disc is found, its region segmented, and the masks put back where the region was.

use image::{Rgb, RgbImage};
use imageproc::drawing::draw_hollow_rect_mut;
use imageproc::rect::Rect;
use serde::{Deserialize, Serialize};

use crate::data::disc_finder::{Finding, LOW_CONFIDENCE, find_disc, why_no_disc};
use crate::data::prepare::SCALE;
use crate::data::square::Square;
use crate::metrics::{BinaryMask, Eye};

/// Colour of the box around the region.
const BOX: Rgb<u8> = Rgb([255, 210, 0]);

/// Share of a photograph's width that its disc lies beside the middle at least, where it tells the eye: photographs of the
/// macula have it at a quarter, and those of the disc in the middle.
const ASIDE: f64 = 0.12;

/// Where the region of a photograph lies.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Place {
    /// the disc, and how sure that is
    pub finding: Finding,
    /// what is cut out around it
    pub square: Square,
}

/// A picture in which no disc can be looked for.
#[derive(Debug, thiserror::Error)]
#[error("{}", why_no_disc(*size))]
pub struct NoPlace {
    /// columns and rows
    pub size: (u32, u32),
}

impl Place {
    /// The square of so many disc diameters around the disc.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub fn find(photograph: &RgbImage) -> Result<Self, NoPlace> {
        let finding = find_disc(photograph).ok_or(NoPlace { size: photograph.dimensions() })?;
        let longest = photograph.width().max(photograph.height());
        let side = (SCALE * finding.disc.diameter).round().clamp(32.0, f64::from(longest.max(32))) as u32;
        Ok(Self { finding, square: Square::around(finding.disc.centre, side) })
    }

    /// Whether the disc may be elsewhere.
    pub fn is_doubtful(&self) -> bool {
        self.finding.confidence < LOW_CONFIDENCE
    }

    /// The eye that has its disc there, in a photograph of so many columns; none tells one near the middle.
    pub fn eye(&self, width: u32) -> Option<Eye> {
        let aside = (self.finding.disc.centre.0 + 0.5) / f64::from(width) - 0.5;
        match aside {
            _ if aside.abs() < ASIDE => None,
            // The disc is nasal of what the eye looks at.
            _ if aside > 0.0 => Some(Eye::Right),
            _ => Some(Eye::Left),
        }
    }

    /// A mask of the region as one of the photograph; what lies beyond the photograph's border is left out.
    pub fn put_back(&self, mask: &BinaryMask, width: u32, height: u32) -> BinaryMask {
        let Square { left, top, side } = self.square;
        BinaryMask::from_fn(width, height, |x, y| {
            let (x, y) = (i64::from(x) - left, i64::from(y) - top);
            let within = |v: i64| (0..i64::from(side)).contains(&v);
            within(x) && within(y) && mask.contains(x as u32, y as u32)
        })
    }

    /// Draws the region's box, as thick as the outlines of the masks.
    pub fn draw(&self, photograph: &mut RgbImage) {
        let Square { left, top, side } = self.square;
        let thickness = (photograph.width().max(photograph.height()) / 256).max(1);
        for inset in 0..thickness.min(side / 2) {
            let place = Rect::at(left as i32 + inset as i32, top as i32 + inset as i32);
            draw_hollow_rect_mut(photograph, place.of_size(side - 2 * inset, side - 2 * inset), BOX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::disc_finder::Disc;

    #[test]
    fn the_side_of_the_disc_tells_the_eye() {
        let eye = |column: f64| {
            let disc = Disc { centre: (column, 50.0), diameter: 20.0 };
            Place { finding: Finding { disc, confidence: 1.0 }, square: Square::around(disc.centre, 30) }.eye(200)
        };
        assert_eq!(
            [eye(50.0), eye(80.0), eye(99.5), eye(120.0), eye(150.0)],
            [Some(Eye::Left), None, None, None, Some(Eye::Right)]
        );
    }

    #[test]
    fn masks_come_back_to_their_place_and_not_beyond_the_border() {
        let disc = Disc { centre: (3.0, 10.0), diameter: 6.0 };
        let finding = Finding { disc, confidence: 1.0 };
        let place = Place { finding, square: Square::around(disc.centre, 10) };
        assert_eq!(place.square, Square { left: -2, top: 6, side: 10 });
        let region = BinaryMask::from_fn(10, 10, |x, y| x < 4 && y == 5);
        let whole = place.put_back(&region, 20, 30);
        let found: Vec<_> = (0..600).filter(|i| whole.contains(i % 20, i / 20)).collect();
        assert_eq!(found, [11 * 20, 11 * 20 + 1]);
        let mut photograph = RgbImage::new(20, 30);
        place.draw(&mut photograph);
        assert_eq!(*photograph.get_pixel(7, 10), BOX);
        assert_eq!(*photograph.get_pixel(5, 10), Rgb([0; 3]));
    }
}
