//! `papilla adapt`: a trained network made to fit another camera, without labels of it.

mod recipe;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use indicatif::ProgressBar;
use serde_json::json;

use super::architecture::readable_checkpoint;
use super::convert::{read, state_flags};
use super::masking::fraction;
use super::{Architecture, Global, Overwrite, WrongFlags, output, progress};
use crate::data::colours::Colours;
use crate::data::folder::Folder;
use crate::data::names::{counted, shown_path, stem};
use crate::data::place::Taken;
use crate::data::scales::Scales;
use crate::data::{DataError, Dataset, Labels, Region, Split};
use crate::device::Device;
use crate::formats::{Fact, Facts, Weights};
use crate::inference::Views;
use crate::metrics::Calibration;
use crate::own_file::Purpose;
use crate::train::{CheckpointTaken, ColourMatch, Config, Selection, calibrate, estimate, move_statistics, views_of};

/// Fit a trained network to another camera by images of it alone, without labels
///
/// With a source and a target alone, the network is trained on: averages of its weights label the target, and it learns these labels on
/// changed copies, beside the labels of the source. RUN is then the folder of a run, as of `train`, and is used like one: `predict
/// --checkpoint RUN`; its settings are in RUN/config.toml, and other ones are those of `train --method teacher`. With one of the
/// following, nothing is trained. With --colours the average colours of the source are kept beside the weights, and every image is brought
/// to them before the network sees it. With --statistics means and variances that the network's normalisations see on the target
/// take the place of those of the source, in part. With --scales every image is seen at several scales, each of which takes as long
/// as one, and what the network says of them is averaged. With --thresholds the probabilities above which a pixel is cup or disc are
/// calibrated on labelled regions of the source, after the others where these are asked for as well. Each takes seconds to
/// minutes, and FILE is used as any other weights: `predict --checkpoint FILE`. Whether it helps depends on the cameras: compare
/// with `evaluate` where there are a few labels.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("what").args(["colours", "scales", "statistics", "thresholds"]).multiple(true)))]
pub(super) struct Arguments {
    /// Trained network: the folder of a run, a checkpoint, or weights
    #[arg(long, value_name = "FILE|RUN")]
    checkpoint: PathBuf,
    /// Have images brought to the source's colours: their means and deviations of red, green and blue
    #[arg(long, requires = "source")]
    colours: bool,
    /// Calibrate thresholds of the cup and of the disc on every tenth training region of the source, those that `train` holds
    /// out
    #[arg(long, requires = "source")]
    thresholds: bool,
    /// Images that the network was trained on: a dataset, whose training regions are looked at, or for --colours alone a folder of
    /// regions
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Move the statistics of normalisations to those of the target
    #[arg(long, requires = "target")]
    statistics: bool,
    /// Images of the other camera: a dataset, whose training regions are looked at, or a folder of regions around discs
    #[arg(long, value_name = "DIR")]
    target: Option<PathBuf>,
    /// Scales at which every image is seen: sides of squares around its middle, as shares of its own side; 0.8,1,1.25 did well
    #[arg(long, value_name = "LIST")]
    scales: Option<Scales>,
    /// How far the statistics move to those of the images: 0 not at all, 1 all the way
    #[arg(long, default_value_t = 0.6, value_name = "SHARE", value_parser = share)]
    share: f32,
    /// Steps to train, where it is trained
    #[arg(long, value_name = "N", default_value_t = Config::RECIPE_STEPS, value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "what")]
    steps: u64,
    /// Seed of everything random, where it is trained
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64), conflicts_with = "what")]
    seed: u64,
    /// Weights to write, `.safetensors`; where it is trained, the folder of the run
    #[arg(long, value_name = "FILE|RUN")]
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

