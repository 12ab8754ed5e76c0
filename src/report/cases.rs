//! Single images in the report: which ones, and what a checkpoint makes of them.

use std::path::Path;

use anyhow::{Context, Result};
use image::RgbImage;

use super::evaluation::Evaluation;
use super::outline::{map_uri, outline, photograph_uri};
use crate::data::mask::decode_mask;
use crate::data::region::image_planes;
use crate::data::resize::resize_image;
use crate::data::{Region, RegionPixels};
use crate::device::{Device, Program};
use crate::inference::{Logits, Predictor};
use crate::method::step::PSEUDO_THRESHOLD;
use crate::method::uncertainty;
use crate::metrics::{Masking, Masks};
use crate::train::{Config, TrainedNetwork, load_generator, load_predictor};

/// Images computed at once.
const BATCH: usize = 2;
/// Fixed, so that the same checkpoint always gives the same report.
const DROPOUT_SEED: [f32; 2] = [1986.0, 2022.0];
/// The deviation at the upper end of the colours.
pub const MOST_STD: f32 = 0.2;

/// Why an image is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// least mean Dice
    Worst,
    /// largest mean Dice
    Best,
    /// the last run gains most over the first
    Gain,
    /// the last run loses most
    Loss,
}

impl Kind {
    /// Heading of its cases.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Worst => "Worst images",
            Kind::Best => "Best images",
            Kind::Gain => "Largest gains in Dice",
            Kind::Loss => "Largest drops in Dice",
        }
    }

    /// Name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Worst => "worst",
            Kind::Best => "best",
            Kind::Gain => "gain",
            Kind::Loss => "loss",
        }
    }
}

/// An image that is shown. Paths are in its pixels; of two, the cup's is first.
#[derive(Clone, Debug)]
pub struct Case {
    /// name of the region
    pub name: String,
    /// why it is shown
    pub kind: Kind,
    /// columns and rows
    pub size: [u32; 2],
    /// data URI
    pub photograph: String,
    /// contours of its mask
    pub truth: [String; 2],
    /// of each run, by its place
    pub views: Vec<(usize, View)>,
}

/// What a checkpoint makes of an image.
#[derive(Clone, Debug)]
pub struct View {
    /// outlines of the prediction
    pub prediction: [String; 2],
    /// outlines of the pseudo label
    pub pseudo_label: [String; 2],
    /// deviations over dropout passes, as data URIs; a network that was trained without dropout has none
    pub uncertainty: Option<[String; 2]>,
}

/// The images to show, `count` of each kind at most and none twice: of one evaluation the worst and the best by mean
/// Dice, of several on the same images those where the last gains and loses most over the first.
pub fn choose(evaluations: &[&Evaluation], count: usize) -> Vec<(Kind, String)> {
    let Some((first, others)) = evaluations.split_first() else { return Vec::new() };
    let mut scored: Vec<(f64, &str)> = match others.last() {
        None => first.images.iter().filter_map(|row| Some((row.mean_dice()?, row.name.as_str()))).collect(),
        Some(last) => {
            let of = |name: &str| first.images.iter().find(|row| row.name == name);
            let gain = |row: &'_ super::ImageRow| Some(row.mean_dice()? - of(&row.name)?.mean_dice()?);
            last.images.iter().filter_map(|row| Some((gain(row)?, row.name.as_str()))).collect()
        }
    };
    scored.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
    let count = count.min(scored.len().div_ceil(2));
    let (low, high) = if others.is_empty() { (Kind::Worst, Kind::Best) } else { (Kind::Loss, Kind::Gain) };
    let lowest = scored.iter().take(count);
    let highest = scored.iter().rev().take(count.min(scored.len() - count));
    // What did not gain is no gain.
    let lowest = lowest.filter(|entry| low == Kind::Worst || entry.0 < 0.0).map(|entry| (low, entry.1.to_string()));
    let highest = highest.filter(|entry| high == Kind::Best || entry.0 > 0.0).map(|entry| (high, entry.1.to_string()));
    if low == Kind::Worst { lowest.chain(highest).collect() } else { highest.chain(lowest).collect() }
}

/// The image of a case as it is in the dataset, completed to a square as networks see it, without views yet.
///
/// # Errors
/// A region that cannot be read or has no mask.
pub fn open(kind: Kind, region: &Region) -> Result<(Case, RgbImage)> {
    let pixels = RegionPixels::read(region)?.squared();
    let mask = pixels.mask.with_context(|| format!("`{}` has no mask", region.image.display()))?;
    let (width, height) = mask.dimensions();
    let planes = decode_mask(mask.as_raw());
    let sides = [width as usize, height as usize];
    let truth = |class: usize| {
        outline(&planes[class * sides[0] * sides[1]..][..sides[0] * sides[1]], sides, 0.5, [width, height])
    };
    let case = Case {
        name: region.name.clone(),
        kind,
        size: [width, height],
        photograph: photograph_uri(&pixels.image)?,
        truth: [truth(0)?, truth(1)?],
        views: Vec::new(),
    };
    Ok((case, pixels.image))
}

/// A checkpoint that looks at images: its prediction, and its dropout passes.
pub struct Viewer {
    predictor: Predictor,
    sampler: Program,
    config: Config,
    masking: Masking,
}

