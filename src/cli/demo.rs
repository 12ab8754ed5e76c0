//! `papilla demo`: the main job on the embedded default, small enough for a laptop without a GPU.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::masking::MaskFlags;
use super::{Architecture, Global, Overwrite, evaluate, output, report, synth, train};
use crate::data::names::counted;
use crate::metrics::Masking;
use crate::train::{AugmentSetting, Config, Method, NormSetting};

/// Rows and columns of the demo's regions.
const SIZE: usize = 64;
/// Training and test regions of each clinic.
const REGIONS: (usize, usize) = (160, 32);
/// Passes over clinic A before the adaptation.
const SOURCE_EPOCHS: u64 = 6;
/// Passes of the adaptation, and of the training that goes on without it.
const FURTHER_EPOCHS: u64 = 2;
/// The adversarial losses alone for the first of them.
const WARMUP_EPOCHS: i64 = 0;
/// Three times the usual rate: after so few steps of the usual one the network knows clinic A too little to be
/// mistaken about clinic B.
const LEARNING_RATE: f32 = 3e-3;
/// The usual rate, for both runs that go on from there: at the higher one neither settles, and their last steps differ
/// by chance more than by method.
const FURTHER_LEARNING_RATE: f32 = 1e-3;
/// Half the usual number: they are half the cost of a step.
const STOCHASTIC_PASSES: usize = 4;

