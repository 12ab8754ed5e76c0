//! What is the same for all layouts: discs are measured or found, squares cut out, regions written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use image::{DynamicImage, GrayImage};
use rayon::prelude::*;

use super::crop::disc_of_mask;
use super::error::{OptionError, PrepareError};
use super::fit::{Fit, fit};
use super::listing::{Extent, Listing, Photograph};
use super::note::Note;
use super::options::{Layout, Options};
use super::output::Staging;
use super::reason::{Reason, Remedy};
use super::summary::{Found, Prepared, Summary};
use super::tree::Tree;
use super::unused::Skipped;
use super::{drishti, origa, pairs, refuge, rim_one};
use crate::data::contact_sheet::Tile;
use crate::data::disc_finder::{Disc, find_disc};
use crate::data::image_file::{read_photograph, write_png};
use crate::data::mask::{BACKGROUND, CUP, RIM};
use crate::data::resize::{resize_image, resize_mask};
use crate::data::square::Square;
use crate::metrics::{BinaryMask, vertical_cup_to_disc_ratio};
use crate::own_file::{Overwriting, Purpose};

/// Regions smaller than this show no cup; larger ones would only interpolate.
const SIZES: std::ops::RangeInclusive<u32> = 32..=4096;
/// Pixels of a photograph from which a region can be cut.
const SIDES: std::ops::RangeInclusive<u32> = 32..=8192;

/// A photograph whose disc is known.
struct Measured {
    photograph: Photograph,
    disc: Disc,
    found: Found,
    /// how its mask lies over it
    fit: Option<Fit>,
    notes: Vec<Note>,
}

/// Prepares a data set. `progress` gets how many of how many pieces of work are done. The output folder appears whole at
/// the end, or stays as it was.
///
/// # Errors
/// [`PrepareError`], before anything is written where flags, input or output are at fault. A photograph that cannot be
/// used is no error: the summary names it.
pub fn prepare(options: &Options, progress: impl Fn(usize, usize) + Sync) -> Result<Summary, PrepareError> {
    check(options)?;
    let tree = Tree::read(&options.input)?;
    let listing = match options.layout {
        Layout::DrishtiGs => drishti::list(&tree, options),
        Layout::Refuge => refuge::list(&tree, options),
        Layout::RimOneDl => rim_one::list(&tree, options),
        Layout::Origa => origa::list(&tree, options),
        Layout::Pairs => pairs::list(&tree, options),
    }?;
    let staging = Staging::begin(&options.output, &options.input)?;
    let (photographs, mut skipped) = (without_unannotated(&listing), listing.skipped.clone());
    skipped.extend(photographs.1);
    let photographs = photographs.0;
    let total = 2 * photographs.len();
    let done = AtomicUsize::new(0);
    let tick = || progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);

    let measured: Vec<_> = photographs
        .into_par_iter()
        .map(|photograph| {
            let file = photograph.image.clone();
            let outcome = measure(photograph, options);
            tick();
            outcome.map_err(|reason| Skipped::failed(file, reason))
        })
        .collect();
    let mut usable = Vec::new();
    for outcome in measured {
        match outcome {
            Ok(measured) => usable.push(measured),
            Err(unusable) => skipped.push(unusable),
        }
    }
    let sides = sides(&usable, options);
    let cut: Vec<_> = usable
        .into_par_iter()
        .map(|m| {
            let side = sides.get(&m.photograph.part).copied();
            let outcome = write_region(&m, side, options, &staging);
            tick();
            (m.photograph.image, outcome)
        })
        .collect();
    let (mut regions, mut tiles) = (Vec::new(), Vec::new());
    for (image, outcome) in cut {
        match outcome? {
            Ok((region, tile)) => {
                regions.push(region);
                tiles.push(tile);
            }
            Err(reason) => skipped.push(Skipped::failed(image, reason)),
        }
    }
    let first = skipped.iter().find(|skipped| skipped.failed).or(skipped.first());
    if let (true, Some(first)) = (regions.is_empty(), first) {
        return Err(PrepareError::NothingUsable {
            input: options.input.clone(),
            count: skipped.len(),
            file: first.file.clone(),
            reason: first.reason.clone(),
        });
    }
    let summary = Summary { regions, skipped, unused: listing.unused, sides };
    staging.finish(&summary, tiles)?;
    Ok(summary)
}

