//! How a mask is laid over its photograph: which way round, and at which size.

use std::path::Path;

use image::GrayImage;

use super::note::Note;
use super::reason::Reason;
use crate::data::image_file::{Orientation, Photograph, quarter_turned, upright, upright_size};
use crate::data::mask::BACKGROUND;
use crate::data::resize::resize_mask;

/// Proportions that differ by less are the same, and so are those of sizes that are off by a pixel.
const SAME: f64 = 0.01;
/// Pixels by which a half of a stereo pair may miss the middle.
const MIDDLE: u32 = 4;
/// By how much brighter than its surroundings the disc has to be, in levels, and by how much more than the other way round.
const BRIGHTER: f64 = 8.0;

/// A mask as it is drawn.
pub(super) struct Drawn {
    /// upright as far as its own file says
    pub mask: GrayImage,
    /// whether its own file has an orientation
    pub turned: bool,
    pub notes: Vec<Note>,
}

/// What brings a mask onto its photograph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    turn: Orientation,
    size: (u32, u32),
}

impl Fit {
    pub(crate) fn apply(self, mask: &GrayImage) -> GrayImage {
        resize_mask(&upright(mask.clone(), self.turn), self.size.0, self.size.1)
    }
}

/// Whether two sizes have the same proportions.
pub(super) fn same_proportions(a: (u32, u32), b: (u32, u32)) -> bool {
    let [(a, b), (c, d)] = [a, b].map(|(width, height)| (f64::from(width), f64::from(height)));
    (a * d / (b * c)).ln().abs() < SAME || (a - b * c / d).abs() <= 1.0
}

/// Fits a mask to its photograph.
///
/// # Errors
/// A sentence that names both sizes and what to do.
pub(super) fn fit(
    drawn: &Drawn,
    mask: &Path,
    photograph: &Photograph,
    path: &Path,
) -> Result<(Fit, Vec<Note>), Reason> {
    let (size, own, exif) = (photograph.image.dimensions(), drawn.mask.dimensions(), photograph.orientation);
    let turned = |(width, height): (u32, u32)| (height, width);
    let is_stored_turned = exif != Orientation::NoTransforms;
    let stored = upright_size(size, exif);
    let as_drawn = same_proportions(own, size);
    let as_stored = is_stored_turned && !drawn.turned && same_proportions(own, stored);
    let upright = Fit { turn: Orientation::NoTransforms, size };
    let with_photograph = Fit { turn: exif, size };
    let orientation = exif.to_exif();
    let mut notes = Vec::new();
    let fit = match (as_drawn, as_stored) {
        (true, false) => {
            notes.extend((is_stored_turned && !drawn.turned).then_some(Note::DrawnUpright { orientation }));
            upright
        }
        (false, true) => {
            notes.push(Note::DrawnOnStored { orientation });
            with_photograph
        }
        (true, true) => {
            let [this, other] = [upright, with_photograph].map(|fit| contrast(photograph, &fit.apply(&drawn.mask)));
            let (note, fit) = if this.max(other) < BRIGHTER || (this - other).abs() < BRIGHTER {
                (Note::OrientationUnclear { orientation }, upright)
            } else if this > other {
                (Note::DrawnUpright { orientation }, upright)
            } else {
                (Note::DrawnOnStored { orientation }, with_photograph)
            };
            notes.push(note);
            fit
        }
        (false, false) => {
            let sizes = format!(
                "`{}` is {}x{} but its mask `{}` is {}x{}",
                path.display(),
                size.0,
                size.1,
                mask.display(),
                own.0,
                own.1
            );
            let is_half = own.1.abs_diff(size.1) <= MIDDLE && (2 * own.0).abs_diff(size.0) <= MIDDLE;
            return Err(if same_proportions(own, turned(size)) {
                let said = if is_stored_turned { format!("EXIF orientation {orientation}") } else { "no EXIF orientation".into() };
                format!(
                    "{sizes}: they lie across each other, and the photograph has {said}; save both upright, without an EXIF \
                     orientation"
                )
            } else if is_half {
                format!(
                    "{sizes}, half as wide, as of the left picture of a stereo pair; cut the photographs to the half that was \
                     annotated"
                )
            } else {
                format!(
                    "{sizes}, of other proportions; save the mask at the size of the photograph, or cut the photograph as the \
                     mask was cut"
                )
            }
            .into());
        }
    };
    let drawn_size = if fit.turn == exif && quarter_turned(exif) { stored } else { size };
    if own != drawn_size {
        notes.push(Note::Scaled { from: own, to: size });
    }
    Ok((fit, notes))
}

