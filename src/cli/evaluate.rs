//! `papilla evaluate`: metrics of a checkpoint on labelled regions.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::architecture::readable_checkpoint;
use super::masking::{MASK_COLUMNS, MaskFlags, both_kinds, mask_cells};
use super::{Architecture, Global, Overwrite, of_defect, output, progress, sentence};
use crate::data::Dataset;
use crate::data::names::{counted, shown_path};
use crate::data::place::{Taken, split_around};
use crate::device::Device;
use crate::metrics::{
    DiceCurves, DiceOverThresholds, ImageMetrics, LEAST_FOR_INTERVAL, Masking, Masks, MeanInterval, MeanOfFound,
    SUMMARY_COLUMNS, StructureSummary, Summary, as_written, measurable, thresholds,
};
use crate::own_file::{Overwriting, Purpose, WRITTEN_BY};
use crate::prediction::{BATCH, LeftOut, MeasureError, Measured};
use crate::train::{CheckpointTaken, Origin, TrainedNetwork, seen_in_training};

/// Measure a checkpoint on labelled regions: Dice, IoU, surface distances, vertical cup-to-disc ratio
///
/// Images are taken upright, as their EXIF orientation says. Regions that cannot be read, or have no mask, are left out and
/// named, the exit status is then 1; regions that are not square are completed by mirroring their edges.
#[derive(clap::Args, Clone)]
pub(super) struct Arguments {
    /// Checkpoint of a run, or weights; of the folder of a run its best checkpoint, or of an adaptation the last
    #[arg(long, value_name = "FILE|RUN")]
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

/// What is to be done with whole photographs.
const WHOLE_PHOTOGRAPHS: &str = "; `papilla prepare` cuts out the regions, on which networks are trained";

/// A sentence on a region that is left out.
fn why(left_out: LeftOut) -> String {
    match left_out {
        LeftOut::NoMask(image) => format!("the image `{}` has no mask", shown_path(&image)),
        LeftOut::Data(error) => sentence(&error.into()),
        LeftOut::Defect { image, message } => of_defect(&image, &message),
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let document = evaluate(global, arguments)?;
    let printed = if global.json { output::json(&document) } else { print_table(&document, arguments) };
    output::unless_closed(printed)?;
    let is_whole = document["left_out"].as_array().is_none_or(Vec::is_empty);
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Evaluates, writes the files that were asked for, and gives the totals.
pub(super) fn evaluate(global: &Global, arguments: &Arguments) -> Result<Value> {
    if let Some(out) = &arguments.out {
        check_outside_splits(out)?;
        check_files(&arguments.overwrite.reading([&arguments.checkpoint]), out)?;
    }
    let Taken { path: data, note } = Taken::split(&arguments.data)?;
    let dataset = Dataset::open_partly_labelled(&data)?;
    // Before an adapter is opened, and says so.
    arguments.architecture.config()?;
    let CheckpointTaken { path: checkpoint, note: which } = readable_checkpoint(&arguments.checkpoint)?;
    let arguments = Arguments { checkpoint, data, ..arguments.clone() };
    measure(global, &global.open_tuned()?, &dataset, &arguments, note.into_iter().chain(which).collect())
}

/// The same of the file of a checkpoint, on regions and a device that are open; `notes` say how these were chosen.
pub(super) fn measure(
    global: &Global,
    device: &Device,
    dataset: &Dataset,
    arguments: &Arguments,
    notes: Vec<String>,
) -> Result<Value> {
    let overwriting = arguments.overwrite.reading([&arguments.checkpoint]);
    if let Some(out) = &arguments.out {
        check_files(&overwriting, out)?;
    }
    let checkpoint = &arguments.checkpoint;
    let TrainedNetwork { origin, predictor, calibration, config, notes: of_weights } =
        arguments.architecture.load(device, checkpoint, BATCH, 0)?;
    let masking = arguments.masks.masking(calibration);
    let bar = progress::bar(global, dataset.len() as u64, "evaluating");
    let measured = Measured::on(dataset, &predictor, masking, |regions| {
        bar.inc(regions as u64);
        true
    });
    let mut measured = measured.map_err(|error| match error {
        MeasureError::Inference(error) => anyhow::Error::from(error),
        MeasureError::Metrics(error) => error.into(),
    })?;
    let left_out: Vec<String> = std::mem::take(&mut measured.left_out).into_iter().map(why).collect();
    bar.finish_and_clear();
    let (count, of) = (measured.names.len(), dataset.len());
    if let (0, Some(first)) = (count, left_out.first()) {
        bail!("none of the {of} regions of `{}` can be evaluated; the first: {first}", arguments.data.display());
    }
    for problem in &left_out {
        output::problem(problem);
    }
    let seen = seen_in_training(&config, dataset.regions());
    let of_origin = matches!(origin, Origin::Weights { .. }).then(|| {
        format!(
            "`{}` does not say what it was trained on: whether these images are among that cannot be told",
            checkpoint.display()
        )
    });
    let of_structures = not_measured(measurable(&measured.raw), count);
    let mut notes = [
        notes,
        of_weights,
        of_origin.into_iter().collect(),
        seen.sentences(),
        dataset.passed_over(),
        measured.remarks.sentences(of, WHOLE_PHOTOGRAPHS),
        of_structures.into_iter().collect(),
        arguments.masks.note(calibration, checkpoint).into_iter().collect(),
    ]
    .concat();
    let shown = |path: &Path| path.display().to_string();
    let earlier =
        arguments.out.as_ref().and_then(|out| replaced(out, [&shown(checkpoint), &shown(&arguments.data)], masking));
    notes.extend(earlier);
    for note in &notes {
        global.note(note);
    }
    let [of_cup, of_disc] = arguments.masks.thresholds_of(calibration);
    let document = json!({
        WRITTEN_BY: Purpose::Evaluation.mark(),
        "images": count,
        "regions": of,
        "left_out": left_out,
        "notes": notes,
        "seen_in_training": {
            "trained_on": seen.trained_on,
            "chosen_by": seen.chosen_by,
            "adapted_to": seen.adapted_to,
        },
        "whole_photographs": measured.remarks.whole_photographs(),
        "device": device.name(),
        "checkpoint": shown(checkpoint),
        "steps": origin.steps(),
        "size": config.size,
        "size_is_assumed": origin == Origin::Weights { state_size: false } && arguments.architecture.size.is_none(),
        "data": shown(&arguments.data),
        "image_sizes": measured.sizes,
        "threshold_cup": as_written(masking.thresholds[0]),
        "threshold_disc": as_written(masking.thresholds[1]),
        "thresholds_of": { "cup": of_cup, "disc": of_disc },
        "erosion": masking.erosion,
        "masks": masking.masks.name(),
        "raw": Summary::of(&measured.raw),
        "postprocessed": Summary::of(&measured.postprocessed),
        "dice_over_thresholds": over_thresholds(&measured.curves),
    });
    if let Some(out) = &arguments.out {
        write_files(&overwriting, out, &measured, masking, &document)?;
    }
    Ok(document)
}

/// Mean Dice of raw masks at every threshold, to six decimals; none of a structure that no mask shows.
fn over_thresholds(curves: &DiceCurves) -> Value {
    let rounded = |curve: DiceOverThresholds| curve.map(|dice| (dice * 1e6).round() / 1e6).to_vec();
    let [cup, disc] = curves.means().map(|curve| curve.map(rounded));
    json!({ "masks": Masks::Raw.name(), "thresholds": thresholds().map(as_written).to_vec(), "cup": cup, "disc": disc })
}

/// Metrics of each image: of masks as they come, and post-processed.
const METRICS: [(&str, Masks); 2] = [("metrics.csv", Masks::Raw), ("metrics_postprocessed.csv", Masks::Postprocessed)];
/// Totals for other programs.
const TOTALS: &str = "summary.json";
/// The same as a table.
const MEANS: &str = "summary.csv";

fn metrics_columns() -> Vec<&'static str> {
    [&["name"], &ImageMetrics::CSV_COLUMNS[..], &MASK_COLUMNS].concat()
}

fn means_columns() -> Vec<&'static str> {
    [&MASK_COLUMNS[..], &SUMMARY_COLUMNS].concat()
}

/// Refuses to leave results among regions, which whoever replaces or copies a dataset would lose or take along.
fn check_outside_splits(out: &Path) -> Result<()> {
    if let Some(split) = split_around(out) {
        bail!("the results would lie among the regions of `{}`; choose another --out", split.display());
    }
    Ok(())
}

/// Refuses to write over what is no earlier evaluation, before anything is computed.
fn check_files(overwriting: &Overwriting, out: &Path) -> Result<()> {
    for (name, _) in METRICS {
        overwriting.check(&out.join(name), Purpose::Table(&metrics_columns()))?;
    }
    overwriting.check(&out.join(MEANS), Purpose::Table(&means_columns()))?;
    Ok(overwriting.check(&out.join(TOTALS), Purpose::Evaluation)?)
}

/// Which masks a document puts first.
fn masking_of(document: &Value) -> Option<Masking> {
    let threshold = |key: &str| document[key].as_f64().map(|value| value as f32);
    Some(Masking {
        masks: *Masks::ALL.iter().find(|masks| Some(masks.name()) == document["masks"].as_str())?,
        thresholds: [threshold("threshold_cup")?, threshold("threshold_disc")?],
        erosion: document["erosion"].as_u64().and_then(|radius| u32::try_from(radius).ok())?,
    })
}

/// A sentence on an earlier evaluation of other weights, data or masks, whose files are replaced.
fn replaced(out: &Path, [checkpoint, data]: [&str; 2], masking: Masking) -> Option<String> {
    let text = crate::input_file::read(&out.join(TOTALS)).ok()?;
    let earlier: Value = serde_json::from_slice(&text).ok()?;
    let text = |key: &str| earlier[key].as_str().map(str::to_string);
    let was = masking_of(&earlier)?;
    let (of, on) = (text("checkpoint")?, text("data")?);
    let is_same = |a: &str, b: &str| {
        a == b || matches!((Path::new(a).canonicalize(), Path::new(b).canonicalize()), (Ok(a), Ok(b)) if a == b)
    };
    let is_another = was != masking || !is_same(&of, checkpoint) || !is_same(&on, data);
    is_another.then(|| format!("`{}` held an evaluation of `{of}` on `{on}`, {was}, which is replaced", out.display()))
}

/// A sentence on structures that none of so many masks shows, if there are such.
fn not_measured(measurable: [bool; 2], images: usize) -> Option<String> {
    let (what, lost) = match measurable {
        [true, true] => return None,
        [false, true] => ("cup", "neither the cup nor the cup-to-disc ratio is measured"),
        [true, false] => ("disc", "neither the disc nor the cup-to-disc ratio is measured"),
        [false, false] => ("cup or disc", "nothing is measured"),
    };
    let masks =
        if images == 1 { "the mask shows no".to_string() } else { format!("none of the {images} masks shows a") };
    Some(format!("{masks} {what}: {lost}"))
}

fn write_files(
    overwriting: &Overwriting,
    out: &Path,
    measured: &Measured,
    masking: Masking,
    document: &Value,
) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot create `{}`", out.display()))?;
    let measurable = measurable(&measured.raw);
    for (name, masks) in METRICS {
        let images = measured.names.iter().zip(measured.of(masks));
        let rows = images.map(|(name, image)| {
            let cells = [&image.csv_cells(measurable)[..], &mask_cells(Masking { masks, ..masking })].concat();
            std::iter::once(name.clone()).chain(cells)
        });
        overwriting.write_table(&out.join(name), &metrics_columns(), rows)?;
    }
    let means = both_kinds(masking).into_iter().flat_map(|masking| {
        let rows = Summary::of(measured.of(masking.masks)).csv_rows();
        rows.into_iter().map(move |row| mask_cells(masking).into_iter().chain(row))
    });
    overwriting.write_table(&out.join(MEANS), &means_columns(), means)?;
    let text = serde_json::to_string_pretty(document)?;
    Ok(overwriting.write(&out.join(TOTALS), Purpose::Evaluation, |file| file.write_all(text.as_bytes()))?)
}

