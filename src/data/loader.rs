//! Batches of training samples, prepared ahead of the consumer by worker threads.
//!
//! Batch n of a loader is a function of the data set and the options alone: neither the number of workers nor the batch
//! the stream was started at changes it, so a resumed run sees what an undisturbed one would have seen.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rand::seq::SliceRandom;

use super::augment::{Augment, PhotometricCopy};
use super::colours::{Colours, bring_image};
use super::dataset::Dataset;
use super::error::DataError;
use super::image_file::MAX_SIDE;
use super::prefetch::Prefetch;
use super::region::RegionPixels;
use super::rng::{Purpose, SampleKey};
use super::sample::prepare_sample;
use crate::domain::Domain;

/// Smallest side that a region may be resized to, in pixels.
const MIN_SIZE: u32 = 16;

/// How a data set becomes batches.
#[derive(Debug, Clone, PartialEq)]
pub struct LoaderOptions {
    /// Side S of the regions in pixels.
    pub size: u32,
    /// Samples B in a batch.
    pub batch: usize,
    /// Seed of the run.
    pub seed: u64,
    /// Domain of the data set; with the same seed, source and target still draw different numbers.
    pub domain: Domain,
    /// Worker threads; [`default_workers`] fits most machines.
    pub workers: usize,
    /// Colours that each image is brought to first, if there are some.
    pub colours: Option<Colours>,
    /// Augmentation of every sample.
    pub augment: Augment,
    /// Draw a new order each epoch; else the order of names.
    pub shuffle: bool,
    /// Deliver masks and boundaries; every region must then have a mask. Else masks are not read.
    pub labels: bool,
    /// Copy of each image to deliver beside it.
    pub photometric_copy: PhotometricCopy,
    /// Bytes of resized regions kept in memory, so that their files are decoded once.
    pub cache_bytes: usize,
}

impl LoaderOptions {
    /// Bytes that [`LoaderOptions::cache_bytes`] is usually set to: 512 MiB, over 500 labelled regions at size 512.
    pub const DEFAULT_CACHE_BYTES: usize = 512 << 20;
}

/// Worker threads to use unless told otherwise: one per processor, at most eight.
pub fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get).min(8)
}

/// Some samples of one epoch, stacked in order, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Number of this batch since the start of the run.
    pub number: u64,
    /// The pass over the data it belongs to.
    pub epoch: u64,
    /// Names of the regions.
    pub names: Vec<String>,
    /// `[B, 3, S, S]`, byte / 127.5 - 1.
    pub images: Vec<f32>,
    /// `[B, 2, S, S]` of 0 and 1: cup, then disc; empty without labels.
    pub masks: Vec<f32>,
    /// `[B, 1, S, S]` in [0, 1]; empty without labels.
    pub boundaries: Vec<f32>,
    /// `[B, 3, S, S]`; empty unless asked for.
    pub images_augmented: Vec<f32>,
}

/// Makes the batches of one data set.
#[derive(Debug)]
pub struct Loader {
    source: Arc<BatchSource>,
}

#[derive(Debug)]
struct BatchSource {
    dataset: Arc<Dataset>,
    options: LoaderOptions,
    /// Resized regions by index, each filled when first needed and while `cache_left` lasts.
    cache: Vec<OnceLock<RegionPixels>>,
    cache_left: AtomicUsize,
}

impl Loader {
    /// Checks the options against the data set; reads nothing yet.
    ///
    /// # Errors
    /// A size or batch out of range, fewer regions than a batch, a region without a mask where labels are asked for.
    pub fn new(dataset: Arc<Dataset>, options: LoaderOptions) -> Result<Self, DataError> {
        if !(MIN_SIZE..=MAX_SIDE).contains(&options.size) {
            let value = options.size.to_string();
            return Err(DataError::Setting { name: "the size", value, expected: "16 to 16384 pixels" });
        }
        if options.batch == 0 {
            return Err(DataError::Setting { name: "the batch", value: "0".into(), expected: "1 or more regions" });
        }
        if dataset.len() < options.batch {
            return Err(DataError::TooFewRegions {
                directory: dataset.directory().to_path_buf(),
                regions: dataset.len(),
                batch: options.batch,
            });
        }
        let mut unlabelled = dataset.regions().iter().filter(|region| region.mask.is_none());
        if let (true, Some(region)) = (options.labels, unlabelled.next()) {
            let (image, others) = (region.image.clone(), unlabelled.count());
            return Err(DataError::MissingMask { image, folder: dataset.mask_folder(), others, unmatched: Vec::new() });
        }
        let cache = (0..dataset.len()).map(|_| OnceLock::new()).collect();
        let cache_left = AtomicUsize::new(options.cache_bytes);
        Ok(Self { source: Arc::new(BatchSource { dataset, options, cache, cache_left }) })
    }

