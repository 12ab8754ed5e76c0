//! Structures that were drawn as a line or a ring rather than as an area.

use std::path::Path;

use super::note::Note;
use super::reason::Reason;
use crate::data::morphology::city_block_distance;
use crate::metrics::{BinaryMask, fill_holes, largest_component};

/// Holes of more than this share of a structure are meant.
const HOLE: f64 = 0.05;
/// A line is thinner than this share of what it surrounds; a circle is three quarters as thick as it is wide.
const LINE: f64 = 0.1;
/// A line of one pixel, however small what it surrounds.
const PIXEL: f64 = 1.25;
/// Pixels a side below which lines and areas look alike.
const SMALLEST: usize = 12;

/// A structure without holes.
pub(super) struct Filled {
    pub mask: Vec<bool>,
    /// what was filled
    pub note: Option<Note>,
}

/// Fills a structure that has holes. Small ones are left: annotators' tools leave such.
///
/// # Errors
/// An open line.
pub(super) fn filled(mask: Vec<bool>, width: usize, what: &str, path: &Path) -> Result<Filled, Reason> {
    let Some(side) = longer_side(&mask, width) else { return Ok(Filled { mask, note: None }) };
    if side < SMALLEST {
        return Ok(Filled { mask, note: None });
    }
    let whole = without_holes(&mask, width);
    let count = |mask: &[bool]| mask.iter().filter(|inside| **inside).count() as f64;
    let (own, all) = (count(&mask), count(&whole));
    let is_line = is_line(&mask, width);
    match (all - own > HOLE * all, is_line) {
        (true, true) => Ok(Filled { mask: whole, note: Some(Note::OutlineFilled) }),
        (true, false) => Ok(Filled { mask: whole, note: Some(Note::HolesFilled) }),
        (false, true) => Err(format!(
            "the {what} in `{}` is a line that does not close, so it has no area; close the contour, or fill it",
            path.display()
        )
        .into()),
        (false, false) => Ok(Filled { mask, note: None }),
    }
}

/// Whether a mask is thin for what it surrounds. Specks elsewhere make no line of an area, but many dashes are one.
pub(super) fn is_line(mask: &[bool], width: usize) -> bool {
    let count = |mask: &[bool]| mask.iter().filter(|inside| **inside).count();
    is_thin(mask, width) && {
        let inside = |x: u32, y: u32| mask[y as usize * width + x as usize];
        let whole = BinaryMask::from_fn(width as u32, (mask.len() / width) as u32, inside);
        let largest: Vec<bool> = largest_component(&whole).pixels().collect();
        2 * count(&largest) <= count(mask) || is_thin(&largest, width)
    }
}

fn is_thin(mask: &[bool], width: usize) -> bool {
    let area = mask.iter().filter(|inside| **inside).count();
    let thickness = 2.0 * area as f64 / perimeter(mask, width).max(1) as f64;
    longer_side(mask, width).is_some_and(|side| thickness < f64::max(PIXEL, LINE * side as f64))
}

/// The mask with its holes filled. They lie in the box around it, and nothing else is looked at.
pub(super) fn without_holes(mask: &[bool], width: usize) -> Vec<bool> {
    let mut whole = mask.to_vec();
    let Some([left, right, top, bottom]) = extent(mask, width) else { return whole };
    let (columns, rows) = (right - left + 1, bottom - top + 1);
    let inside = |x: u32, y: u32| mask[(top + y as usize) * width + left + x as usize];
    let filled = fill_holes(&BinaryMask::from_fn(columns as u32, rows as u32, inside));
    for (i, inside) in filled.pixels().enumerate() {
        whole[(top + i / columns) * width + left + i % columns] = inside;
    }
    whole
}

/// Share of a structure's edge that lies next to another, at most two pixels away.
pub(super) fn share_beside(mask: &[bool], other: &[bool], width: usize) -> f64 {
    let near = city_block_distance(width, mask.len() / width, |i| other[i], false);
    let edge: Vec<usize> = (0..mask.len()).filter(|i| mask[*i] && is_edge(mask, width, *i)).collect();
    edge.iter().filter(|i| near[**i] <= 2).count() as f64 / edge.len().max(1) as f64
}

