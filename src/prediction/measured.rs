//! A network's masks against those that were drawn.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use image::GrayImage;

use crate::data::guard::caught;
use crate::data::mask::structures;
use crate::data::remarks::Remarks;
use crate::data::{DataError, Dataset, Region, RegionPixels};
use crate::inference::{InferenceError, Logits, Predictor};
use crate::metrics::{DiceCurves, DiceOverThresholds, ImageMetrics, Masking, Masks, MetricsError, evaluate_image};

/// Metrics of every image, raw and post-processed, by name.
#[derive(Default)]
pub struct Measured {
    /// of the images that could be used
    pub names: Vec<String>,
    /// of the masks as they come
    pub raw: Vec<ImageMetrics>,
    /// of the post-processed ones
    pub postprocessed: Vec<ImageMetrics>,
    /// means over them
    pub curves: DiceCurves,
    /// what to know of the images
    pub remarks: Remarks,
    /// regions that could not be used
    pub left_out: Vec<LeftOut>,
    /// columns and rows that images have
    pub sizes: BTreeSet<String>,
}

/// Why a region is not measured.
#[derive(Debug, thiserror::Error)]
pub enum LeftOut {
    /// Nobody has drawn it.
    #[error("the image `{}` has no mask", .0.display())]
    NoMask(PathBuf),
    /// Its files cannot be used.
    #[error(transparent)]
    Data(DataError),
    /// Something panicked about it.
    #[error("`{}` cannot be used: {message}", image.display())]
    Defect {
        /// of the region
        image: PathBuf,
        /// of the panic
        message: String,
    },
}

/// Why nothing is measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The network computes nothing.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// A mask is not of the size of its image.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

impl Measured {
    /// Measures a network on labelled regions; one that cannot be used is left out. `goes_on` is told how many more were
    /// read, and says whether to go on.
    ///
    /// # Errors
    /// [`MeasureError`].
    pub fn on(
        dataset: &Dataset,
        predictor: &Predictor,
        masking: Masking,
        mut goes_on: impl FnMut(usize) -> bool,
    ) -> Result<Self, MeasureError> {
        let mut measured = Self::default();
        for regions in dataset.regions().chunks(predictor.batch()) {
            let read = measured.read(regions);
            if !goes_on(regions.len()) {
                break;
            }
            if read.is_empty() {
                continue;
            }
            let images: Vec<_> = read.iter().map(|usable| &usable.pixels.image).collect();
            for (logits, usable) in predictor.logits(&images)?.iter().zip(&read) {
                measured.add(usable, logits, masking)?;
            }
        }
        Ok(measured)
    }

    /// Of a kind of masks.
    pub fn of(&self, masks: Masks) -> &[ImageMetrics] {
        match masks {
            Masks::Raw => &self.raw,
            Masks::Postprocessed => &self.postprocessed,
        }
    }

    fn read<'a>(&mut self, regions: &'a [Region]) -> Vec<Usable<'a>> {
        let mut usable = Vec::new();
        for region in regions {
            match caught(|| RegionPixels::read(region).map(|pixels| (pixels.remarks(), pixels))) {
                Ok(Ok((remarks, mut pixels))) => match pixels.mask.take() {
                    Some(mask) => {
                        self.remarks.add(&region.name, remarks);
                        usable.push(Usable { region, pixels, mask });
                    }
                    None => self.left_out.push(LeftOut::NoMask(region.image.clone())),
                },
                Ok(Err(error)) => self.left_out.push(LeftOut::Data(error)),
                Err(message) => self.defect(&region.image, message),
            }
        }
        usable
    }

    fn add(
        &mut self,
        Usable { region, mask, .. }: &Usable<'_>,
        logits: &Logits,
        masking: Masking,
    ) -> Result<(), MetricsError> {
        match caught(|| metrics(masking, logits, mask)) {
            Ok(metrics) => {
                let ([raw, postprocessed], curves) = metrics?;
                self.curves.add(&curves, [raw.cup.is_there, raw.disc.is_there]);
                self.names.push(region.name.clone());
                self.sizes.insert(format!("{}x{}", mask.width(), mask.height()));
                self.raw.push(raw);
                self.postprocessed.push(postprocessed);
            }
            Err(message) => self.defect(&region.image, message),
        }
        Ok(())
    }

    fn defect(&mut self, image: &Path, message: String) {
        self.left_out.push(LeftOut::Defect { image: image.to_path_buf(), message });
    }
}

/// A region that can be measured.
struct Usable<'a> {
    region: &'a Region,
    pixels: RegionPixels,
    mask: GrayImage,
}

/// Metrics of the raw masks, and of the post-processed ones; and Dice of raw masks at every threshold.
fn metrics(
    masking: Masking,
    logits: &Logits,
    mask: &GrayImage,
) -> Result<([ImageMetrics; 2], [DiceOverThresholds; 2]), MetricsError> {
    let truth = structures(mask);
    let of = |masks| evaluate_image(&logits.masks(&Masking { masks, ..masking })?, &truth);
    Ok(([of(Masks::Raw)?, of(Masks::Postprocessed)?], logits.dice_over_thresholds(&truth)?))
}
