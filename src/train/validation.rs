//! Validation during training: overlap at the regions' own size, mean over images.

use std::rc::Rc;

use image::GrayImage;
use rayon::prelude::*;

use super::error::TrainError;
use super::settings::{Config, NormSetting};
use crate::data::colours::Colours;
use crate::data::mask::structures;
use crate::data::{Dataset, RegionPixels};
use crate::device::{Device, States};
use crate::inference::{Logits, Predictor, Views};
use crate::metrics::{Calibration, DiceCurves, DiceOverThresholds, Masking, MetricsError, Overlap};
use crate::nn::Domain;

type Result<T> = std::result::Result<T, TrainError>;

/// Images that a validation computes at once at most.
const VALIDATION_BATCH: usize = 8;

/// Regions with labels that a run is validated on.
pub(super) struct Validation {
    domain: Domain,
    dataset: Dataset,
}

/// Means over the images: cup, disc. What none of their masks shows is not measured, whatever the network makes of it.
pub(super) struct Scores {
    is_there: [bool; 2],
    dice: [f64; 2],
    iou: [f64; 2],
    pixel_accuracy: [f64; 2],
    /// of raw masks
    curves: DiceCurves,
    regions: usize,
}

impl Scores {
    /// Dice, averaged over cup and disc, or of the one that is measured.
    pub(super) fn mean_dice(&self) -> Option<f64> {
        let measured: Vec<f64> =
            self.dice.into_iter().zip(self.is_there).filter_map(|(d, is)| is.then_some(d)).collect();
        (!measured.is_empty()).then(|| measured.iter().sum::<f64>() / measured.len() as f64)
    }

    /// Number of images.
    pub(super) fn regions(&self) -> usize {
        self.regions
    }

    /// The thresholds that are best on these images, if there are enough of them.
    pub(super) fn calibration(&self) -> Option<Calibration> {
        self.curves.calibration()
    }

