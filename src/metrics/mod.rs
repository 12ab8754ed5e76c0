//! How good a segmentation is: post-processing of probability maps, overlap and surface distances of binary
//! masks, the vertical cup-to-disc ratio, and means with bootstrap intervals over many images.
//!
//! Everything here runs on the CPU, on masks of one image at a time; what is kept between images is numbers.

mod bootstrap;
mod calibration;
mod components;
mod error;
mod glossary;
mod mask;
mod masking;
mod overlap;
mod plausibility;
mod postprocess;
mod report;
mod rim;
mod summary;
mod surface;
mod vcdr;

#[cfg(test)]
mod tests;

pub use bootstrap::{LEAST_FOR_INTERVAL, MeanInterval, mean_ci95};
pub use calibration::{
    Calibration, DiceCurves, DiceOverThresholds, NoCalibration, THRESHOLDS, dice_over_thresholds, thresholds,
};
pub use components::{Connectivity, components};
pub use error::MetricsError;
pub use glossary::FIGURES;
pub use mask::BinaryMask;
pub use masking::{Masking, Masks, ThresholdOf, as_written};
pub use overlap::{Overlap, dice};
pub use plausibility::{Doubt, doubts};
pub use postprocess::{PostprocessSettings, postprocess};
pub(crate) use postprocess::{fill_holes, largest_component};
pub use report::{ImageMetrics, StructureMetrics, evaluate_image, measurable};
pub use rim::{Eye, RimSectors, rim_sectors};
pub use summary::{Mean, MeanOfFound, SUMMARY_COLUMNS, StructureSummary, Summary, ToldMean};
pub use surface::{SurfaceDistances, asd, hd95};
pub use vcdr::vertical_cup_to_disc_ratio;
