//! Any folder of images, with masks of the same names in another folder, or discs and cups in two.
//!
//! Without folders named by flags: `image` or `images`, and `mask` or `masks`, in the input itself or in its `train` and
//! `test`. Without any mask folder the input's images are taken, and discs are found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::OptionError;
use super::tree::{Tree, stem};
use super::{Annotation, Extent, Listing, Options, Photograph, PrepareError, SCALE};
use crate::data::dataset::Split;
use crate::data::folder::Folder;

/// Folders of one split.
#[derive(Debug, Default)]
struct Folders {
    images: PathBuf,
    masks: Option<PathBuf>,
    discs: Option<PathBuf>,
    cups: Option<PathBuf>,
}

pub(super) fn list(tree: &Tree, options: &Options) -> Result<Listing, PrepareError> {
    let mut listing = Listing::default();
    let splits = [Split::Train, Split::Test];
    let divided: Vec<_> = splits.iter().map(|split| (*split, options.input.join(split.folder()))).collect();
    let is_divided = divided.iter().any(|(_, folder)| folder.is_dir()) && options.images.is_none();
    if is_divided {
        for (split, root) in divided.iter().filter(|(_, folder)| folder.is_dir()) {
            add(&mut listing, *split, &folders(root, options)?, options)?;
        }
    } else {
        add(&mut listing, Split::Train, &folders(&options.input, options)?, options)?;
        listing.divide_every(options.test_every);
    }
    if listing.photographs.is_empty() {
        let wanted = "images in `image` or `images` (also within `train` and `test`), or in a folder that is named";
        let input = options.input.clone();
        return Err(PrepareError::Layout { input, layout: "pairs", wanted, found: tree.describe() });
    }
    Ok(listing)
}

fn folders(root: &Path, options: &Options) -> Result<Folders, PrepareError> {
    let named = |given: &Option<PathBuf>, option: &'static str| match given {
        None => Ok(None),
        Some(folder) if root.join(folder).is_dir() => Ok(Some(root.join(folder))),
        Some(folder) => {
            let path = root.join(folder);
            Err(PrepareError::from(OptionError::NoFolder { option, path }))
        }
    };
    let usual = |names: [&str; 2]| names.into_iter().map(|name| root.join(name)).find(|folder| folder.is_dir());
    let (discs, cups) = (named(&options.disc_masks, "disc_masks")?, named(&options.cup_masks, "cup_masks")?);
    let masks = match (named(&options.masks, "masks")?, &discs) {
        (Some(masks), _) => Some(masks),
        (None, Some(_)) => None,
        (None, None) => usual(["mask", "masks"]),
    };
    let images = named(&options.images, "images")?.or_else(|| usual(["image", "images"]));
    Ok(Folders { images: images.unwrap_or_else(|| root.to_path_buf()), masks, discs, cups })
}

fn add(listing: &mut Listing, split: Split, folders: &Folders, options: &Options) -> Result<(), PrepareError> {
    let listed = |folder: &Option<PathBuf>| -> Result<BTreeMap<String, PathBuf>, PrepareError> {
        let Some(folder) = folder else { return Ok(BTreeMap::new()) };
        Ok(Folder::list(folder)?.unwrap_or_default().images)
    };
    let (mut masks, mut discs, mut cups) = (listed(&folders.masks)?, listed(&folders.discs)?, listed(&folders.cups)?);
    for image in listed(&Some(folders.images.clone()))?.into_values() {
        let name = stem(&image);
        let annotation = match (masks.remove(&name), discs.remove(&name), cups.remove(&name)) {
            (Some(mask), _, _) => Annotation::Levels { mask, legend: options.legend },
            (None, Some(disc), cup) if cup.is_some() || folders.cups.is_none() => Annotation::Binary { disc, cup },
            (None, disc, cup) => Annotation::missing(disc.or(cup)),
        };
        let extent = Extent::Diameters(SCALE);
        let part = split.folder().to_string();
        listing.photographs.push(Photograph { name, split, part, image, annotation, centre: None, extent });
    }
    Ok(())
}
