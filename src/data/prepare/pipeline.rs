//! What is the same for all layouts: discs are measured or found, squares cut out, regions written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::{DynamicImage, GrayImage};
use rayon::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::crop::disc_of_mask;
use super::error::{OptionError, PrepareError};
use super::fit::fit;
use super::listing::{ALL, Extent, Listing, Photograph};
use super::note::Note;
use super::options::{Layout, Options};
use super::output::Staging;
use super::reason::{Reason, Remedy};
use super::summary::{Found, Prepared, Summary};
use super::tree::Tree;
use super::unused::Skipped;
use super::{drishti, origa, pairs, refuge, rim_one};
use crate::data::contact_sheet::Tile;
use crate::data::dataset::Split;
use crate::data::disc_finder::{Disc, find_disc, is_whole_photograph, why_no_disc};
use crate::data::fit::Fit;
use crate::data::guard::{caught, defect};
use crate::data::image_file::{read_header, read_photograph, write_png};
use crate::data::mask::{BACKGROUND, CUP, RIM, structures};
use crate::data::names::stem;
use crate::data::region::check_shape;
use crate::data::remarks::Remark;
use crate::data::resize::{resize_image, resize_mask};
use crate::data::square::Square;
use crate::metrics::vertical_cup_to_disc_ratio;
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
    let listing = list(options.layout, &tree, options).map_err(|error| match error {
        PrepareError::Layout { input, layout, wanted, found, .. } => {
            PrepareError::Layout { input, layout, wanted, found, other: other_layout(&tree, options) }
        }
        error => error,
    })?;
    let folders = [&options.images, &options.masks, &options.disc_masks, &options.cup_masks];
    let elsewhere = folders.into_iter().flatten().map(|folder| options.input.join(folder));
    let roots: Vec<PathBuf> = elsewhere.chain([options.input.clone()]).collect();
    let staging = Staging::begin(&options.output, &options.input, &roots)?;
    let (photographs, mut skipped) = (without_unannotated(&listing), listing.skipped.clone());
    skipped.extend(photographs.1);
    let photographs = photographs.0;
    let total = 2 * photographs.len();
    let done = AtomicUsize::new(0);
    let tick = || progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);

    let mut usable = Vec::new();
    let measured = each(&photographs, |photograph| measure(photograph, options), tick);
    for (photograph, outcome) in photographs.iter().zip(measured) {
        match outcome {
            Ok(measured) => usable.push(measured),
            Err(reason) => skipped.push(Skipped::failed(photograph.image.clone(), reason)),
        }
    }
    let sides = sides(&usable, options);
    let cut = each(&usable, |m| write_region(m, sides.get(&m.photograph.part).copied(), options, &staging), tick);
    let (mut regions, mut tiles) = (Vec::new(), Vec::new());
    for (measured, outcome) in usable.iter().zip(cut) {
        match outcome {
            Ok(written) => {
                let (region, tile) = written?;
                regions.push(region);
                tiles.push(tile);
            }
            Err(reason) => skipped.push(Skipped::failed(measured.photograph.image.clone(), reason)),
        }
    }
    let first = skipped.iter().find(|skipped| skipped.failed).or(skipped.first());
    if let (true, Some(first)) = (regions.is_empty(), first) {
        return Err(PrepareError::NothingUsable {
            input: options.input.clone(),
            count: skipped.len(),
            file: first.file.clone(),
            reason: first.reason.clone(),
            other: other_layout(&tree, options).filter(|_| options.layout == Layout::Pairs),
        });
    }
    let summary = Summary { regions, skipped, unused: listing.unused, sides, test_every: listing.test_every };
    staging.finish(&summary, tiles)?;
    Ok(summary)
}

fn list(layout: Layout, tree: &Tree, options: &Options) -> Result<Listing, PrepareError> {
    match layout {
        Layout::DrishtiGs => drishti::list(tree, options),
        Layout::Refuge => refuge::list(tree, options),
        Layout::RimOneDl => rim_one::list(tree, options),
        Layout::Origa => origa::list(tree, options),
        Layout::Pairs => pairs::list(tree, options),
    }
}

/// Another layout in which there are annotated photographs here. ORIGA's is one that any pairs have.
fn other_layout(tree: &Tree, options: &Options) -> Option<Layout> {
    let is_annotated = |listing: Listing| listing.photographs.iter().any(|p| p.annotation.file().is_some());
    let others = [Layout::DrishtiGs, Layout::RimOneDl, Layout::Refuge, Layout::Pairs];
    let mut others = others.into_iter().filter(|layout| *layout != options.layout);
    others.find(|layout| list(*layout, tree, options).is_ok_and(is_annotated))
}

