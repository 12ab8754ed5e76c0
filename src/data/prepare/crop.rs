//! Where the disc lies in an annotation.

use image::GrayImage;

use super::pieces::pieces;
use crate::data::disc_finder::Disc;

/// The largest connected piece of disc in a mask of the layout's levels, so that stray pixels do not move it; its
/// diameter is the longer side of the box around it.
pub(super) fn disc_of_mask(mask: &GrayImage) -> Option<Disc> {
    let [left, top, right, bottom] = pieces(mask).first()?.bounds;
    let centre = (f64::from(left + right) / 2.0, f64::from(top + bottom) / 2.0);
    Some(Disc { centre, diameter: f64::from((right - left).max(bottom - top) + 1) })
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

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
        let single = Disc { centre: (0.0, 0.0), diameter: 1.0 };
        assert_eq!(disc_of_mask(&GrayImage::from_pixel(1, 1, Luma([0]))), Some(single));
    }
}
