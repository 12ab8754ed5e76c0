//! `papilla predict`: masks, overlays and figures of unlabelled images.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use image::RgbImage;
use serde_json::json;

use super::evaluate::Thresholds;
use super::{Architecture, Global, output, progress, sentence};
use crate::data::dataset::list_images;
use crate::data::image_file::read_rgb;
use crate::data::overlay::{write_mask, write_overlay};
use crate::formats::{HostTensor, TensorFile, write_atomically};
use crate::inference::{Logits, load_predictor};
use crate::metrics::{BinaryMask, vertical_cup_to_disc_ratio};

/// Images computed at once.
const BATCH: usize = 4;

/// Segment images: masks, overlays (disc blue, cup green), and a table of cup-to-disc ratios and areas.
/// Not a medical device: nothing it prints may be used for diagnosis.
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
    #[command(flatten)]
    thresholds: Thresholds,
    #[command(flatten)]
    architecture: Architecture,
}

/// The table of a prediction; a folder that holds one holds earlier results.
const TABLE: &str = "predictions.csv";

/// A row of the table.
struct Row {
    name: String,
    vcdr: Option<f64>,
    cup_area: u64,
    disc_area: u64,
    confidence: f64,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let images = collect(&arguments.inputs)?;
    refuse_overwriting(arguments, &images)?;
    let device = global.open_tuned()?;
    let fallback = arguments.architecture.config()?;
    let (predictor, config) = load_predictor(&device, &arguments.checkpoint, &fallback, BATCH)?;
    arguments.architecture.agree(&config, &arguments.checkpoint)?;
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("cannot create `{}`", arguments.out.display()))?;
    let bar = progress::bar(global, images.len() as u64, "predicting");
    // One damaged file among thousands must not cost the results of the others.
    let (mut rows, mut unreadable) = (Vec::new(), Vec::new());
    for chunk in images.chunks(predictor.batch()) {
        let mut pixels = Vec::new();
        for (name, path) in chunk {
            match read_rgb(path) {
                Ok(image) => pixels.push((name, image)),
                Err(error) => unreadable.push(sentence(&error.into())),
            }
        }
        let borrowed: Vec<&RgbImage> = pixels.iter().map(|(_, image)| image).collect();
        if !borrowed.is_empty() {
            for (logits, (name, image)) in predictor.logits(&borrowed)?.iter().zip(&pixels) {
                rows.push(write_prediction(arguments, name, image, logits)?);
            }
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    write_table(&arguments.out.join(TABLE), &rows)?;
    if global.json {
        let list: Vec<_> = rows.iter().map(Row::as_json).collect();
        let images = rows.len();
        let document =
            json!({ "images": images, "device": device.name(), "predictions": list, "unreadable": unreadable });
        output::json(&document)?;
    } else {
        output::line(format_args!("{} images segmented; results in {}", rows.len(), arguments.out.display()))?;
        global.note("for research only: not a medical device, not for diagnosis");
    }
    for problem in &unreadable {
        eprintln!("error: {problem}");
    }
    Ok(if unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
        for suffix in ["_mask.png", "_overlay.png", ".safetensors"] {
            let result = out.join(format!("{name}{suffix}"));
            let is_input = result.canonicalize().is_ok_and(|path| inputs.contains(&path));
            if is_input || (!repeated && result.exists()) {
                bail!("`{}` would be overwritten; choose an --out folder without it", result.display());
            }
        }
    }
    Ok(())
}

fn write_prediction(arguments: &Arguments, name: &str, image: &RgbImage, logits: &Logits) -> Result<Row> {
    let masks =
        if arguments.raw { arguments.thresholds.masks(logits)? } else { arguments.thresholds.clean_masks(logits)? };
    let [cup, disc] = [&masks[0], &masks[1]].map(|m| m.pixels().collect::<Vec<bool>>());
    write_mask(&arguments.out, name, image.dimensions(), &cup, &disc)?;
    write_overlay(&arguments.out, name, image.clone(), &cup, &disc)?;
    if arguments.logits {
        write_logits(&arguments.out.join(format!("{name}.safetensors")), logits)?;
    }
    Ok(Row {
        name: name.to_string(),
        vcdr: vertical_cup_to_disc_ratio(&masks[0], &masks[1]),
        cup_area: masks[0].area(),
        disc_area: masks[1].area(),
        confidence: confidence(logits, &masks),
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

fn write_table(path: &Path, rows: &[Row]) -> Result<()> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["name", "vcdr", "cup_area", "disc_area", "confidence"])?;
    for row in rows {
        let vcdr = row.vcdr.map_or(String::new(), |v| format!("{v:.4}"));
        let confidence = format!("{:.4}", row.confidence);
        table.write_record([&row.name, &vcdr, &row.cup_area.to_string(), &row.disc_area.to_string(), &confidence])?;
    }
    let bytes = table.into_inner().context("a table in memory can always be finished")?;
    Ok(write_atomically(path, |file| file.write_all(&bytes))?)
}

impl Row {
    fn as_json(&self) -> serde_json::Value {
        json!({
            "name": self.name,
            "vcdr": self.vcdr,
            "cup_area": self.cup_area,
            "disc_area": self.disc_area,
            "confidence": self.confidence,
        })
    }
}