fn is_edge(mask: &[bool], width: usize, i: usize) -> bool {
    let x = i % width;
    let inside = |i: Option<usize>| i.is_some_and(|i| mask.get(i) == Some(&true));
    !(inside((x > 0).then(|| i.wrapping_sub(1)))
        && inside((x + 1 < width).then_some(i + 1))
        && inside(i.checked_sub(width))
        && inside(Some(i + width)))
}

/// Sides of pixels between inside and outside.
fn perimeter(mask: &[bool], width: usize) -> usize {
    let across: usize =
        mask.chunks_exact(width).map(|row| row.windows(2).filter(|pair| pair[0] != pair[1]).count()).sum();
    let down = mask.iter().zip(&mask[width..]).filter(|(above, below)| above != below).count();
    across + down
}

/// Of the box around a mask.
fn longer_side(mask: &[bool], width: usize) -> Option<usize> {
    let [left, right, top, bottom] = extent(mask, width)?;
    Some((right - left).max(bottom - top) + 1)
}

/// First and last column, and first and last row, that a mask is in.
fn extent(mask: &[bool], width: usize) -> Option<[usize; 4]> {
    let columns = (0..mask.len()).filter(|i| mask[*i]).map(|i| i % width);
    let (left, right) = columns.fold(None, |box_, x| match box_ {
        None => Some((x, x)),
        Some((left, right)) => Some((x.min(left), x.max(right))),
    })?;
    let (first, last) = (mask.iter().position(|inside| *inside)?, mask.iter().rposition(|inside| *inside)?);
    Some([left, right, first / width, last / width])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 100;

    fn drawn(inside: impl Fn(f64, f64) -> bool) -> Vec<bool> {
        let place = |i: usize| ((i % SIDE) as f64 - 50.0, (i / SIDE) as f64 - 50.0);
        (0..SIDE * SIDE).map(|i| inside(place(i).0, place(i).1)).collect()
    }

    fn circle(radius: f64) -> Vec<bool> {
        drawn(|x, y| x.hypot(y) <= radius)
    }

    fn tell(mask: Vec<bool>) -> Result<(usize, Option<Note>), String> {
        let filled = filled(mask, SIDE, "disc", Path::new("m.png")).map_err(|reason| reason.to_string())?;
        Ok((filled.mask.iter().filter(|inside| **inside).count(), filled.note))
    }

    #[test]
    fn closed_lines_and_rings_are_filled_and_open_lines_refused() {
        let area = circle(30.0).iter().filter(|inside| **inside).count();
        for (thickness, note) in [(1.0, Note::OutlineFilled), (2.0, Note::OutlineFilled), (15.0, Note::HolesFilled)] {
            let ring = |x: f64, y: f64| x.hypot(y) <= 30.0 && x.hypot(y) > 30.0 - thickness;
            assert_eq!(tell(drawn(ring)), Ok((area, Some(note))), "{thickness} pixels thick");
            let error = tell(drawn(|x, y| ring(x, y) && !(x > 20.0 && y.abs() < 3.0)));
            if thickness < 15.0 {
                assert!(error.clone().is_err_and(|e| e.contains("line that does not close")), "{thickness}: {error:?}");
            }
        }
    }

    #[test]
    fn areas_are_left_as_they_are() {
        for mask in [
            circle(30.0),
            circle(3.0),
            drawn(|x, y| (x / 40.0).hypot(y / 12.0) <= 1.0),
            drawn(|x, y| x.hypot(y) <= 30.0 && (x - 10.0).hypot(y) > 3.0),
        ] {
            let area = mask.iter().filter(|inside| **inside).count();
            assert_eq!(tell(mask), Ok((area, None)));
        }
    }

    proptest::proptest! {
        #[test]
        fn the_box_around_a_mask_has_all_of_its_holes(mask in proptest::collection::vec(proptest::bool::weighted(0.4), 7 * 6)) {
            let whole = fill_holes(&BinaryMask::from_fn(7, 6, |x, y| mask[(7 * y + x) as usize]));
            proptest::prop_assert_eq!(without_holes(&mask, 7), whole.pixels().collect::<Vec<_>>());
        }
    }
}
