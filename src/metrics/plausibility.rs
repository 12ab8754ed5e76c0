//! Whether a segmentation of a region looks like an optic disc with a cup: what nobody has drawn in published masks.
//!
//! The limits lie beyond every one of 559 masks of REFUGE, Drishti-GS1 and RIM-ONE r3 (disc 17 to 71 % of the region, cup 1 to
//! 79 % of the disc, at most 1.65 and 2.0 times as long as wide), but for two discs that are cut off by the border of their region.
//!
//! Several parts are a sign of a network that has learnt too little: after 192 steps on REFUGE no cup of 33 held-out regions and of 51 of
//! Drishti-GS is in parts, although 6 have specks beside them, and of 45 of RIM-ONE, a much darker camera, one, of which the Dice is 0.11.

use super::BinaryMask;
use super::components::{Connectivity, areas, components};
use crate::named::named_enum;

named_enum! {
    /// Why somebody should look at a segmentation.
    pub enum Doubt {
        /// no disc was found
        NoDisc = "no-disc",
        /// the disc is less than 5 % of the region
        SmallDisc = "small-disc",
        /// the disc is more than 85 % of the region
        LargeDisc = "large-disc",
        /// the disc touches the border of the region, which cuts it off
        DiscAtBorder = "disc-at-border",
        /// the disc is not round, or is more than 2 times as long as wide
        DiscShape = "disc-shape",
        /// the disc was in several parts before post-processing
        DiscInParts = "disc-in-parts",
        /// a disc was found, and no cup in it
        NoCup = "no-cup",
        /// the cup is less than 0.5 % of the disc
        SmallCup = "small-cup",
        /// the cup is more than 95 % of the disc
        LargeCup = "large-cup",
        /// the cup is not round, or is more than 3 times as long as wide
        CupShape = "cup-shape",
        /// the cup was in several parts before post-processing
        CupInParts = "cup-in-parts",
        /// more than 5 % of the cup lie outside the disc
        CupOutside = "cup-outside",
    }
}

/// Disc as a share of the region.
const DISC: std::ops::RangeInclusive<f64> = 0.05..=0.85;
/// Cup as a share of the disc.
const CUP: std::ops::RangeInclusive<f64> = 0.005..=0.95;
/// Pixels as a share of the ellipse in the box around them, at least, and how many times as long as wide the box is at
/// most: of the disc, and of the cup.
const SHAPES: [(f64, f64); 2] = [(0.8, 2.0), (0.6, 3.0)];
/// A part is one that has this share of the largest part.
const PART: f64 = 0.1;
/// Share of the cup's pixels that may lie outside the disc.
const OUTSIDE: f64 = 0.05;
/// Share of a side of the region along which the disc touches it, at least.
const TOUCH: f64 = 0.02;

/// What is doubtful about the masks `[cup, disc]` of a region, `raw` before post-processing.
pub fn doubts(masks: &[BinaryMask; 2], raw: &[BinaryMask; 2]) -> Vec<Doubt> {
    let [cup, disc] = masks;
    let [cup_area, disc_area] = [cup.area() as f64, disc.area() as f64];
    let region = f64::from(disc.width()) * f64::from(disc.height());
    let share = disc_area / region;
    let is_long = |mask, (fill, aspect)| shape(mask).is_some_and(|shape| shape.0 < fill || shape.1 > aspect);
    let outside = cup.pixels().zip(disc.pixels()).filter(|(cup, disc)| *cup && !disc).count() as f64;
    let (has_disc, has_cup) = (disc_area > 0.0, cup_area > 0.0);
    let found = [
        (Doubt::NoDisc, !has_disc),
        (Doubt::SmallDisc, has_disc && share < *DISC.start()),
        (Doubt::LargeDisc, share > *DISC.end()),
        (Doubt::DiscAtBorder, touches_border(disc)),
        (Doubt::DiscShape, is_long(disc, SHAPES[0])),
        (Doubt::DiscInParts, parts(&raw[1]) > 1),
        (Doubt::NoCup, has_disc && !has_cup),
        (Doubt::SmallCup, has_cup && cup_area < CUP.start() * disc_area),
        (Doubt::LargeCup, has_disc && cup_area > CUP.end() * disc_area),
        (Doubt::CupShape, is_long(cup, SHAPES[1])),
        (Doubt::CupInParts, parts(&raw[0]) > 1),
        (Doubt::CupOutside, outside > OUTSIDE * cup_area),
    ];
    found.into_iter().filter(|(_, holds)| *holds).map(|(doubt, _)| doubt).collect()
}

/// Whether a mask reaches one of the sides of its region along more than a few pixels.
fn touches_border(mask: &BinaryMask) -> bool {
    let (width, height) = (mask.width(), mask.height());
    let touches = |inside: usize, side: u32| inside > 0 && inside as f64 >= TOUCH * f64::from(side);
    let row = |y: u32| (0..width).filter(|x| mask.contains(*x, y)).count();
    let column = |x: u32| (0..height).filter(|y| mask.contains(x, *y)).count();
    [0, height - 1].iter().any(|y| touches(row(*y), width))
        || [0, width - 1].iter().any(|x| touches(column(*x), height))
}

