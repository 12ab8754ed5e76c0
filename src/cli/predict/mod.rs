//! `papilla predict`: masks, overlays and figures of unlabelled images.

mod table;
mod uncertainty;
mod whole_photograph;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use image::RgbImage;
use serde_json::json;

use self::table::{Row, write_table};
use self::uncertainty::{mean_deviations, write_deviations};
use self::whole_photograph::Place;
use super::evaluate::Thresholds;
use super::named::named;
use super::{Architecture, Global, output, progress, sentence};
use crate::data::dataset::list_images;
use crate::data::image_file::read_rgb;
use crate::data::overlay::{write_mask, write_overlay};
use crate::formats::{HostTensor, TensorFile};
use crate::inference::Logits;
use crate::metrics::{BinaryMask, Eye, rim_sectors, vertical_cup_to_disc_ratio};
use crate::train::load_stochastic_predictor;

/// Images computed at once.
const BATCH: usize = 4;

/// Segment images: masks, overlays, and a table of cup-to-disc ratios and areas
///
/// In overlays the disc is blue and the cup green. Not a medical device: nothing it prints may be used for diagnosis.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Checkpoint of a run, or weights
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Images, or folders of images
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder for the results
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write `NAME.safetensors` with the logits `mask [1,2,H,W]` and `boundary [1,1,H,W]` too
    #[arg(long)]
    logits: bool,
    /// Use the masks as the network gives them, without post-processing
    #[arg(long)]
    raw: bool,
    /// The images are whole photographs: find the disc, segment a region of 1.5 disc diameters around it, and put the
    /// masks back at the photograph's size (logits and uncertainty stay those of the region)
    #[arg(long)]
    find_disc: bool,
    /// Which eye all of the images show: without it the sides of the rim are left and right in the image, not nasal and
    /// temporal
    #[arg(long, value_parser = named::<Eye>(), value_name = "EYE")]
    eye: Option<Eye>,
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=100), help = uncertainty::help())]
    uncertainty: Option<u8>,
    #[command(flatten)]
    thresholds: Thresholds,
    #[command(flatten)]
    architecture: Architecture,
}

/// Closes what a prediction prints, quiet or not.
const DISCLAIMER: &str = "for research only: not a medical device, not for diagnosis";

/// The table of a prediction; a folder that holds one holds earlier results.
const TABLE: &str = "predictions.csv";

/// An image whose turn it is.
struct Input<'a> {
    name: &'a str,
    image: RgbImage,
    /// of a whole photograph, its region and where that lies
    region: Option<(RgbImage, Place)>,
}

impl<'a> Input<'a> {
    fn read(arguments: &Arguments, name: &'a str, path: &Path) -> Result<Self> {
        let image = read_rgb(path)?;
        let region = if arguments.find_disc {
            let place = Place::find(&image).with_context(|| format!("cannot use `{}`", path.display()))?;
            Some((place.square.cut_image(&image), place))
        } else {
            None
        };
        Ok(Self { name, image, region })
    }

