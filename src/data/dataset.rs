//! The dataset layout: `<dataset>/<train|test>/ROIs/{image,mask}/NAME.png`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::error::DataError;
use super::image_file::summarise;
use super::region::{Region, RegionPixels};

/// File name endings that count as images, compared without case.
const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp"];

/// How a split's masks are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// Every image must have one.
    Required,
    /// Taken where there is one.
    Optional,
    /// Not looked for; the mask folder may be absent.
    Ignored,
}

/// One of the two parts of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// `train/`
    Train,
    /// `test/`
    Test,
}

impl Split {
    /// The name of its folder.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// The regions of one split, sorted by name.
#[derive(Debug, Clone)]
pub struct Dataset {
    directory: PathBuf,
    regions: Vec<Region>,
}

impl Dataset {
    /// Lists a split folder, which holds `ROIs/image` and `ROIs/mask`. Files that are hidden or not images are passed
    /// over, and so are masks without an image; no pixel is read.
    ///
    /// # Errors
    /// A missing folder, no image at all, two files of the same stem, and an image without a mask where one is required.
    pub fn open(directory: &Path, labels: Labels) -> Result<Self, DataError> {
        let folder = |kind: &str| directory.join("ROIs").join(kind);
        let list = |kind: &str| match list_images(&folder(kind))? {
            Some(files) => Ok(files),
            None => Err(DataError::MissingFolder { directory: directory.to_path_buf(), missing: folder(kind) }),
        };
        let images = list("image")?;
        if images.is_empty() {
            return Err(DataError::Empty(folder("image")));
        }
        let mut masks = match labels {
            Labels::Required => list("mask")?,
            Labels::Optional => list_images(&folder("mask"))?.unwrap_or_default(),
            Labels::Ignored => BTreeMap::new(),
        };
        let mut regions = Vec::with_capacity(images.len());
        for (name, image) in images {
            let mask = masks.remove(&name);
            if mask.is_none() && labels == Labels::Required {
                return Err(DataError::MissingMask { image, folder: folder("mask") });
            }
            regions.push(Region { name, image, mask });
        }
        Ok(Self { directory: directory.to_path_buf(), regions })
    }

    /// Opens `<dataset>/train` or `<dataset>/test`.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn open_split(dataset: &Path, split: Split, labels: Labels) -> Result<Self, DataError> {
        Self::open(&dataset.join(split.folder()), labels)
    }

    /// The split's folder.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The folder where its masks lie, or would lie.
    pub fn mask_folder(&self) -> PathBuf {
        self.directory.join("ROIs").join("mask")
    }

    /// The regions, sorted by name.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Number of regions.
    pub fn len(&self) -> usize {
        self.regions.len()
    }

    /// True without any region, which only a part made by [`Dataset::hold_out_every_tenth`] can be.
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// Splits into the regions to train on and the held-out ones: the 10th, 20th, 30th, ... by sorted name, that is
    /// index 9, 19, 29, ... counted from 0. With fewer than ten regions nothing is held out.
    pub fn hold_out_every_tenth(&self) -> (Self, Self) {
        let part = |held_out: bool| {
            let regions = self.regions.iter().enumerate().filter(|(i, _)| (i % 10 == 9) == held_out);
            Self { directory: self.directory.clone(), regions: regions.map(|(_, region)| region.clone()).collect() }
        };
        (part(false), part(true))
    }

    /// Reads every region once, so that a damaged file is found before hours of training, and returns what a user should
    /// know about the files, one sentence for each kind.
    ///
    /// # Errors
    /// The first region, by name, that [`RegionPixels::read`] refuses.
    pub fn check_readable(&self) -> Result<Vec<String>, DataError> {
        let read = |region| Ok(RegionPixels::read(region)?.notes(region));
        let read: Vec<Result<Vec<_>, _>> = self.regions.par_iter().map(read).collect();
        let notes = read.into_iter().collect::<Result<Vec<_>, DataError>>()?;
        Ok(summarise(notes.into_iter().flatten()))
    }

    /// Checks regions that are to be trained on: reads every one once, as [`Dataset::check_readable`] does, and returns
    /// warnings too, one sentence each, in the order of the regions: masks without a cup.
    ///
    /// # Errors
    /// The first region, by name, that [`RegionPixels::read`] refuses, or whose mask has no disc.
    pub fn check(&self) -> Result<Vec<String>, DataError> {
        let read = |region| {
            let pixels = RegionPixels::read(region)?;
            Ok((region, pixels.summary(), pixels.notes(region)))
        };
        let read: Vec<Result<_, DataError>> = self.regions.par_iter().map(read).collect();
        let (mut without_cup, mut notes) = (Vec::new(), Vec::new());
        for result in read {
            let (region, summary, of_region) = result?;
            notes.extend(of_region);
            if let Some(summary) = summary {
                if let (false, Some(mask)) = (summary.has_disc, &region.mask) {
                    return Err(DataError::NoDisc(mask.clone()));
                }
                if !summary.has_cup {
                    without_cup.push(region);
                }
            }
        }
        let count = without_cup.len();
        let warn = |(i, region): (usize, &&Region)| {
            let mask = region.mask.as_deref().unwrap_or(&region.image);
            format!("the mask `{}` has no cup ({} of {count} such masks); it is kept", mask.display(), i + 1)
        };
        Ok(summarise(notes).into_iter().chain(without_cup.iter().enumerate().map(warn)).collect())
    }
}

/// Image files of a folder by stem; `None` where there is no such folder.
///
/// # Errors
/// A folder that cannot be listed, and two files of one stem.
pub fn list_images(folder: &Path) -> Result<Option<BTreeMap<String, PathBuf>>, DataError> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|e| DataError::read(folder, e))? {
        let path = entry.map_err(|e| DataError::read(folder, e))?.path();
        let Some(stem) = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()) else { continue };
        // What is no file, such as a broken link, is not passed over in silence: reading it names it.
        if stem.starts_with('.') || !has_image_extension(&path) || path.is_dir() {
            continue;
        }
        match files.entry(stem) {
            Entry::Vacant(slot) => {
                slot.insert(path);
            }
            Entry::Occupied(slot) => {
                let mut pair = [slot.get().clone(), path];
                pair.sort();
                let [first, second] = pair;
                return Err(DataError::SameStem { first, second });
            }
        }
    }
    Ok(Some(files))
}

/// True when a file name ends like an image that can be read.
pub fn has_image_extension(path: &Path) -> bool {
    path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}
