//! `papilla bench --portability`: all about an adapter, as JSON for a comparison and as a page to read.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::page;
use crate::bench::{Extent, Identity, Portability};
use crate::cli::{Global, Overwrite, output, progress};
use crate::device::Device;
use crate::own_file::Purpose;
use crate::train::Config;

/// What `--portability` needs beside the settings of the step.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Measure all about the adapter: conformance, layers, a step, and the losses of a short run
    #[arg(long, conflicts_with_all = ["kernels", "step", "layer"])]
    pub(super) portability: bool,
    /// Folder for the two files of --portability
    #[arg(long, value_name = "DIR", default_value = ".", requires = "portability")]
    out: PathBuf,
    /// Steps of the short run of --portability
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000), requires = "portability")]
    drift_steps: u64,
    #[command(flatten)]
    pub(super) overwrite: Overwrite,
}

/// All about an adapter, and whose file it is.
#[derive(Serialize)]
struct Document<'p> {
    written_by: String,
    #[serde(flatten)]
    found: &'p Portability,
}

/// Measures a step, and layers of images of a size and a batch.
pub(super) fn run(
    global: &Global,
    device: &Device,
    options: &Options,
    step: &Config,
    layers: (usize, usize),
) -> Result<ExitCode> {
    let Device::Gpu(tuner) = device else { bail!("the reference is not made to be fast; choose an adapter") };
    let out = &options.out;
    let stem = Identity::of(tuner.gpu().description()).file_stem();
    let [document, page] = ["json", "html"].map(|extension| out.join(format!("{stem}.{extension}")));
    let overwriting = options.overwrite.rule();
    // Before minutes of measuring.
    overwriting.check(&document, Purpose::Adapter)?;
    overwriting.check(&page, Purpose::AdapterPage)?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot create `{}`", out.display()))?;
    let extent = Extent { layers, steps: options.drift_steps };
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let spinner = progress::spinner(global);
    let date = Timestamp::now().strftime("%Y-%m-%d").to_string();
    let found = Portability::measure(device, extent, step, date, folder.path(), &mut |what| {
        spinner.set_message(what.to_string());
    });
    spinner.finish_and_clear();
    let found = found?;
    let marked = Document { written_by: Purpose::Adapter.mark(), found: &found };
    let text = serde_json::to_string_pretty(&marked)? + "\n";
    overwriting.write(&document, Purpose::Adapter, |file| file.write_all(text.as_bytes()))?;
    overwriting.write(&page, Purpose::AdapterPage, |file| file.write_all(page::render(&found).as_bytes()))?;
    let wrong: Vec<&str> = found.wrong_operators().map(|operator| operator.name.as_str()).collect();
    if global.json {
        // Read again, because a value made directly would give losses the digits of f64.
        let measured: serde_json::Value = serde_json::from_str(&text)?;
        let [document, page] = [document, page].map(|path| path.display().to_string());
        output::json(&json!({ "document": document, "page": page, "measured": measured }))?;
    } else {
        let (operators, losses) = (found.operators.len(), &found.training.losses);
        output::line(format_args!("{} of {operators} operators agree with their twins", operators - wrong.len()))?;
        output::line(format_args!(
            "{}: {:.1} ms a step, cold start {:.1} s; loss {} at first, {} after {} steps",
            found.step.what,
            found.step.ms,
            found.step.cold_start_ms * 1e-3,
            losses[0],
            losses[losses.len() - 1],
            losses.len()
        ))?;
        output::line(format_args!("{}\n{}", document.display(), page.display()))?;
    }
    if wrong.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    output::problem(format_args!("`{}` computes wrongly: {}", found.adapter.name, wrong.join(", ")));
    Ok(ExitCode::FAILURE)
}
