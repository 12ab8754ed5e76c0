//! A look at a split before anything is trained on it: what it holds, and what is wrong or odd about that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::GrayImage;
use rayon::prelude::*;

use super::content::{Album, Content};
use super::dataset::{Dataset, Labels};
use super::error::DataError;
use super::folder::Folder;
use super::mask::{BACKGROUND, CUP, RIM};
use super::names::{counted, several, shown_path};
use super::region::{Region, RegionPixels};
use super::remarks::{Remark, Remarks};

/// What a split, or a folder of images, holds.
#[derive(Debug)]
pub struct Checkup {
    /// its folder
    pub directory: PathBuf,
    /// images
    pub regions: usize,
    /// those with a mask
    pub masks: usize,
    /// how many images have each size, columns and rows
    pub sizes: BTreeMap<(u32, u32), usize>,
    /// masks with grey levels beside those of the layout, which are read as the nearest of these
    pub other_levels: Vec<String>,
    /// masks that show a cup
    pub with_cup: usize,
    /// mean shares of cup, rim and background in the masks
    pub areas: Option<[f64; 3]>,
    /// of a source, the regions that are held out to choose the best checkpoint
    pub held_out: Vec<String>,
    /// what should be known, a sentence each
    pub warnings: Vec<String>,
    /// what cannot be used, and why
    pub errors: Vec<DataError>,
    /// its pictures
    pub album: Album,
}

/// What is seen of one region.
struct Seen {
    size: (u32, u32),
    content: Content,
    remarks: Vec<Remark>,
    has_other_levels: bool,
    /// pixels of cup, rim and background, where there is a mask
    areas: Option<[u64; 3]>,
}

impl Checkup {
    /// Reads every image and every mask of a split, or of a folder of images without masks.
    ///
    /// # Errors
    /// A folder in which there is nothing to be read; what is wrong with single files is among the [errors](Self::errors).
    pub fn of(directory: &Path) -> Result<Self, DataError> {
        match directory.symlink_metadata() {
            Err(_) => return Err(DataError::NotThere(directory.to_path_buf())),
            Ok(_) if directory.is_file() => return Err(DataError::NotAFolder(directory.to_path_buf())),
            Ok(_) => {}
        }
        let (regions, passed_over, held_out) = match Dataset::open(directory, Labels::Optional) {
            Ok(dataset) => {
                let held_out = dataset.hold_out_every_tenth().1;
                let held_out = held_out.regions().iter().map(|region| region.name.clone()).collect();
                (dataset.regions().to_vec(), dataset.passed_over(), held_out)
            }
            Err(error @ DataError::MissingFolder { .. }) => (loose_images(directory).ok_or(error)?, vec![], vec![]),
            Err(error) => return Err(error),
        };
        let seen: Vec<Result<Seen, DataError>> = regions.par_iter().map(Seen::of).collect();
        let place = shown_path(directory);
        let mut checkup = Self {
            directory: directory.to_path_buf(),
            regions: regions.len(),
            masks: regions.iter().filter(|region| region.mask.is_some()).count(),
            sizes: BTreeMap::new(),
            other_levels: Vec::new(),
            with_cup: 0,
            areas: None,
            held_out,
            warnings: passed_over,
            errors: Vec::new(),
            album: Album { place: place.clone(), images: Vec::new() },
        };
        let (mut remarks, mut areas, mut without_cup) = (Remarks::default(), Vec::new(), Vec::new());
        for (region, seen) in regions.iter().zip(seen) {
            let seen = match seen {
                Ok(seen) => seen,
                Err(error) => {
                    checkup.errors.push(error);
                    continue;
                }
            };
            *checkup.sizes.entry(seen.size).or_default() += 1;
            checkup.album.images.push((region.name.clone(), seen.content));
            remarks.add(&region.name, seen.remarks);
            if seen.has_other_levels {
                checkup.other_levels.push(region.name.clone());
            }
            let Some((own, path)) = seen.areas.zip(region.mask.as_ref()) else { continue };
            match own {
                [0, 0, _] => checkup.errors.push(DataError::NoDisc(path.clone())),
                [0, ..] => without_cup.push(region.name.clone()),
                _ => {}
            }
            areas.push(own);
        }
        checkup.areas = mean_shares(&areas);
        checkup.with_cup = areas.iter().filter(|areas| areas[0] > 0).count();
        let about = |sentence: String| format!("`{place}`: {sentence}");
        checkup.warnings.extend(remarks.sentences(checkup.regions, "").into_iter().map(about));
        let masks = counted(areas.len(), "mask");
        if checkup.with_cup == 0 && !without_cup.is_empty() {
            checkup
                .warnings
                .push(about("no mask shows a cup, so that nothing can be learnt or measured of cups".to_string()));
            without_cup.clear();
        }
        let levels = "grey levels beside 0, 128 and 255, which are read as the nearest";
        for (names, what) in [(&without_cup, "no cup"), (&checkup.other_levels, levels)] {
            if !names.is_empty() {
                let (count, has) = (names.len(), if names.len() == 1 { "has" } else { "have" });
                checkup.warnings.push(about(format!("{count} of {masks} {has} {what} ({})", several(names))));
            }
        }
        if (1..checkup.regions).contains(&checkup.masks) {
            let without: Vec<&str> =
                regions.iter().filter(|region| region.mask.is_none()).map(|region| region.name.as_str()).collect();
            let (count, has) = (without.len(), if without.len() == 1 { "has" } else { "have" });
            let of = counted(checkup.regions, "image");
            checkup.warnings.push(about(format!("{count} of {of} {has} no mask ({})", several(&without))));
        }
        Ok(checkup)
    }
}

/// The images of a folder that is no split.
fn loose_images(folder: &Path) -> Option<Vec<Region>> {
    let images = Folder::list(folder).ok()??.images;
    let regions = images.into_iter().map(|(name, image)| Region { name, image, mask: None });
    Some(regions.collect::<Vec<_>>()).filter(|regions| !regions.is_empty())
}

impl Seen {
    fn of(region: &Region) -> Result<Self, DataError> {
        let pixels = RegionPixels::read(region)?;
        let count = |mask: &GrayImage, class: u8| mask.iter().filter(|level| **level == class).count() as u64;
        Ok(Self {
            size: pixels.image.dimensions(),
            content: Content::of_pixels(&pixels.image),
            remarks: pixels.remarks(),
            has_other_levels: pixels.has_other_levels,
            areas: pixels.mask.as_ref().map(|mask| [CUP, RIM, BACKGROUND].map(|class| count(mask, class))),
        })
    }
}

/// Mean shares of three classes.
fn mean_shares(areas: &[[u64; 3]]) -> Option<[f64; 3]> {
    let mean = |class: usize| {
        let share = |area: &[u64; 3]| area[class] as f64 / area.iter().sum::<u64>().max(1) as f64;
        areas.iter().map(share).sum::<f64>() / areas.len() as f64
    };
    (!areas.is_empty()).then(|| [0, 1, 2].map(mean))
}