fn check(options: &Options) -> Result<(), OptionError> {
    let out_of_range = |option, value: &dyn ToString, expected: String| {
        Err(OptionError::OutOfRange { option, value: value.to_string(), expected })
    };
    if !SIZES.contains(&options.size) {
        return out_of_range("size", &options.size, format!("{} to {}", SIZES.start(), SIZES.end()));
    }
    if let Some(side) = options.side.filter(|side| !SIDES.contains(side)) {
        return out_of_range("side", &side, format!("{} to {}", SIDES.start(), SIDES.end()));
    }
    if let Some(scale) = options.scale.filter(|scale| !(1.0..=10.0).contains(scale)) {
        return out_of_range("scale", &scale, "1 to 10 disc diameters".to_string());
    }
    if !(1..=4).contains(&options.agreement) {
        return out_of_range("agreement", &options.agreement, "1 to 4 experts".to_string());
    }
    if let Some(bits) = options.bits.filter(|bits| !(8..=16).contains(bits)) {
        return out_of_range("bits", &bits, "8 to 16".to_string());
    }
    if options.legend.is_ambiguous() {
        return Err(OptionError::SameLevels);
    }
    if options.cup_masks.is_some() && options.disc_masks.is_none() {
        return Err(OptionError::CupWithoutDisc);
    }
    Ok(())
}

/// Photographs without an annotation are left out of a split in which others have one: a split is labelled, or not.
fn without_unannotated(listing: &Listing) -> (Vec<Photograph>, Vec<Skipped>) {
    let is_bare = |p: &Photograph| p.annotation.file().is_none();
    let labelled: BTreeSet<&str> =
        listing.photographs.iter().filter(|p| !is_bare(p)).map(|p| p.split.folder()).collect();
    let (left_out, kept): (Vec<&Photograph>, Vec<_>) =
        listing.photographs.iter().partition(|p| is_bare(p) && labelled.contains(p.split.folder()));
    let reason = |p: &Photograph| format!("it has no annotation, but others of `{}` have", p.split.folder());
    let skipped = left_out.into_iter().map(|p| Skipped::left_out(p.image.clone(), reason(p))).collect();
    (kept.into_iter().cloned().collect(), skipped)
}

/// Finds the disc: in the annotation, in a file, or in the photograph.
fn measure(photograph: Photograph, options: &Options) -> Result<Measured, Reason> {
    let read = read_photograph(&photograph.image, options.bits).map_err(|error| error.to_string())?;
    let mut notes: Vec<Note> = read.notes.iter().map(|note| Note::Photograph(*note)).collect();
    if let (Some(drawn), Some(file)) =
        (photograph.annotation.read(read.image.dimensions())?, photograph.annotation.file())
    {
        let (fit, fitted) = fit(&drawn, file, &read, &photograph.image)?;
        let disc = disc_of_mask(&fit.apply(&drawn.mask)).ok_or("the mask has no disc")?;
        notes.extend(drawn.notes.into_iter().chain(fitted));
        return Ok(Measured { photograph, disc, found: Found::Annotation, fit: Some(fit), notes });
    }
    let finding = find_disc(&read.image);
    if let Some(file) = &photograph.centre {
        let centre = drishti::read_centre(file)
            .ok_or_else(|| format!("`{}` does not hold the row and column of the disc's centre", file.display()))?;
        let diameter = finding.map_or(0.0, |finding| finding.disc.diameter);
        return Ok(Measured {
            photograph,
            disc: Disc { centre, diameter },
            found: Found::CentreFile,
            fit: None,
            notes,
        });
    }
    let finding = finding.ok_or("no disc was found in it; is it a fundus photograph?")?;
    let found = Found::Finder { confidence: finding.confidence };
    Ok(Measured { photograph, disc: finding.disc, found, fit: None, notes })
}

