//! `papilla predict`: masks, overlays and figures of unlabelled images.

mod findings;
mod flag;
mod inputs;
mod part;
mod table;
mod uncertainty;
mod whole_photograph;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use image::{GrayImage, RgbImage};
use serde_json::{Map, Value, json};

use self::flag::Flag;
use self::inputs::{Image, Inputs, clear_the_way};
use self::part::Part;
use self::table::{Row, TABLE, write_table};
use self::uncertainty::{mean_deviations, write_deviations};
use self::whole_photograph::Place;
use super::masking::MaskFlags;
use super::named::named;
use super::{Architecture, Global, Overwrite, of_defect, output, progress, sentence};
use crate::data::contact_sheet::{ContactSheet, Tile};
use crate::data::guard::caught;
use crate::data::image_file::read_photograph;
use crate::data::mask::mask_image;
use crate::data::names::{counted, shown};
use crate::data::overlay::{write_mask, write_overlay};
use crate::data::place::Taken;
use crate::data::region::check_shape;
use crate::data::remarks::{Remark, Remarks};
use crate::formats::{HostTensor, TensorFile};
use crate::inference::Logits;
use crate::metrics::{BinaryMask, Eye, Masking, Masks, doubts, rim_sectors, vertical_cup_to_disc_ratio};
use crate::own_file::{Overwriting, Purpose};
use crate::train::{TrainedNetwork, load_stochastic_predictor};

/// Images computed at once.
const BATCH: usize = 4;

/// Segment images: masks, overlays, and a table of cup-to-disc ratios and areas
///
/// Images are taken upright, as their EXIF orientation says, and masks and overlays lie on the upright image. Regions that are
/// not square are completed by mirroring their edges. In overlays, and in `contact-sheet.png` with all of them in small, the
/// disc is blue and the cup green; what is empty or implausible is flagged in the table and framed in the sheet. An image that
/// cannot be read is named and left out, the exit status is then 1. Not a medical device: nothing it prints may be used for
/// diagnosis.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Checkpoint of a run, or weights
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Images, folders of images, or splits of datasets; other folders in them are not entered
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder for the results
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write `NAME.safetensors` with the logits `mask [1,2,H,W]` and `boundary [1,1,H,W]` too
    #[arg(long)]
    logits: bool,
    /// The same as --masks raw
    #[arg(long, conflicts_with = "masks")]
    raw: bool,
    /// The images are whole photographs: find the disc, segment a region of 1.5 disc diameters around it, and put the
    /// masks back at the photograph's size (logits and uncertainty stay those of the region)
    #[arg(long)]
    find_disc: bool,
    /// Bits that the levels of 16-bit files have, 8 to 16 [default: as few as the brightest level needs, of 8, 10, 12, 14 and 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(8..=16))]
    bits: Option<u8>,
    /// Which eye all of the images show: without it the sides of the rim are left and right in the image, not nasal and
    /// temporal
    #[arg(long, value_parser = named::<Eye>(), value_name = "EYE")]
    eye: Option<Eye>,
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=100), help = uncertainty::help())]
    uncertainty: Option<u8>,
    #[command(flatten)]
    masks: MaskFlags,
    #[command(flatten)]
    architecture: Architecture,
    #[command(flatten)]
    overwrite: Overwrite,
}

impl Arguments {
    /// The files that each image gives.
    fn parts(&self) -> Vec<Part> {
        let further = [(Part::Uncertainty, self.uncertainty.is_some()), (Part::Logits, self.logits)];
        let further = further.into_iter().filter_map(|(part, is_wanted)| is_wanted.then_some(part));
        [Part::Mask, Part::Overlay].into_iter().chain(further).collect()
    }

    /// How probabilities become the masks that are written.
    fn masking(&self) -> Masking {
        if self.raw { self.masks.masking_of(Masks::Raw) } else { self.masks.masking() }
    }
}

/// Closes what a prediction prints, quiet or not.
const DISCLAIMER: &str = "for research only: not a medical device, not for diagnosis";

/// What is to be done with whole photographs.
const WHOLE_PHOTOGRAPHS: &str = "; pass --find-disc to have the disc found in them";

/// An image whose turn it is.
struct Input<'a> {
    name: &'a str,
    path: &'a Path,
    image: RgbImage,
    /// of a whole photograph, its region and where that lies
    region: Option<(RgbImage, Place)>,
    remarks: Vec<Remark>,
}

impl<'a> Input<'a> {
    fn read(arguments: &Arguments, Image { name, path }: &'a Image) -> Result<Self> {
        let photograph = read_photograph(path, arguments.bits)?;
        let (region, remarks) = if arguments.find_disc {
            let place = Place::find(&photograph.image).with_context(|| format!("cannot use `{}`", path.display()))?;
            (Some((place.square.cut_image(&photograph.image), place)), Remark::on_file(&photograph.notes))
        } else {
            check_shape(photograph.image.dimensions(), path)?;
            (None, Remark::on_region(&photograph.image, &photograph.notes))
        };
        Ok(Self { name, path, image: photograph.image, region, remarks })
    }