    /// What the network sees.
    fn seen(&self) -> &RgbImage {
        self.region.as_ref().map_or(&self.image, |(region, _)| region)
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let images = collect(&arguments.inputs)?;
    refuse_overwriting(arguments, &images)?;
    let device = global.open_tuned()?;
    let fallback = arguments.architecture.config()?;
    let passes = arguments.uncertainty.map_or(0, usize::from);
    let (predictor, config) = load_stochastic_predictor(&device, &arguments.checkpoint, &fallback, BATCH, passes)?;
    arguments.architecture.agree(&config, &arguments.checkpoint)?;
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("cannot create `{}`", arguments.out.display()))?;
    let bar = progress::bar(global, images.len() as u64, "predicting");
    // One damaged file among thousands must not cost the results of the others.
    let (mut rows, mut unreadable) = (Vec::new(), Vec::new());
    for chunk in images.chunks(predictor.batch()) {
        let mut inputs = Vec::new();
        for (name, path) in chunk {
            match Input::read(arguments, name, path) {
                Ok(input) => inputs.push(input),
                Err(error) => unreadable.push(sentence(&error)),
            }
        }
        let seen: Vec<&RgbImage> = inputs.iter().map(Input::seen).collect();
        if !seen.is_empty() {
            for (logits, input) in predictor.logits(&seen)?.iter().zip(&inputs) {
                rows.push(write_prediction(arguments, input, logits)?);
            }
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    write_table(&arguments.out.join(TABLE), &rows, arguments.eye)?;
    if global.json {
        let list: Vec<_> = rows.iter().map(|row| row.as_json(arguments.eye)).collect();
        let images = rows.len();
        let document = json!({
            "notice": DISCLAIMER,
            "images": images,
            "device": device.name(),
            "predictions": list,
            "unreadable": unreadable,
        });
        output::json(&document)?;
    } else {
        output::line(format_args!("{} images segmented; results in {}", rows.len(), arguments.out.display()))?;
        print_places(&rows)?;
        output::line(DISCLAIMER)?;
    }
    for problem in &unreadable {
        eprintln!("error: {problem}");
    }
    Ok(if unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How sure the disc finder is, and which photographs somebody should look at, the least certain first.
fn print_places(rows: &[Row]) -> Result<()> {
    let mut found: Vec<_> = rows.iter().filter_map(|row| Some((row, row.place?))).collect();
    found.sort_by(|a, b| a.1.finding.confidence.total_cmp(&b.1.finding.confidence));
    let (Some((_, least)), Some((_, most))) = (found.first(), found.last()) else { return Ok(()) };
    let [low, high] = [least, most].map(|place| place.finding.confidence);
    output::line(format_args!("confidence of the disc finder: {low:.2} to {high:.2}"))?;
    for (row, place) in found.iter().filter(|(_, place)| place.is_doubtful()) {
        let (name, confidence) = (&row.name, place.finding.confidence);
        output::line(format_args!("check `{name}`: the disc was found with a confidence of only {confidence:.2}"))?;
    }
    Ok(())
}

/// Images by the name of their results; folders are listed.
fn collect(inputs: &[PathBuf]) -> Result<Vec<(String, PathBuf)>> {
    let mut paths = BTreeSet::new();
    for input in inputs {
        if input.is_dir() {
            let found = list_images(input)?.unwrap_or_default();
            if found.is_empty() {
                bail!("the folder `{}` holds no image", input.display());
            }
            paths.extend(found.into_values());
        } else if input.exists() {
            paths.insert(input.clone());
        } else {
            bail!("`{}` does not exist", input.display());
        }
    }
    let mut named: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(other) = named.insert(name.clone(), path.clone()) {
            let (a, b) = (other.display(), path.display());
            bail!("`{a}` and `{b}` would both give `{name}_mask.png`; rename one of them");
        }
    }
    Ok(named.into_iter().collect())
}

/// Refuses to write results over files that are no earlier results: images to be segmented, masks beside them.
fn refuse_overwriting(arguments: &Arguments, images: &[(String, PathBuf)]) -> Result<()> {
    let out = &arguments.out;
    let inputs: BTreeSet<PathBuf> = images.iter().filter_map(|(_, image)| image.canonicalize().ok()).collect();
    let repeated = out.join(TABLE).exists();
    for (name, _) in images {
        for suffix in ["_mask.png", "_overlay.png", "_uncertainty.png", ".safetensors"] {
            let result = out.join(format!("{name}{suffix}"));
            let is_input = result.canonicalize().is_ok_and(|path| inputs.contains(&path));
            if is_input || (!repeated && result.exists()) {
                bail!("`{}` would be overwritten; choose an --out folder without it", result.display());
            }
        }
    }
    let is_out = |input: &&PathBuf| input.is_dir() && input.canonicalize().ok() == out.canonicalize().ok();
    if let Some(input) = arguments.inputs.iter().find(is_out) {
        // They would be taken for images the next time.
        bail!("the results would lie among the images of `{}`; choose another --out", input.display());
    }
    Ok(())
}

fn write_prediction(arguments: &Arguments, input: &Input, logits: &Logits) -> Result<Row> {
    let masks =
        if arguments.raw { arguments.thresholds.masks(logits)? } else { arguments.thresholds.clean_masks(logits)? };
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
    write_mask(out, name, (width, height), &cup, &disc)?;
    write_overlay(out, name, picture, &cup, &disc)?;
    if arguments.logits {
        write_logits(&out.join(format!("{name}.safetensors")), logits)?;
    }
    if arguments.uncertainty.is_some() {
        write_deviations(out, name, logits)?;
    }
    Ok(Row {
        name: name.to_string(),
        vcdr: vertical_cup_to_disc_ratio(&whole[0], &whole[1]),
        cup_area: whole[0].area(),
        disc_area: whole[1].area(),
        confidence: confidence(logits, &masks),
        rim: rim_sectors(&whole[0], &whole[1]),
        uncertainty: arguments.uncertainty.map(|_| mean_deviations(logits, &masks)),
        place: input.region.as_ref().map(|(_, place)| *place),
    })
}

fn write_logits(path: &Path, logits: &Logits) -> Result<()> {
    let (h, w) = (logits.height, logits.width);
    let tensors = BTreeMap::from([
        ("mask".to_string(), HostTensor { shape: vec![1, 2, h, w], data: logits.mask.clone() }),
        ("boundary".to_string(), HostTensor { shape: vec![1, 1, h, w], data: logits.boundary.clone() }),
    ]);
    Ok(TensorFile { tensors, metadata: BTreeMap::new() }.write(path)?)
}

/// Mean of `max(p, 1−p)` of cup and disc over the pixels of the disc: 1 is certain, ½ is not. Without a disc 0.
fn confidence(logits: &Logits, masks: &[BinaryMask; 2]) -> f64 {
    let (mut sum, mut count) = (0.0, 0u64);
    for channel in 0..2 {
        for (p, inside) in logits.probability(channel).into_iter().zip(masks[1].pixels()) {
            if inside {
                sum += f64::from(p.max(1.0 - p));
                count += 1;
            }
        }
    }
    if count == 0 { 0.0 } else { sum / count as f64 }
}