/// Show the whole job on synthetic clinics
///
/// Photographs two, trains on the first, adapts to the second without its labels, and compares with as much more
/// training on the first. It takes about seven minutes on two cores without a GPU.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Folder for everything the demo makes
    #[arg(long, default_value = "papilla-demo", value_name = "DIR")]
    out: PathBuf,
    /// Seed of the clinics and the training
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let (out, seed) = (&arguments.out, arguments.seed);
    let clinics = out.join("clinics");
    if let Some(run) = ["source-only", ADAPTED, BASELINE].iter().find(|run| out.join(run).exists()) {
        bail!("`{}` holds an earlier demo; choose another --out, or delete the folder", out.join(run).display());
    }
    let (train_count, test_count) = REGIONS;
    global.note("this takes about seven minutes on two cores without a GPU");
    global.note(&format!(
        "two clinics of {train_count} + {test_count} regions at {SIZE}x{SIZE}; {SOURCE_EPOCHS} epochs on clinic A; from there \
         {FURTHER_EPOCHS} epochs of clr to clinic B with TransNorm (the category-level losses after epoch {WARMUP_EPOCHS}, \
         {STOCHASTIC_PASSES} stochastic passes), and {FURTHER_EPOCHS} more on clinic A alone; batch 8, learning rate {LEARNING_RATE}, then {FURTHER_LEARNING_RATE}, light augmentation, seed {seed}"
    ));
    let photographs =
        synth::Arguments { out: clinics.clone(), size: SIZE as u32, train: train_count, test: test_count, seed };
    synth::write(global, &photographs)?;

    let base = settings(&clinics, seed);
    let source = Config { epochs: SOURCE_EPOCHS, ..base.clone() };
    let started = run_of(global, "source-only on clinic A", source, &out.join("source-only"))?;
    let init = Some(started.canonicalize()?);
    let further = Config { epochs: FURTHER_EPOCHS, lr: FURTHER_LEARNING_RATE, init, ..base };
    let adapted = Config {
        method: Method::Clr,
        norm: NormSetting::Trans,
        warmup_epochs: Some(WARMUP_EPOCHS),
        stochastic_passes: STOCHASTIC_PASSES,
        ..further.clone()
    };
    let adapted = run_of(global, "clr: adapted to clinic B", adapted, &out.join(ADAPTED))?;
    let continued = run_of(global, "source-only continued", further, &out.join(BASELINE))?;

    let mut documents = Map::new();
    for (name, checkpoint) in [("source-only", started), (BASELINE, continued), (ADAPTED, adapted)] {
        let mut clinic_documents = Map::new();
        for clinic in ["clinic-a", "clinic-b"] {
            let request = evaluation(&checkpoint, &clinics.join(clinic).join("test"), &out.join(name).join(clinic));
            clinic_documents.insert(clinic.to_string(), evaluate::evaluate(global, &request)?);
        }
        documents.insert(name.to_string(), Value::Object(clinic_documents));
    }
    // The runs that have seen as much: what differs is the method.
    let page = out.join("report.html");
    report::write(global, &report::Arguments::of_runs(&[BASELINE, ADAPTED].map(|run| out.join(run)), &page))?;
    let gained = mean_gain(&documents, "clinic-b");
    if global.json {
        let [out, page] = [out, &page].map(|path| path.display().to_string());
        let document = json!({ "out": out, "report": page, "evaluation": documents, "gain_on_clinic_b": gained });
        output::json(&document)?;
    } else {
        print_table(&documents)?;
        output::line(format_args!("\n{}", changes(&documents)))?;
        output::line(format_args!("both runs side by side: {}", page.display()))?;
        output::line(format_args!("everything is in {}", out.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What all three runs share.
fn settings(clinics: &Path, seed: u64) -> Config {
    let mut config = Config::new(clinics.join("clinic-a"));
    config.target = Some(clinics.join("clinic-b"));
    (config.size, config.seed, config.validate_every, config.pictures_every) = (SIZE, seed, 2, 20);
    config.lr = LEARNING_RATE;
    // So short a run learns more from regions that are turned and flipped than from deformed ones.
    config.augment = AugmentSetting::Light;
    config
}

/// Trains, and gives the last checkpoint: the best one by the source would hide what the last steps did to the target.
fn run_of(global: &Global, what: &str, config: Config, out: &Path) -> Result<PathBuf> {
    global.note(&format!("\n{what}"));
    Ok(train::train(global, config, &[], out)?.outcome.last)
}

fn evaluation(checkpoint: &Path, data: &Path, out: &Path) -> evaluate::Arguments {
    evaluate::Arguments {
        checkpoint: checkpoint.to_path_buf(),
        data: data.to_path_buf(),
        out: Some(out.to_path_buf()),
        masks: MaskFlags::default(),
        architecture: Architecture::default(),
        overwrite: Overwrite::default(),
    }
}

/// The run that the adapted one is compared with: what differs is the method alone.
const BASELINE: &str = "source-only-continued";
/// What figures are of.
const MASKS: &str = "post-processed masks at each checkpoint's own thresholds";
/// The adapted run.
const ADAPTED: &str = "clr";

/// How much more Dice of the cup and of the disc the adapted run has on the test regions of a clinic than its baseline.
fn gains(documents: &Map<String, Value>, clinic: &str) -> [f64; 2] {
    let dice = |run: &str, structure: &str| {
        documents[run][clinic][Masking::USUAL.masks.name()][structure]["dice"].as_f64().unwrap_or(f64::NAN)
    };
    ["cup", "disc"].map(|structure| dice(ADAPTED, structure) - dice(BASELINE, structure))
}

/// The same, averaged over cup and disc.
fn mean_gain(documents: &Map<String, Value>, clinic: &str) -> f64 {
    gains(documents, clinic).iter().sum::<f64>() / 2.0
}

/// What the adaptation has changed on both clinics, with what it takes to repeat that elsewhere.
fn changes(documents: &Map<String, Value>) -> String {
    let on = |name: &str, clinic: &str| {
        let ([cup, disc], mean) =
            (gains(documents, clinic).map(|gain| 100.0 * gain), 100.0 * mean_gain(documents, clinic));
        let images = documents[ADAPTED][clinic]["images"].as_u64().unwrap_or(0);
        format!(
            "  {name}: {mean:+.1} points (cup {cup:+.1}, disc {disc:+.1}), over {} of one run",
            counted(images as usize, "test region")
        )
    };
    format!(
        "adaptation ({ADAPTED}) against as many more epochs on clinic A alone ({BASELINE}), last checkpoints of both, mean Dice of \
         cup and disc, {MASKS}:\n{}\n{}",
        on("clinic B, which it was adapted to", "clinic-b"),
        on("clinic A, which it comes from", "clinic-a")
    )
}

/// Dice of cup and disc on the test regions of both clinics, a line for each run.
fn print_table(documents: &Map<String, Value>) -> Result<()> {
    let columns: Vec<_> = ["clinic-a", "clinic-b"].iter().flat_map(|c| [(*c, "cup"), (*c, "disc")]).collect();
    let regions = documents.values().next().and_then(|clinics| clinics["clinic-a"]["images"].as_u64()).unwrap_or(0);
    output::line(format_args!(
        "\nDice of the last checkpoints on {} of each clinic, {MASKS}, 95 % intervals in brackets",
        counted(regions as usize, "test region")
    ))?;
    let titles = columns.iter().map(|(clinic, structure)| format!("{clinic} {structure}"));
    output::line(titles.fold(format!("{:22}", ""), |line, title| format!("{line} {title:>24}")))?;
    for (name, clinics) in documents {
        let cells = columns.iter().map(|(clinic, structure)| {
            let means = evaluate::summary(&clinics[clinic], Masking::USUAL.masks);
            evaluate::shown(if *structure == "cup" { means.cup.dice } else { means.disc.dice })
        });
        output::line(cells.fold(format!("{name:22}"), |line, cell| format!("{line} {cell:>24}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_of_both_clinics_with_its_baseline() {
        let of = |cup: f64, disc: f64| json!({ "images": 32, Masking::USUAL.masks.name(): { "cup": { "dice": cup }, "disc": { "dice": disc } } });
        let mut documents = Map::new();
        for (run, on_a, on_b) in [(BASELINE, of(0.75, 0.75), of(0.25, 0.5)), (ADAPTED, of(0.5, 0.75), of(0.5, 0.875))] {
            documents.insert(run.to_string(), json!({ "clinic-a": on_a, "clinic-b": on_b }));
        }
        let told = changes(&documents);
        assert!(mean_gain(&documents, "clinic-b") > 0.0);
        for words in [
            "(source-only-continued), last checkpoints of both",
            "post-processed masks at each checkpoint's own thresholds",
            "adapted to: +31.2 points (cup +25.0, disc +37.5), over 32 test regions",
            "comes from: -12.5 points (cup -25.0, disc +0.0), over 32 test regions",
        ] {
            assert!(told.contains(words), "`{words}` is not in: {told}");
        }
    }
}