/// A table of the totals of both kinds of masks, those that were asked for first: value, and its 95 % interval.
fn print_table(document: &Value, arguments: &Arguments) -> Result<()> {
    let (images, regions) = (document["images"].as_u64().unwrap_or(0) as usize, document["regions"].as_u64());
    let regions = regions.unwrap_or(0) as usize;
    let shown = |key: &str| document[key].as_str().unwrap_or_default();
    let steps = document["steps"]
        .as_u64()
        .map_or(String::new(), |steps| format!(" (after {})", counted(steps as usize, "step")));
    output::line(format_args!("`{}`{steps} on `{}`", shown("checkpoint"), shown("data")))?;
    let of =
        if images == regions { counted(images, "image") } else { format!("{images} of {}", counted(regions, "image")) };
    let intervals = match images < LEAST_FOR_INTERVAL {
        true => format!("too few for intervals, which take {LEAST_FOR_INTERVAL}"),
        false => "95 % intervals in brackets".to_string(),
    };
    output::line(format_args!("{of}, {intervals}"))?;
    let pixels = pixels(document);
    for masking in masking_of(document).map(both_kinds).into_iter().flatten() {
        print_masks(&masking, &summary(document, masking.masks), &pixels)?;
    }
    if Masks::ALL.iter().any(|masks| misses_some(&summary(document, *masks))) {
        output::line(MISSING)?;
    }
    if let Some(out) = &arguments.out {
        output::line(format_args!("\nresults in {}", out.display()))?;
    }
    Ok(())
}

