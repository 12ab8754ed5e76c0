//! A short training run whose losses are kept to the last digit: how far adapters drift apart.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::data::augment::{Augment, PhotometricCopy};
use crate::data::synth::{SynthOptions, write_clinics};
use crate::data::{Dataset, Labels, Loader, LoaderOptions, Split};
use crate::device::Device;
use crate::nn::Domain;
use crate::train::{Config, Event, Observer, Session};

/// Regions of the synthetic clinic.
const REGIONS: usize = 40;
/// Rows and columns of the images, and images of a batch.
const SIZE: u32 = 64;
const BATCH: usize = 4;
/// Batches whose bytes are summed up.
const SUMMED: usize = 3;

/// A training run and the losses of all its steps. Two of the same length differ by their adapters alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// rows and columns of the images
    pub size: usize,
    /// images of a batch
    pub batch: usize,
    /// seed of clinic, weights, order, augmentation and dropout
    pub seed: u64,
    /// CRC-32C of the first batches: names, images, masks, boundaries and photometric copies; equal on every machine
    pub batches_crc32c: u32,
    /// total loss of each step, all digits of an f32
    pub losses: Vec<f32>,
}

impl Drift {
    /// Trains for `steps` steps on synthetic regions in `folder`: source-only, 64x64, batch 4, full augmentation,
    /// dropout. `watch` is told after each step how many are done.
    pub fn measure(device: &Device, steps: u64, folder: &Path, watch: impl FnMut(u64)) -> Result<Drift> {
        let (clinics, run) = (folder.join("clinics"), folder.join("run"));
        let options = SynthOptions { size: SIZE, train: REGIONS, test: 1, seed: 0 };
        write_clinics(&clinics, &options, |_| {}).context("cannot write the regions to train on")?;
        let mut config = Config::new(clinics.join("clinic-a"));
        (config.size, config.batch, config.steps) = (SIZE as usize, BATCH, Some(steps));
        (config.pictures_every, config.validate_every) = (0, u64::from(u32::MAX));
        let batches_crc32c = first_batches(&clinics.join("clinic-a"))?;
        let mut kept = Losses { losses: Vec::new(), watch };
        let (size, batch, seed) = (config.size, config.batch, config.seed);
        Session::begin(device, config, &run, &mut kept)?.train(&mut kept)?;
        Ok(Drift { size, batch, seed, batches_crc32c, losses: kept.losses })
    }

    /// How far two runs are apart after as many steps: `|a − b| / |a|` of the losses, `None` where a run is shorter.
    pub fn apart(&self, other: &Drift, step: usize) -> Option<f64> {
        let (a, b) = (*self.losses.get(step.checked_sub(1)?)?, *other.losses.get(step - 1)?);
        Some((f64::from(a) - f64::from(b)).abs() / f64::from(a).abs())
    }

    /// Whether both runs did the same.
    pub fn is_comparable(&self, other: &Drift) -> bool {
        (self.size, self.batch, self.seed) == (other.size, other.batch, other.seed)
    }
}

/// CRC-32C of the first batches of a clinic, fully augmented.
fn first_batches(clinic: &Path) -> Result<u32> {
    let dataset = Arc::new(Dataset::open_split(clinic, Split::Train, Labels::Required)?);
    let options = LoaderOptions {
        size: SIZE,
        batch: BATCH,
        seed: 0,
        domain: Domain::Source,
        workers: 1,
        colours: None,
        augment: Augment::Full,
        shuffle: true,
        labels: true,
        photometric_copy: PhotometricCopy::Consistency,
        cache_bytes: 0,
    };
    let mut crc = 0;
    for batch in Loader::new(dataset, options)?.start(0).take(SUMMED) {
        let batch = batch?;
        crc = crc32c::crc32c_append(crc, batch.names.concat().as_bytes());
        for values in [&batch.images, &batch.masks, &batch.boundaries, &batch.images_augmented] {
            crc = crc32c::crc32c_append(crc, bytemuck::cast_slice(values));
        }
    }
    Ok(crc)
}

/// Keeps the total loss of each step.
struct Losses<W> {
    losses: Vec<f32>,
    watch: W,
}

impl<W: FnMut(u64)> Observer for Losses<W> {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Step(record) = event {
            self.losses.extend(record.losses.first().map(|(_, total)| *total));
            (self.watch)(self.losses.len() as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same on every machine, whatever its processor, its system or its number of threads.
    #[test]
    fn the_first_batches_are_these() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = SynthOptions { size: SIZE, train: REGIONS, test: 1, seed: 0 };
        write_clinics(folder.path(), &options, |_| {}).expect("a temporary folder can be written");
        assert_eq!(first_batches(&folder.path().join("clinic-a")).expect("regions"), 1_234_161_641);
    }

    #[test]
    fn distance_of_two_runs() {
        let run = |losses: &[f32]| Drift { size: 64, batch: 4, seed: 0, batches_crc32c: 7, losses: losses.to_vec() };
        let (a, b) = (run(&[1.0, 0.5, 0.25]), run(&[1.0, 0.75]));
        assert_eq!([1, 2, 3].map(|step| a.apart(&b, step)), [Some(0.0), Some(0.5), None]);
        assert_eq!(a.apart(&b, 0), None);
    }
}
