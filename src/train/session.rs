//! A run: from settings or a checkpoint to trained weights.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::checkpoint::{Checkpoint, Progress};
use super::config::{Config, NormSetting};
use super::datasets::{TrainingData, open_data};
use super::environment::Environment;
use super::logs::{LogBytes, Logs, StepRecord, ValidationRecord};
use super::observer::{Event, Observer};
use super::prototypes;
use super::stage::{Stage, StepValues};
use super::validation::{Scores, Validation};
use super::weights::{initialise, load_generator};
use crate::device::{Device, States};
use crate::formats::{remove_abandoned, shortened, write_atomically};
use crate::inference::Predictor;
use crate::method::step::{self, GENERATOR, TrainingStep};
use crate::nn::Domain;

/// Images that a validation computes at once.
const VALIDATION_BATCH: usize = 8;

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
    validations: Vec<(Validation, Rc<Predictor>)>,
    progress: Progress,
    logs: Logs,
    stage: Option<Stage>,
}

impl Session {
    /// Begins a run in a folder that must not hold one yet.
    pub fn begin(device: &Device, config: Config, run: &Path, observer: &mut dyn Observer) -> Result<Session> {
        config.check()?;
        refuse_to_overwrite(run)?;
        let text = config.to_toml()?;
        Session::prepare(device, config, run, None, observer, |config, states, losses| {
            let checkpoints = run.join("checkpoints");
            std::fs::create_dir_all(&checkpoints)
                .with_context(|| format!("cannot create `{}`", checkpoints.display()))?;
            remove_half_written(run)?;
            // Before the logs, so that a folder which holds them holds a run that can be resumed.
            write_checkpoint(run, "last", config, Progress::default(), device, states)?;
            let logs = Logs::open(run, LogBytes::default(), losses)?;
            write_settings(run, &text)?;
            Environment::of(device).write(run)?;
            Ok(logs)
        })
    }

    /// Continues a run from its last checkpoint.
    pub fn resume(device: &Device, run: &Path, observer: &mut dyn Observer) -> Result<Session> {
        let path = checkpoint_path(run, "last");
        if !path.exists() {
            bail!("`{}` holds no run to resume: `{}` does not exist", run.display(), path.display());
        }
        remove_half_written(run)?;
        let checkpoint = Checkpoint::read(&path)?;
        device.fix_kernels(checkpoint.kernels.clone());
        let (config, bytes) = (checkpoint.config.clone(), checkpoint.progress.log_bytes);
        if !run.join("config.toml").exists() {
            // The run was stopped between its first checkpoint and this file.
            write_settings(run, &config.to_toml()?)?;
        }
        Session::prepare(device, config, run, Some((checkpoint, &path)), observer, |_, _, losses| {
            let logs = Logs::open(run, bytes, losses)?;
            Environment::of(device).write(run)?;
            Ok(logs)
        })
    }

    /// What the machine or the data cannot do is refused before `open_logs` writes anything.
    fn prepare(
        device: &Device,
        config: Config,
        run: &Path,
        from: Option<(Checkpoint, &Path)>,
        observer: &mut dyn Observer,
        open_logs: impl FnOnce(&Config, &States, &[&str]) -> Result<Logs>,
    ) -> Result<Session> {
        let (data, validations) = open_data(&config, observer)?;
        // The states of the whole run, whichever stage it is in.
        let traced = step::trace(&config.step_settings(true))?;
        let states = device.states();
        states.declare(traced.graph.states())?;
        let validations = with_predictors(device, &states, &config, validations)?;
        let (mut progress, begins) = (Progress::default(), from.is_none());
        match from {
            Some((checkpoint, path)) => {
                checkpoint.restore(&states, path)?;
                progress = checkpoint.progress;
            }
            None => initial_weights(&config, &states, &traced, observer)?,
        }
        let per_epoch = data.batches_per_epoch(config.batch);
        let (total, epoch) = (config.total_steps(per_epoch), progress.step / per_epoch);
        let weights_at = |epoch: u64| config.loss_weights(config.is_warm(epoch));
        let last_epoch = (total - 1) / per_epoch;
        if begins && weights_at(last_epoch) != weights_at(epoch) {
            // The stage after the warm-up, should the run reach it, is tried out and given up again.
            Stage::compile(device, &states, &config, last_epoch)?;
        }
        let stage = match progress.step < total {
            true => Some(Stage::new(device, &states, &config, &data, epoch, progress.step)?),
            false => None,
        };
        let logs = open_logs(&config, &states, &traced.losses)?;
        let (run, device) = (run.to_path_buf(), device.clone());
        Ok(Session { config, run, device, states, data, validations, progress, logs, stage })
    }

    /// The settings of the run.
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn new_stage(&self, epoch: u64) -> Result<Stage> {
        Stage::new(&self.device, &self.states, &self.config, &self.data, epoch, self.progress.step)
    }

    /// Trains to the end of the run.
    pub fn train(&mut self, observer: &mut dyn Observer) -> Result<Outcome> {
        let mut stage = self.stage.take();
        let per_epoch = self.data.batches_per_epoch(self.config.batch);
        let total = self.config.total_steps(per_epoch);
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
                stage = Some(self.new_stage(epoch)?);
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
        let prototype_distances = match (step + 1).is_multiple_of(prototypes::EVERY) {
            true => prototypes::distances(&self.states)?,
            false => Vec::new(),
        };
        Ok(StepRecord { step, epoch, losses, lr, seconds: start.elapsed().as_secs_f64(), prototype_distances })
    }

