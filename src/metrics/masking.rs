//! From probabilities to the masks that figures are of: one rule for validations, evaluations, predictions and reports.

use std::fmt;

use super::{BinaryMask, MetricsError, PostprocessSettings, postprocess};
use crate::named::named_enum;

named_enum! {
    /// Whether masks are made smooth and whole.
    pub enum Masks {
        /// every pixel above its threshold
        Raw = "raw",
        /// the same, smoothed by medians, the largest part alone, its holes filled
        Postprocessed = "postprocessed",
    }
}

impl Masks {
    /// As sentences have it.
    pub fn words(self) -> &'static str {
        match self {
            Masks::Raw => "raw masks",
            Masks::Postprocessed => "post-processed masks",
        }
    }
}

named_enum! {
    /// Who says what a threshold is.
    pub enum ThresholdOf {
        /// a flag
        Flag = "flag",
        /// the checkpoint, which was calibrated
        Checkpoint = "checkpoint",
        /// nobody, so that it is the published one
        Published = "published",
    }
}

/// How probabilities become masks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Masking {
    /// what is done above the thresholds
    pub masks: Masks,
    /// probabilities above which a pixel is cup, and disc
    pub thresholds: [f32; 2],
    /// radius of the diamond by which post-processing erodes, in regions of 512 pixels
    pub erosion: u32,
}

impl Masking {
    /// What validations use, and everything else unless a checkpoint keeps thresholds of its own or a flag says others. The
    /// published erosion of 7 pixels is undone by nothing after it and costs Dice at this threshold.
    pub const USUAL: Self = Self { masks: Masks::Postprocessed, thresholds: [0.75; 2], erosion: 0 };

    /// The thresholds, as figures are named: "0.75".
    pub fn at(&self) -> String {
        let [cup, disc] = self.thresholds;
        if cup == disc { cup.to_string() } else { format!("{cup} (cup) and {disc} (disc)") }
    }

    /// The masks `[cup, disc]` of an image; each map is row-major, `height * width` long.
    ///
    /// # Errors
    /// [`MetricsError::Values`] when a map has another number of values.
    pub fn apply(&self, probabilities: [&[f32]; 2], width: u32, height: u32) -> Result<[BinaryMask; 2], MetricsError> {
        let mask = |class: usize| {
            let (map, threshold) = (probabilities[class], self.thresholds[class]);
            match self.masks {
                Masks::Raw => BinaryMask::above(map, width, height, threshold),
                Masks::Postprocessed => {
                    let lengths = PostprocessSettings { erode_diamond: self.erosion, ..PostprocessSettings::AT_512 };
                    postprocess(map, width, height, threshold, &lengths.scaled(width.max(height)))
                }
            }
        };
        Ok([mask(0)?, mask(1)?])
    }
}

/// A threshold as it is written, which most decimals of 32 bits are not once they have 64.
pub fn as_written(threshold: f32) -> f64 {
    threshold.to_string().parse().unwrap_or_else(|_| f64::from(threshold))
}

impl fmt::Display for Masking {
    /// As figures are named: "raw masks at 0.75".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.masks.words(), self.at())?;
        match (self.masks, self.erosion) {
            (Masks::Raw, _) | (_, 0) => Ok(()),
            (Masks::Postprocessed, radius) => write!(f, " eroded by {radius}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_named_with_their_thresholds() {
        let published = Masking { masks: Masks::Postprocessed, thresholds: [0.1, 0.5], erosion: 7 };
        assert_eq!(published.to_string(), "post-processed masks at 0.1 (cup) and 0.5 (disc) eroded by 7");
        let raw = Masking { masks: Masks::Raw, thresholds: [0.75; 2], ..published };
        assert_eq!(raw.to_string(), "raw masks at 0.75");
        assert_eq!(Masking::USUAL.to_string(), "post-processed masks at 0.75");
    }

    #[test]
    fn thresholds_keep_their_decimals() {
        assert_eq!([0.41f32, 0.75].map(as_written), [0.41, 0.75]);
    }

    #[test]
    fn each_map_has_its_threshold_and_only_post_processing_mends() {
        let side = 32u32;
        let at = |x: u32, y: u32| match (x, y) {
            (2, 2) => 0.9,
            _ if (8..24).contains(&x) && (8..24).contains(&y) => 0.6,
            _ => 0.1,
        };
        let map: Vec<f32> = (0..side * side).map(|i| at(i % side, i / side)).collect();
        let areas = |masks, erosion| {
            let masking = Masking { masks, thresholds: [0.75, 0.5], erosion };
            masking.apply([&map, &map], side, side).expect("maps fit").map(|mask| mask.area())
        };
        assert_eq!(areas(Masks::Raw, 32), [1, 257]);
        assert_eq!(areas(Masks::Postprocessed, 0), [1, 256], "the largest part alone");
        assert_eq!(areas(Masks::Postprocessed, 32), [0, 12 * 12], "two pixels of 32 less on each side");
        let short = Masking::USUAL.apply([&map, &map[1..]], side, side);
        assert_eq!(short, Err(MetricsError::Values { width: side, height: side, found: 1023 }));
    }
}
