//! `papilla evaluate`: metrics of a checkpoint on labelled regions.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use image::GrayImage;
use serde_json::{Value, json};

use super::masking::MaskFlags;
use super::{Architecture, Global, Overwrite, of_defect, output, progress, sentence};
use crate::data::guard::caught;
use crate::data::mask::structures;
use crate::data::names::shown_path;
use crate::data::place::Taken;
use crate::data::remarks::Remarks;
use crate::data::{Dataset, Labels, Region, RegionPixels};
use crate::device::Device;
use crate::inference::Logits;
use crate::metrics::{
    ImageMetrics, Masking, Masks, MeanInterval, MeanOfFound, SUMMARY_COLUMNS, Summary, evaluate_image,
};
use crate::own_file::{Overwriting, Purpose, WRITTEN_BY};
use crate::train::{TrainedNetwork, load_predictor, seen_in_training};

/// Images computed at once.
const BATCH: usize = 4;

/// Measure a checkpoint on labelled regions: Dice, IoU, surface distances, vertical cup-to-disc ratio
///
/// Images are taken upright, as their EXIF orientation says. Regions that cannot be read, or have no mask, are left out and
/// named, the exit status is then 1; regions that are not square are completed by mirroring their edges.
#[derive(clap::Args, Clone)]
pub(super) struct Arguments {
    /// Checkpoint of a run, or weights
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoint: PathBuf,
    /// Labelled regions: a split of a dataset, which holds `ROIs/image` and `ROIs/mask`; of a dataset, its `test`
    #[arg(long, value_name = "DIR/SPLIT")]
    pub(super) data: PathBuf,
    /// Folder for `metrics.csv` (raw), `metrics_postprocessed.csv`, and the means in `summary.csv` and `summary.json`
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) masks: MaskFlags,
    #[command(flatten)]
    pub(super) architecture: Architecture,
    #[command(flatten)]
    pub(super) overwrite: Overwrite,
}

/// Metrics of the raw masks, and of the post-processed ones.
fn metrics(flags: &MaskFlags, logits: &Logits, mask: &GrayImage) -> Result<[ImageMetrics; 2]> {
    let truth = structures(mask);
    let of = |masks| anyhow::Ok(evaluate_image(&logits.masks(&flags.masking_of(masks))?, &truth)?);
    Ok([of(Masks::Raw)?, of(Masks::Postprocessed)?])
}

/// What is to be done with whole photographs.
const WHOLE_PHOTOGRAPHS: &str = "; `papilla prepare` cuts out the regions, on which networks are trained";

/// Metrics of every image, raw and post-processed, by name.
#[derive(Default)]
struct Measured {
    names: Vec<String>,
    raw: Vec<ImageMetrics>,
    postprocessed: Vec<ImageMetrics>,
    /// what to know of the images
    remarks: Remarks,
    /// a sentence for each region that is left out
    left_out: Vec<String>,
}

