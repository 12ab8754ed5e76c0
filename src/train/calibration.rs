//! Thresholds of a network that exists already, from regions of its source.

use std::path::Path;

use super::error::TrainError;
use super::settings::Config;
use super::validation::{Validation, validation_batch};
use super::weights::{Demand, load_weights};
use crate::data::Dataset;
use crate::device::Device;
use crate::formats::StateDict;
use crate::inference::{Predictor, Views};
use crate::metrics::Calibration;
use crate::nn::Domain;

/// The thresholds that are best on labelled regions of the source, as a run finds them when it is validated: those of raw masks, of
/// images that are brought before the network as `views` say. `None` where regions or structures are missing; `done` is told how many regions
/// each batch brings.
///
/// # Errors
/// Weights (of the file at `path`) that do not fit, regions that cannot be read, and the device's.
pub fn calibrate(
    device: &Device,
    config: &Config,
    weights: &StateDict,
    path: &Path,
    views: &Views,
    held_out: Dataset,
    done: impl FnMut(usize),
) -> Result<Option<Calibration>, TrainError> {
    let states = device.states();
    let batch = validation_batch(config).min(held_out.len().max(1));
    let (predictor, tensors) = Predictor::new(device, &states, config.network(), Domain::Source, config.size, batch)?;
    load_weights(&states, &tensors, weights.clone(), path, Demand::Complete)?;
    let validation = Validation::new(Domain::Source, held_out);
    Ok(validation.run(&predictor.seeing(views.clone()), done)?.calibration())
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, Rgb, RgbImage};

    use super::*;
    use crate::data::mask::structures;
    use crate::data::{Labels, RegionPixels, Split};
    use crate::formats::HostTensor;
    use crate::metrics::{Masking, Masks, dice, thresholds};
    use crate::nn::init::initial_values;

    /// As many regions of 32 pixels as thresholds take, with discs and cups drawn.
    fn regions(folder: &Path) -> Dataset {
        let rois = folder.join(Split::Train.folder()).join("ROIs");
        ["image", "mask"].iter().for_each(|name| std::fs::create_dir_all(rois.join(name)).expect("it is writable"));
        for index in 0..Calibration::LEAST as u32 {
            let from_middle = |x: u32, y: u32| x.abs_diff(16).max(y.abs_diff(12 + index));
            let image = RgbImage::from_fn(32, 32, |x, y| {
                Rgb([if from_middle(x, y) < 8 { 220 } else { 90 }, (7 * x) as u8, (20 * index) as u8])
            });
            let mask = GrayImage::from_fn(32, 32, |x, y| {
                Luma([match from_middle(x, y) {
                    0..4 => 0,
                    4..9 => 128,
                    _ => 255,
                }])
            });
            image.save(rois.join(format!("image/{index:02}.png"))).expect("it is writable");
            mask.save(rois.join(format!("mask/{index:02}.png"))).expect("it is writable");
        }
        Dataset::open_split(folder, Split::Train, Labels::Required).expect("regions")
    }

    #[test]
    fn thresholds_are_those_of_the_best_raw_masks_of_the_network_as_it_is_used() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (held_out, path) = (regions(folder.path()), Path::new("weights.safetensors"));
        let config = Config { size: 32, batch: 5, ..Config::new(Default::default()) };
        let mut weights = StateDict::default();
        for spec in config.network().tensors().expect("it has this output stride") {
            let data = initial_values(&spec, 3);
            weights.insert(spec.name, HostTensor { shape: spec.shape.to_vec(), data }).expect("names differ");
        }
        let colours = Some("0.5 -0.5 0 0.125 0.25 0.5".parse().expect("colours"));
        let [plain, colours] = [None, colours].map(Views::brought_to);
        let scales = Views { scales: "0.5,1".parse().expect("scales"), ..Views::default() };
        // Against masks made one by one.
        let expected = |views: &Views| {
            let states = Device::Cpu.states();
            let (predictor, tensors) =
                Predictor::new(&Device::Cpu, &states, config.network(), Domain::Source, 32, 10).expect("it fits");
            load_weights(&states, &tensors, weights.clone(), path, Demand::Complete).expect("they fit");
            predictor.refresh().expect("weights are there");
            let read = |region| RegionPixels::read(region).expect("just written");
            let pixels: Vec<RegionPixels> = held_out.regions().iter().map(read).collect();
            let images: Vec<_> = pixels.iter().map(|pixels| &pixels.image).collect();
            let logits = predictor.seeing(views.clone()).logits(&images).expect("ten images fit");
            let mean = |class: usize, threshold: f32| {
                let masking = Masking { masks: Masks::Raw, thresholds: [threshold; 2], erosion: 0 };
                let of = |(logits, pixels): (&crate::inference::Logits, &RegionPixels)| {
                    let truth = structures(pixels.mask.as_ref().expect("all have masks"));
                    dice(&logits.masks(&masking).expect("they fit")[class], &truth[class]).expect("they fit")
                };
                logits.iter().zip(&pixels).map(of).sum::<f64>() / 10.0
            };
            [0, 1].map(|class| {
                let all = thresholds().map(|threshold| (mean(class, threshold), threshold));
                let highest = all.iter().map(|(dice, _)| *dice).fold(0.0, f64::max);
                let best: Vec<f32> = all.iter().filter(|(dice, _)| *dice == highest).map(|(_, at)| *at).collect();
                Some(best[(best.len() - 1) / 2])
            })
        };
        let found = |views: &Views| {
            let mut seen = 0;
            let found = calibrate(&Device::Cpu, &config, &weights, path, views, held_out.clone(), |more| seen += more);
            assert_eq!(seen, held_out.len());
            found.expect("it can be computed").expect("there are enough")
        };
        let of_plain = found(&plain);
        assert_eq!((of_plain.thresholds(), of_plain.regions), (expected(&plain), 10));
        for views in [colours, scales] {
            let brought = found(&views);
            assert_eq!(brought.thresholds(), expected(&views));
            assert_ne!(brought, of_plain, "{views:?} make a difference here");
        }
    }
}