/// In which pixels distances are.
fn pixels(document: &Value) -> String {
    match document["image_sizes"].as_array().map_or(&[][..], Vec::as_slice) {
        [size] => format!("pixels of images of {}", size.as_str().unwrap_or_default()),
        _ => "pixels of each image, whose sizes differ".to_string(),
    }
}

/// The totals of a kind of masks.
fn print_masks(masking: &Masking, summary: &Summary, pixels: &str) -> Result<()> {
    output::line(format_args!("\n{masking}; distances in {pixels}"))?;
    output::line(row("", ["cup", "disc"]))?;
    let [cup, disc] = summary.structures().map(|(_, means)| means);
    output::line(row("Dice", [shown(cup.dice), shown(disc.dice)]))?;
    output::line(row("IoU", [shown(cup.iou), shown(disc.iou)]))?;
    let told = |structure: &StructureSummary, text: String| if structure.is_measured() { text } else { shown(None) };
    for (title, [of_cup, of_disc]) in [("ASD", [cup.asd, disc.asd]), ("HD95", [cup.hd95, disc.hd95])] {
        output::line(row(title, [told(cup, format!("{of_cup:.2}")), told(disc, format!("{of_disc:.2}"))]))?;
        print_worst_cases(&[of_cup, of_disc], 2)?;
    }
    let ratio = if cup.is_measured() && disc.is_measured() { summary.vcdr_mae.to_string() } else { shown(None) };
    output::line(format_args!("{:20} {ratio}", "vCDR, absolute error"))?;
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
    let [cup, disc] = summary.structures().map(|(_, means)| means);
    let is_short = |mean: MeanOfFound| mean.counts()[0] < mean.counts()[1];
    let of_structure = |means: &StructureSummary| means.is_measured() && is_short(means.asd);
    let of_ratio = cup.is_measured() && disc.is_measured() && is_short(summary.vcdr_mae);
    of_structure(cup) || of_structure(disc) || of_ratio
}