impl Measured {
    /// Reads regions; one that cannot be used is left out.
    fn read<'a>(&mut self, regions: &'a [Region]) -> Vec<(&'a Region, RegionPixels)> {
        let mut usable = Vec::new();
        for region in regions {
            match caught(|| RegionPixels::read(region).map(|pixels| (pixels.remarks(), pixels))) {
                Ok(Ok((_, RegionPixels { mask: None, .. }))) => {
                    self.left_out.push(format!("the image `{}` has no mask", shown_path(&region.image)));
                }
                Ok(Ok((remarks, pixels))) => {
                    self.remarks.add(&region.name, remarks);
                    usable.push((region, pixels));
                }
                Ok(Err(error)) => self.left_out.push(sentence(&error.into())),
                Err(message) => self.left_out.push(of_defect(&region.image, &message)),
            }
        }
        usable
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let document = evaluate(global, arguments)?;
    let printed = if global.json { output::json(&document) } else { print_table(&document, &arguments.masks) };
    output::unless_closed(printed)?;
    let is_whole = document["left_out"].as_array().is_none_or(Vec::is_empty);
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Evaluates, writes the files that were asked for, and gives the totals.
pub(super) fn evaluate(global: &Global, arguments: &Arguments) -> Result<Value> {
    if let Some(out) = &arguments.out {
        check_files(&arguments.overwrite.reading([&arguments.checkpoint]), out)?;
    }
    let Taken { path: data, note } = Taken::split(&arguments.data)?;
    let mut dataset = Dataset::open(&data, Labels::Optional)?;
    if dataset.regions().iter().all(|region| region.mask.is_none()) {
        dataset = Dataset::open(&data, Labels::Required)?;
    }
    measure(global, &global.open_tuned()?, &dataset, &Arguments { data, ..arguments.clone() }, note)
}

/// The same on regions and a device that are open; `note` says how the regions were chosen.
pub(super) fn measure(
    global: &Global,
    device: &Device,
    dataset: &Dataset,
    arguments: &Arguments,
    note: Option<String>,
) -> Result<Value> {
    let overwriting = arguments.overwrite.reading([&arguments.checkpoint]);
    if let Some(out) = &arguments.out {
        check_files(&overwriting, out)?;
    }
    let fallback = arguments.architecture.config()?;
    let TrainedNetwork { predictor, config, notes: of_weights } =
        load_predictor(device, &arguments.checkpoint, &fallback, BATCH)?;
    arguments.architecture.agree(&config, &arguments.checkpoint)?;
    let bar = progress::bar(global, dataset.len() as u64, "evaluating");
    let mut measured = Measured::default();
    for regions in dataset.regions().chunks(predictor.batch()) {
        let read = measured.read(regions);
        bar.inc(regions.len() as u64);
        if read.is_empty() {
            continue;
        }
        let images: Vec<_> = read.iter().map(|(_, pixels)| &pixels.image).collect();
        for (logits, (region, pixels)) in predictor.logits(&images)?.iter().zip(&read) {
            let mask = pixels.mask.as_ref().context("labels were required when the dataset was opened")?;
            match caught(|| metrics(&arguments.masks, logits, mask)) {
                Ok(metrics) => {
                    let [raw, postprocessed] = metrics?;
                    measured.names.push(region.name.clone());
                    measured.raw.push(raw);
                    measured.postprocessed.push(postprocessed);
                }
                Err(message) => measured.left_out.push(of_defect(&region.image, &message)),
            }
        }
    }
    bar.finish_and_clear();
    let (count, of) = (measured.names.len(), dataset.len());
    if let (0, Some(first)) = (count, measured.left_out.first()) {
        bail!("none of the {of} regions of `{}` can be evaluated; the first: {first}", arguments.data.display());
    }
    for problem in &measured.left_out {
        output::problem(problem);
    }
    let seen = seen_in_training(&config, dataset.regions());
    let notes = [
        note.into_iter().collect(),
        of_weights,
        seen.sentences(),
        dataset.passed_over(),
        measured.remarks.sentences(of, WHOLE_PHOTOGRAPHS),
    ]
    .concat();
    for note in &notes {
        global.note(note);
    }
    let document = json!({
        WRITTEN_BY: Purpose::Evaluation.mark(),
        "images": count,
        "regions": of,
        "left_out": measured.left_out,
        "notes": notes,
        "seen_in_training": {
            "trained_on": seen.trained_on,
            "chosen_by": seen.chosen_by,
            "adapted_to": seen.adapted_to,
        },
        "whole_photographs": measured.remarks.whole_photographs(),
        "device": device.name(),
        "checkpoint": arguments.checkpoint.display().to_string(),
        "data": arguments.data.display().to_string(),
        "threshold_cup": arguments.masks.masking().thresholds[0],
        "threshold_disc": arguments.masks.masking().thresholds[1],
        "erosion": arguments.masks.masking().erosion,
        "masks": arguments.masks.masking().masks.name(),
        "raw": Summary::of(&measured.raw),
        "postprocessed": Summary::of(&measured.postprocessed),
    });
    if let Some(out) = &arguments.out {
        write_files(&overwriting, out, &measured, &document)?;
    }
    Ok(document)
}

/// Metrics of each image: of masks as they come, and post-processed.
const METRICS: [&str; 2] = ["metrics.csv", "metrics_postprocessed.csv"];
/// Totals for other programs.
const TOTALS: &str = "summary.json";
/// The same as a table.
const MEANS: &str = "summary.csv";

fn metrics_columns() -> Vec<&'static str> {
    [&["name"], &ImageMetrics::CSV_COLUMNS[..]].concat()
}

fn means_columns() -> Vec<&'static str> {
    [&["masks"], &SUMMARY_COLUMNS[..]].concat()
}

/// Refuses to write over what is no earlier evaluation, before anything is computed.
fn check_files(overwriting: &Overwriting, out: &Path) -> Result<()> {
    for name in METRICS {
        overwriting.check(&out.join(name), Purpose::Table(&metrics_columns()))?;
    }
    overwriting.check(&out.join(MEANS), Purpose::Table(&means_columns()))?;
    Ok(overwriting.check(&out.join(TOTALS), Purpose::Evaluation)?)
}