    /// Whole batches in one pass over the data; what is left over is dropped.
    pub fn batches_per_epoch(&self) -> u64 {
        self.source.batches_per_epoch()
    }

    /// Starts the workers; the stream begins with batch `first_batch`, counted over the whole run.
    pub fn start(&self, first_batch: u64) -> BatchStream {
        let source = Arc::clone(&self.source);
        let batches = Prefetch::start(self.source.options.workers, first_batch, move |number| source.batch(number));
        BatchStream { batches, next: first_batch }
    }
}

impl BatchSource {
    fn batches_per_epoch(&self) -> u64 {
        (self.dataset.len() / self.options.batch) as u64
    }

    /// Indices of the regions in the order of an epoch.
    fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.dataset.len()).collect();
        if self.options.shuffle {
            order.shuffle(&mut self.key(epoch, 0).rng(Purpose::Shuffle));
        }
        order
    }

    fn key(&self, epoch: u64, index: usize) -> SampleKey {
        SampleKey { seed: self.options.seed, domain: self.options.domain, epoch, index: index as u64 }
    }

    fn batch(&self, number: u64) -> Result<Batch, DataError> {
        let options = &self.options;
        let epoch = number / self.batches_per_epoch();
        let first = (number % self.batches_per_epoch()) as usize * options.batch;
        let pixels = options.batch * options.size as usize * options.size as usize;
        let room = |asked_for: bool, channels: usize| Vec::with_capacity(if asked_for { channels * pixels } else { 0 });
        let mut batch = Batch {
            number,
            epoch,
            names: Vec::with_capacity(options.batch),
            images: room(true, 3),
            masks: room(options.labels, 2),
            boundaries: room(options.labels, 1),
            images_augmented: room(options.photometric_copy != PhotometricCopy::None, 3),
        };
        for &index in &self.order(epoch)[first..first + options.batch] {
            let region = self.region(index)?;
            let sample = prepare_sample(region, options.augment, options.photometric_copy, self.key(epoch, index));
            batch.names.push(self.dataset.regions()[index].name.clone());
            batch.images.extend(sample.image);
            batch.masks.extend(sample.mask);
            batch.boundaries.extend(sample.boundary);
            batch.images_augmented.extend(sample.image_augmented);
        }
        Ok(batch)
    }

    /// A region's pixels at the loader's size, from memory where they have been kept.
    fn region(&self, index: usize) -> Result<RegionPixels, DataError> {
        if let Some(kept) = self.cache[index].get() {
            return Ok(kept.clone());
        }
        let mut region = self.dataset.regions()[index].clone();
        if !self.options.labels {
            region.mask = None;
        }
        let mut pixels = RegionPixels::read(&region)?.resized(self.options.size);
        if let Some(colours) = &self.options.colours {
            bring_image(colours, &mut pixels.image);
        }
        let take = |left: usize| left.checked_sub(pixels.bytes());
        if self.cache_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
            && self.cache[index].set(pixels.clone()).is_err()
        {
            // Another worker has kept the same region in the meantime.
            self.cache_left.fetch_add(pixels.bytes(), Ordering::Relaxed);
        }
        Ok(pixels)
    }
}

/// The batches of a [`Loader`] from some number on, without end. A batch that cannot be prepared is an error;
/// the one after it may be fine. Dropping the stream ends its threads.
pub struct BatchStream {
    batches: Prefetch<Result<Batch, DataError>>,
    next: u64,
}

impl Iterator for BatchStream {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let number = self.next;
        self.next += 1;
        let batch = self.batches.next()?;
        Some(batch.unwrap_or_else(|message| Err(DataError::Worker { batch: number, message })))
    }
}
