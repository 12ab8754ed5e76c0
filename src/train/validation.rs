//! Validation during training: overlap at the regions' own size, mean over images.

use std::rc::Rc;

use image::GrayImage;
use rayon::prelude::*;

use super::error::TrainError;
use super::settings::{Config, NormSetting};
use crate::data::mask::structures;
use crate::data::{Dataset, RegionPixels};
use crate::device::{Device, States};
use crate::inference::{Logits, Predictor};
use crate::metrics::{Masking, MetricsError, Overlap};
use crate::nn::Domain;

type Result<T> = std::result::Result<T, TrainError>;

/// Images that a validation computes at once at most.
const VALIDATION_BATCH: usize = 8;

/// Regions with labels that a run is validated on.
pub(super) struct Validation {
    domain: Domain,
    dataset: Dataset,
}

/// Means over the images: cup, disc.
pub(super) struct Scores {
    dice: [f64; 2],
    iou: [f64; 2],
    pixel_accuracy: [f64; 2],
}

impl Scores {
    /// Mean Dice of cup and disc.
    pub(super) fn mean_dice(&self) -> f64 {
        (self.dice[0] + self.dice[1]) / 2.0
    }

    /// Values as the logs name them.
    pub(super) fn named(&self) -> [(&'static str, f64); 7] {
        [
            ("cup_dice", self.dice[0]),
            ("disc_dice", self.dice[1]),
            ("mean_dice", self.mean_dice()),
            ("cup_iou", self.iou[0]),
            ("disc_iou", self.iou[1]),
            ("cup_pixel_accuracy", self.pixel_accuracy[0]),
            ("disc_pixel_accuracy", self.pixel_accuracy[1]),
        ]
    }
}

/// Images that a validation computes at once: no more than a step, whose memory is known to be there.
pub(super) fn validation_batch(config: &Config) -> usize {
    config.batch.min(VALIDATION_BATCH)
}

/// Networks that as many validations take: batch norms have the same statistics for both domains, so one network does.
pub(super) fn networks(config: &Config, validations: usize) -> usize {
    match config.norm {
        NormSetting::Batch => validations.min(1),
        NormSetting::Trans => validations,
    }
}

/// Each validation with the network that it looks at: its domain's statistics normalise. See [`networks`].
pub(super) fn with_predictors(
    device: &Device,
    states: &States,
    config: &Config,
    validations: Vec<Validation>,
) -> Result<Vec<(Validation, Rc<Predictor>)>> {
    let mut all: Vec<(Validation, Rc<Predictor>)> = Vec::new();
    for validation in validations {
        let shared = all.first().filter(|_| config.norm == NormSetting::Batch);
        let predictor = match shared {
            Some((_, predictor)) => predictor.clone(),
            None => {
                let (network, domain) = (config.network(), validation.domain());
                let (predictor, _) =
                    Predictor::new(device, states, network, domain, config.size, validation_batch(config))?;
                Rc::new(predictor)
            }
        };
        all.push((validation, predictor));
    }
    Ok(all)
}

impl Validation {
    /// Regions of a camera.
    pub(super) fn new(domain: Domain, dataset: Dataset) -> Self {
        Validation { domain, dataset }
    }

    /// The regions.
    pub(super) fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The camera that took them.
    pub(super) fn domain(&self) -> Domain {
        self.domain
    }

    /// Predicts every region and compares.
    pub(super) fn run(&self, predictor: &Predictor) -> Result<Scores> {
        predictor.refresh()?;
        let mut sums = Scores { dice: [0.0; 2], iou: [0.0; 2], pixel_accuracy: [0.0; 2] };
        for regions in self.dataset.regions().chunks(predictor.batch()) {
            let pixels = regions.iter().map(RegionPixels::read).collect::<std::result::Result<Vec<_>, _>>()?;
            let images: Vec<_> = pixels.iter().map(|p| &p.image).collect();
            let logits = predictor.logits(&images)?;
            let overlaps = logits
                .par_iter()
                .zip(&pixels)
                .filter_map(|(logits, pixels)| Some(overlaps(logits, pixels.mask.as_ref()?)));
            for overlaps in overlaps.collect::<std::result::Result<Vec<_>, _>>()? {
                for (channel, overlap) in overlaps.iter().enumerate() {
                    sums.dice[channel] += overlap.dice();
                    sums.iou[channel] += overlap.iou();
                    sums.pixel_accuracy[channel] += overlap.pixel_accuracy();
                }
            }
        }
        let count = self.dataset.len() as f64;
        let mean = |sum: [f64; 2]| sum.map(|v| v / count);
        Ok(Scores { dice: mean(sums.dice), iou: mean(sums.iou), pixel_accuracy: mean(sums.pixel_accuracy) })
    }
}

/// How far the cup and the disc of a prediction agree with those of a mask.
fn overlaps(logits: &Logits, mask: &GrayImage) -> std::result::Result<[Overlap; 2], MetricsError> {
    let (predicted, truth) = (logits.masks(&Masking::USUAL)?, structures(mask));
    Ok([Overlap::between(&predicted[0], &truth[0])?, Overlap::between(&predicted[1], &truth[1])?])
}