impl Viewer {
    /// Loads a checkpoint of a run.
    ///
    /// # Errors
    /// A checkpoint that cannot be used, and the device's.
    pub fn load(device: &Device, checkpoint: &Path, run: &Config, masking: Masking) -> Result<Viewer> {
        let TrainedNetwork { predictor, config, .. } = load_predictor(device, checkpoint, run, BATCH)?;
        let passes = config.stochastic_passes;
        let (graph, tensors) = uncertainty::trace(config.network(), BATCH, config.size, passes)?;
        let states = device.states();
        let sampler = device.compile(&graph, &states)?;
        load_generator(&states, &tensors, checkpoint)?;
        Ok(Viewer { predictor, sampler, config, masking })
    }

    /// What the checkpoint makes of images, in their order; `seen` is called with the number of each few that are done.
    ///
    /// # Errors
    /// The device's.
    pub fn views(&self, images: &[&RgbImage], mut seen: impl FnMut(usize)) -> Result<Vec<View>> {
        let mut views = Vec::new();
        for images in images.chunks(BATCH) {
            let logits = self.predictor.logits(images)?;
            let [std, probability] = self.sample(images)?;
            let plane = std.len() / (2 * BATCH);
            for (index, (logits, image)) in logits.iter().zip(images).enumerate() {
                let of = |values: &[f32], class: usize| values[(2 * index + class) * plane..][..plane].to_vec();
                let maps = |values: &[f32]| [of(values, 0), of(values, 1)];
                views.push(self.view(logits, &maps(&std), &maps(&probability), image.dimensions().into())?);
            }
            seen(images.len());
        }
        Ok(views)
    }

    /// Deviations, and probabilities without dropout, each `[BATCH,2,h,w]`.
    fn sample(&self, images: &[&RgbImage]) -> Result<[Vec<f32>; 2]> {
        let side = self.config.size as u32;
        let mut input: Vec<f32> = images.iter().flat_map(|i| image_planes(&resize_image(i, side, side))).collect();
        input.resize(BATCH * 3 * self.config.size * self.config.size, 0.0);
        self.sampler.write("image", &input)?;
        self.sampler.write("seed", &DROPOUT_SEED)?;
        self.sampler.run()?;
        let mut values = self.sampler.read(&["std", "probability"])?;
        let probability = values.remove(1);
        Ok([values.remove(0), probability])
    }

    fn view(&self, logits: &Logits, std: &[Vec<f32>; 2], small: &[Vec<f32>; 2], size: [u32; 2]) -> Result<View> {
        let sides = [logits.width, logits.height];
        let prediction = match self.masking.masks {
            // Between pixels, where the map crosses its threshold.
            Masks::Raw => {
                let of =
                    |class: usize| outline(&logits.probability(class), sides, self.masking.thresholds[class], size);
                [of(0)?, of(1)?]
            }
            Masks::Postprocessed => {
                let [cup, disc] = logits
                    .masks(&self.masking)?
                    .map(|mask| mask.pixels().map(|inside| f32::from(u8::from(inside))).collect());
                let of = |values: Vec<f32>| outline(&values, sides, 0.5, size);
                [of(cup)?, of(disc)?]
            }
        };
        let side = small[0].len().isqrt();
        let pseudo = |class: usize| outline(&small[class], [side; 2], PSEUDO_THRESHOLD, size);
        let uncertainty = match self.config.dropout.is_on() {
            true => Some([map_uri(&std[0], [side; 2], MOST_STD)?, map_uri(&std[1], [side; 2], MOST_STD)?]),
            false => None,
        };
        Ok(View { prediction, pseudo_label: [pseudo(0)?, pseudo(1)?], uncertainty })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::ImageRow;
    use super::*;

    fn evaluation(dice: &[(&str, f64)]) -> Evaluation {
        let row = |&(name, dice): &(&str, f64)| ImageRow {
            name: name.to_string(),
            cup_dice: Some(dice),
            disc_dice: Some(dice),
            ..ImageRow::default()
        };
        Evaluation {
            folder: PathBuf::new(),
            data: PathBuf::new(),
            checkpoint: PathBuf::new(),
            steps: None,
            masking: Masking::USUAL,
            thresholds_of: None,
            totals: serde_json::Value::Null,
            images: dice.iter().map(row).collect(),
            is_stale: false,
        }
    }

    fn chosen(evaluations: &[&Evaluation], count: usize) -> Vec<(Kind, String)> {
        choose(evaluations, count)
    }

    #[test]
    fn of_one_run_the_worst_and_the_best_are_shown_and_none_twice() {
        let own = |list: &[(Kind, &str)]| list.iter().map(|(k, n)| (*k, n.to_string())).collect::<Vec<_>>();
        let a = evaluation(&[("p", 0.5), ("q", 0.9), ("r", 0.1), ("s", 0.7)]);
        let expected = own(&[(Kind::Worst, "r"), (Kind::Best, "q")]);
        assert_eq!(chosen(&[&a], 1), expected);
        assert_eq!(chosen(&[&a], 9).len(), 4);
        assert_eq!(chosen(&[&evaluation(&[("p", 0.5)])], 3), own(&[(Kind::Worst, "p")]));
        assert!(chosen(&[], 3).is_empty() && chosen(&[&evaluation(&[])], 3).is_empty());
    }

    #[test]
    fn of_several_runs_the_largest_gains_and_losses_are_shown() {
        let own = |list: &[(Kind, &str)]| list.iter().map(|(k, n)| (*k, n.to_string())).collect::<Vec<_>>();
        let a = evaluation(&[("p", 0.5), ("q", 0.5), ("r", 0.5), ("s", 0.5)]);
        let b = evaluation(&[("p", 0.6), ("q", 0.9), ("r", 0.4), ("s", 0.7)]);
        assert_eq!(chosen(&[&a, &b], 2), own(&[(Kind::Gain, "q"), (Kind::Gain, "s"), (Kind::Loss, "r")]));
    }
}
