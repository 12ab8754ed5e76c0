//! What a prediction is asked for.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use super::eye::{self, Eyes};
use super::part::Part;
use super::uncertainty;
use crate::cli::masking::MaskFlags;
use crate::cli::{Architecture, Overwrite};
use crate::data::content::FileContents;
use crate::metrics::{Calibration, Masking, Masks};
use crate::train::Config;

/// Segment images: masks, overlays, and a table of cup-to-disc ratios and areas
///
/// Images are taken upright, as their EXIF orientation says, and masks and overlays lie on the upright image. Regions that are
/// not square are completed by mirroring their edges. In overlays, and in `contact-sheet.png` with all of them in small, the
/// disc is blue and the cup green; what somebody should look at is flagged in the table and framed in the sheet. An image that
/// cannot be read is named and left out, the exit status is then 1. What Ctrl-C, a full disk or a power cut has stopped goes on
/// when the same command is given again. Not a medical device: nothing it prints may be used for diagnosis.
#[derive(clap::Args, Clone)]
pub(in crate::cli) struct Arguments {
    /// Checkpoint of a run, or weights; of the folder of a run its best checkpoint, or of an adaptation the last
    #[arg(long, value_name = "FILE|RUN")]
    pub(super) checkpoint: PathBuf,
    /// Images, folders of images, or splits of datasets; other folders in them are not entered
    #[arg(required = true, value_name = "INPUT")]
    pub(super) inputs: Vec<PathBuf>,
    /// Folder for the results
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Write `NAME.safetensors` with the logits `mask [1,2,H,W]` and `boundary [1,1,H,W]` too
    #[arg(long)]
    pub(super) logits: bool,
    /// The same as --masks raw
    #[arg(long, conflicts_with = "masks")]
    pub(super) raw: bool,
    /// The images are whole photographs: find the disc, segment a region of 1.5 disc diameters around it, and put the
    /// masks back at the photograph's size (logits and uncertainty stay those of the region)
    #[arg(long)]
    pub(super) find_disc: bool,
    /// Bits that the levels of 16-bit files have, 8 to 16 [default: as few as the brightest level needs, of 8, 10, 12, 14 and 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(8..=16))]
    pub(super) bits: Option<u8>,
    /// Which eye the images show, also `OS` (left) or `OD` (right): without it the sides of the rim are left and right in the
    /// image, not nasal and temporal
    #[arg(long, ignore_case = true, value_parser = eye::parser(), value_name = "EYE")]
    pub(super) eye: Option<Eyes>,
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=100), help = uncertainty::help())]
    pub(super) uncertainty: Option<u8>,
    #[command(flatten)]
    pub(super) masks: MaskFlags,
    #[command(flatten)]
    pub(super) architecture: Architecture,
    #[command(flatten)]
    pub(super) overwrite: Overwrite,
}

impl Arguments {
    /// The files that each image gives.
    pub(super) fn parts(&self) -> Vec<Part> {
        let further = [(Part::Uncertainty, self.uncertainty.is_some()), (Part::Logits, self.logits)];
        let further = further.into_iter().filter_map(|(part, is_wanted)| is_wanted.then_some(part));
        [Part::Mask, Part::Overlay].into_iter().chain(further).collect()
    }

    /// How probabilities become the masks that are written, of a checkpoint that was calibrated so, or was not.
    pub(super) fn masking(&self, calibration: Option<Calibration>) -> Masking {
        let masking = self.masks.masking(calibration);
        if self.raw { Masking { masks: Masks::Raw, ..masking } } else { masking }
    }

    /// All that the results depend on beside the images and the adapter.
    pub(super) fn call(&self, config: &Config, masking: Masking) -> Result<Value> {
        let checkpoint = FileContents::default().of(&self.checkpoint)?;
        let Masking { masks, thresholds, erosion } = masking;
        Ok(json!({
            "papilla": env!("CARGO_PKG_VERSION"),
            "checkpoint": [checkpoint.length(), u64::from(checkpoint.checksum)],
            "network": [config.backbone.name(), config.norm.name()],
            "size": [config.output_stride, config.size],
            "masks": masks.name(),
            "thresholds": thresholds,
            "erosion": erosion,
            "logits": self.logits,
            "find_disc": self.find_disc,
            "bits": self.bits,
            "eye": self.eye.map(Eyes::name),
            "uncertainty": self.uncertainty,
        }))
    }
}
