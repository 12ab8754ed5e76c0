//! Writes both clinics as folders in the dataset layout.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use image::DynamicImage;
use rayon::prelude::*;

use super::{Clinic, Split, generate};
use crate::atomic_file::{WriteError, remove_abandoned};
use crate::data::image_file::write_png;
use crate::own_file::{Overwriting, Purpose};

/// Pictures smaller than this show no cup; larger ones would only interpolate.
const SIZES: std::ops::RangeInclusive<u32> = 32..=4096;

/// Photographs of a clinic's split, at most: more than any camera has taken, and as many as fit into memory by their names.
const MOST: usize = 100_000;

/// What [`write_clinics`] writes into each clinic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynthOptions {
    /// Pixels a side of every picture, 32 to 4096.
    pub size: u32,
    /// Training photographs per clinic.
    pub train: usize,
    /// Test photographs per clinic.
    pub test: usize,
    /// Seed of all eyes and photographs.
    pub seed: u64,
}

impl Default for SynthOptions {
    fn default() -> Self {
        Self { size: 512, train: 80, test: 20, seed: 0 }
    }
}

/// Why the clinics could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The size is out of range.
    #[error("pictures of {0} pixels a side cannot be made: choose a size from {low} to {high}", low = SIZES.start(), high = SIZES.end())]
    Size(u32),
    /// No photographs were asked for.
    #[error("zero training and zero test photographs were asked for: ask for at least one")]
    Nothing,
    /// More photographs than anybody needs.
    #[error("{0} photographs are too many: ask for {most} at most", most = MOST)]
    TooMany(usize),
    /// The output folder is something else.
    #[error("{} is not a folder: choose an empty or new folder", .0.display())]
    NotAFolder(PathBuf),
    /// Files of another origin or another number lie in the folder.
    #[error("{} already holds {}, which this would not overwrite: choose an empty or new folder", folder.display(), found.display())]
    Occupied {
        /// The output folder.
        folder: PathBuf,
        /// The first foreign file or folder found there.
        found: PathBuf,
    },
    /// The file system refused.
    #[error("{} could not be {action}: {source}", path.display())]
    Io {
        /// What was to be done, as a participle.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A picture could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// One photograph with the places of its two files relative to the output folder.
struct Job {
    clinic: Clinic,
    split: Split,
    index: u64,
    image: PathBuf,
    mask: PathBuf,
}

/// Writes `out/clinic-{a,b}/{train,test}/ROIs/{image,mask}/NAME.png`, on all threads of the current rayon pool.
///
/// `progress` gets the number of photographs done so far, of `2·(train + test)`. Each file appears whole or not at all.
///
/// # Errors
/// [`Error::Occupied`] or [`Error::NotAFolder`], before anything is written, when `out` is no folder or holds anything
/// but files that would be overwritten; [`Error::Size`] and [`Error::Nothing`] for options that make no sense;
/// otherwise what the file system says.
pub fn write_clinics(out: &Path, options: &SynthOptions, progress: impl Fn(usize) + Sync) -> Result<(), Error> {
    if !SIZES.contains(&options.size) {
        return Err(Error::Size(options.size));
    }
    if options.train == 0 && options.test == 0 {
        return Err(Error::Nothing);
    }
    if let Some(count) = [options.train, options.test].into_iter().find(|count| *count > MOST) {
        return Err(Error::TooMany(count));
    }
    let jobs = jobs(options);
    refuse_foreign(out, &jobs)?;
    for folder in
        jobs.iter().flat_map(|job| [&job.image, &job.mask]).filter_map(|file| file.parent()).collect::<HashSet<_>>()
    {
        let path = out.join(folder);
        fs::create_dir_all(&path).map_err(|source| Error::Io { action: "created", path, source })?;
    }
    let done = AtomicUsize::new(0);
    jobs.par_iter().try_for_each(|job| {
        let (image, mask) = generate(options.seed, job.clinic, job.split, job.index, options.size);
        let rule = Overwriting::default();
        write_png(&rule, &out.join(&job.image), Purpose::Region, &DynamicImage::ImageRgb8(image))?;
        write_png(&rule, &out.join(&job.mask), Purpose::RegionMask, &DynamicImage::ImageLuma8(mask))?;
        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        Ok(())
    })
}

fn jobs(options: &SynthOptions) -> Vec<Job> {
    let mut jobs = vec![];
    for clinic in Clinic::ALL {
        for split in Split::ALL {
            let count = if split == Split::Train { options.train } else { options.test };
            let digits = count.to_string().len().max(4);
            let rois = Path::new(clinic.name()).join(split.name()).join("ROIs");
            jobs.extend((0..count).map(|index| {
                let name = format!("{}-{}-{:0digits$}.png", clinic.name(), split.name(), index + 1);
                let (image, mask) = (rois.join("image").join(&name), rois.join("mask").join(&name));
                Job { clinic, split, index: index as u64, image, mask }
            }));
        }
    }
    jobs
}

/// Fails when `out` holds anything that these jobs would not write themselves.
fn refuse_foreign(out: &Path, jobs: &[Job]) -> Result<(), Error> {
    let files: HashMap<&Path, Purpose> =
        jobs.iter().flat_map(|job| [(&*job.image, Purpose::Region), (&*job.mask, Purpose::RegionMask)]).collect();
    let folders: HashSet<&Path> = files.keys().flat_map(|file| file.ancestors().skip(1)).collect();
    let rule = Overwriting::default();
    if !out.try_exists().map_err(|source| Error::Io { action: "read", path: out.into(), source })? {
        return Ok(());
    }
    if !out.is_dir() {
        return Err(Error::NotAFolder(out.into()));
    }
    let mut pending = vec![PathBuf::new()];
    while let Some(folder) = pending.pop() {
        let path = out.join(&folder);
        let failed = |source| Error::Io { action: "read", path: path.clone(), source };
        remove_abandoned(&path)?;
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let within = folder.join(entry.file_name());
            let is_folder = entry.file_type().map_err(failed)?.is_dir();
            let ours = if is_folder {
                folders.contains(within.as_path())
            } else {
                files.get(within.as_path()).is_some_and(|kind| rule.check(&out.join(&within), *kind).is_ok())
            };
            if !ours {
                return Err(Error::Occupied { folder: out.into(), found: within });
            }
            if is_folder {
                pending.push(within);
            }
        }
    }
    Ok(())
}
