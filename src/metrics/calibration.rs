//! Dice of raw masks at every threshold, and the thresholds that are best on regions which training has not seen.

use std::fmt;
use std::str::FromStr;

use super::{BinaryMask, LEAST_FOR_INTERVAL, Masking, MetricsError};

/// Thresholds that are looked at: hundredths between 0 and 1.
pub const THRESHOLDS: usize = 99;

/// Dice at each threshold, from 0.01 to 0.99.
pub type DiceOverThresholds = [f64; THRESHOLDS];

/// All of them, ascending: each the number that its two decimals are read as.
pub fn thresholds() -> [f32; THRESHOLDS] {
    std::array::from_fn(|index| (index + 1) as f32 / 100.0)
}

/// Dice of the raw mask of a map at every threshold, exactly: one pass counts the pixels between neighbouring thresholds.
///
/// # Errors
/// [`MetricsError::Values`] when the map has another number of values than the mask has pixels.
pub fn dice_over_thresholds(probability: &[f32], truth: &BinaryMask) -> Result<DiceOverThresholds, MetricsError> {
    let (width, height) = (truth.width(), truth.height());
    if probability.len() != truth.pixels().len() {
        return Err(MetricsError::Values { width, height, found: probability.len() });
    }
    let thresholds = thresholds();
    // Pixels outside and inside of the true mask, by how many thresholds they exceed.
    let mut counts = [[0u64; 2]; THRESHOLDS + 1];
    for (value, inside) in probability.iter().zip(truth.pixels()) {
        counts[thresholds.partition_point(|threshold| value > threshold)][usize::from(inside)] += 1;
    }
    let (area, mut found) = (truth.area(), [0u64; 2]);
    let mut dice = [0.0; THRESHOLDS];
    for (index, dice) in dice.iter_mut().enumerate().rev() {
        (0..2).for_each(|inside| found[inside] += counts[index + 1][inside]);
        *dice = (2 * found[1] + 1) as f64 / (found[0] + found[1] + area + 1) as f64;
    }
    Ok(dice)
}

/// Mean Dice of raw masks of the cup and of the disc over images, at every threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct DiceCurves {
    sums: [DiceOverThresholds; 2],
    is_there: [bool; 2],
    images: usize,
}

impl Default for DiceCurves {
    fn default() -> Self {
        Self { sums: [[0.0; THRESHOLDS]; 2], is_there: [false; 2], images: 0 }
    }
}

impl DiceCurves {
    /// Adds an image: its curves, and whether its mask shows the structures at all.
    pub fn add(&mut self, curves: &[DiceOverThresholds; 2], is_there: [bool; 2]) {
        for class in 0..2 {
            self.sums[class].iter_mut().zip(curves[class]).for_each(|(sum, dice)| *sum += dice);
            self.is_there[class] |= is_there[class];
        }
        self.images += 1;
    }

    /// The means, of the cup and of the disc; none of a structure that no mask shows.
    pub fn means(&self) -> [Option<DiceOverThresholds>; 2] {
        [0, 1].map(|class| self.is_there[class].then(|| self.sums[class].map(|sum| sum / self.images as f64)))
    }

    /// The best thresholds, if there are images enough to tell.
    pub fn calibration(&self) -> Option<Calibration> {
        let [cup, disc] = self.means().map(|curve| curve.map(|curve| best(&curve)));
        let is_told = self.images >= Calibration::LEAST && (cup.is_some() || disc.is_some());
        is_told.then_some(Calibration { cup, disc, regions: self.images })
    }
}

/// The threshold of the highest value; of several the middle one.
fn best(curve: &DiceOverThresholds) -> f32 {
    let highest = curve.iter().copied().fold(0.0, f64::max);
    let places: Vec<usize> = (0..THRESHOLDS).filter(|place| curve[*place] == highest).collect();
    thresholds()[places[(places.len() - 1) / 2]]
}

/// The thresholds of a network that gave the best mean Dice on labelled regions which it was not trained on. As text
/// `cup 0.41, disc 0.63, on 28 regions`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// of the cup; none where no mask showed one
    pub cup: Option<f32>,
    /// of the disc, likewise
    pub disc: Option<f32>,
    /// number of regions
    pub regions: usize,
}

impl Calibration {
    /// Fewest regions: the best threshold of fewer is as much chance as the network.
    pub const LEAST: usize = LEAST_FOR_INTERVAL;

    /// Of the cup and of the disc.
    pub fn thresholds(&self) -> [Option<f32>; 2] {
        [self.cup, self.disc]
    }

    /// Of the cup and of the disc; of a structure that no mask showed the usual one.
    pub fn or_usual(own: Option<Self>) -> [f32; 2] {
        let own = own.map_or([None; 2], |own| own.thresholds());
        [0, 1].map(|class| own[class].unwrap_or(Masking::USUAL.thresholds[class]))
    }
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [("cup", self.cup), ("disc", self.disc)];
        named.iter().try_for_each(|(name, value)| value.map_or(Ok(()), |value| write!(f, "{name} {value}, ")))?;
        write!(f, "on {} regions", self.regions)
    }
}

