//! How a mask is laid over its photograph: which way round, and at which size.

use std::path::Path;

use image::{GrayImage, RgbImage};

use super::note::Note;
use super::reason::Reason;
use crate::data::fit::{Fit, Pair};
use crate::data::image_file::{Header, Orientation, quarter_turned, upright_size};

/// Proportions that differ by less are the same, and so are those of sizes that are off by a pixel.
const SAME: f64 = 0.01;
/// Pixels by which a half of a stereo pair may miss the middle.
const MIDDLE: u32 = 4;

/// A mask as it is drawn.
pub(super) struct Drawn {
    /// upright as far as its own file says
    pub mask: GrayImage,
    /// whether its own file has an orientation
    pub turned: bool,
    pub notes: Vec<Note>,
}

/// Whether two sizes have the same proportions.
pub(super) fn same_proportions(a: (u32, u32), b: (u32, u32)) -> bool {
    let [(a, b), (c, d)] = [a, b].map(|(width, height)| (f64::from(width), f64::from(height)));
    (a * d / (b * c)).ln().abs() < SAME || (a - b * c / d).abs() <= 1.0
}

/// Fits a mask to its photograph, whose pixels are asked for only where they decide.
///
/// # Errors
/// A sentence that names both sizes and what to do.
pub(super) fn fit(
    drawn: &Drawn,
    mask: &Path,
    Header { size, orientation }: Header,
    path: &Path,
    photograph: impl FnOnce() -> Result<RgbImage, Reason>,
) -> Result<(Fit, Vec<Note>), Reason> {
    let own = drawn.mask.dimensions();
    let pair = Pair { mask: &drawn.mask, mask_is_turned: drawn.turned, size, orientation };
    let Some((fit, lying)) = pair.fit(same_proportions, photograph)? else {
        return Err(misfit(own, mask, size, path, orientation));
    };
    let mut notes: Vec<Note> = lying.map(|lying| Note::Turned { lying, orientation }).into_iter().collect();
    let drawn_size = if quarter_turned(fit.turn) { upright_size(size, orientation) } else { size };
    if own != drawn_size {
        notes.push(Note::Scaled { from: own, to: size });
    }
    Ok((fit, notes))
}

/// Why a mask does not go over its photograph.
fn misfit(own: (u32, u32), mask: &Path, size: (u32, u32), path: &Path, orientation: Orientation) -> Reason {
    let (path, mask) = (path.display(), mask.display());
    let sizes = format!("`{path}` is {}x{} but its mask `{mask}` is {}x{}", size.0, size.1, own.0, own.1);
    let is_half = own.1.abs_diff(size.1) <= MIDDLE && (2 * own.0).abs_diff(size.0) <= MIDDLE;
    if same_proportions(own, (size.1, size.0)) {
        let said = match orientation {
            Orientation::NoTransforms => "no EXIF orientation".to_string(),
            turned => format!("EXIF orientation {}", turned.to_exif()),
        };
        format!(
            "{sizes}: they lie across each other, and the photograph has {said}; save both upright, without an EXIF orientation"
        )
    } else if is_half {
        format!(
            "{sizes}, half as wide, as of the left picture of a stereo pair; cut the photographs to the half that was annotated"
        )
    } else {
        format!(
            "{sizes}, of other proportions; save the mask at the size of the photograph, or cut the photograph as the mask was \
             cut"
        )
    }
    .into()
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, Luma, Rgb};

    use super::*;
    use crate::data::fit::Lying;
    use crate::data::image_file::Photograph;
    use crate::data::resize::resize_mask;

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
        let header = Header { size: photograph.image.dimensions(), orientation: photograph.orientation };
        let pixels = || Ok(photograph.image.clone());
        let (fit, notes) =
            fit(&drawn, Path::new("m.png"), header, Path::new("p.jpg"), pixels).map_err(|reason| reason.to_string())?;
        Ok((fit.apply(drawn.mask), notes))
    }

    #[test]
    fn either_way_round_is_recognised_and_told() {
        for exif in 2..=8 {
            let orientation = Orientation::from_exif(exif).expect("an orientation");
            let photograph = photograph(orientation, true);
            for (mask, lying) in [(upright(), Lying::Upright), (on_stored(orientation), Lying::OnStored)] {
                let (mask, notes) = fitted(mask, &photograph).expect("it fits");
                assert_eq!(notes, [Note::Turned { lying, orientation }], "{exif}");
                assert_eq!(mask, upright(), "{exif}");
            }
        }
        let orientation = Orientation::Rotate180;
        let (mask, notes) = fitted(upright(), &photograph(orientation, false)).expect("it fits");
        assert_eq!((mask, notes), (upright(), vec![Note::Turned { lying: Lying::Unclear, orientation }]));
        let plain = GrayImage::from_pixel(SIZE.0, SIZE.1, Luma([0]));
        assert_eq!(fitted(plain.clone(), &photograph(orientation, true)), Ok((plain, vec![])), "it is the same turned");
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
