//! Drishti-GS1: `{Training,Test}/Images/…/NAME.png`, annotations in `GT` (or `Test_GT`): `NAME/SoftMap/` with
//! `NAME_ODsegSoftmap.png` and `NAME_cupsegSoftmap.png`, and `NAME/AvgBoundary/NAME_diskCenter.txt`.
//!
//! A soft map's level says how many of the four experts drew a pixel inside: 0, 64, 128, 191, 255.

use std::collections::BTreeMap;
use std::path::Path;

use super::annotation::Annotation;
use super::error::PrepareError;
use super::listing::{Extent, Listing, Photograph};
use super::options::Options;
use super::tree::Tree;
use crate::data::dataset::Split;
use crate::data::names::stem;
use crate::input_file;

/// Side of the published regions, in pixels of the photograph.
const SIDE: u32 = 512;
/// Experts who drew each disc.
const EXPERTS: u8 = 4;

pub(super) fn list(tree: &Tree, options: &Options) -> Result<Listing, PrepareError> {
    let mut found: BTreeMap<(String, String), Photograph> = BTreeMap::new();
    for image in tree.images() {
        let folders = tree.lower_folders(image);
        let Some(split) = split_of(&folders) else { continue };
        if !folders.iter().any(|folder| folder == "images") {
            continue;
        }
        let name = stem(image);
        let photograph = Photograph {
            name: name.clone(),
            split,
            part: split.folder().to_string(),
            image: image.clone(),
            annotation: annotation(tree, &name, options.agreement),
            centre: tree.named(&format!("{name}_diskCenter.txt")).cloned(),
            extent: Extent::Pixels(SIDE),
            is_validation: false,
        };
        // Some copies hold a photograph twice, by diagnosis and in a folder of all.
        found.entry((split.folder().to_string(), name)).or_insert(photograph);
    }
    if found.is_empty() {
        let wanted = "photographs in `Training/Images` and `Test/Images`, annotations in `GT/NAME/SoftMap`";
        let input = options.input.clone();
        return Err(PrepareError::Layout { input, layout: "Drishti-GS1", wanted, found: tree.describe(), other: None });
    }
    Ok(Listing { photographs: found.into_values().collect(), ..Listing::default() })
}

fn split_of(folders: &[String]) -> Option<Split> {
    folders.iter().find_map(|folder| match folder.as_str() {
        "training" | "train" => Some(Split::Train),
        "test" | "testing" => Some(Split::Test),
        _ => None,
    })
}

fn annotation(tree: &Tree, name: &str, agreement: u8) -> Annotation {
    let map = |structure: &str| tree.named(&format!("{name}_{structure}segSoftmap.png")).cloned();
    match (map("OD"), map("cup")) {
        (Some(disc), Some(cup)) => Annotation::SoftMaps { disc, cup, agreement, experts: EXPERTS },
        (disc, cup) => Annotation::missing(disc.or(cup)),
    }
}

/// The centre (x, y) in a `diskCenter.txt`, which holds row and column.
pub(super) fn read_centre(path: &Path) -> Option<(f64, f64)> {
    let text = input_file::read_text(path).ok()?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let (row, column) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (row.is_finite() && column.is_finite()).then_some((column, row))
}