/// Share of the ellipse in the box around a mask that its pixels make up, and how many times as long as wide the box is;
/// `None` of a mask so small that pixels decide.
fn shape(mask: &BinaryMask) -> Option<(f64, f64)> {
    const SMALLEST: u32 = 6;
    let [mut left, mut top, mut right, mut bottom] = [u32::MAX, u32::MAX, 0, 0];
    for (index, _) in mask.pixels().enumerate().filter(|(_, inside)| *inside) {
        let (x, y) = (index as u32 % mask.width(), index as u32 / mask.width());
        (left, top, right, bottom) = (left.min(x), top.min(y), right.max(x), bottom.max(y));
    }
    let (width, height) = (right.checked_sub(left)? + 1, bottom.checked_sub(top)? + 1);
    if width.max(height) < SMALLEST {
        return None;
    }
    let (width, height) = (f64::from(width), f64::from(height));
    let ellipse = std::f64::consts::FRAC_PI_4 * width * height;
    Some((mask.area() as f64 / ellipse, (width / height).max(height / width)))
}

/// Parts of a mask that are not much smaller than the largest.
fn parts(mask: &BinaryMask) -> usize {
    let areas = areas(&components(mask.as_image(), Connectivity::Eight));
    let largest = areas.iter().copied().max().unwrap_or(0) as f64;
    areas.iter().filter(|area| **area > 0 && **area as f64 >= PART * largest).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::named::Named;

    const SIDE: u32 = 120;

    /// Pixels in ellipses of `(x, y, half width, half height)`.
    fn ellipses(list: &[(f64, f64, f64, f64)]) -> BinaryMask {
        BinaryMask::from_fn(SIDE, SIDE, |x, y| {
            let inside = |(u, v, a, b): &(f64, f64, f64, f64)| {
                ((f64::from(x) - u) / a).powi(2) + ((f64::from(y) - v) / b).powi(2) <= 1.0
            };
            list.iter().any(inside)
        })
    }

    fn names(cup: &[(f64, f64, f64, f64)], disc: &[(f64, f64, f64, f64)]) -> Vec<&'static str> {
        let masks = [ellipses(cup), ellipses(disc)];
        doubts(&masks, &masks).into_iter().map(Doubt::name).collect()
    }

    #[test]
    fn what_no_annotator_draws_is_doubted_and_nothing_else() {
        let (disc, cup) = ((60.0, 60.0, 38.0, 42.0), (62.0, 60.0, 18.0, 22.0));
        let cases: [(&[_], &[_], &[&str]); 13] = [
            (&[cup], &[disc], &[]),
            (&[], &[], &["no-disc"]),
            (&[cup], &[], &["no-disc", "cup-outside"]),
            (&[], &[disc], &["no-cup"]),
            (&[(60.0, 60.0, 5.0, 5.0)], &[(60.0, 60.0, 10.0, 10.0)], &["small-disc"]),
            (&[cup], &[(60.0, 60.0, 100.0, 100.0)], &["large-disc", "disc-at-border"]),
            (&[cup], &[(79.0, 60.0, 41.0, 42.0)], &["disc-at-border"]),
            (&[(60.0, 60.0, 10.0, 14.0)], &[(60.0, 60.0, 18.0, 50.0)], &["disc-shape"]),
            (&[(60.0, 60.0, 1.5, 1.5)], &[(60.0, 60.0, 50.0, 50.0)], &["small-cup"]),
            (&[disc], &[disc], &["large-cup"]),
            (&[(60.0, 60.0, 8.0, 34.0)], &[disc], &["cup-shape"]),
            (&[(60.0, 43.0, 14.0, 14.0), (60.0, 77.0, 14.0, 14.0)], &[disc], &["cup-in-parts"]),
            (&[(100.0, 60.0, 14.0, 14.0)], &[disc], &["cup-outside"]),
        ];
        for (cup, disc, wanted) in cases {
            assert_eq!(names(cup, disc), wanted, "cup {cup:?}, disc {disc:?}");
        }
    }

    #[test]
    fn limits_are_told_as_they_are() {
        let told = |doubt: Doubt| doubt.help().expect("each has a sentence");
        let percent = |share: f64| format!("{:.1} %", 100.0 * share).replace(".0 ", " ");
        for (doubt, limit) in [
            (Doubt::SmallDisc, percent(*DISC.start())),
            (Doubt::LargeDisc, percent(*DISC.end())),
            (Doubt::DiscShape, format!("{} times", SHAPES[0].1)),
            (Doubt::SmallCup, percent(*CUP.start())),
            (Doubt::LargeCup, percent(*CUP.end())),
            (Doubt::CupShape, format!("{} times", SHAPES[1].1)),
            (Doubt::CupOutside, percent(OUTSIDE)),
        ] {
            assert!(told(doubt).contains(&limit), "`{limit}` is not in: {}", told(doubt));
        }
    }

    #[test]
    fn parts_count_before_post_processing_and_specks_do_not() {
        let (disc, cup) = ((45.0, 60.0, 34.0, 36.0), (45.0, 60.0, 16.0, 18.0));
        let masks = [ellipses(&[cup]), ellipses(&[disc])];
        let of = |other| doubts(&masks, &[ellipses(&[cup]), ellipses(&[disc, other])]);
        assert_eq!(of((108.0, 60.0, 4.0, 4.0)), []);
        assert_eq!(of((105.0, 60.0, 14.0, 40.0)), [Doubt::DiscInParts]);
    }

    #[test]
    fn masks_of_any_size_are_judged() {
        for (width, height) in [(1, 1), (1, 50), (50, 1), (2, 2)] {
            for inside in [false, true] {
                let mask = BinaryMask::from_fn(width, height, |_, _| inside);
                let masks = [mask.clone(), mask];
                assert!(!doubts(&masks, &masks).is_empty());
            }
        }
    }
}
