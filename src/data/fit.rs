//! Which way round a mask lies over its photograph, where one file says how its pixels are to be turned and the other does
//! not.

use std::borrow::Borrow;

use image::{GrayImage, RgbImage};

use super::image_file::{Orientation, upright, upright_size};
use super::mask::BACKGROUND;
use super::resize::resize_mask;

/// By how much brighter than its surroundings the disc has to be, in levels, and by how much more than the other way round.
const BRIGHTER: f64 = 8.0;

/// How a mask without an orientation of its own lies over a photograph that is stored turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lying {
    /// as drawn, on the photograph as a viewer shows it
    Upright,
    /// on the pixels as stored, so that it is turned with them
    OnStored,
    /// as drawn, as far as can be told
    Unclear,
}

/// What brings a mask onto its photograph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    pub(super) turn: Orientation,
    size: (u32, u32),
}

impl Fit {
    pub(super) fn apply(self, mask: GrayImage) -> GrayImage {
        let turned = upright(mask, self.turn);
        if turned.dimensions() == self.size { turned } else { resize_mask(&turned, self.size.0, self.size.1) }
    }
}

/// A mask that is to be laid over a photograph.
pub(super) struct Pair<'a> {
    /// upright as far as its own file says; what is not [`BACKGROUND`] is disc
    pub(super) mask: &'a GrayImage,
    /// whether its own file has an orientation
    pub(super) mask_is_turned: bool,
    /// of the upright photograph
    pub(super) size: (u32, u32),
    /// of the photograph's file
    pub(super) orientation: Orientation,
}

impl Pair<'_> {
    /// Lays the mask over the photograph, whose pixels are asked for only where both ways are possible; `fits` says whether a
    /// size goes over another. `None` where neither way is possible; and how the mask lies, where that is in question.
    pub(super) fn fit<P: Borrow<RgbImage>, E>(
        &self,
        fits: impl Fn((u32, u32), (u32, u32)) -> bool,
        photograph: impl FnOnce() -> Result<P, E>,
    ) -> Result<Option<(Fit, Option<Lying>)>, E> {
        let Self { mask, mask_is_turned, size, orientation } = *self;
        let is_asked = orientation != Orientation::NoTransforms && !mask_is_turned;
        let as_drawn = fits(mask.dimensions(), size);
        let as_stored = is_asked && fits(mask.dimensions(), upright_size(size, orientation));
        let upright = Fit { turn: Orientation::NoTransforms, size };
        let with_photograph = Fit { turn: orientation, size };
        Ok(match (as_drawn, as_stored) {
            (true, false) => Some((upright, is_asked.then_some(Lying::Upright))),
            (false, true) => Some((with_photograph, Some(Lying::OnStored))),
            (true, true) => {
                let masks = [upright, with_photograph].map(|fit| fit.apply(mask.clone()));
                if masks[0] == masks[1] {
                    return Ok(Some((upright, None)));
                }
                let photograph = photograph()?;
                let [this, other] = masks.each_ref().map(|mask| contrast(photograph.borrow(), mask));
                Some(if this.max(other) < BRIGHTER || (this - other).abs() < BRIGHTER {
                    (upright, Some(Lying::Unclear))
                } else if this > other {
                    (upright, Some(Lying::Upright))
                } else {
                    (with_photograph, Some(Lying::OnStored))
                })
            }
            (false, false) => None,
        })
    }
}

/// By how many levels the disc of a mask is brighter than what surrounds it.
fn contrast(photograph: &RgbImage, mask: &GrayImage) -> f64 {
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
            let [red, green, _] = photograph.get_pixel(x, y).0;
            let place = usize::from(inside(x, y));
            sums[place] += (f64::from(red) + f64::from(green)) / 2.0;
            counts[place] += 1.0;
        }
    }
    sums[1] / f64::max(counts[1], 1.0) - sums[0] / f64::max(counts[0], 1.0)
}
