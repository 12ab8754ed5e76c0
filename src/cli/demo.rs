//! `papilla demo`: the main job on the embedded default, small enough for a laptop without a GPU.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::{Architecture, Global, evaluate, synth, train};
use crate::train::{AugmentSetting, Config};

/// Rows and columns of the demo's regions.
const SIZE: usize = 64;
/// Training and test regions of each clinic.
const REGIONS: (usize, usize) = (160, 32);
/// Passes over the source.
const EPOCHS: u64 = 6;

/// Show the whole job on synthetic clinics: photograph two clinics, train on the first, evaluate on both
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
    let (clinics, run) = (arguments.out.join("clinics"), arguments.out.join("source-only"));
    let (train_count, test_count) = REGIONS;
    global.note(&format!(
        "two clinics of {train_count} + {test_count} regions at {SIZE}x{SIZE}; {EPOCHS} epochs on clinic A, light augmentation; seed {}",
        arguments.seed
    ));
    let photographs = synth::Arguments {
        out: clinics.clone(),
        size: SIZE as u32,
        train: train_count,
        test: test_count,
        seed: arguments.seed,
    };
    synth::write(global, &photographs)?;

    let mut config = Config::new(clinics.join("clinic-a"));
    config.target = Some(clinics.join("clinic-b"));
    (config.size, config.epochs, config.seed, config.validate_every) = (SIZE, EPOCHS, arguments.seed, 2);
    // So short a run learns more from regions that are turned and flipped than from deformed ones.
    config.augment = AugmentSetting::Light;
    let outcome = train::train(global, config, &run)?;

    let mut totals = Vec::new();
    for clinic in ["clinic-a", "clinic-b"] {
        let request = evaluation(&outcome.best, &clinics.join(clinic).join("test"), &arguments.out.join(clinic));
        let document = evaluate::evaluate(global, &request)?;
        if !global.json {
            println!("\n{clinic}, test regions");
            evaluate::print_table(&document);
        }
        totals.push((clinic, document));
    }
    if global.json {
        let document = json!({ "run": run, "evaluation": serde_json::Map::from_iter(totals.into_iter().map(|(k, v)| (k.to_string(), v))) });
        println!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        println!("\neverything is in {}", arguments.out.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn evaluation(checkpoint: &Path, data: &Path, out: &Path) -> evaluate::Arguments {
    evaluate::Arguments {
        checkpoint: checkpoint.to_path_buf(),
        data: data.to_path_buf(),
        out: Some(out.to_path_buf()),
        thresholds: evaluate::Thresholds { threshold_cup: 0.75, threshold_disc: 0.75 },
        architecture: Architecture::default(),
    }
}
