//! A run: from settings or a checkpoint to trained weights.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::checkpoint::{Checkpoint, Progress};
use super::config::{AugmentSetting, Config, Method, Selection};
use super::logs::{LogBytes, Logs, StepRecord};
use super::stage::{Stage, StepValues, TrainingData};
use super::validation::Validation;
use super::weights::{initialise, load_generator};
use crate::data::{Augment, DataError, Dataset, Domain, Labels, Loader, LoaderOptions, Split, default_workers};
use crate::device::{Device, States};
use crate::formats::{remove_abandoned, shortened, write_atomically};
use crate::inference::Predictor;
use crate::method::step::{self, GENERATOR, TrainingStep};

/// Bytes of decoded regions kept in memory.
const CACHE_BYTES: usize = 512 << 20;
/// Images that a validation computes at once.
const VALIDATION_BATCH: usize = 8;

/// What happens in a run, for whoever watches.
pub enum Event<'a> {
    /// something worth saying once
    Note(&'a str),
    /// training begins at a step, of as many
    Begin {
        step: u64,
        steps: u64,
        batch: usize,
    },
    Step(&'a StepRecord),
    /// a validation's values by name
    Validated {
        epoch: u64,
        values: &'a serde_json::Value,
    },
}

/// Somebody who watches a run.
pub trait Observer {
    fn event(&mut self, event: Event<'_>);
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub steps: u64,
    pub best_mean_dice: Option<f64>,
    pub best: PathBuf,
    pub last: PathBuf,
}

/// A run that is under way.
pub struct Session {
    config: Config,
    run: PathBuf,
    device: Device,
    states: States,
    data: TrainingData,
    validations: Vec<Validation>,
    predictor: Predictor,
    progress: Progress,
    logs: Logs,
    stage: Option<Stage>,
}

impl Session {
    /// Begins a run in a folder that must not hold one yet.
    pub fn begin(device: &Device, config: Config, run: &Path, observer: &mut dyn Observer) -> Result<Session> {
        config.check()?;
        if run.join("config.toml").exists() || run.join("checkpoints/last.safetensors").exists() {
            bail!("`{}` already holds a run; continue it with --resume or choose another --out", run.display());
        }
        let text = config.to_toml()?;
        let mut session = Session::prepare(device, config, run, None, observer, |losses| {
            let checkpoints = run.join("checkpoints");
            std::fs::create_dir_all(&checkpoints)
                .with_context(|| format!("cannot create `{}`", checkpoints.display()))?;
            Logs::open(run, LogBytes::default(), losses)
        })?;
        // What the adapter cannot run is refused now, also the stage that begins after the warm-up.
        let last_epoch = session.config.epochs - 1;
        if session.config.loss_weights(session.config.is_warm(last_epoch))
            != session.config.loss_weights(session.config.is_warm(0))
        {
            Stage::compile(device, &session.states, &session.config, last_epoch)?;
        }
        session.stage = Some(session.new_stage()?);
        session.save("last")?;
        write_settings(run, &text)?;
        Ok(session)
    }

    /// Continues a run from its last checkpoint.
    pub fn resume(device: &Device, run: &Path, observer: &mut dyn Observer) -> Result<Session> {
        let path = run.join("checkpoints/last.safetensors");
        if !path.exists() {
            bail!("`{}` holds no run to resume: `{}` does not exist", run.display(), path.display());
        }
        remove_abandoned(&run.join("checkpoints"))?;
        let checkpoint = Checkpoint::read(&path)?;
        let (config, bytes) = (checkpoint.config.clone(), checkpoint.progress.log_bytes);
        if !run.join("config.toml").exists() {
            // The run was stopped between its first checkpoint and this file.
            write_settings(run, &config.to_toml()?)?;
        }
        Session::prepare(device, config, run, Some((checkpoint, &path)), observer, |losses| {
            Logs::open(run, bytes, losses)
        })
    }

    fn prepare(
        device: &Device,
        config: Config,
        run: &Path,
        from: Option<(Checkpoint, &Path)>,
        observer: &mut dyn Observer,
        open_logs: impl FnOnce(&[&str]) -> Result<Logs>,
    ) -> Result<Session> {
        let (data, validations) = open_data(&config, observer)?;
        // The states of the whole run, whichever stage it is in.
        let traced = step::trace(&config.step_settings(true))?;
        let states = device.states();
        states.declare(traced.graph.states())?;
        let (predictor, _) = Predictor::new(device, &states, config.network(), config.size, VALIDATION_BATCH)?;
        let mut progress = Progress::default();
        match from {
            Some((checkpoint, path)) => {
                checkpoint.restore(&states, path)?;
                progress = checkpoint.progress;
            }
            None => initial_weights(&config, &states, &traced, observer)?,
        }
        let logs = open_logs(&traced.losses)?;
        let (run, device) = (run.to_path_buf(), device.clone());
        Ok(Session { config, run, device, states, data, validations, predictor, progress, logs, stage: None })
    }

    /// The settings of the run.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Batches in a pass over the source.
    fn batches_per_epoch(&self) -> u64 {
        (self.data.source.len() / self.config.batch) as u64
    }

    fn total_steps(&self) -> u64 {
        let all = self.config.epochs * self.batches_per_epoch();
        self.config.steps.map_or(all, |steps| steps.min(all))
    }

    fn new_stage(&self) -> Result<Stage> {
        let epoch = self.progress.step / self.batches_per_epoch();
        Stage::new(&self.device, &self.states, &self.config, &self.data, epoch, self.progress.step)
    }

    /// Trains to the end of the run.
    pub fn train(&mut self, observer: &mut dyn Observer) -> Result<Outcome> {
        let mut stage = match self.stage.take() {
            Some(stage) => Some(stage),
            None => Some(self.new_stage()?),
        };
        let (total, per_epoch) = (self.total_steps(), self.batches_per_epoch());
        observer.event(Event::Begin { step: self.progress.step, steps: total, batch: self.config.batch });
        let mut saved = Instant::now();
        let every = Duration::from_secs_f64((self.config.checkpoint_every * 60.0).min(1e9));
        while self.progress.step < total {
            let epoch = self.progress.step / per_epoch;
            if stage.as_ref().is_none_or(|stage| stage.is_over(&self.config, epoch)) {
                observer.event(Event::Note(&format!(
                    "epoch {epoch}: the warm-up is over, the category-level losses begin"
                )));
                // Its memory is given back before the next one takes its own.
                drop(stage.take());
                stage = Some(self.new_stage()?);
            }
            let stage = stage.as_mut().expect("a stage has just been made where there was none");
            let record = self.step(stage)?;
            self.logs.step(&record)?;
            observer.event(Event::Step(&record));
            let broken = record.not_finite();
            if !broken.is_empty() {
                let named: Vec<String> =
                    broken.iter().map(|(name, value)| format!("`{name}` became {value}")).collect();
                bail!(
                    "the loss {} at step {}; `{}` holds the last good checkpoint; try a smaller --lr",
                    named.join(", "),
                    record.step,
                    self.path("last").display()
                );
            }
            self.progress.step += 1;
            let done = self.progress.step == total;
            let epoch_ended = self.progress.step.is_multiple_of(per_epoch);
            if done || (epoch_ended && (record.epoch + 1).is_multiple_of(self.config.validate_every)) {
                self.validate(record.epoch, observer)?;
            }
            if done || epoch_ended || saved.elapsed() >= every {
                self.save("last")?;
                saved = Instant::now();
            }
        }
        let Progress { step, best_mean_dice, .. } = self.progress;
        Ok(Outcome { steps: step, best_mean_dice, best: self.path("best"), last: self.path("last") })
    }

    /// One training step.
    fn step(&mut self, stage: &mut Stage) -> Result<StepRecord> {
        let (start, step) = (Instant::now(), self.progress.step);
        let every = self.config.pictures_every;
        let show = every > 0 && step.is_multiple_of(every);
        let (StepValues { epoch, lr, losses }, pictures) = stage.step(&self.config, step, show)?;
        self.logs.pictures(step, &pictures)?;
        Ok(StepRecord { step, epoch, losses, lr, seconds: start.elapsed().as_secs_f64() })
    }

    /// Validates, logs, and keeps the best checkpoint.
    fn validate(&mut self, epoch: u64, observer: &mut dyn Observer) -> Result<()> {
        let mut values = serde_json::Map::new();
        let mut chosen_by = None;
        for (index, validation) in self.validations.iter().enumerate() {
            let scores = validation.run(&self.predictor)?;
            // The first names the columns; further ones are told apart by their own name.
            let prefix = if index == 0 { String::new() } else { format!("{}_", validation.name()) };
            for (name, value) in scores.named() {
                values.insert(format!("{prefix}{name}"), serde_json::json!(value));
            }
            if validation.selects() {
                chosen_by = Some(scores.mean_dice());
            }
        }
        let values = serde_json::Value::Object(values);
        self.logs.validation(self.progress.step, epoch, &values)?;
        observer.event(Event::Validated { epoch, values: &values });
        if let Some(dice) = chosen_by
            && self.progress.best_mean_dice.is_none_or(|best| dice > best)
        {
            self.progress.best_mean_dice = Some(dice);
            self.save("best")?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.run.join("checkpoints").join(format!("{name}.safetensors"))
    }

    /// Writes a checkpoint, unless a tensor is not finite: the one on disk is then the last good one.
    fn save(&mut self, name: &str) -> Result<()> {
        self.progress.log_bytes = self.logs.sync()?;
        let checkpoint = Checkpoint::capture(&self.config, self.progress, &self.states)?;
        if let Some(tensor) = checkpoint.first_not_finite() {
            bail!(
                "`{tensor}` is no longer finite after step {}; `{}` holds the last good checkpoint; try a smaller --lr",
                self.progress.step,
                self.path("last").display()
            );
        }
        checkpoint.write(&self.path(name))?;
        Ok(())
    }
}

/// `config.toml` of a run, for its user; checkpoints hold the settings themselves.
fn write_settings(run: &Path, text: &str) -> Result<()> {
    Ok(write_atomically(&run.join("config.toml"), |file| file.write_all(text.as_bytes()))?)
}

/// How the source becomes batches.
pub(super) fn loader_options(config: &Config) -> LoaderOptions {
    LoaderOptions {
        size: config.size as u32,
        batch: config.batch,
        seed: config.seed,
        domain: Domain::Source,
        workers: default_workers(),
        augment: match config.augment {
            AugmentSetting::Full => Augment::Full,
            AugmentSetting::Light => Augment::Light,
            AugmentSetting::None => Augment::None,
        },
        shuffle: config.shuffle.is_on(),
        labels: true,
        photometric_copy: false,
        cache_bytes: CACHE_BYTES,
    }
}

/// How the target becomes batches, with photometric copies for the consistency loss or without.
pub(super) fn target_loader_options(config: &Config, photometric_copy: bool) -> LoaderOptions {
    LoaderOptions { domain: Domain::Target, labels: false, photometric_copy, ..loader_options(config) }
}

/// Weights from the seed, then from the file that the settings name.
fn initial_weights(config: &Config, states: &States, traced: &TrainingStep, observer: &mut dyn Observer) -> Result<()> {
    initialise(states, GENERATOR, &traced.tensors, config.seed)?;
    for (prefix, tensors) in &traced.discriminators {
        initialise(states, prefix, tensors, config.seed)?;
    }
    if let Some(init) = &config.init {
        let (report, not_used) = load_generator(states, &traced.tensors, init, false)?;
        observer.event(Event::Note(&format!("{}: {report}", init.display())));
        if !not_used.is_empty() {
            observer.event(Event::Note(&format!(
                "not used of the classifier ({}): {}; nor are counters of batches (num_batches_tracked)",
                not_used.len(),
                shortened(&not_used)
            )));
        }
    }
    Ok(())
}

/// The regions to train on, and those to validate on.
fn open_data(config: &Config, observer: &mut dyn Observer) -> Result<(TrainingData, Vec<Validation>)> {
    let all = Dataset::open_split(&config.source, Split::Train, Labels::Required)?;
    let without_cup = all.check()?;
    for warning in &without_cup {
        observer.event(Event::Note(warning));
    }
    let (train, held_out) = match config.select {
        Selection::Source => all.hold_out_every_tenth(),
        Selection::Target => (all.clone(), all.hold_out_every_tenth().1),
    };
    if config.select == Selection::Source && held_out.is_empty() {
        bail!(
            "`{}` has {} regions; choosing the best checkpoint on the source holds out every tenth and needs at least 10",
            all.directory().display(),
            all.len()
        );
    }
    let mut validations = Vec::new();
    if let Some(target) = &config.target {
        match target_test(target, config.select)? {
            Some(test) => validations.push(Validation::new("target", test, config.select == Selection::Target)),
            None => observer.event(Event::Note(&format!(
                "`{}` has no labelled test regions; the target is not validated on",
                target.display()
            ))),
        }
    }
    if config.select == Selection::Source {
        validations.push(Validation::new("source", held_out, true));
    }
    let target = match (&config.target, config.method) {
        (Some(target), Method::Beal | Method::Align | Method::Clr) => {
            let target = Dataset::open_split(target, Split::Train, Labels::Ignored)?;
            target.check_readable()?;
            Some(Arc::new(target))
        }
        _ => None,
    };
    for validation in &validations {
        validation.dataset().check_readable()?;
    }
    let data = TrainingData { source: Arc::new(train), target };
    // Refused now rather than when the stage begins that needs it.
    Loader::new(data.source.clone(), loader_options(config))?;
    if let Some(target) = &data.target {
        Loader::new(target.clone(), target_loader_options(config, false))?;
    }
    Ok((data, validations))
}

/// The target's test regions, if all of them have masks. Choosing the best checkpoint by them needs that.
fn target_test(target: &Path, select: Selection) -> Result<Option<Dataset>> {
    if select == Selection::Target {
        return Ok(Some(Dataset::open_split(target, Split::Test, Labels::Required)?));
    }
    match Dataset::open_split(target, Split::Test, Labels::Optional) {
        Ok(test) if test.regions().iter().all(|region| region.mask.is_some()) => Ok(Some(test)),
        Ok(_) | Err(DataError::MissingFolder { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
