//! `papilla demo`: the main job on the embedded default, small enough for a laptop without a GPU.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::masking::MaskFlags;
use super::{Architecture, Global, Overwrite, evaluate, output, report, synth, train};
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
/// training on the first.
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
    if let Some(run) = ["source-only", "clr", "source-only-continued"].iter().find(|run| out.join(run).exists()) {
        bail!("`{}` holds an earlier demo; choose another --out, or delete the folder", out.join(run).display());
    }
    let (train_count, test_count) = REGIONS;
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
    let adapted = run_of(global, "clr: adapted to clinic B", adapted, &out.join("clr"))?;
    let continued = run_of(global, "source-only continued", further, &out.join("source-only-continued"))?;

    let mut documents = Map::new();
    for (name, checkpoint) in [("source-only", started), ("source-only-continued", continued), ("clr", adapted)] {
        let mut clinic_documents = Map::new();
        for clinic in ["clinic-a", "clinic-b"] {
            let request = evaluation(&checkpoint, &clinics.join(clinic).join("test"), &out.join(name).join(clinic));
            clinic_documents.insert(clinic.to_string(), evaluate::evaluate(global, &request)?);
        }
        documents.insert(name.to_string(), Value::Object(clinic_documents));
    }
    // The runs that have seen as much: what differs is the method.
    let page = out.join("report.html");
    report::write(
        global,
        &report::Arguments::of_runs(&["source-only-continued", "clr"].map(|run| out.join(run)), &page),
    )?;
    let gained = mean_dice(&documents["clr"]["clinic-b"]) - mean_dice(&documents["source-only-continued"]["clinic-b"]);
    if global.json {
        let [out, page] = [out, &page].map(|path| path.display().to_string());
        let document = json!({ "out": out, "report": page, "evaluation": documents, "gain_on_clinic_b": gained });
        output::json(&document)?;
    } else {
        print_table(&documents)?;
        let points = 100.0 * gained;
        output::line(format_args!("\nadaptation changed the mean Dice on clinic B by {points:+.1} points"))?;
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

/// Mean Dice of cup and disc.
fn mean_dice(evaluation: &Value) -> f64 {
    let dice =
        |structure: &str| evaluation[Masking::USUAL.masks.name()][structure]["dice"].as_f64().unwrap_or(f64::NAN);
    (dice("cup") + dice("disc")) / 2.0
}

/// Dice of cup and disc on the test regions of both clinics, a line for each run.
fn print_table(documents: &Map<String, Value>) -> Result<()> {
    let columns: Vec<_> = ["clinic-a", "clinic-b"].iter().flat_map(|c| [(*c, "cup"), (*c, "disc")]).collect();
    output::line(format_args!("\nDice on the test regions, {}, 95 % intervals in brackets", Masking::USUAL))?;
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
