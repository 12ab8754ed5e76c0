//! ORIGA: photographs in `Images`, masks of the same name in `Masks`: 0 background, 1 rim, 2 cup, which is why they
//! look black in a viewer.

use std::collections::BTreeMap;

use super::tree::{Tree, stem};
use super::{Annotation, Extent, Legend, Listing, Options, Photograph, PrepareError, SCALE};
use crate::data::dataset::Split;

const LEGEND: Legend = Legend { cup: 2, disc: 1, background: Some(0) };

pub(super) fn list(tree: &Tree, options: &Options) -> Result<Listing, PrepareError> {
    let (mut images, mut masks) = (BTreeMap::new(), BTreeMap::new());
    for file in tree.images() {
        let kind = tree.folders(file).last().and_then(|folder| match folder.as_str() {
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
        let wanted = "photographs in `Images` and masks of the same names in `Masks` (PNG)";
        let input = options.input.clone();
        return Err(PrepareError::Layout { input, layout: "ORIGA", wanted, found: tree.describe() });
    }
    if masks.is_empty() && tree.has_extension("mat") {
        let found = "annotations as MATLAB files (.mat) only, which are not read: save each file's `mask` as a PNG of \
                     levels 0, 1 and 2 in `Masks`"
            .to_string();
        let (input, wanted) = (options.input.clone(), "masks in `Masks` (PNG)");
        return Err(PrepareError::Layout { input, layout: "ORIGA", wanted, found });
    }
    let photograph = |(name, image)| {
        let annotation = match masks.remove(&name) {
            Some(mask) => Annotation::Levels { mask, legend: LEGEND },
            None => Annotation::None,
        };
        let (split, extent) = (Split::Train, Extent::Diameters(SCALE));
        Photograph { name, split, part: "all".to_string(), image, annotation, centre: None, extent }
    };
    let photographs = images.into_iter().map(photograph).collect();
    let mut listing = Listing { photographs, skipped: Vec::new() };
    listing.divide_every(options.test_every);
    Ok(listing)
}
