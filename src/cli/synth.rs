//! `papilla synth`: two synthetic clinics.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::{Global, WrongFlags, output, progress};
use crate::data::synth::{Error, SynthOptions, write_clinics};

/// Write two synthetic clinics, the same anatomy seen by two cameras
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Folder in which `clinic-a` and `clinic-b` are made
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Rows and columns of a region
    #[arg(long, default_value_t = 512, value_name = "PIXELS")]
    pub(super) size: u32,
    /// Training regions of each clinic
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub(super) train: usize,
    /// Test regions of each clinic
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(super) test: usize,
    /// Seed of the eyes and the photographs
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(super) seed: u64,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    write(global, arguments)?;
    if global.json {
        output::json(
            &json!({ "out": arguments.out.display().to_string(), "train": arguments.train, "test": arguments.test }),
        )?;
    } else {
        let (train, test, out) = (arguments.train, arguments.test, arguments.out.display());
        output::line(format_args!("two clinics of {train} + {test} regions in {out}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the clinics with a progress bar.
pub(super) fn write(global: &Global, arguments: &Arguments) -> Result<()> {
    let Arguments { size, train, test, seed, .. } = *arguments;
    let bar = progress::bar(global, train.saturating_add(test).saturating_mul(2) as u64, "photographing");
    let options = SynthOptions { size, train, test, seed };
    let written = write_clinics(&arguments.out, &options, |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    written.map_err(|error| match error {
        Error::Size(_) | Error::Nothing | Error::TooMany(_) => WrongFlags(error.into()).into(),
        _ => anyhow::Error::from(error),
    })
}
