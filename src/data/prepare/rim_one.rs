//! RIM-ONE DL: `partitioned_by_hospital` and `partitioned_randomly`, each `{training_set,test_set}/{normal,glaucoma}`,
//! and `reference_segmentations` with `NAME-1-Disc-T.png` and `NAME-1-Cup-T.png`, or the contours of which these are made
//! (`.txt`).
//!
//! The pictures are crops around the disc of differing size, so the whole of each becomes a region.

use std::collections::BTreeMap;

use super::annotation::{Annotation, is_contour};
use super::error::PrepareError;
use super::listing::{Extent, Listing, Photograph};
use super::options::{Division, Options};
use super::tree::Tree;
use crate::data::dataset::Split;
use crate::data::names::stem;
use crate::data::structure::Structure;

pub(super) fn list(tree: &Tree, options: &Options) -> Result<Listing, PrepareError> {
    let division = match options.division {
        Division::Hospital => "hospital",
        Division::Random => "random",
    };
    let (mut images, mut discs, mut cups) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    // Pictures before contours; in order of the files, so the first expert's where there are two.
    for file in tree.images().chain(tree.files().iter().filter(|file| is_contour(file))) {
        if let Some((structure, photograph)) = segmented(&stem(file)) {
            let kind = if structure == Structure::Disc { &mut discs } else { &mut cups };
            kind.entry(photograph).or_insert_with(|| file.clone());
        }
    }
    for file in tree.images() {
        let (folders, name) = (tree.lower_folders(file), stem(file));
        if segmented(&name).is_some() {
            continue;
        }
        let split = folders.iter().find_map(|folder| match folder.as_str() {
            "training_set" => Some(Split::Train),
            "test_set" => Some(Split::Test),
            _ => None,
        });
        let of_division = folders.iter().any(|f| f.starts_with("partitioned") && f.contains(division));
        if let (Some(split), true) = (split, of_division) {
            images.entry(name).or_insert_with(|| (split, file.clone()));
        }
    }
    if images.is_empty() {
        let wanted = "photographs in `partitioned_by_hospital/{training_set,test_set}/{normal,glaucoma}` (divided at \
                      random: in `partitioned_randomly`), masks `NAME-1-Disc-T.png` and `NAME-1-Cup-T.png`";
        let input = options.input.clone();
        return Err(PrepareError::Layout { input, layout: "RIM-ONE DL", wanted, found: tree.describe(), other: None });
    }
    let photograph = |(name, (split, image)): (String, (Split, _))| {
        let annotation = match (discs.remove(&name.to_lowercase()), cups.remove(&name.to_lowercase())) {
            (Some(disc), Some(cup)) => Annotation::Binary { disc, cup: Some(cup) },
            (disc, cup) => Annotation::missing(disc.or(cup)),
        };
        let part = split.folder().to_string();
        let (centre, extent, is_validation) = (None, Extent::Whole, false);
        Photograph { name, split, part, image, annotation, centre, extent, is_validation }
    };
    Ok(Listing { photographs: images.into_iter().map(photograph).collect(), ..Listing::default() })
}

/// The structure that a mask's name says it shows, and the photograph's name in lower case.
fn segmented(name: &str) -> Option<(Structure, String)> {
    let lower = name.to_lowercase();
    let (structure, rest) = if let Some(rest) = lower.strip_suffix("-disc-t") {
        (Structure::Disc, rest)
    } else {
        (Structure::Cup, lower.strip_suffix("-cup-t")?)
    };
    // What is left ends in the expert's number.
    let photograph = rest.rsplit_once('-').map_or(rest, |(photograph, _)| photograph);
    Some((structure, photograph.to_string()))
}
