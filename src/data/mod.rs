//! From folders of photographs to batches of numbers: dataset layout, masks, augmentation, loading, and the
//! synthetic data that needs no folder at all.
//!
//! Arrays are row-major `f32`; mask channel 0 is the cup, channel 1 the disc, which contains the cup.

pub mod augment;
pub mod boundary;
pub mod checkup;
pub mod colours;
pub mod contact_sheet;
pub mod content;
pub mod dataset;
pub mod disc_finder;
pub mod duplicates;
mod error;
pub mod fit;
pub mod folder;
pub mod guard;
pub mod image_file;
pub mod loader;
pub mod mask;
mod matching;
mod morphology;
pub mod names;
pub mod overlay;
pub mod patients;
pub mod place;
mod prefetch;
pub mod prepare;
pub mod region;
pub mod remarks;
pub mod resize;
mod rng;
pub mod sample;
pub mod scales;
pub mod square;
mod structure;
pub mod synth;
#[cfg(test)]
mod tests;
mod words;

pub use augment::{Augment, PhotometricCopy};
pub use dataset::{Dataset, Labels, Split};
pub use error::{DataError, no_folder, other_split};
pub use loader::{Batch, BatchStream, Loader, LoaderOptions, default_workers};
pub use region::{Region, RegionPixels};
pub use rng::SampleKey;
pub use sample::{Sample, prepare_sample};