/// Why.
const MISSING: &str = "\nWhere a mask is empty, distances and the ratio do not exist: compare these means only over the images that both \
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
    mean.map_or("not measured".to_owned(), |mean| mean.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_over_thresholds_is_of_raw_masks_and_of_what_masks_show() {
        let mut curves = DiceCurves::default();
        curves.add(&[[0.5; 99], [0.25; 99]], [true, false]);
        curves.add(&[[0.123_456_78; 99], [0.25; 99]], [true, false]);
        let document = over_thresholds(&curves);
        assert_eq!((&document["masks"], &document["disc"]), (&"raw".into(), &Value::Null));
        assert_eq!((&document["thresholds"][40], &document["cup"][40]), (&0.41.into(), &0.311_728.into()));
        assert_eq!(document["cup"].as_array().map(Vec::len), document["thresholds"].as_array().map(Vec::len));
    }

    #[test]
    fn what_no_mask_shows_is_said() {
        assert_eq!(not_measured([true; 2], 9), None);
        let told = |measurable, images| not_measured(measurable, images).expect("something is missing");
        assert_eq!(
            told([false, true], 9),
            "none of the 9 masks shows a cup: neither the cup nor the cup-to-disc ratio is measured"
        );
        assert_eq!(told([false, false], 1), "the mask shows no cup or disc: nothing is measured");
    }

    #[test]
    fn rows_of_tables_say_of_which_masks_they_are() {
        assert!(metrics_columns().ends_with(&MASK_COLUMNS) && means_columns().starts_with(&MASK_COLUMNS));
    }

    #[test]
    fn results_do_not_lie_among_regions() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let split = folder.path().join("test");
        std::fs::create_dir_all(split.join("ROIs/image")).expect("it is writable");
        for out in [split.clone(), split.join("results"), split.join("ROIs/mask")] {
            let error = check_outside_splits(&out).expect_err("regions lie there").to_string();
            assert!(error.contains("among the regions of") && error.contains("--out"), "{error}");
        }
        assert!(check_outside_splits(&folder.path().join("results")).is_ok());
    }

    #[test]
    fn an_earlier_evaluation_of_something_else_is_not_replaced_in_silence() {
        let out = tempfile::tempdir().expect("a temporary folder");
        let usual = Masking::USUAL;
        assert_eq!(replaced(out.path(), ["a", "b"], usual), None, "there is none");
        let earlier = json!({
            "checkpoint": "a", "data": "b", "masks": usual.masks.name(), "erosion": usual.erosion,
            "threshold_cup": usual.thresholds[0], "threshold_disc": usual.thresholds[1],
        });
        std::fs::write(out.path().join(TOTALS), earlier.to_string()).expect("it is writable");
        assert_eq!(replaced(out.path(), ["a", "b"], usual), None, "it is the same again");
        let told = replaced(out.path(), ["a", "b"], Masking { thresholds: [0.1, 0.75], ..usual }).expect("others");
        assert!(told.ends_with("of `a` on `b`, post-processed masks at 0.75, which is replaced"), "{told}");
        assert!(replaced(out.path(), ["c", "b"], usual).is_some() && replaced(out.path(), ["a", "c"], usual).is_some());
    }
}