fn write_files(overwriting: &Overwriting, out: &Path, measured: &Measured, document: &Value) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot create `{}`", out.display()))?;
    for (name, metrics) in METRICS.into_iter().zip([&measured.raw, &measured.postprocessed]) {
        let images = measured.names.iter().zip(metrics);
        let rows = images.map(|(name, image)| std::iter::once(name.clone()).chain(image.csv_cells()));
        overwriting.write_table(&out.join(name), &metrics_columns(), rows)?;
    }
    let means = [(Masks::Raw, &measured.raw), (Masks::Postprocessed, &measured.postprocessed)].into_iter().flat_map(
        |(masks, metrics)| {
            let rows = Summary::of(metrics).csv_rows();
            rows.into_iter().map(move |row| std::iter::once(masks.name().to_string()).chain(row))
        },
    );
    overwriting.write_table(&out.join(MEANS), &means_columns(), means)?;
    let text = serde_json::to_string_pretty(document)?;
    Ok(overwriting.write(&out.join(TOTALS), Purpose::Evaluation, |file| file.write_all(text.as_bytes()))?)
}

/// A table of the totals of both kinds of masks, those that were asked for first: value, and its 95 % interval.
fn print_table(document: &Value, flags: &MaskFlags) -> Result<()> {
    let (images, regions) = (&document["images"], &document["regions"]);
    let of = if images == regions { String::new() } else { format!(" of {regions}") };
    let what = if regions.as_u64() == Some(1) { "image" } else { "images" };
    output::line(format_args!("{images}{of} {what}, 95 % intervals in brackets"))?;
    let first = flags.masking().masks;
    for masks in [first].into_iter().chain(Masks::ALL.into_iter().filter(|masks| *masks != first)) {
        print_masks(&flags.masking_of(masks), &summary(document, masks))?;
    }
    if Masks::ALL.iter().any(|masks| misses_some(&summary(document, *masks))) {
        output::line(MISSING)?;
    }
    Ok(())
}

/// The totals of a kind of masks.
fn print_masks(masking: &Masking, summary: &Summary) -> Result<()> {
    output::line(format_args!("\n{masking}"))?;
    output::line(row("", ["cup", "disc"]))?;
    let [cup, disc] = summary.structures().map(|(_, means)| means);
    output::line(row("Dice", [shown(cup.dice), shown(disc.dice)]))?;
    output::line(row("IoU", [shown(cup.iou), shown(disc.iou)]))?;
    for (title, means) in [("ASD (pixels)", [cup.asd, disc.asd]), ("HD95 (pixels)", [cup.hd95, disc.hd95])] {
        output::line(row(title, means.map(|mean| format!("{mean:.2}"))))?;
        print_worst_cases(&means, 2)?;
    }
    output::line(format_args!("{:20} {}", "vCDR error", summary.vcdr_mae))?;
    print_worst_cases(&[summary.vcdr_mae], 4)
}

/// What means over some of the images would be over all, in the worst case.
fn print_worst_cases(means: &[MeanOfFound], decimals: usize) -> Result<()> {
    let worst = means.iter().map(|mean| mean.told(|value| format!("{value:.decimals$}")).worst_case);
    let worst: Vec<String> = worst.map(Option::unwrap_or_default).collect();
    match &worst[..] {
        _ if worst.iter().all(String::is_empty) => {}
        [cup, disc] => output::line(row("  in the worst case", [cup, disc]))?,
        _ => output::line(format_args!("{:20} {}", "  in the worst case", worst.join(" ")))?,
    }
    Ok(())
}

/// Whether some means are over fewer images than others.
fn misses_some(summary: &Summary) -> bool {
    let [cup, disc] = summary.structures().map(|(_, means)| means.asd);
    [cup, disc, summary.vcdr_mae].iter().any(|mean| mean.counts()[0] < mean.counts()[1])
}

/// Why.
const MISSING: &str = "\nWhere a mask is empty, distances and the ratio do not exist: compare these means only over the images both \
                       have, or in the worst case: the image's diagonal, and a ratio of 0 or 1.";

/// Means over the images of a document.
pub(super) fn summary(document: &Value, masks: Masks) -> Summary {
    Summary::from_json(&document[masks.name()], document["images"].as_u64().unwrap_or(0) as usize)
}

/// A line of a table of totals.
fn row(title: &str, cells: [impl std::fmt::Display; 2]) -> String {
    cells.iter().fold(format!("{title:20}"), |line, cell| format!("{line} {cell:>38}"))
}

/// A mean and its interval.
pub(super) fn shown(mean: Option<MeanInterval>) -> String {
    mean.map_or("missing".to_owned(), |mean| mean.to_string())
}
