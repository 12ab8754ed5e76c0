//! `papilla adapt`: a trained network made to fit another camera, without labels of it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::architecture::check_readable;
use super::convert::{read, state_flags};
use super::masking::fraction;
use super::{Architecture, Global, Overwrite, output, progress};
use crate::data::colours::Colours;
use crate::data::folder::Folder;
use crate::data::names::{counted, shown_path, stem};
use crate::data::place::Taken;
use crate::data::{DataError, Dataset, Labels, Region, Split};
use crate::formats::{Fact, Facts};
use crate::own_file::Purpose;
use crate::train::{CheckpointTaken, checkpoint_at, colours_of, estimate, move_statistics};

/// Fit a trained network to another camera by images of it alone, without labels
///
/// Nothing is trained. With --colours the average colours of the source are kept beside the weights, and every image is brought
/// to them before the network sees it. With --statistics means and variances that the network's normalisations see on the target
/// take the place of those of the source, in part. Either takes seconds to minutes, and FILE is used as any other weights:
/// `predict --checkpoint FILE`. Whether it helps depends on the cameras: compare with `evaluate` where there are a few labels. To
/// adapt by training, see `train --method`.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("what").args(["colours", "statistics"]).required(true).multiple(true)))]
pub(super) struct Arguments {
    /// Trained network: the folder of a run, a checkpoint, or weights
    #[arg(long, value_name = "FILE|RUN")]
    checkpoint: PathBuf,
    /// Have images brought to the source's colours: their means and deviations of red, green and blue
    #[arg(long, requires = "source")]
    colours: bool,
    /// Images that the network was trained on: a dataset, whose training regions are looked at, or a folder of regions
    #[arg(long, value_name = "DIR", requires = "colours")]
    source: Option<PathBuf>,
    /// Move the statistics of normalisations to those of the target
    #[arg(long, requires = "target")]
    statistics: bool,
    /// Images of the other camera: a dataset, whose training regions are looked at, or a folder of regions around discs
    #[arg(long, value_name = "DIR", requires = "statistics")]
    target: Option<PathBuf>,
    /// How far the statistics move to those of the images: 0 not at all, 1 all the way
    #[arg(long, default_value_t = 0.6, value_name = "SHARE", value_parser = share)]
    share: f32,
    /// Weights to write, `.safetensors`
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    architecture: Architecture,
    #[command(flatten)]
    overwrite: Overwrite,
}

/// A share among the flags.
fn share(text: &str) -> Result<f32, String> {
    fraction(text, "share")
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { source, target, share, out, architecture, .. } = arguments;
    if out.extension().is_none_or(|extension| extension != "safetensors") {
        bail!("`{}` does not end in `.safetensors`; `papilla convert` writes other formats", shown_path(out));
    }
    let (sources, mut notes) = source.as_deref().map_or_else(|| Ok(Default::default()), regions_of)?;
    let (targets, of_targets) = target.as_deref().map_or_else(|| Ok(Default::default()), regions_of)?;
    notes.extend(of_targets);
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

    let bar = progress::bar(global, (sources.len() + targets.len()) as u64, "looking at images");
    let (mut colours, mut done) = (colours_of(&weights.facts, &checkpoint)?, Vec::new());
    if let Some(source) = source {
        if colours.is_some() {
            bail!(
                "`{}` has images brought to colours already; take the weights it was made of",
                shown_path(&checkpoint)
            );
        }
        let found = Colours::of_regions(&sources, config.size as u32, || bar.inc(1))?;
        let found = found.with_context(|| format!("`{}` holds no image", shown_path(source)))?;
        weights.facts.push(Facts::COLOURS, Fact::Text(found.to_string()));
        colours = Some(found);
        done.push(format!("images are brought to the colours of {}", counted(sources.len(), "image")));
    }
    if arguments.statistics {
        if weights.facts.get(Facts::STATISTICS).is_some() {
            bail!(
                "`{}` has had its statistics moved already; take the weights it was made of",
                shown_path(&checkpoint)
            );
        }
        let device = global.open_tuned()?;
        let because = || format!("cannot estimate the statistics of `{}`", shown_path(&checkpoint));
        let generator = &mut weights.generator;
        let found =
            estimate(&device, &config, generator, &checkpoint, colours, &targets, |images| bar.inc(images as u64));
        let found = found.with_context(because)?;
        move_statistics(generator, &found, *share).with_context(because)?;
        let images = counted(targets.len(), "image");
        weights.facts.push(Facts::STATISTICS, Fact::Text(format!("{share} of the way to those of {images}")));
        done.push(format!(
            "the statistics of {} normalisations, moved {share} of the way to those of {images}",
            found.len()
        ));
    }
    bar.finish_and_clear();
    weights.to_tensor_file().write_as(&overwriting, out, Purpose::Weights)?;
    if global.json {
        output::json(&json!({
            "checkpoint": checkpoint.display().to_string(), "out": out.display().to_string(),
            "colours": colours.map(|colours| colours.to_string()),
            "statistics": weights.facts.get(Facts::STATISTICS).map(ToString::to_string),
        }))?;
    } else {
        output::line(format_args!("{}: {}", shown_path(out), done.join("; ")))?;
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
