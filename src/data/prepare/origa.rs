//! ORIGA: photographs in `Images`, masks of the same name in `Masks`: 0 background, 1 rim, 2 cup, which is why they
//! look black in a viewer; or the same as MATLAB files, as they are published.

use std::collections::BTreeMap;

use super::annotation::{Annotation, is_matlab};
use super::error::PrepareError;
use super::legend::Legend;
use super::listing::{Extent, Listing, Photograph, SCALE};
use super::options::Options;
use super::tree::Tree;
use crate::data::dataset::Split;
use crate::data::names::stem;

const LEGEND: Legend = Legend::levels(2, 1, Some(0));

pub(super) fn list(tree: &Tree, options: &Options) -> Result<Listing, PrepareError> {
    let (mut images, mut masks) = (BTreeMap::new(), BTreeMap::new());
    for file in tree.images() {
        let kind = tree.lower_folders(file).last().and_then(|folder| match folder.as_str() {
            "images" | "image" => Some(false),
            "masks" | "mask" => Some(true),
            _ => None,
        });
        match kind {
            Some(false) => images.entry(stem(file)).or_insert_with(|| file.clone()),
            Some(true) => masks.entry(stem(file)).or_insert_with(|| file.clone()),
            None => continue,
        };
    }
    if images.is_empty() {
        let wanted = "photographs in `Images` and masks of the same names in `Masks`, or MATLAB files (.mat)";
        let input = options.input.clone();
        return Err(PrepareError::Layout { input, layout: "ORIGA", wanted, found: tree.describe(), other: None });
    }
    if masks.is_empty() {
        let matlab = tree.files().iter().filter(|file| is_matlab(file));
        masks.extend(matlab.map(|file| (stem(file), file.clone())));
    }
    let photograph = |(name, image)| {
        let annotation = match masks.remove(&name) {
            Some(mask) => Annotation::Levels { mask, legend: LEGEND },
            None => Annotation::None,
        };
        let (split, extent) = (Split::Train, Extent::Diameters(SCALE));
        let (part, centre, is_validation) = ("all".to_string(), None, false);
        Photograph { name, split, part, image, annotation, centre, extent, is_validation }
    };
    let photographs = images.into_iter().map(photograph).collect();
    let mut listing = Listing { photographs, ..Listing::default() };
    listing.divide_every(options.test_every);
    Ok(listing)
}