    /// What the network sees.
    fn seen(&self) -> &RgbImage {
        self.region.as_ref().map_or(&self.image, |(region, _)| region)
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let taken = arguments.inputs.iter().map(|input| Taken::images(input)).collect::<Result<Vec<_>, _>>()?;
    let inputs: Vec<PathBuf> = taken.iter().map(|taken| taken.path.clone()).collect();
    let Inputs { images, mut notes } = Inputs::collect(&inputs)?;
    notes.splice(0..0, taken.into_iter().filter_map(|taken| taken.note));
    let parts = arguments.parts();
    let given = (&inputs[..], &images[..]);
    let overwriting = clear_the_way(&arguments.out, &parts, given, &arguments.checkpoint, arguments.overwrite)?;
    let device = global.open_tuned()?;
    let fallback = arguments.architecture.config()?;
    let passes = arguments.uncertainty.map_or(0, usize::from);
    let TrainedNetwork { predictor, config, notes: of_weights } =
        load_stochastic_predictor(&device, &arguments.checkpoint, &fallback, BATCH, passes)?;
    notes.extend(of_weights);
    arguments.architecture.agree(&config, &arguments.checkpoint)?;
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("cannot create `{}`", arguments.out.display()))?;
    let bar = progress::bar(global, images.len() as u64, "predicting");
    let mut sheet = ContactSheet::new(&arguments.out, &overwriting);
    // One damaged file among thousands must not cost the results of the others.
    let (mut rows, mut unreadable, mut remarks) = (Vec::new(), Vec::new(), Remarks::default());
    for chunk in images.chunks(predictor.batch()) {
        let mut inputs = Vec::new();
        for image in chunk {
            match caught(|| Input::read(arguments, image)) {
                Ok(Ok(input)) => inputs.push(input),
                Ok(Err(error)) => unreadable.push(sentence(&error)),
                Err(message) => unreadable.push(of_defect(&image.path, &message)),
            }
        }
        let seen: Vec<&RgbImage> = inputs.iter().map(Input::seen).collect();
        if !seen.is_empty() {
            for (logits, input) in predictor.logits(&seen)?.iter().zip(&inputs) {
                let (row, tile) = match caught(|| write_prediction(arguments, &overwriting, input, logits)) {
                    Ok(written) => written?,
                    Err(message) => {
                        unreadable.push(of_defect(input.path, &message));
                        continue;
                    }
                };
                remarks.add(&row.name, input.remarks.iter().cloned());
                rows.push(row);
                sheet.add(tile)?;
            }
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    sheet.finish()?;
    write_table(&overwriting, &arguments.out.join(TABLE), &rows, arguments.eye)?;
    notes.extend(remarks.sentences(rows.len(), WHOLE_PHOTOGRAPHS));
    for note in &notes {
        global.note(note);
    }
    if global.json {
        let list: Vec<_> = rows.iter().map(|row| row.as_json(arguments.eye)).collect();
        let flags: Map<String, Value> =
            findings::by_flag(&rows).into_iter().map(|(flag, names)| (flag.name().to_string(), names.into())).collect();
        let document = json!({
            "notice": DISCLAIMER,
            "images": rows.len(),
            "device": device.name(),
            "masks": arguments.masking().to_string(),
            "predictions": list,
            "flags": flags,
            "notes": notes,
            "unreadable": unreadable,
        });
        output::unless_closed(output::json(&document))?;
    } else {
        output::unless_closed(print(&rows, images.len(), arguments))?;
    }
    for problem in &unreadable {
        output::problem(problem);
    }
    Ok(if unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was done, and what to look at.
fn print(rows: &[Row], given: usize, arguments: &Arguments) -> Result<()> {
    let (count, place) = (rows.len(), arguments.out.display());
    let segmented =
        if count == given { counted(count, "image") } else { format!("{count} of {}", counted(given, "image")) };
    output::line(format_args!("{segmented} segmented, {}; results in {place}", arguments.masking()))?;
    print_places(rows)?;
    if !rows.is_empty() {
        output::line(findings::summary(rows))?;
    }
    Ok(output::line(DISCLAIMER)?)
}

/// How sure the disc finder is, and which photographs somebody should look at, the least certain first.
fn print_places(rows: &[Row]) -> Result<()> {
    let mut found: Vec<_> = rows.iter().filter_map(|row| Some((row, row.place?))).collect();
    found.sort_by(|a, b| a.1.finding.confidence.total_cmp(&b.1.finding.confidence));
    let (Some((_, least)), Some((_, most))) = (found.first(), found.last()) else { return Ok(()) };
    let [low, high] = [least, most].map(|place| place.finding.confidence);
    output::line(format_args!("confidence of the disc finder: {low:.2} to {high:.2}"))?;
    for (row, place) in found.iter().filter(|(_, place)| place.is_doubtful()) {
        let (name, confidence) = (shown(&row.name), place.finding.confidence);
        output::line(format_args!("check `{name}`: the disc was found with a confidence of only {confidence:.2}"))?;
    }
    Ok(())
}

/// Writes the files of an image; its row of the table, and its place in the contact sheet.
fn write_prediction(
    arguments: &Arguments,
    overwriting: &Overwriting,
    input: &Input,
    logits: &Logits,
) -> Result<(Row, Tile)> {
    let (masking, raw) = (arguments.masking(), logits.masks(&arguments.masks.masking_of(Masks::Raw))?);
    let masks = if masking.masks == Masks::Raw { raw.clone() } else { logits.masks(&masking)? };
    let (name, out, (width, height)) = (input.name, &arguments.out, input.image.dimensions());
    let mut picture = input.image.clone();
    let whole = match &input.region {
        Some((_, place)) => {
            place.draw(&mut picture);
            masks.each_ref().map(|mask| place.put_back(mask, width, height))
        }
        None => masks.clone(),
    };
    let [cup, disc] = whole.each_ref().map(|m| m.pixels().collect::<Vec<bool>>());
    write_mask(overwriting, &Part::Mask.path(out, name), (width, height), &cup, &disc)?;
    write_overlay(overwriting, &Part::Overlay.path(out, name), picture, &cup, &disc)?;
    if arguments.logits {
        write_logits(overwriting, &Part::Logits.path(out, name), logits)?;
    }
    if arguments.uncertainty.is_some() {
        write_deviations(overwriting, &Part::Uncertainty.path(out, name), logits)?;
    }
    let parts = arguments.parts();
    for part in Part::ALL.into_iter().filter(|part| !parts.contains(part)) {
        // Of an earlier call, whose other results are replaced.
        overwriting.remove(&part.path(out, name), part.purpose())?;
    }
    let is_whole = input.remarks.iter().any(|remark| matches!(remark, Remark::WholePhotograph));
    let doubts = doubts(&masks, &raw);
    let row = Row {
        vcdr: vertical_cup_to_disc_ratio(&whole[0], &whole[1]),
        cup_area: whole[0].area(),
        disc_area: whole[1].area(),
        confidence: confidence(logits, &masks).filter(|_| doubts.is_empty()),
        rim: rim_sectors(&whole[0], &whole[1]),
        uncertainty: arguments.uncertainty.map(|_| mean_deviations(logits, &masks)),
        place: input.region.as_ref().map(|(_, place)| *place),
        flags: is_whole
            .then_some(Flag::WholePhotograph)
            .into_iter()
            .chain(doubts.into_iter().map(Flag::Doubt))
            .collect(),
        notes: input.remarks.iter().map(Remark::sentence).collect(),
        ..Row::empty(name)
    };
    let is_doubtful = !row.flags.is_empty() || row.place.is_some_and(|place| place.is_doubtful());
    let mut tile = Tile::new(name, input.seen(), Some(&levels(&masks)), is_doubtful);
    if let Some(Place { finding, square }) = row.place {
        tile = tile.with_disc(finding.disc.within(&square, 1.0), finding.confidence);
    }
    Ok((row, tile))
}

/// Masks of cup and disc as one of the dataset layout's levels.
fn levels(masks: &[BinaryMask; 2]) -> GrayImage {
    let [cup, disc] = masks.each_ref().map(|mask| mask.pixels().collect::<Vec<bool>>());
    mask_image((masks[1].width(), masks[1].height()), &cup, &disc)
}

fn write_logits(overwriting: &Overwriting, path: &Path, logits: &Logits) -> Result<()> {
    let (h, w) = (logits.height, logits.width);
    let tensors = BTreeMap::from([
        ("mask".to_string(), HostTensor { shape: vec![1, 2, h, w], data: logits.mask.clone() }),
        ("boundary".to_string(), HostTensor { shape: vec![1, 1, h, w], data: logits.boundary.clone() }),
    ]);
    Ok(TensorFile { tensors, metadata: BTreeMap::new() }.write_as(overwriting, path, Purpose::Logits)?)
}

/// Mean of `max(p, 1−p)` of cup and disc over the pixels of the disc: 1 is certain, ½ is not. `None` without a disc.
fn confidence(logits: &Logits, masks: &[BinaryMask; 2]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u64);
    for channel in 0..2 {
        for (p, inside) in logits.probability(channel).into_iter().zip(masks[1].pixels()) {
            if inside {
                sum += f64::from(p.max(1.0 - p));
                count += 1;
            }
        }
    }
    (count > 0).then(|| sum / count as f64)
}