    /// Validates, logs, and keeps the best checkpoint.
    fn validate(&mut self, epoch: u64, observer: &mut dyn Observer) -> Result<()> {
        let run = |(validation, predictor): &(Validation, Rc<Predictor>)| -> Result<(Domain, Scores)> {
            Ok((validation.domain(), validation.run(predictor)?))
        };
        let scored = self.validations.iter().map(run).collect::<Result<Vec<_>>>()?;
        let named =
            |prefix: &str, scores: &Scores| scores.named().map(|(name, value)| (format!("{prefix}{name}"), value));
        // The first names the columns of the table too.
        let first = scored.first();
        let mut values: Vec<_> = first.into_iter().flat_map(|(_, scores)| named("", scores)).collect();
        values.extend(scored.iter().flat_map(|(domain, scores)| named(&format!("{}_", domain.name()), scores)));
        let select = self.config.select.domain();
        let record = ValidationRecord {
            step: self.progress.step,
            epoch,
            dataset: first.map_or(select, |(domain, _)| *domain).name(),
            select: select.name(),
            values,
        };
        self.logs.validation(&record)?;
        observer.event(Event::Validated(&record));
        let chosen_by = scored.iter().find(|(domain, _)| *domain == select).map(|(_, scores)| scores.mean_dice());
        if let Some(dice) = chosen_by
            && self.progress.best_mean_dice.is_none_or(|best| dice > best)
        {
            self.progress.best_mean_dice = Some(dice);
            self.save("best")?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        checkpoint_path(&self.run, name)
    }

    /// Writes a checkpoint that vouches for the logs up to here.
    fn save(&mut self, name: &str) -> Result<()> {
        self.progress.log_bytes = self.logs.sync()?;
        write_checkpoint(&self.run, name, &self.config, self.progress, &self.device, &self.states)
    }
}

fn checkpoint_path(run: &Path, name: &str) -> PathBuf {
    run.join("checkpoints").join(format!("{name}.safetensors"))
}

/// Writes a checkpoint, unless a tensor is not finite: the one on disk is then the last good one.
fn write_checkpoint(
    run: &Path,
    name: &str,
    config: &Config,
    progress: Progress,
    device: &Device,
    states: &States,
) -> Result<()> {
    let checkpoint = Checkpoint::capture(config, progress, device.kernels(), states)?;
    if let Some(tensor) = checkpoint.first_not_finite() {
        bail!(
            "`{tensor}` is no longer finite after step {}; `{}` holds the last good checkpoint; try a smaller --lr",
            progress.step,
            checkpoint_path(run, "last").display()
        );
    }
    checkpoint.write(&checkpoint_path(run, name))?;
    Ok(())
}

/// Refuses a folder with a run in it, or with files that a new run would overwrite.
fn refuse_to_overwrite(run: &Path) -> Result<()> {
    if checkpoint_path(run, "last").exists() {
        bail!("`{}` already holds a run; continue it with --resume or choose another --out", run.display());
    }
    let files =
        ["config.toml", "device.json", "metrics.jsonl", "log.csv", "report.html", "checkpoints/best.safetensors"]
            .map(|name| run.join(name));
    let events = run.join("tensorboard");
    let has_events = std::fs::read_dir(&events).is_ok_and(|mut entries| entries.next().is_some());
    let in_the_way = files.into_iter().find(|file| file.exists()).or(has_events.then_some(events));
    if let Some(path) = in_the_way {
        bail!(
            "`{}` is in the way of a new run, and `{}` holds none to resume; move it or choose another --out",
            path.display(),
            run.display()
        );
    }
    Ok(())
}

/// Removes what a killed program has left of files of a run.
fn remove_half_written(run: &Path) -> Result<()> {
    remove_abandoned(run)?;
    Ok(remove_abandoned(&run.join("checkpoints"))?)
}

/// `config.toml` of a run, for its user; checkpoints hold the settings themselves.
fn write_settings(run: &Path, text: &str) -> Result<()> {
    Ok(write_atomically(&run.join("config.toml"), |file| file.write_all(text.as_bytes()))?)
}

/// Each validation with the network that it looks at: its domain's statistics normalise. Batch norms have the same for
/// both, so one network does.
fn with_predictors(
    device: &Device,
    states: &States,
    config: &Config,
    validations: Vec<Validation>,
) -> Result<Vec<(Validation, Rc<Predictor>)>> {
    let mut all: Vec<(Validation, Rc<Predictor>)> = Vec::new();
    for validation in validations {
        let shared = all.first().filter(|_| config.norm == NormSetting::Batch);
        let predictor = match shared {
            Some((_, predictor)) => predictor.clone(),
            None => {
                let (network, domain) = (config.network(), validation.domain());
                let (predictor, _) = Predictor::new(device, states, network, domain, config.size, VALIDATION_BATCH)?;
                Rc::new(predictor)
            }
        };
        all.push((validation, predictor));
    }
    Ok(all)
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
