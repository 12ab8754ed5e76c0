//! REFUGE: three parts of 400 photographs, with masks in a folder `Disc_Cup_Masks` (0 cup, 128 rim, 255 background),
//! in some copies `mask`, `masks` or `gts`.
//!
//! Copies differ in what the folders above are called, so a part is told by a folder whose name contains `train`,
//! `valid` or `test`, and without one by the first letter of a photograph's name: g and n, V, T.

use std::collections::BTreeMap;

use super::annotation::Annotation;
use super::error::PrepareError;
use super::legend::Legend;
use super::listing::{Extent, Listing, Photograph, SCALE};
use super::options::{Options, ValidationPart};
use super::reason::{Reason, Remedy};
use super::tree::Tree;
use super::unused::{Skipped, Unused, UnusedKind};
use crate::data::dataset::Split;
use crate::data::names::stem;

/// Side of the published regions of the training part, in pixels of the photograph.
const TRAINING_SIDE: u32 = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Training,
    Validation,
    Test,
}

pub(super) fn list(tree: &Tree, options: &Options) -> Result<Listing, PrepareError> {
    let (mut images, mut masks) = (BTreeMap::new(), BTreeMap::new());
    let mut listing = Listing::default();
    for file in tree.images() {
        let folders = tree.lower_folders(file);
        let name = stem(file);
        let Some(part) = part_of(&folders, &name) else {
            listing.unused.push(Unused { file: file.clone(), kind: UnusedKind::Stray });
            continue;
        };
        let is_mask = folders.iter().any(|folder| folder.contains("mask") || folder == "gts");
        let kind = if is_mask { &mut masks } else { &mut images };
        kind.entry((part, name)).or_insert_with(|| file.clone());
    }
    if images.is_empty() {
        let wanted = "photographs g0001.jpg, n0001.jpg, V0001.jpg or T0001.jpg, in folders such as `Training400`, \
                      `REFUGE-Validation400` and `Test400`, and masks in `Disc_Cup_Masks`";
        let input = options.input.clone();
        return Err(PrepareError::Layout { input, layout: "REFUGE", wanted, found: tree.describe(), other: None });
    }
    for ((part, name), image) in images {
        let Some(split) = split_of(part, options.validation) else {
            let reason = Reason::with(Remedy::Validation, "the validation part is left out");
            listing.skipped.push(Skipped::left_out(image, reason));
            continue;
        };
        let annotation = match masks.remove(&(part, name.clone())) {
            Some(mask) => Annotation::Levels { mask, legend: Legend::default() },
            None => Annotation::None,
        };
        // Both later parts were taken with one camera, at another resolution than the training part.
        let is_validation = part == Part::Validation;
        let (camera, extent) = match part {
            Part::Training => ("training", Extent::Pixels(TRAINING_SIDE)),
            Part::Validation | Part::Test => ("validation and test", Extent::Diameters(SCALE)),
        };
        let part = camera.to_string();
        let centre = None;
        listing.photographs.push(Photograph { name, split, part, image, annotation, centre, extent, is_validation });
    }
    let masks = masks.into_values().map(|file| Unused { file, kind: UnusedKind::Mask });
    listing.unused.extend(masks);
    Ok(listing)
}

fn part_of(folders: &[String], name: &str) -> Option<Part> {
    let named = [("train", Part::Training), ("valid", Part::Validation), ("test", Part::Test)];
    // The innermost folder counts: an archive of everything may be called by any of the names.
    let by_folder = folders.iter().rev().find_map(|folder| {
        let part = named.iter().find(|(word, _)| folder.contains(word));
        part.map(|(_, part)| *part)
    });
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let is_numbered = name.chars().count() > 1 && letters.all(|letter| letter.is_ascii_digit());
    let by_letter = || match first? {
        'g' | 'n' => Some(Part::Training),
        'v' => Some(Part::Validation),
        't' => Some(Part::Test),
        _ => None,
    };
    if is_numbered { by_folder.or_else(by_letter) } else { None }
}

fn split_of(part: Part, validation: ValidationPart) -> Option<Split> {
    match (part, validation) {
        (Part::Training, _) | (Part::Validation, ValidationPart::Train) => Some(Split::Train),
        (Part::Test, _) | (Part::Validation, ValidationPart::Test) => Some(Split::Test),
        (Part::Validation, ValidationPart::None) => None,
    }
}
