//! The connected pieces of a disc in an annotation: an eye has one.

use std::path::Path;

use image::GrayImage;

use super::note::Note;
use super::reason::Reason;
use crate::data::mask::{BACKGROUND, CUP};
use crate::metrics::{Connectivity, components};

/// Share of the cup that may lie outside the disc, which experts' outlines do here and there.
pub(super) const CUP_OUTSIDE: f64 = 0.1;
/// Size of a second disc, as a share of the first; what is smaller is a slip of the pen.
const SECOND: f64 = 0.1;

/// A connected piece of disc.
pub(super) struct Piece {
    /// first column and row, last column and row
    pub bounds: [u32; 4],
    /// pixels of cup and rim
    pub cup: u64,
    pub rim: u64,
}

impl Piece {
    pub(super) fn area(&self) -> u64 {
        self.cup + self.rim
    }
}

/// The pieces of disc in a mask of the layout's levels, the largest first.
pub(super) fn pieces(mask: &GrayImage) -> Vec<Piece> {
    let mut inside = mask.clone();
    inside.iter_mut().for_each(|level| *level = u8::from(*level != BACKGROUND));
    let labels = components(&inside, Connectivity::Eight);
    let mut pieces: Vec<Piece> = Vec::new();
    for ((x, y, label), level) in labels.enumerate_pixels().zip(mask.iter()) {
        let Some(index) = (label.0[0] as usize).checked_sub(1) else { continue };
        if index >= pieces.len() {
            pieces.resize_with(index + 1, || Piece { bounds: [u32::MAX, u32::MAX, 0, 0], cup: 0, rim: 0 });
        }
        let Piece { bounds: [left, top, right, bottom], cup, rim } = &mut pieces[index];
        (*left, *top, *right, *bottom) = ((*left).min(x), (*top).min(y), (*right).max(x), (*bottom).max(y));
        *if *level == CUP { cup } else { rim } += 1;
    }
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.area()));
    pieces
}

/// What lies apart from the disc of a mask.
///
/// # Errors
/// A second disc, and a cup outside of the disc.
pub(super) fn apart(mask: &GrayImage, path: &Path) -> Result<Option<Note>, Reason> {
    let (mut pieces, path) = (pieces(mask), path.display());
    // A cup beside the disc may be larger than it.
    if let Some(disc) = pieces.iter().position(|piece| piece.rim > 0) {
        pieces[..=disc].rotate_right(1);
    }
    let [first, others @ ..] = &pieces[..] else { return Ok(None) };
    if let Some(second) =
        others.iter().find(|piece| piece.rim > 0 && piece.area() as f64 > SECOND * first.area() as f64)
    {
        let (first, second) = (first.area(), second.area());
        return Err(format!(
            "the mask `{path}` shows more than one disc, of {first} and of {second} pixels, and a photograph has one; leave one of them"
        )
        .into());
    }
    let outside: u64 = others.iter().filter(|piece| piece.rim == 0).map(|piece| piece.cup).sum();
    let cup = first.cup + others.iter().map(|piece| piece.cup).sum::<u64>();
    // A disc without any rim is all cup, whatever else is wrong with it.
    if first.rim > 0 && outside as f64 > CUP_OUTSIDE * cup as f64 {
        let share = 100.0 * outside as f64 / cup as f64;
        return Err(format!(
            "{share:.0} % of the cup in the mask `{path}` lie outside the disc; the cup is a part of the disc"
        )
        .into());
    }
    let pixels = others.iter().map(Piece::area).sum();
    Ok((pixels > 0).then_some(Note::Apart { pixels }))
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    /// A disc of 20x20 with a cup of 10x10, and a second piece of this side and level.
    fn mask(side: u32, level: u8) -> GrayImage {
        GrayImage::from_fn(60, 40, |x, y| {
            let within =
                |left: u32, top: u32, side: u32| (left..left + side).contains(&x) && (top..top + side).contains(&y);
            Luma([match (within(10, 10, 10), within(5, 5, 20), within(40, 5, side)) {
                (true, ..) => CUP,
                (_, true, _) => 128,
                (.., true) => level,
                _ => BACKGROUND,
            }])
        })
    }

    #[test]
    fn a_second_disc_and_a_cup_outside_are_told_from_slips_of_the_pen() {
        let told =
            |side: u32, level: u8| apart(&mask(side, level), Path::new("m.png")).map_err(|reason| reason.to_string());
        assert_eq!(told(0, CUP), Ok(None));
        assert_eq!(told(3, CUP), Ok(Some(Note::Apart { pixels: 9 })));
        assert_eq!(told(6, 128), Ok(Some(Note::Apart { pixels: 36 })));
        let error = told(10, CUP).unwrap_err();
        assert!(error.starts_with("50 % of the cup") && error.contains("outside the disc"), "{error}");
        let error = told(25, CUP).unwrap_err();
        assert!(error.starts_with("83 % of the cup"), "larger than the disc: {error}");
        let error = told(10, 128).unwrap_err();
        assert!(error.contains("more than one disc, of 400 and of 100 pixels"), "{error}");
    }
}