/// What a step makes of each item, in their order. A panic is a reason not to use that item.
fn each<T: Sync, U: Send>(
    items: &[T],
    step: impl Fn(&T) -> Result<U, Reason> + Sync,
    done: impl Fn() + Sync,
) -> Vec<Result<U, Reason>> {
    let one = |item: &T| {
        let outcome = caught(|| step(item)).unwrap_or_else(|message| Err(defect(&message).into()));
        done();
        outcome
    };
    items.par_iter().map(one).collect()
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

/// Photographs without an annotation are left out of a split in which others have one: a split is labelled, or not. Where
/// photographs are divided by their names, all of them are labelled or none.
fn without_unannotated(listing: &Listing) -> (Vec<Photograph>, Vec<Skipped>) {
    let is_bare = |p: &Photograph| p.annotation.file().is_none();
    let folder = |p: &Photograph| listing.test_every.map_or(p.split.folder(), |_| ALL);
    let labelled: BTreeSet<&str> = listing.photographs.iter().filter(|p| !is_bare(p)).map(folder).collect();
    let (left_out, kept): (Vec<&Photograph>, Vec<_>) =
        listing.photographs.iter().partition(|p| is_bare(p) && labelled.contains(folder(p)));
    let reason = |p: &Photograph| match listing.test_every {
        Some(_) => "no annotation, which others have".to_string(),
        None => format!("no annotation, which others of `{}` have", p.split.folder()),
    };
    let skipped = left_out.into_iter().map(|p| Skipped::left_out(p.image.clone(), reason(p))).collect();
    (kept.into_iter().cloned().collect(), skipped)
}

/// Finds the disc: in the annotation, in a file, or in the photograph, which is decoded only where that needs its pixels.
fn measure(photograph: &Photograph, options: &Options) -> Result<Measured, Reason> {
    let pixels = || {
        let read = read_photograph(&photograph.image, options.bits);
        read.map(|read| read.image).map_err(|error| Reason::from(error.to_string()))
    };
    let measured = |disc, found, fit, notes| Measured { photograph: photograph.clone(), disc, found, fit, notes };
    let header = read_header(&photograph.image).map_err(|error| error.to_string())?;
    check_shape(header.size, &photograph.image).map_err(|error| error.to_string())?;
    if let Some(file) = photograph.annotation.file() {
        let drawn = photograph.annotation.read(header.size)?.ok_or("it has no annotation")?;
        let (fit, fitted) = fit(&drawn, file, header, &photograph.image, pixels)?;
        // Published names are as they are.
        let other_name = options.layout == Layout::Pairs && stem(file).nfc().ne(stem(&photograph.image).nfc());
        let name = || Note::OtherName { mask: file.file_name().unwrap_or_default().to_string_lossy().into_owned() };
        let notes = drawn.notes.into_iter().chain(fitted).chain(other_name.then(name)).collect();
        let disc = disc_of_mask(&fit.apply(drawn.mask)).ok_or("the mask has no disc")?;
        return Ok(measured(disc, Found::Annotation, Some(fit), notes));
    }
    let finding = find_disc(&pixels()?);
    if let Some(file) = &photograph.centre {
        let centre = drishti::read_centre(file)
            .ok_or_else(|| format!("`{}` does not hold the row and column of the disc's centre", file.display()))?;
        let diameter = finding.map_or(0.0, |finding| finding.disc.diameter);
        return Ok(measured(Disc { centre, diameter }, Found::CentreFile, None, Vec::new()));
    }
    let finding = finding.ok_or_else(|| why_no_disc(header.size))?;
    let found = Found::Finder { confidence: finding.confidence };
    Ok(measured(finding.disc, found, None, Vec::new()))
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

/// Cuts out and writes one region. The outer error is a photograph that cannot be used, the inner one a full disk.
fn write_region(
    measured: &Measured,
    side: Option<u32>,
    options: &Options,
    staging: &Staging,
) -> Result<Result<(Prepared, Tile), PrepareError>, Reason> {
    let Measured { photograph, disc, found, fit, notes } = measured;
    let read = read_photograph(&photograph.image, options.bits).map_err(|error| error.to_string())?;
    if Remark::is_like_mask(&read.image, &read.notes) {
        return Err(Reason::with(Remedy::Masks, "it looks like a mask, not like a photograph"));
    }
    let (image, of_file) = (read.image, read.notes.into_iter().map(Note::Photograph));
    let (width, height) = image.dimensions();
    let mask = photograph.annotation.drawn((width, height))?.zip(*fit).map(|(drawn, fit)| fit.apply(drawn.mask));
    let square = match side {
        Some(side) => Square::around(disc.centre, side),
        None if photograph.extent == Extent::Whole => Square::containing(width, height),
        None => return Err(Reason::with(Remedy::Side, "the size of its disc is unknown")),
    };
    let area = |width: u32, height: u32| u64::from(width) * u64::from(height);
    if photograph.extent != Extent::Whole && area(square.side, square.side) > 2 * area(width, height) {
        let side = square.side;
        let what = format!(
            "its region would be a square of {side} pixels, of which most lies beyond its {width}x{height} pixels and would be mirrored"
        );
        return Err(Reason::with(Remedy::SmallerSide, what));
    }
    let size = options.size;
    let region = resize_image(&square.cut_image(&image), size, size);
    let whole = mask.map(|mask| (square.cut_mask(&mask), mask));
    let is_mirrored = whole.as_ref().is_some_and(|(cut, mask)| square.mirrors(mask, cut));
    let mask = whole.map(|(cut, _)| resize_mask(&cut, size, size));
    let is_cut = mask.as_ref().is_some_and(touches_border);
    let already_region = match found {
        _ if photograph.extent == Extent::Whole => None,
        // The finder looks for discs of whole photographs, and says nothing about the size of any other.
        Found::Finder { .. } => (!is_whole_photograph(&image)).then_some(Note::AlreadyRegion),
        _ => Note::on_disc(disc.diameter, (width, height)),
    };
    let of_region = [
        already_region,
        is_cut.then_some(Note::DiscCut),
        is_mirrored.then_some(Note::DiscMirrored),
        Note::on_side(square.side, size),
    ];
    let rule = Overwriting::default();
    let paths = staging.region(photograph.split, &photograph.name);
    let write = || {
        write_png(&rule, &paths.image, Purpose::Region, &DynamicImage::ImageRgb8(region.clone()))?;
        let mask = mask.iter().cloned().map(DynamicImage::ImageLuma8);
        mask.into_iter().try_for_each(|mask| write_png(&rule, &paths.mask, Purpose::RegionMask, &mask))
    };
    if let Err(error) = write() {
        return Ok(Err(error.into()));
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
        notes: of_file.chain(notes.iter().cloned()).chain(of_region.into_iter().flatten()).collect(),
    };
    let unsure = prepared.found.is_doubtful().then_some("unsure-place");
    let noted = prepared.notes.iter().filter(|note| note.is_doubt()).map(|note| note.kind().name());
    let mut tile =
        Tile::new(&prepared.name, &region, mask.as_ref(), &unsure.into_iter().chain(noted).collect::<Vec<_>>());
    if prepared.split == Split::Test {
        tile = tile.with_mark(Split::Test.folder());
    }
    if let Some(confidence) = prepared.found.confidence() {
        tile = tile.with_disc(prepared.disc.within(&square, prepared.scale), confidence);
    }
    Ok(Ok((prepared, tile)))
}

/// Whether a mask shows something on its outermost pixels.
fn touches_border(mask: &GrayImage) -> bool {
    let (right, bottom) = (mask.width() - 1, mask.height() - 1);
    let is_outermost = |x: u32, y: u32| x == 0 || y == 0 || x == right || y == bottom;
    mask.enumerate_pixels().any(|(x, y, level)| is_outermost(x, y) && level.0[0] != BACKGROUND)
}

/// Pixels of cup, rim and background.
fn areas(mask: &GrayImage) -> [u64; 3] {
    [CUP, RIM, BACKGROUND].map(|level| mask.iter().filter(|l| **l == level).count() as u64)
}

/// Vertical cup-to-disc ratio of a mask with the layout's levels.
pub(super) fn vcdr(mask: &GrayImage) -> Option<f64> {
    let [cup, disc] = structures(mask);
    vertical_cup_to_disc_ratio(&cup, &disc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_costs_one_photograph() {
        let done = AtomicUsize::new(0);
        let step = |item: &u32| match item {
            1 => Err("no picture".into()),
            2 => panic!("a bug\nin a step"),
            _ => Ok(10 * item),
        };
        let outcomes = each(&[0, 1, 2, 3], step, || _ = done.fetch_add(1, Ordering::Relaxed));
        let [Ok(0), Err(said), Err(caught), Ok(30)] = &outcomes[..] else { panic!("{outcomes:?}") };
        assert_eq!((said.to_string().as_str(), done.into_inner()), ("no picture", 4));
        let caught = caught.to_string();
        assert!(caught.contains("defect of papilla") && caught.ends_with(": a bug in a step"), "{caught}");
    }
}
