//! The dataset layout: `<dataset>/<train|test>/ROIs/{image,mask}/NAME.png`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::error::DataError;
use super::folder::{Folder, Strays};
use super::mask::MaskSummary;
use super::matching::{Matching, matched};
use super::names::{counted, several_files, shown_path};
use super::patients::every_nth;
use super::region::{Region, RegionPixels};
use super::remarks::{Remark, Remarks};
use super::structure::Structure;

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
    left: Left,
}

/// What lies in the folders of a split and belongs to no region; hidden files are not told.
#[derive(Debug, Clone, Default)]
struct Left {
    /// masks that belong to no image
    unmatched: Vec<PathBuf>,
    /// masks of images that have another one
    further: Vec<PathBuf>,
    strays: Strays,
}

impl Dataset {
    /// Lists a split folder, which holds `ROIs/image` and `ROIs/mask`. A mask has the name of its image, with the same
    /// addition for all and in any case, as `a_mask.png` of `A.jpg`. What belongs to no region is passed over, see
    /// [`Dataset::passed_over`]; no pixel is read.
    ///
    /// # Errors
    /// A missing folder, no image at all, two files of the same stem, an image without a mask where one is required, masks of
    /// which none belongs to an image, and masks of the cup alone.
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
        let strays = images.strays.and(masks.strays);
        let (regions, left) = with_masks(images.images, masks.images, strays)?;
        let mut without = regions.iter().filter(|region| region.mask.is_none());
        if labels == Labels::Required
            && let Some(first) = without.next()
        {
            let (image, others, unmatched) = (first.image.clone(), without.count(), left.unmatched);
            return Err(DataError::MissingMask { image, folder: folder("mask"), others, unmatched });
        }
        Ok(Self { directory: directory.to_path_buf(), regions, left })
    }

    /// Opens a split of which some regions have masks.
    ///
    /// # Errors
    /// As [`Dataset::open`] where none has one.
    pub fn open_partly_labelled(directory: &Path) -> Result<Self, DataError> {
        let dataset = Self::open(directory, Labels::Optional)?;
        if dataset.regions().iter().all(|region| region.mask.is_none()) {
            return Self::open(directory, Labels::Required);
        }
        Ok(dataset)
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

    /// What its folders hold beside the regions, a sentence for each kind: masks without an image, further masks of an image,
    /// files that are no images, and folders.
    pub fn passed_over(&self) -> Vec<String> {
        let rois = self.directory.join("ROIs");
        let sentence = |masks: &[PathBuf], one: &str, many: &str| {
            let (count, what) = (counted(masks.len(), "mask"), if masks.len() == 1 { one } else { many });
            (!masks.is_empty()).then(|| format!("`{}`: {count} {what}: {}", shown_path(&rois), several_files(masks)))
        };
        let Left { unmatched, further, strays } = &self.left;
        let told = [
            sentence(unmatched, "without an image is not used", "without an image are not used"),
            sentence(further, "of an image that has another is not used", "of images that have another are not used"),
        ];
        told.into_iter().flatten().chain(strays.sentences(&rois)).collect()
    }

    /// Splits into the regions to train on and the held-out ones: the 10th, 20th, 30th, ... by sorted name, that is
    /// index 9, 19, 29, ... counted from 0. Regions of one patient, whose names differ by the mark of an eye alone, go together,
    /// see [`every_nth`]. With fewer than ten regions nothing is held out.
    pub fn hold_out_every_tenth(&self) -> (Self, Self) {
        let chosen = every_nth(self.regions.iter().map(|region| region.name.as_str()), 10);
        let part = |held_out: bool| {
            let regions = self.regions.iter().zip(&chosen).filter(|(_, chosen)| **chosen == held_out);
            let regions = regions.map(|(region, _)| region.clone()).collect();
            Self { directory: self.directory.clone(), regions, left: Left::default() }
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
            warnings.push(match (count, of) {
                (count, of) if count == of => {
                    let masks = if of == 1 { "its mask shows no cup" } else { "none of its masks shows a cup" };
                    format!(
                        "warning: {masks}: a network learns from it that there are none, and no cup can be measured"
                    )
                }
                (1, of) => format!("warning: 1 of {of} masks has no cup and is kept ({names})"),
                (count, of) => format!("warning: {count} of {of} masks have no cup and are kept ({names})"),
            });
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

/// Images and their masks, and what is left.
fn with_masks(
    images: BTreeMap<String, PathBuf>,
    masks: BTreeMap<String, PathBuf>,
    strays: Strays,
) -> Result<(Vec<Region>, Left), DataError> {
    let names = |files: &BTreeMap<String, PathBuf>| files.keys().cloned().collect::<Vec<_>>();
    let Matching { matches, others } = matched(&names(&images), &names(&masks), None);
    let masks: Vec<PathBuf> = masks.into_values().collect();
    let mut regions: Vec<Region> = images.into_iter().map(|(name, image)| Region { name, image, mask: None }).collect();
    if let (true, Some(region), Some(mask)) = (matches.is_empty(), regions.first(), masks.first()) {
        let (image, mask) = (region.image.clone(), mask.clone());
        return Err(DataError::NoMaskMatches { images: regions.len(), masks: masks.len(), image, mask });
    }
    // A mask of both or, without a cup, of the disc.
    if let Some(cup) = matches.iter().find(|m| m.structure == Structure::Cup) {
        let (image, cup) = (regions[cup.image].image.clone(), masks[cup.mask].clone());
        return Err(DataError::CupApart { image, cup });
    }
    let mut is_left = vec![true; masks.len()];
    for found in matches {
        regions[found.image].mask = Some(masks[found.mask].clone());
        is_left[found.mask] = false;
    }
    let (further, unmatched): (Vec<_>, Vec<_>) =
        (0..masks.len()).filter(|i| is_left[*i]).partition(|i| others.contains(i));
    let paths = |places: Vec<usize>| places.into_iter().map(|i| masks[i].clone()).collect();
    Ok((regions, Left { unmatched: paths(unmatched), further: paths(further), strays }))
}