impl Arguments {
    /// The recipe, unless parts of it are chosen.
    ///
    /// # Errors
    /// A dataset that is missing, or that nothing looks at.
    fn request(&self) -> Result<Option<recipe::Request<'_>>, WrongFlags> {
        let Arguments { checkpoint, source, target, steps, seed, architecture, out, .. } = self;
        let (by_source, by_target) = (self.colours || self.thresholds, self.statistics);
        if by_source || by_target || self.scales.is_some() {
            let given = [("--source", source, by_source), ("--target", target, by_target)];
            return match given.iter().find(|(_, dataset, is_used)| dataset.is_some() && !is_used) {
                Some((flag, ..)) => Err(WrongFlags(anyhow!("nothing that is asked for looks at {flag}"))),
                None => Ok(None),
            };
        }
        match (source, target) {
            (Some(source), Some(target)) => {
                Ok(Some(recipe::Request { checkpoint, source, target, steps: *steps, seed: *seed, architecture, out }))
            }
            _ => Err(WrongFlags(anyhow!(
                "to train, --source and --target are needed; without training, --colours, --scales, --statistics or --thresholds"
            ))),
        }
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    if let Some(request) = arguments.request()? {
        return recipe::run(global, &request);
    }
    let Arguments { source, target, share, out, architecture, .. } = arguments;
    if out.extension().is_none_or(|extension| extension != "safetensors") {
        bail!("`{}` does not end in `.safetensors`; `papilla convert` writes other formats", shown_path(out));
    }
    let of_colours = source.as_deref().filter(|_| arguments.colours);
    let (sources, mut notes) = of_colours.map_or_else(|| Ok(Default::default()), regions_of)?;
    let held_out = source.as_deref().filter(|_| arguments.thresholds).map(|source| held_out_of(source, &mut notes));
    let held_out = held_out.transpose()?;
    let (targets, of_targets) = target.as_deref().map_or_else(|| Ok(Default::default()), regions_of)?;
    notes.extend(of_targets);
    let fallback = architecture.config()?;
    let CheckpointTaken { path: checkpoint, note } = readable_checkpoint(&arguments.checkpoint)?;
    notes.extend(note);
    let overwriting = arguments.overwrite.reading([&checkpoint]);
    overwriting.check(out, Purpose::Weights)?;
    let (mut weights, config) = read(&checkpoint, &fallback)?;
    architecture.agree(&config, &checkpoint)?;
    state_flags(architecture, &mut weights.facts);
    let states_size = weights.facts.count(Facts::SIZE).is_some();
    notes.extend(weights.wrapper_note(&checkpoint));
    notes.extend(architecture.assumption(states_size, &config, &checkpoint));
    let file = shown_path(&checkpoint).to_string();
    if held_out.is_some() && config.select == Selection::Target {
        notes.push(format!(
            "`{file}` was trained on all regions of its source, those of --thresholds too: none was held out"
        ));
    }
    if held_out.is_none() && weights.facts.get(Facts::THRESHOLDS).is_some() {
        notes.push(format!("thresholds stay those of `{file}`; --thresholds calibrates them anew"));
    }
    notes.iter().for_each(|note| global.note(note));

    let images = sources.len() + targets.len() + held_out.as_ref().map_or(0, Dataset::len);
    let bar = progress::bar(global, images as u64, "looking at images");
    let mut work = Work { views: views_of(&weights.facts, &checkpoint)?, weights, config, file: &checkpoint, bar };
    let mut done = Vec::new();
    if let Some(source) = of_colours {
        done.push(work.bring_to_colours_of(&sources, source)?);
    }
    if let Some(scales) = &arguments.scales {
        done.push(work.see_at(scales)?);
    }
    if arguments.statistics || arguments.thresholds {
        let device = global.open_tuned()?;
        if arguments.statistics {
            done.push(work.move_statistics_to(&targets, *share, &device)?);
        }
        if let Some(held_out) = held_out {
            done.push(work.calibrate_on(held_out, &device)?);
        }
    }
    let Work { weights, views, bar, .. } = work;
    bar.finish_and_clear();
    weights.to_tensor_file().write_as(&overwriting, out, Purpose::Weights)?;
    if global.json {
        output::json(&json!({
            "checkpoint": checkpoint.display().to_string(), "out": out.display().to_string(),
            "colours": views.colours.map(|colours| colours.to_string()),
            "scales": weights.facts.get(Facts::SCALES).map(ToString::to_string),
            "statistics": weights.facts.get(Facts::STATISTICS).map(ToString::to_string),
            "thresholds": weights.facts.get(Facts::THRESHOLDS).map(ToString::to_string),
        }))?;
    } else {
        output::line(format_args!("{}: {}", shown_path(out), done.join("; ")))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Weights that are adapted, and what is known of them.
struct Work<'a> {
    weights: Weights,
    config: Config,
    /// where they come from
    file: &'a Path,
    /// how images are brought before the network by now
    views: Views,
    bar: ProgressBar,
}

impl Work<'_> {
    /// Refuses to do the same a second time.
    fn refuse(&self, fact: &str, what: &str) -> Result<()> {
        if self.weights.facts.get(fact).is_some() {
            bail!("`{}` has {what} already; take the weights it was made of", shown_path(self.file));
        }
        Ok(())
    }

