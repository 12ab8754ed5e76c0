//! `papilla adapt`: a trained network made to fit another camera, without labels of it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use super::architecture::check_readable;
use super::convert::{read, state_flags};
use super::{Architecture, Global, Overwrite, output, progress};
use crate::data::folder::Folder;
use crate::data::names::{counted, shown_path, stem};
use crate::data::place::Taken;
use crate::data::{DataError, Dataset, Labels, Region, Split};
use crate::formats::{Fact, Facts};
use crate::own_file::Purpose;
use crate::train::{CheckpointTaken, checkpoint_at, estimate, move_statistics};

/// Fit a trained network to another camera by images of it alone, without labels
///
/// With --statistics nothing is trained: means and variances that its normalisations see on the images take the place of those
/// of the source, in part. It takes seconds to minutes, and FILE is used as any other weights: `predict --checkpoint FILE`.
/// Whether it helps depends on the cameras: compare with `evaluate` where there are a few labels. To adapt by training, see
/// `train --method`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Trained network: the folder of a run, a checkpoint, or weights
    #[arg(long, value_name = "FILE|RUN")]
    checkpoint: PathBuf,
    /// Images of the other camera: a dataset, whose training regions are looked at, or a folder of regions around discs
    #[arg(long, value_name = "DIR")]
    target: PathBuf,
    /// Estimate the statistics of normalisations anew
    #[arg(long, required = true)]
    statistics: bool,
    /// How far the statistics move to those of the images: 0 not at all, 1 all the way
    #[arg(long, default_value_t = 0.6, value_name = "SHARE", value_parser = share)]
    share: f64,
    /// Weights to write, `.safetensors`
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    architecture: Architecture,
    #[command(flatten)]
    overwrite: Overwrite,
}

/// A share among the flags.
fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share between 0 and 1 is needed".to_string()),
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { target, share, out, architecture, .. } = arguments;
    if out.extension().is_none_or(|extension| extension != "safetensors") {
        anyhow::bail!("`{}` does not end in `.safetensors`; `papilla convert` writes other formats", shown_path(out));
    }
    let (regions, mut notes) = regions_of(target)?;
    let fallback = architecture.config()?;
    let CheckpointTaken { path: checkpoint, note } = checkpoint_at(&arguments.checkpoint)?;
    notes.extend(note);
    check_readable(&checkpoint)?;
    let overwriting = arguments.overwrite.reading([&checkpoint]);
    overwriting.check(out, Purpose::Weights)?;
    let (mut weights, config) = read(&checkpoint, &fallback)?;
    architecture.agree(&config, &checkpoint)?;
    state_flags(architecture, &mut weights.facts);
    let states_size = weights.facts.count(Facts::SIZE).is_some();
    notes.extend(weights.wrapper_note(&checkpoint));
    notes.extend(architecture.assumption(states_size, &config, &checkpoint));
    notes.iter().for_each(|note| global.note(note));

    let device = global.open_tuned()?;
    let bar = progress::bar(global, regions.len() as u64, "estimating");
    let (network, size) = (config.network(), config.size);
    let found = estimate(&device, network, &weights.generator, size, &regions, |done| bar.inc(done as u64));
    bar.finish_and_clear();
    let because = || format!("cannot estimate the statistics of `{}`", shown_path(&checkpoint));
    let found = found.with_context(because)?;
    move_statistics(&mut weights.generator, &found, *share).with_context(because)?;
    if weights.facts.get(Facts::STATISTICS).is_none() {
        let text = format!("{share} of the way to those of {} images", regions.len());
        weights.facts.push(Facts::STATISTICS, Fact::Text(text));
    }
    weights.to_tensor_file().write_as(&overwriting, out, Purpose::Weights)?;
    if global.json {
        output::json(&json!({
            "checkpoint": checkpoint.display().to_string(), "out": out.display().to_string(), "images": regions.len(),
            "share": share, "normalisations": found.len(),
        }))?;
    } else {
        output::line(format_args!(
            "{}: the statistics of {} normalisations, moved {share} of the way to those of {}",
            shown_path(out),
            found.len(),
            counted(regions.len(), "image"),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The training regions of a dataset or the images of a folder, and what is to be said of them.
fn regions_of(target: &Path) -> Result<(Vec<Region>, Vec<String>)> {
    match Dataset::open_split(target, Split::Train, Labels::Ignored) {
        Ok(dataset) => {
            return Ok((dataset.regions().to_vec(), [dataset.passed_over(), dataset.check_readable()?].concat()));
        }
        Err(DataError::MissingFolder { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let Taken { path, note } = Taken::images(target)?;
    let folder = Folder::list(&path)?
        .with_context(|| format!("`{}` is no folder: images of the other camera are needed", shown_path(&path)))?;
    let notes = note.into_iter().chain(folder.strays.sentences(&path)).collect();
    let region = |image: PathBuf| Region { name: stem(&image), image, mask: None };
    Ok((folder.images.into_values().map(region).collect(), notes))
}