/// By how many levels the disc of a mask is brighter than what surrounds it.
fn contrast(photograph: &Photograph, mask: &GrayImage) -> f64 {
    let (width, height) = mask.dimensions();
    let inside = |x: u32, y: u32| mask.get_pixel(x, y).0[0] != BACKGROUND;
    let (mut left, mut top, mut right, mut bottom) = (width, height, 0, 0);
    for (x, y, _) in mask.enumerate_pixels().filter(|(x, y, _)| inside(*x, *y)) {
        (left, top, right, bottom) = (left.min(x), top.min(y), right.max(x), bottom.max(y));
    }
    let margin = right.saturating_sub(left).max(bottom.saturating_sub(top)) / 4 + 1;
    let (mut sums, mut counts) = ([0.0; 2], [0.0; 2]);
    for y in top.saturating_sub(margin)..(bottom + margin + 1).min(height) {
        for x in left.saturating_sub(margin)..(right + margin + 1).min(width) {
            let [red, green, _] = photograph.image.get_pixel(x, y).0;
            let place = usize::from(inside(x, y));
            sums[place] += (f64::from(red) + f64::from(green)) / 2.0;
            counts[place] += 1.0;
        }
    }
    sums[1] / f64::max(counts[1], 1.0) - sums[0] / f64::max(counts[0], 1.0)
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, Luma, Rgb, RgbImage};

    use super::*;

    const SIZE: (u32, u32) = (120, 90);
    const PLACE: (f64, f64) = (80.0, 30.0);

    fn is_disc(x: u32, y: u32) -> bool {
        (f64::from(x) - PLACE.0).hypot(f64::from(y) - PLACE.1) < 15.0
    }

    /// A photograph that is stored with an orientation; upright its disc lies at [`PLACE`].
    fn photograph(orientation: Orientation, bright: bool) -> Photograph {
        let disc = if bright { [240, 200, 120] } else { [90, 60, 20] };
        let image = RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| Rgb(if is_disc(x, y) { disc } else { [90, 60, 20] }));
        Photograph { image, orientation, notes: Vec::new() }
    }

    fn upright() -> GrayImage {
        GrayImage::from_fn(SIZE.0, SIZE.1, |x, y| Luma([if is_disc(x, y) { 0 } else { 255 }]))
    }

    /// The mask as somebody draws it who sees the pixels as stored.
    fn on_stored(orientation: Orientation) -> GrayImage {
        let inverse = match orientation {
            Orientation::Rotate90 => Orientation::Rotate270,
            Orientation::Rotate270 => Orientation::Rotate90,
            own_inverse => own_inverse,
        };
        let mut mask = DynamicImage::ImageLuma8(upright());
        mask.apply_orientation(inverse);
        mask.into_luma8()
    }

    fn fitted(mask: GrayImage, photograph: &Photograph) -> Result<(GrayImage, Vec<Note>), String> {
        let drawn = Drawn { mask, turned: false, notes: Vec::new() };
        let (fit, notes) =
            fit(&drawn, Path::new("m.png"), photograph, Path::new("p.jpg")).map_err(|reason| reason.to_string())?;
        Ok((fit.apply(&drawn.mask), notes))
    }

    #[test]
    fn either_way_round_is_recognised_and_told() {
        for exif in 2..=8 {
            let orientation = Orientation::from_exif(exif).expect("an orientation");
            let photograph = photograph(orientation, true);
            for (mask, note) in [
                (upright(), Note::DrawnUpright { orientation: exif }),
                (on_stored(orientation), Note::DrawnOnStored { orientation: exif }),
            ] {
                let (mask, notes) = fitted(mask, &photograph).expect("it fits");
                assert_eq!(notes, [note], "{exif}");
                assert_eq!(mask, upright(), "{exif}");
            }
        }
        let (mask, notes) = fitted(upright(), &photograph(Orientation::Rotate180, false)).expect("it fits");
        assert_eq!((mask, notes), (upright(), vec![Note::OrientationUnclear { orientation: 3 }]));
        assert_eq!(fitted(upright(), &photograph(Orientation::NoTransforms, true)), Ok((upright(), Vec::new())));
    }

    #[test]
    fn other_sizes_are_scaled_where_the_proportions_are_the_same() {
        let photograph = photograph(Orientation::NoTransforms, true);
        for size in [(60, 45), (240, 180), (119, 90), (121, 91), (40, 30), (13, 10)] {
            let mask = resize_mask(&upright(), size.0, size.1);
            let (mask, notes) = fitted(mask, &photograph).expect("it fits");
            assert_eq!((mask.dimensions(), notes), (SIZE, vec![Note::Scaled { from: size, to: SIZE }]));
            let area = |mask: &GrayImage| mask.iter().filter(|level| **level == 0).count() as f64;
            let ratio = area(&mask) / area(&upright());
            assert!((ratio - 1.0).abs() < if size.0 < 20 { 0.3 } else { 0.06 }, "{size:?}: {ratio}");
        }
        for (size, word) in [((90, 120), "no EXIF orientation"), ((60, 90), "stereo pair"), ((90, 90), "proportions")] {
            let error = fitted(resize_mask(&upright(), size.0, size.1), &photograph).expect_err("it does not fit");
            let sizes = format!("`p.jpg` is 120x90 but its mask `m.png` is {}x{}", size.0, size.1);
            assert!(error.starts_with(&sizes) && error.contains(word), "{error}");
        }
    }
}