    /// Each of these says what it has done.
    fn bring_to_colours_of(&mut self, sources: &[Region], place: &Path) -> Result<String> {
        if self.config.match_colours == ColourMatch::Source && self.views.colours.is_some() {
            let file = shown_path(self.file);
            bail!(
                "`{file}` was trained on images brought to the colours of its source, and others are brought to them by now"
            );
        }
        self.refuse(Facts::COLOURS, "images brought to colours")?;
        let found = Colours::of_regions(sources, self.config.size as u32, || self.bar.inc(1))?;
        let found = found.with_context(|| format!("`{}` holds no image", shown_path(place)))?;
        self.weights.facts.push(Facts::COLOURS, Fact::Text(found.to_string()));
        self.views.colours = Some(found);
        Ok(format!("images are brought to the colours of {}", counted(sources.len(), "image")))
    }

    fn see_at(&mut self, scales: &Scales) -> Result<String> {
        self.refuse(Facts::SCALES, "images seen at several scales")?;
        self.weights.facts.push(Facts::SCALES, Fact::Text(scales.to_string()));
        self.views.scales = scales.clone();
        Ok(format!("images are seen at {} ({scales})", counted(scales.iter().len(), "scale")))
    }

    fn move_statistics_to(&mut self, targets: &[Region], share: f32, device: &Device) -> Result<String> {
        self.refuse(Facts::STATISTICS, "had its statistics moved")?;
        let because = || format!("cannot estimate the statistics of `{}`", shown_path(self.file));
        let looked_at = |images| self.bar.inc(images as u64);
        let generator = &mut self.weights.generator;
        let found = estimate(device, &self.config, generator, self.file, self.views.colours, targets, looked_at);
        let found = found.with_context(because)?;
        move_statistics(generator, &found, share).with_context(because)?;
        let images = counted(targets.len(), "image");
        let told = format!("{share} of the way to those of {images}");
        self.weights.facts.push(Facts::STATISTICS, Fact::Text(told.clone()));
        Ok(format!("the statistics of {} normalisations, moved {told}", found.len()))
    }

    fn calibrate_on(&mut self, held_out: Dataset, device: &Device) -> Result<String> {
        let because = || format!("cannot calibrate the thresholds of `{}`", shown_path(self.file));
        let looked_at = |images| self.bar.inc(images as u64);
        let generator = &self.weights.generator;
        let found = calibrate(device, &self.config, generator, self.file, &self.views, held_out, looked_at);
        let found = found.with_context(because)?.context("no mask shows a cup or a disc").with_context(because)?;
        self.weights.facts.push(Facts::THRESHOLDS, Fact::Text(found.to_string()));
        Ok(format!("thresholds are {found} held out of the source"))
    }
}

/// Every tenth training region of a dataset, of which there must be enough; notes are what is to be said of all of them.
fn held_out_of(source: &Path, notes: &mut Vec<String>) -> Result<Dataset> {
    let Taken { path, note } = Taken::dataset(source)?;
    let all = Dataset::open_split(&path, Split::Train, Labels::Required)?;
    let (_, held_out) = all.hold_out_every_tenth();
    if held_out.len() < Calibration::LEAST {
        let (regions, shown) = (counted(all.len(), "training region"), shown_path(&path));
        bail!(
            "`{shown}` has {regions}, of which {} would be held out; thresholds need {}: leave out --thresholds, and \
             --threshold-cup and --threshold-disc of `evaluate` and `predict` say others than 0.75",
            held_out.len(),
            Calibration::LEAST
        );
    }
    notes.extend(note.into_iter().chain(held_out.check_readable()?));
    Ok(held_out)
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
