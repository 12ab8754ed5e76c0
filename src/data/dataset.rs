//! The dataset layout: `<dataset>/<train|test>/ROIs/{image,mask}/NAME.png`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::error::DataError;
use super::folder::Folder;
use super::mask::MaskSummary;
use super::names::{several_files, shown_path};
use super::region::{Region, RegionPixels};
use super::remarks::{Remark, Remarks};

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
    strays: Strays,
}

/// What lies in the folders of a split and belongs to no region; hidden files are not told.
#[derive(Debug, Clone, Default)]
struct Strays {
    masks: Vec<PathBuf>,
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Dataset {
    /// Lists a split folder, which holds `ROIs/image` and `ROIs/mask`. A mask has the name of its image, but for the
    /// extension and, where that leaves no choice, capital letters. What belongs to no region is passed over, see
    /// [`Dataset::passed_over`]; no pixel is read.
    ///
    /// # Errors
    /// A missing folder, no image at all, two files of the same stem, and an image without a mask where one is required.
    pub fn open(directory: &Path, labels: Labels) -> Result<Self, DataError> {
        let folder = |kind: &str| directory.join("ROIs").join(kind);
        let list = |kind: &str| match Folder::list(&folder(kind))? {
            Some(files) => Ok(files),
            None => Err(DataError::MissingFolder { directory: directory.to_path_buf(), missing: folder(kind) }),
        };
        let images = list("image")?;
        if images.images.is_empty() {
            return Err(DataError::Empty(folder("image")));
        }
        let masks = match labels {
            Labels::Required => list("mask")?,
            Labels::Optional => Folder::list(&folder("mask"))?.unwrap_or_default(),
            Labels::Ignored => Folder::default(),
        };
        let strays = |ours: Vec<PathBuf>, others: Vec<PathBuf>| [ours, others].concat();
        let (files, folders) = (strays(images.others, masks.others), strays(images.folders, masks.folders));
        let (regions, masks) = matched(images.images, masks.images);
        let mut without = regions.iter().filter(|region| region.mask.is_none());
        if labels == Labels::Required
            && let Some(first) = without.next()
        {
            let others = without.count();
            return Err(DataError::MissingMask { image: first.image.clone(), folder: folder("mask"), others });
        }
        Ok(Self { directory: directory.to_path_buf(), regions, strays: Strays { masks, files, folders } })
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

    /// What its folders hold beside the regions, a sentence for each kind: masks without an image, files that are no
    /// images, and folders.
    pub fn passed_over(&self) -> Vec<String> {
        let rois = shown_path(&self.directory.join("ROIs"));
        let sentence = |files: &[PathBuf], one: &str, many: &str| {
            let what = if files.len() == 1 { format!("1 {one}") } else { format!("{} {many}", files.len()) };
            (!files.is_empty()).then(|| format!("`{rois}`: {what}: {}", several_files(files)))
        };
        let Strays { masks, files, folders } = &self.strays;
        let told = [
            sentence(masks, "mask without an image is not used", "masks without an image are not used"),
            sentence(files, "file that is no image is left alone", "files that are no images are left alone"),
            sentence(folders, "folder is not entered", "folders are not entered"),
        ];
        told.into_iter().flatten().collect()
    }

    /// Splits into the regions to train on and the held-out ones: the 10th, 20th, 30th, ... by sorted name, that is
    /// index 9, 19, 29, ... counted from 0. With fewer than ten regions nothing is held out.
    pub fn hold_out_every_tenth(&self) -> (Self, Self) {
        let part = |held_out: bool| {
            let regions = self.regions.iter().enumerate().filter(|(i, _)| (i % 10 == 9) == held_out);
            let regions = regions.map(|(_, region)| region.clone()).collect();
            Self { directory: self.directory.clone(), regions, strays: Strays::default() }
        };
        (part(false), part(true))
    }

    /// Reads every region once, so that a damaged file is found before hours of training, and returns warnings, one
    /// sentence for each kind.
    ///
    /// # Errors
    /// The first region, by name, that [`RegionPixels::read`] refuses.
    pub fn check_readable(&self) -> Result<Vec<String>, DataError> {
        Ok(self.told(self.look_through(|_, _| Ok(()))?.sentences(self.len(), "")))
    }

    /// The same of regions that are to be trained on: masks without a cup are among the warnings.
    ///
    /// # Errors
    /// The first region, by name, that [`RegionPixels::read`] refuses, or whose mask has no disc.
    pub fn check(&self) -> Result<Vec<String>, DataError> {
        let mut without_cup = Vec::new();
        let remarks = self.look_through(|mask, summary| {
            if !summary.has_disc {
                return Err(DataError::NoDisc(mask.to_path_buf()));
            }
            if !summary.has_cup {
                without_cup.push(mask.to_path_buf());
            }
            Ok(())
        })?;
        let mut warnings = remarks.sentences(self.len(), "");
        if !without_cup.is_empty() {
            let (count, of, names) = (without_cup.len(), self.len(), several_files(&without_cup));
            let has = if count == 1 { "has no cup and is" } else { "have no cup and are" };
            warnings.push(format!("{count} of {of} masks {has} kept ({names})"));
        }
        Ok(self.told(warnings))
    }

    /// Sentences about its regions, with its folder.
    fn told(&self, sentences: Vec<String>) -> Vec<String> {
        let folder = shown_path(&self.directory);
        sentences.iter().map(|sentence| format!("`{folder}`: {sentence}")).collect()
    }

    /// Reads every region and hands the masks on, with what they contain, in the order of their names.
    fn look_through(
        &self,
        mut mask: impl FnMut(&Path, MaskSummary) -> Result<(), DataError>,
    ) -> Result<Remarks, DataError> {
        type Seen = Result<(Option<MaskSummary>, Vec<Remark>), DataError>;
        let look = |region: &Region| -> Seen {
            let pixels = RegionPixels::read(region)?;
            Ok((pixels.summary(), pixels.remarks()))
        };
        let seen: Vec<Seen> = self.regions.par_iter().map(look).collect();
        let mut all = Remarks::default();
        for (region, seen) in self.regions.iter().zip(seen) {
            let (summary, remarks) = seen?;
            all.add(&region.name, remarks);
            if let (Some(path), Some(summary)) = (&region.mask, summary) {
                mask(path, summary)?;
            }
        }
        Ok(all)
    }
}

/// Images and their masks, and the masks that are left.
fn matched(images: BTreeMap<String, PathBuf>, mut masks: BTreeMap<String, PathBuf>) -> (Vec<Region>, Vec<PathBuf>) {
    let region = |(name, image): (String, PathBuf)| Region { mask: masks.remove(&name), name, image };
    let mut regions: Vec<Region> = images.into_iter().map(region).collect();
    // Cameras and annotators do not always agree on capital letters.
    let mut alike: BTreeMap<String, (Vec<usize>, Vec<String>)> = BTreeMap::new();
    for (index, region) in regions.iter().enumerate().filter(|(_, region)| region.mask.is_none()) {
        alike.entry(region.name.to_lowercase()).or_default().0.push(index);
    }
    for name in masks.keys() {
        alike.entry(name.to_lowercase()).or_default().1.push(name.clone());
    }
    for (indices, names) in alike.into_values() {
        if let ([index], [name]) = (&indices[..], &names[..]) {
            regions[*index].mask = masks.remove(name);
        }
    }
    (regions, masks.into_values().collect())
}
