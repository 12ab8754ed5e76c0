//! `papilla config`: the settings file of a run, every setting explained.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use super::settings::{All, Flags};
use super::{Global, WrongFlags, output};
use crate::train::Config;

/// What stands above the settings.
const HEADER: &str = "\
# Settings of a training run: papilla train --config FILE --out RUN
# Flags of the same names win over them. What is left out keeps the value that stands here.";

/// Print a settings file for `train --config`, with every setting explained
///
/// Settings given as flags have those values in it, all others their defaults.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: Flags<All>,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let mut config = Config::new(PathBuf::new());
    arguments.settings.apply(&mut config);
    config.check_network().and_then(|()| config.check_values()).map_err(WrongFlags::of)?;
    if global.json {
        output::json(&serde_json::to_value(&config)?)?;
    } else {
        output::line(format_args!("{HEADER}\n{}", config.to_commented_toml()?.trim_end()))?;
    }
    Ok(ExitCode::SUCCESS)
}