    /// The structures that are not measured.
    pub(super) fn not_measured(&self) -> Vec<&'static str> {
        ["cup", "disc"].into_iter().zip(self.is_there).filter_map(|(name, is)| (!is).then_some(name)).collect()
    }

    /// Values as the logs name them.
    pub(super) fn named(&self) -> Vec<(&'static str, f64)> {
        let of = |values: [f64; 2]| [0, 1].map(|index| Some(values[index]).filter(|_| self.is_there[index]));
        let ([cup_dice, disc_dice], [cup_iou, disc_iou]) = (of(self.dice), of(self.iou));
        let [cup_accuracy, disc_accuracy] = of(self.pixel_accuracy);
        let all = [
            ("cup_dice", cup_dice),
            ("disc_dice", disc_dice),
            ("mean_dice", self.mean_dice()),
            ("cup_iou", cup_iou),
            ("disc_iou", disc_iou),
            ("cup_pixel_accuracy", cup_accuracy),
            ("disc_pixel_accuracy", disc_accuracy),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Images that a validation computes at once: no more than a step, whose memory is known to be there.
pub(super) fn validation_batch(config: &Config) -> usize {
    config.batch.min(VALIDATION_BATCH)
}

/// Those of some domains that it takes networks for, to look at images of all: batch norms have the same statistics for both, so one
/// network does.
pub(super) fn networks(config: &Config, domains: &[Domain]) -> Vec<Domain> {
    match config.norm {
        NormSetting::Batch => domains.iter().take(1).copied().collect(),
        NormSetting::Trans => {
            [Domain::Source, Domain::Target].into_iter().filter(|domain| domains.contains(domain)).collect()
        }
    }
}

/// The networks that look at images of each domain, whose statistics normalise; see [`networks`].
pub(super) struct Networks {
    all: Vec<(Domain, Rc<Predictor>)>,
    norm: NormSetting,
}

impl Networks {
    /// Compiles those for some domains; they bring images to colours, if there are some.
    pub(super) fn compile(
        device: &Device,
        states: &States,
        config: &Config,
        domains: &[Domain],
        colours: Option<Colours>,
    ) -> Result<Networks> {
        let (prefix, size) = (config.validated_states(), [config.size, validation_batch(config)]);
        let compile = |domain| {
            let (predictor, _) = Predictor::of_states(device, states, prefix, config.network(), domain, size, 0)?;
            Ok((domain, Rc::new(predictor.seeing(Views::brought_to(colours)))))
        };
        let all = networks(config, domains).into_iter().map(compile).collect::<Result<_>>()?;
        Ok(Networks { all, norm: config.norm })
    }

    /// The one for a domain that it was compiled for.
    pub(super) fn of(&self, domain: Domain) -> Rc<Predictor> {
        let own = self.all.iter().find(|(own, _)| *own == domain || self.norm == NormSetting::Batch);
        own.expect("networks are compiled for every domain that is looked at").1.clone()
    }
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

    /// Predicts every region and compares; `done` is told how many regions each batch brings.
    pub(super) fn run(&self, predictor: &Predictor, mut done: impl FnMut(usize)) -> Result<Scores> {
        predictor.refresh()?;
        let (mut sums, mut is_there, mut curves) = ([[0.0; 2]; 3], [false; 2], DiceCurves::default());
        for regions in self.dataset.regions().chunks(predictor.batch()) {
            let pixels = regions.iter().map(RegionPixels::read).collect::<std::result::Result<Vec<_>, _>>()?;
            let images: Vec<_> = pixels.iter().map(|p| &p.image).collect();
            let logits = predictor.logits(&images)?;
            let compared = logits
                .par_iter()
                .zip(&pixels)
                .filter_map(|(logits, pixels)| Some(compared(logits, pixels.mask.as_ref()?)));
            for Compared { overlaps, is_drawn, over_thresholds } in
                compared.collect::<std::result::Result<Vec<_>, _>>()?
            {
                for (channel, overlap) in overlaps.iter().enumerate() {
                    sums[0][channel] += overlap.dice();
                    sums[1][channel] += overlap.iou();
                    sums[2][channel] += overlap.pixel_accuracy();
                    is_there[channel] |= is_drawn[channel];
                }
                curves.add(&over_thresholds, is_drawn);
            }
            done(regions.len());
        }
        let regions = self.dataset.len();
        let [dice, iou, pixel_accuracy] = sums.map(|of_both| of_both.map(|sum: f64| sum / regions as f64));
        Ok(Scores { is_there, dice, iou, pixel_accuracy, curves, regions })
    }
}

/// A prediction beside a mask: cup, disc.
struct Compared {
    /// how far the usual masks agree
    overlaps: [Overlap; 2],
    /// whether the mask shows them
    is_drawn: [bool; 2],
    /// Dice of raw masks
    over_thresholds: [DiceOverThresholds; 2],
}

fn compared(logits: &Logits, mask: &GrayImage) -> std::result::Result<Compared, MetricsError> {
    let (predicted, truth) = (logits.masks(&Masking::USUAL)?, structures(mask));
    let overlap = |index: usize| Overlap::between(&predicted[index], &truth[index]);
    Ok(Compared {
        overlaps: [overlap(0)?, overlap(1)?],
        is_drawn: truth.each_ref().map(|mask| !mask.is_empty()),
        over_thresholds: logits.dice_over_thresholds(&truth)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_mask_shows_enters_neither_the_logs_nor_the_mean() {
        let of = |is_there| Scores {
            is_there,
            dice: [1.0, 0.5],
            iou: [1.0, 0.25],
            pixel_accuracy: [1.0, 0.75],
            curves: DiceCurves::default(),
            regions: 2,
        };
        let names = |scores: &Scores| scores.named().iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let (both, disc) = (of([true; 2]), of([false, true]));
        assert_eq!((both.mean_dice(), both.named().len(), both.not_measured()), (Some(0.75), 7, vec![]));
        assert_eq!((disc.mean_dice(), disc.not_measured()), (Some(0.5), vec!["cup"]));
        assert_eq!(names(&disc), ["disc_dice", "mean_dice", "disc_iou", "disc_pixel_accuracy"]);
        assert_eq!((of([false; 2]).mean_dice(), names(&of([false; 2])).len()), (None, 0));
    }
}