/// A text that is no calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("thresholds between 0 and 1 and a number of regions are needed, as in `cup 0.41, disc 0.63, on 28 regions`")]
pub struct NoCalibration;

impl FromStr for Calibration {
    type Err = NoCalibration;

    fn from_str(text: &str) -> Result<Self, NoCalibration> {
        let mut found = Self { cup: None, disc: None, regions: 0 };
        for part in text.split(", ") {
            match part.split(' ').collect::<Vec<_>>()[..] {
                [name @ ("cup" | "disc"), value] => {
                    let value = value.parse::<f32>().ok().filter(|value| *value > 0.0 && *value < 1.0);
                    let place = if name == "cup" { &mut found.cup } else { &mut found.disc };
                    *place = Some(value.ok_or(NoCalibration)?);
                }
                ["on", regions, "regions"] => found.regions = regions.parse().map_err(|_| NoCalibration)?,
                _ => return Err(NoCalibration),
            }
        }
        let is_one = found.regions > 0 && (found.cup.is_some() || found.disc.is_some());
        if is_one { Ok(found) } else { Err(NoCalibration) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dice;
    use super::*;

    /// A curve that is highest at these thresholds.
    fn peak(at: &[f32]) -> DiceOverThresholds {
        thresholds().map(|threshold| if at.contains(&threshold) { 0.75 } else { 0.5 })
    }

    fn curves(cup: &[f32], disc: &[f32], images: usize) -> DiceCurves {
        let mut curves = DiceCurves::default();
        (0..images).for_each(|_| curves.add(&[peak(cup), peak(disc)], [true; 2]));
        curves
    }

    #[test]
    fn thresholds_are_the_numbers_that_users_write() {
        let all = thresholds();
        assert_eq!((all[0], all[40], all[74], all[98]), (0.01, 0.41, 0.75, 0.99));
    }

    #[test]
    fn each_structure_gets_the_threshold_of_its_highest_mean() {
        let found = curves(&[0.41], &[0.63], Calibration::LEAST).calibration();
        assert_eq!(found, Some(Calibration { cup: Some(0.41), disc: Some(0.63), regions: 10 }));
        assert_eq!(curves(&[0.41], &[0.63], Calibration::LEAST - 1).calibration(), None, "too few to tell");
        assert_eq!(DiceCurves::default().calibration(), None);
        let equal = curves(&[0.3, 0.31, 0.32, 0.9], &[], 10).calibration().expect("there are enough");
        assert_eq!((equal.cup, equal.disc), (Some(0.31), Some(0.5)), "the middle one");
    }

    #[test]
    fn a_structure_that_no_mask_shows_has_no_threshold() {
        let mut curves = DiceCurves::default();
        (0..10).for_each(|_| curves.add(&[peak(&[0.2]), peak(&[0.3])], [false, true]));
        assert!(curves.means()[0].is_none());
        let found = curves.calibration();
        assert_eq!(found.map(|own| own.thresholds()), Some([None, Some(0.3)]));
        assert_eq!(Calibration::or_usual(found), [0.75, 0.3]);
        assert_eq!(Calibration::or_usual(None), [0.75; 2]);
    }

    #[test]
    fn calibrations_survive_as_text() {
        for own in [
            Calibration { cup: Some(0.41), disc: Some(0.63), regions: 28 },
            Calibration { cup: None, disc: Some(0.07), regions: 10 },
        ] {
            assert_eq!(own.to_string().parse(), Ok(own));
        }
        let text = "cup 0.41, disc 0.63, on 28 regions";
        assert_eq!(text.parse::<Calibration>().map(|own| own.to_string()).as_deref(), Ok(text));
        for text in
            ["", "cup 0.41", "on 28 regions", "cup 2, on 28 regions", "cup NaN, on 9 regions", "lid 0.1, on 9 regions"]
        {
            assert_eq!(text.parse::<Calibration>(), Err(NoCalibration), "{text}");
        }
    }

    #[test]
    fn a_map_of_another_size_is_refused() {
        let truth = BinaryMask::from_fn(2, 2, |x, _| x == 0);
        assert_eq!(
            dice_over_thresholds(&[0.5; 3], &truth),
            Err(MetricsError::Values { width: 2, height: 2, found: 3 })
        );
    }

    proptest! {
        /// Against masks made one by one, with values on thresholds and beside them.
        #[test]
        fn the_curve_is_that_of_masks_at_each_threshold(
            pixels in proptest::collection::vec((0u32..=200, any::<bool>()), 12),
        ) {
            let values: Vec<f32> = pixels.iter().map(|(value, _)| *value as f32 / 200.0).collect();
            let truth = BinaryMask::from_fn(4, 3, |x, y| pixels[(4 * y + x) as usize].1);
            let curve = dice_over_thresholds(&values, &truth).unwrap();
            for (threshold, found) in thresholds().into_iter().zip(curve) {
                let mask = BinaryMask::above(&values, 4, 3, threshold).unwrap();
                prop_assert_eq!(found, dice(&mask, &truth).unwrap());
            }
        }
    }
}