/// Side of the regions of each part, in pixels of the photograph; parts whose pictures are taken whole have none.
///
/// One side for all photographs of a camera: were it each disc's own, the size of a region would give away the
/// annotation, and all discs would look equally large.
fn sides(measured: &[Measured], options: &Options) -> BTreeMap<String, u32> {
    let mut diameters: BTreeMap<&str, (Extent, Vec<f64>)> = BTreeMap::new();
    for m in measured {
        let entry = diameters.entry(&m.photograph.part).or_insert((m.photograph.extent, Vec::new()));
        if m.disc.diameter > 0.0 {
            entry.1.push(m.disc.diameter);
        }
    }
    let side_of = |(part, (extent, mut diameters)): (&str, (Extent, Vec<f64>))| {
        diameters.sort_by(f64::total_cmp);
        let median = || Some((diameters.get(diameters.len() / 2)? + diameters.get((diameters.len() - 1) / 2)?) / 2.0);
        let scaled = |scale: f64| median().map(|d| (d * scale).round().clamp(32.0, f64::from(*SIDES.end())) as u32);
        let side = match (options.side, options.scale, extent) {
            (Some(side), _, _) => Some(side),
            (None, Some(scale), _) => scaled(scale),
            (None, None, Extent::Pixels(side)) => Some(side),
            (None, None, Extent::Diameters(scale)) => scaled(scale),
            (None, None, Extent::Whole) => None,
        };
        side.map(|side| (part.to_string(), side))
    };
    diameters.into_iter().filter_map(side_of).collect()
}

type Written = Result<Result<(Prepared, Tile), Reason>, PrepareError>;

/// Cuts out and writes one region. The inner error is a photograph that cannot be used, the outer one a full disk.
fn write_region(measured: &Measured, side: Option<u32>, options: &Options, staging: &Staging) -> Written {
    let Measured { photograph, disc, found, fit, notes } = measured;
    let image = match read_photograph(&photograph.image, options.bits) {
        Ok(read) => read.image,
        Err(error) => return Ok(Err(error.to_string().into())),
    };
    let (width, height) = image.dimensions();
    let mask = match photograph.annotation.read((width, height)) {
        Ok(drawn) => drawn.zip(*fit).map(|(drawn, fit)| fit.apply(&drawn.mask)),
        Err(reason) => return Ok(Err(reason)),
    };
    let square = match side {
        Some(side) => Square::around(disc.centre, side),
        None if photograph.extent == Extent::Whole => Square::containing(width, height),
        None => return Ok(Err(Reason::with(Remedy::Side, "the size of its disc is unknown"))),
    };
    let size = options.size;
    let region = resize_image(&square.cut_image(&image), size, size);
    let mask = mask.map(|mask| resize_mask(&square.cut_mask(&mask), size, size));
    let rule = Overwriting::default();
    let paths = staging.region(photograph.split, &photograph.name);
    write_png(&rule, &paths.image, Purpose::Region, &DynamicImage::ImageRgb8(region.clone()))?;
    if let Some(mask) = &mask {
        write_png(&rule, &paths.mask, Purpose::RegionMask, &DynamicImage::ImageLuma8(mask.clone()))?;
    }
    let prepared = Prepared {
        name: photograph.name.clone(),
        split: photograph.split,
        source: photograph.image.clone(),
        disc: *disc,
        square,
        mirrored: square.leaves(width, height),
        scale: f64::from(size) / f64::from(square.side),
        found: *found,
        areas: mask.as_ref().map(areas),
        vcdr: mask.as_ref().and_then(vcdr),
        is_validation: photograph.is_validation,
        notes: notes.clone(),
    };
    let tile = Tile::new(&prepared.name, &region, mask.as_ref(), prepared.found.is_doubtful());
    Ok(Ok((prepared, tile)))
}

/// Pixels of cup, rim and background.
fn areas(mask: &GrayImage) -> [u64; 3] {
    [CUP, RIM, BACKGROUND].map(|level| mask.iter().filter(|l| **l == level).count() as u64)
}

/// Vertical cup-to-disc ratio of a mask with the layout's levels.
pub(super) fn vcdr(mask: &GrayImage) -> Option<f64> {
    let structure =
        |limit: u8| BinaryMask::from_fn(mask.width(), mask.height(), |x, y| mask.get_pixel(x, y).0[0] <= limit);
    vertical_cup_to_disc_ratio(&structure(CUP), &structure(RIM))
}
