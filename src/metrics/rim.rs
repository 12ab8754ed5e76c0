//! How much of the disc is rim in each direction: the order inferior, superior, nasal, temporal of a healthy rim.

use serde::{Deserialize, Serialize};

use super::BinaryMask;
use crate::named::named_enum;

named_enum! {
    /// Which eye a photograph shows; it decides which of its sides is nasal.
    pub enum Eye {
        /// nasal is left in the photograph
        Left = "left",
        /// nasal is right in the photograph
        Right = "right",
    }
}

/// Share of the disc that is rim in the quarter around each direction from the disc's centre of mass, split at the
/// diagonals: 1 where no cup is, 0 where the cup fills all of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RimSectors {
    /// below the centre
    pub inferior: f64,
    /// above the centre
    pub superior: f64,
    /// to the left in the photograph
    pub left: f64,
    /// to the right in the photograph
    pub right: f64,
}

impl RimSectors {
    /// Nasal and temporal share.
    pub fn sides(&self, eye: Eye) -> [f64; 2] {
        match eye {
            Eye::Left => [self.left, self.right],
            Eye::Right => [self.right, self.left],
        }
    }
}

/// The four shares; `None` without a cup, for a cup that was not found would count as the healthiest rim, and where there is no disc,
/// or none in one of the directions.
///
/// # Panics
/// When the masks differ in size.
pub fn rim_sectors(cup: &BinaryMask, disc: &BinaryMask) -> Option<RimSectors> {
    assert_eq!((cup.width(), cup.height()), (disc.width(), disc.height()), "masks of one image have one size");
    let width = disc.width() as usize;
    let inside = || disc.pixels().enumerate().filter(|(_, inside)| *inside).map(|(i, _)| (i % width, i / width));
    let count = inside().count() as f64;
    let (sum_x, sum_y) = inside().fold((0.0, 0.0), |(x, y), (column, row)| (x + column as f64, y + row as f64));
    let (centre_x, centre_y) = (sum_x / count, sum_y / count);
    let mut areas = [[0u64; 2]; 4];
    for (column, row) in inside() {
        let (dx, dy) = (column as f64 - centre_x, row as f64 - centre_y);
        let sector = match (dy.abs() >= dx.abs(), dy > 0.0, dx < 0.0) {
            (true, true, _) => 0,
            (true, false, _) => 1,
            (false, _, true) => 2,
            (false, _, false) => 3,
        };
        areas[sector][0] += u64::from(!cup.contains(column as u32, row as u32));
        areas[sector][1] += 1;
    }
    if cup.area() == 0 || areas.iter().any(|[_, disc]| *disc == 0) {
        return None;
    }
    let [inferior, superior, left, right] = areas.map(|[rim, disc]| rim as f64 / disc as f64);
    Some(RimSectors { inferior, superior, left, right })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cup_off_the_centre_thins_the_rim_on_its_side() {
        let circle = |x0: f64, y0: f64, radius: f64| {
            BinaryMask::from_fn(101, 101, |x, y| (f64::from(x) - x0).hypot(f64::from(y) - y0) <= radius)
        };
        let disc = circle(50.0, 50.0, 40.0);
        let middle = rim_sectors(&circle(50.0, 50.0, 20.0), &disc).expect("a disc");
        for share in [middle.inferior, middle.superior, middle.left, middle.right] {
            assert!((share - 0.75).abs() < 0.01, "a quarter of each is cup: {middle:?}");
        }
        let left = rim_sectors(&circle(40.0, 55.0, 20.0), &disc).expect("a disc");
        assert!(left.left < left.inferior && left.inferior < left.superior && left.superior < left.right, "{left:?}");
        assert_eq!(left.sides(Eye::Left), [left.left, left.right]);
        assert_eq!(left.sides(Eye::Right), [left.right, left.left]);
    }

    #[test]
    fn without_disc_or_cup_nothing_is_known_of_the_rim() {
        let [empty, disc] = [false, true].map(|inside| BinaryMask::from_fn(9, 9, |_, _| inside));
        assert_eq!(rim_sectors(&empty, &empty), None);
        assert_eq!(rim_sectors(&disc, &empty), None);
        assert_eq!(rim_sectors(&empty, &disc), None, "not the healthiest rim there is");
    }
}
