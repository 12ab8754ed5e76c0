//! A run: from settings or a checkpoint to trained weights.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, Progress, ResumeFrom};
use super::continuation::{ChangedData, Origin, Resume, unchanged};
use super::data_record::DataRecord;
use super::datasets::{TrainingData, open_data};
use super::environment::Environment;
use super::error::TrainError;
use super::logs::{LogBytes, Logs, Phase, StepRecord, ValidationRecord};
use super::memory::check_memory;
use super::observer::{Event, Observer};
use super::outcome::{ChosenOn, Outcome};
use super::prototypes;
use super::run_folder::{RunFolder, refuse_to_overwrite};
use super::run_settings::{self, agree};
use super::schedule::{CategoryLosses, Length};
use super::settings::Config;
use super::signs::Watch;
use super::stage::{Stage, StepValues};
use super::validation::{Networks, Scores, Validation, networks};
use super::weights::{Demand, WeightsError, initialise, load_weights};
use crate::data::colours::Colours;
use crate::device::{Device, States};
use crate::formats::{Facts, Weights, shortened};
use crate::inference::{InferenceError, Predictor};
use crate::method::step::{self, AVERAGE, GENERATOR, TrainingStep};
use crate::metrics::{Calibration, Masking};
use crate::nn::Domain;

type Result<T> = std::result::Result<T, TrainError>;

/// Losses of the device in a row, with no new checkpoint between them, that end a run.
const MOST_LOSSES: u32 = 3;
/// Time that a driver is given to come back after the first loss; more after the next.
const BEFORE_REOPENING: Duration = Duration::from_secs(1);

/// A run that is under way.
pub struct Session {
    config: Config,
    folder: RunFolder,
    device: Device,
    states: States,
    data: TrainingData,
    changed_data: ChangedData,
    validations: Vec<(Rc<Predictor>, Validation)>,
    /// of a run that adapts
    watch: Option<Watch>,
    progress: Progress,
    /// steps done at the last checkpoint
    saved: u64,
    logs: Logs,
    stage: Option<Stage>,
    has_said_what_is_not_measured: bool,
}

impl Session {
    /// Begins a run in a folder that must not hold one yet.
    pub fn begin(device: &Device, config: Config, run: &Path, observer: &mut dyn Observer) -> Result<Session> {
        config.check()?;
        refuse_to_overwrite(run)?;
        let text = config.clone().with_warmup_held().to_toml()?;
        Session::prepare(device, config, None, observer, |config, progress, data, states, losses, observer| {
            let mut folder = RunFolder::create(run, observer)?;
            // Before the logs, so that a folder which holds them holds a run that can be resumed.
            folder.write_last(finite(&folder, config, progress, data, device, states)?)?;
            let (logs, _) = Logs::open(run, LogBytes::default(), losses, config.has_category_losses())?;
            folder.write_settings(&text)?;
            Environment::of(device).write(run)?;
            Ok((folder, logs))
        })
    }

    /// Continues a run from a checkpoint, as if it had been begun with the length that is asked for, if one is. The weights are
    /// then those of such a run, bit for bit: a validation at the former end, where the longer run has none, is all that is more.
    ///
    /// # Errors
    /// [`TrainError::NotLonger`], [`TrainError::DamagedCheckpoint`], [`TrainError::Contradiction`], [`TrainError::DataChanged`], and what keeps a run
    /// from beginning.
    pub fn resume(device: &Device, run: &Path, how: Resume, observer: &mut dyn Observer) -> Result<Session> {
        Session::resume_in(device, RunFolder::open(run, observer)?, how, observer)
    }

    fn resume_in(device: &Device, mut folder: RunFolder, how: Resume, observer: &mut dyn Observer) -> Result<Session> {
        let (checkpoint, path) = folder.read(how.from)?;
        let note = agree(folder.path(), &checkpoint.config, &path)?;
        note.iter().for_each(|note| observer.event(Event::Note(note)));
        device.fix_kernels(checkpoint.kernels.clone());
        device.divide(checkpoint.divisions.clone());
        let config = checkpoint.config.clone();
        if !folder.path().join(run_settings::FILE).exists() {
            // The run was stopped between its first checkpoint and this file.
            folder.write_settings(&config.to_toml()?)?;
        }
        let (began_with, began_as) = (checkpoint.data.clone(), checkpoint.config.clone());
        let run = folder.path().to_path_buf();
        let open = |config: &Config,
                    progress: Progress,
                    data: &DataRecord,
                    states: &States,
                    losses: &[&str],
                    observer: &mut dyn Observer| {
            let note = unchanged(folder.path(), began_with, data, how.data)?;
            if how.length.is_another() && *config != began_as {
                // Whoever stops it now finds a run of the new length.
                folder.write_last(finite(&folder, config, progress, data, device, states)?)?;
                folder.write_settings(&config.to_toml()?)?;
            }
            let (logs, notes) = Logs::open(folder.path(), progress.log_bytes, losses, config.has_category_losses())?;
            note.iter().chain(&notes).for_each(|note| observer.event(Event::Note(note)));
            Environment::of(device).write(folder.path())?;
            Ok((folder, logs))
        };
        let from = Origin { checkpoint, path: &path, length: how.length, run: &run };
        let session = Session::prepare(device, config, Some(from), observer, open)?;
        Ok(Session { changed_data: how.data, ..session })
    }

    /// What the machine or the data cannot do is refused before `open_folder` writes anything.
    fn prepare(
        device: &Device,
        config: Config,
        from: Option<Origin<'_>>,
        observer: &mut dyn Observer,
        open_folder: impl FnOnce(
            &Config,
            Progress,
            &DataRecord,
            &States,
            &[&str],
            &mut dyn Observer,
        ) -> Result<(RunFolder, Logs)>,
    ) -> Result<Session> {
        let (data, validations) = open_data(&config, observer)?;
        let (begins, done) = (from.is_none(), from.as_ref().map_or(0, |from| from.checkpoint.progress.step));
        let per_epoch = data.batches_per_epoch(config.batch);
        let config = match &from {
            Some(from) => from.lengthened(config, per_epoch)?,
            None => config,
        };
        let (total, epoch) = (config.total_steps(per_epoch), done / per_epoch);
        match config.category_losses(per_epoch) {
            CategoryLosses::Never if config.warmup_epochs.is_none() => {
                let warmup = per_epoch.saturating_mul(config.warmup().saturating_add(1) as u64);
                return Err(TrainError::OnlyWarmup { method: config.method.name(), steps: total, warmup });
            }
            CategoryLosses::Absent => {}
            losses => observer.event(Event::Note(&losses.to_string())),
        }
        let config = config.with_warmup_held();
        let last_epoch = (total - 1) / per_epoch;
        // Before any memory is asked for.
        let domains = looked_at(&validations, &data);
        let networks = networks(&config, &domains).len();
        check_memory(&config, [epoch, last_epoch], &device.capabilities(), networks)?;
        // The states of the whole run, whichever stage it is in.
        let traced = step::trace(&config.step_settings(true))?;
        let states = device.states();
        states.declare_for(&traced.graph)?;
        let progress = match &from {
            Some(from) => from.checkpoint.progress,
            None => Progress { colours: data.colours(&config)?, ..Progress::default() },
        };
        let compiled = Networks::compile(device, &states, &config, &domains, progress.colours)?;
        let watch = data.target.clone().map(|target| Watch::new(target, config.size, compiled.of(Domain::Target)));
        let with_network = |own: Validation| (compiled.of(own.domain()), own);
        let validations = validations.into_iter().map(with_network).collect();
        match from {
            Some(Origin { checkpoint, path, .. }) => checkpoint.restore(&states, path)?,
            None => initial_weights(&config, &states, &traced, progress.colours, observer)?,
        }
        let weights_at = |epoch: u64| config.loss_weights(config.is_warm(epoch));
        if begins && weights_at(last_epoch) != weights_at(epoch) {
            // The stage after the warm-up, should the run reach it, is tried out and given up again.
            Stage::compile(device, &states, &config, last_epoch, networks)?;
        }
        let stage = match progress.step < total {
            true => Some(Stage::new(device, &states, &config, &data, epoch, &progress, networks)?),
            false => None,
        };
        let (folder, logs) = open_folder(&config, progress, &data.record, &states, &traced.losses, observer)?;
        let (device, saved, changed_data) = (device.clone(), progress.step, ChangedData::default());
        Ok(Session {
            config,
            folder,
            device,
            states,
            data,
            changed_data,
            validations,
            watch,
            progress,
            saved,
            logs,
            stage,
            has_said_what_is_not_measured: false,
        })
    }

    /// Whether all steps of the run are done.
    pub fn is_complete(&self) -> bool {
        self.progress.step >= self.config.total_steps(self.data.batches_per_epoch(self.config.batch))
    }

    /// The settings of the run.
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn new_stage(&self, epoch: u64) -> Result<Stage> {
        let domains = looked_at(self.validations.iter().map(|(_, own)| own), &self.data);
        let networks = networks(&self.config, &domains).len();
        Stage::new(&self.device, &self.states, &self.config, &self.data, epoch, &self.progress, networks)
    }

    /// Trains to the end of the run, or until the observer asks it to stop. A device that is lost is opened again, and
    /// the run goes on from its last checkpoint; losses in a row, with no new checkpoint between them, end it.
    ///
    /// # Errors
    /// [`TrainError::Stopped`], after which the run can be continued from its last checkpoint; [`TrainError::NotFinite`].
    pub fn train(&mut self, observer: &mut dyn Observer) -> Result<Outcome> {
        let (mut losses, mut since) = (0, self.saved);
        loop {
            let mut error = match self.steps(observer) {
                Err(error) => error,
                done => return done,
            };
            if self.saved != since {
                (losses, since) = (0, self.saved);
            }
            loop {
                losses += 1;
                if !error.is_lost() || losses == MOST_LOSSES {
                    return Err(self.resumable(error));
                }
                match self.reopen(&error, losses, observer) {
                    Ok(()) => break,
                    Err(next) => error = next,
                }
            }
        }
    }

    /// Opens a lost device again and goes back to the last checkpoint.
    fn reopen(&mut self, reason: &TrainError, losses: u32, observer: &mut dyn Observer) -> Result<()> {
        // What lies on the lost device is given up before there is anything new.
        (self.stage, self.states) = (None, Device::Cpu.states());
        self.validations.clear();
        self.watch = None;
        std::thread::sleep(BEFORE_REOPENING * losses * losses);
        let device = self.device.reopen()?;
        observer.event(Event::Reopened { device: &device, reason, step: self.saved });
        let how = Resume { from: self.folder.newest(), data: self.changed_data, length: Length::default() };
        *self = Session::resume_in(&device, self.folder.clone(), how, observer)?;
        Ok(())
    }

    /// An error that ends the run, with what the user can do about it.
    fn resumable(&self, error: TrainError) -> TrainError {
        match error {
            TrainError::NotFinite { .. } => error,
            _ => TrainError::Stopped {
                step: self.progress.step,
                saved: self.saved,
                run: self.folder.path().to_path_buf(),
                error: Box::new(error),
            },
        }
    }

    /// Steps, validations and checkpoints to the end of the run, or until the observer asks to stop.
    fn steps(&mut self, observer: &mut dyn Observer) -> Result<Outcome> {
        let mut stage = self.stage.take();
        let per_epoch = self.data.batches_per_epoch(self.config.batch);
        let total = self.config.total_steps(per_epoch);
        observer.event(Event::Begin { step: self.progress.step, steps: total, batch: self.config.batch });
        stage.iter().for_each(|stage| observer.event(stage.compiled()));
        let (mut saved, mut divisions) = (Instant::now(), self.device.divisions());
        let every = Duration::from_secs_f64((self.config.checkpoint_every * 60.0).min(1e9));
        while self.progress.step < total {
            let epoch = self.progress.step / per_epoch;
            if stage.as_ref().is_none_or(|stage| stage.is_over(&self.config, epoch)) {
                observer.event(Event::Note(&format!(
                    "epoch {epoch}: the warm-up is over, the category-level losses begin"
                )));
                // Its memory is given back before the next one takes its own.
                drop(stage.take());
                let next = self.new_stage(epoch)?;
                observer.event(next.compiled());
                stage = Some(next);
            }
            let stage = stage.as_mut().expect("a stage has just been made where there was none");
            let record = self.step(stage)?;
            self.logs.step(&record)?;
            observer.event(Event::Step(&record));
            let broken = record.not_finite();
            if !broken.is_empty() {
                let named: Vec<String> =
                    broken.iter().map(|(name, value)| format!("`{name}` became {value}")).collect();
                let what = format!("the loss {} at step {}", named.join(", "), record.step);
                return Err(TrainError::NotFinite { what, last: self.folder.checkpoint(ResumeFrom::Last) });
            }
            self.progress.step += 1;
            // They were those of other weights.
            self.progress.calibration = None;
            let done = self.progress.step == total;
            let epoch_ended = self.progress.step.is_multiple_of(per_epoch);
            if done || (epoch_ended && (record.epoch + 1).is_multiple_of(self.config.validate_every)) {
                self.validate(record.epoch, observer)?;
            }
            let stop = observer.asks_to_stop();
            // Sums are added up launch by launch: whoever resumes must divide them from the same step on.
            let divided = divisions != self.device.divisions();
            if done || epoch_ended || stop || divided || saved.elapsed() >= every {
                self.save_last()?;
                (saved, divisions) = (Instant::now(), self.device.divisions());
            }
            if stop {
                break;
            }
        }
        let Progress { step, best_mean_dice, calibration, .. } = self.progress;
        let complete = step >= total;
        let select = self.config.select;
        let own = self.validations.iter().map(|(_, validation)| validation);
        let chosen_by = own.filter(|validation| validation.domain() == select.domain());
        let chosen_on = ChosenOn { select, regions: chosen_by.map(|own| own.dataset().len()).sum() };
        let category_losses = self.config.category_losses(per_epoch);
        let [best, last] = [ResumeFrom::Best, ResumeFrom::Last].map(|checkpoint| self.folder.checkpoint(checkpoint));
        Ok(Outcome { steps: step, complete, best_mean_dice, chosen_on, category_losses, calibration, best, last })
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
        let phase = match self.config.is_warm(epoch) {
            _ if !self.config.has_category_losses() => None,
            true => Some(Phase::CategoryLevel),
            false => Some(Phase::WarmUp),
        };
        let (weights, seconds) = (stage.weights(), start.elapsed().as_secs_f64());
        Ok(StepRecord { step, epoch, phase, losses, weights, lr, seconds, prototype_distances })
    }

    /// Validates, logs, and keeps the best checkpoint.
    fn validate(&mut self, epoch: u64, observer: &mut dyn Observer) -> Result<()> {
        let run = |(predictor, validation): &(Rc<Predictor>, Validation)| -> Result<(Domain, Scores)> {
            Ok((validation.domain(), validation.run(predictor, |_| ())?))
        };
        let scored = self.validations.iter().map(run).collect::<Result<Vec<_>>>();
        let scored = scored.map_err(|error| match error {
            // A run that is continued would come to the same.
            TrainError::Inference(InferenceError::NotFinite { .. }) => {
                let what =
                    format!("the network's output in the validation after step {} is not finite", self.progress.step);
                TrainError::NotFinite { what, last: self.folder.checkpoint(ResumeFrom::Last) }
            }
            error => error,
        })?;
        self.say_what_is_not_measured(&scored, observer);
        let held_out = scored.iter().find(|(domain, _)| *domain == Domain::Source);
        self.progress.calibration = held_out.and_then(|(_, scores)| scores.calibration());
        let named = |prefix: &str, scores: &Scores| {
            let values = scores.named().into_iter();
            values.map(|(name, value)| (format!("{prefix}{name}"), value)).collect::<Vec<_>>()
        };
        // The first names the columns of the table too.
        let first = scored.first();
        let mut values: Vec<_> = first.into_iter().flat_map(|(_, scores)| named("", scores)).collect();
        values.extend(scored.iter().flat_map(|(domain, scores)| named(&format!("{}_", domain.name()), scores)));
        let select = self.config.select.domain();
        if let Some(watch) = &self.watch {
            let thresholds = Calibration::or_usual(self.progress.calibration);
            values.extend(watch.look(thresholds)?.named().into_iter().map(|(name, value)| (name.to_string(), value)));
        }
        let record = ValidationRecord {
            step: self.progress.step,
            epoch,
            dataset: first.map_or(select, |(domain, _)| *domain).name(),
            select: select.name(),
            masks: Masking::USUAL.to_string(),
            calibration: self.progress.calibration,
            regions: scored.iter().map(|(domain, scores)| (domain.name(), scores.regions())).collect(),
            values,
        };
        self.logs.validation(&record)?;
        observer.event(Event::Validated(&record));
        let chosen_by = scored.iter().find(|(domain, _)| *domain == select).and_then(|(_, scores)| scores.mean_dice());
        if let Some(dice) = chosen_by
            && self.progress.best_mean_dice.is_none_or(|best| dice > best)
        {
            self.progress.best_mean_dice = Some(dice);
            self.checkpoint()?.write(&self.folder.checkpoint(ResumeFrom::Best), None)?;
        }
        Ok(())
    }

    /// Says once what the masks of validations do not show.
    fn say_what_is_not_measured(&mut self, scored: &[(Domain, Scores)], observer: &mut dyn Observer) {
        if std::mem::replace(&mut self.has_said_what_is_not_measured, true) {
            return;
        }
        for (domain, scores) in scored {
            for structure in scores.not_measured() {
                observer.event(Event::Note(&format!(
                    "no mask of the {} {} that are validated on shows a {structure}: it is not measured and no part of their mean \
                     Dice",
                    scores.regions(),
                    match domain {
                        Domain::Source => "source regions",
                        Domain::Target => "target regions",
                    }
                )));
            }
        }
    }

    fn save_last(&mut self) -> Result<()> {
        let checkpoint = self.checkpoint()?;
        self.folder.write_last(checkpoint)?;
        self.saved = self.progress.step;
        Ok(())
    }

    /// A checkpoint that vouches for the logs up to here.
    fn checkpoint(&mut self) -> Result<Checkpoint> {
        self.progress.log_bytes = self.logs.sync()?;
        finite(&self.folder, &self.config, self.progress, &self.data.record, &self.device, &self.states)
    }
}

/// The domains of which images are looked at.
fn looked_at<'v>(validations: impl IntoIterator<Item = &'v Validation>, data: &TrainingData) -> Vec<Domain> {
    let watched = data.target.as_ref().map(|_| Domain::Target);
    validations.into_iter().map(Validation::domain).chain(watched).collect()
}

/// Everything that a run holds, unless a tensor is not finite: the checkpoint on disk is then the last good one.
fn finite(
    folder: &RunFolder,
    config: &Config,
    progress: Progress,
    data: &DataRecord,
    device: &Device,
    states: &States,
) -> Result<Checkpoint> {
    let checkpoint = Checkpoint::capture(config, progress, data, device, states)?;
    if let Some(tensor) = checkpoint.first_not_finite() {
        let what = format!("`{tensor}` is no longer finite after step {}", progress.step);
        return Err(TrainError::NotFinite { what, last: folder.checkpoint(ResumeFrom::Last) });
    }
    Ok(checkpoint)
}

/// Weights from the seed, then from the file that the settings name; averages begin as the weights do.
fn initial_weights(
    config: &Config,
    states: &States,
    traced: &TrainingStep,
    colours: Option<Colours>,
    observer: &mut dyn Observer,
) -> Result<()> {
    initialise(states, GENERATOR, &traced.tensors, config.seed)?;
    for (prefix, tensors) in &traced.discriminators {
        initialise(states, prefix, tensors, config.seed)?;
    }
    if let Some(init) = &config.init {
        let weights = Weights::read(init).map_err(WeightsError::from)?;
        for note in [weights.wrapper_note(init), weights.left_out_note(init)].into_iter().flatten() {
            observer.event(Event::Note(&note));
        }
        let (own, init_colours) = (colours.map(|own| own.to_string()), weights.facts.get(Facts::COLOURS));
        if let Some(others) = init_colours.map(ToString::to_string).filter(|others| Some(others) != own.as_ref()) {
            let of_training = if own.is_some() { "to others" } else { "to none" };
            observer.event(Event::Note(&format!(
                "{}: its images are brought to colours ({others}), those of this run {of_training}",
                init.display()
            )));
        }
        if let Some(scales) = weights.facts.get(Facts::SCALES) {
            observer.event(Event::Note(&format!(
                "{}: its images are seen at several scales ({scales}), those of this run as they are; `papilla adapt --scales` changes that",
                init.display()
            )));
        }
        let report = load_weights(states, &traced.tensors, weights.generator, init, Demand::Backbone)?;
        observer.event(Event::Note(&format!("{}: {}", init.display(), report.as_beginning())));
        if !weights.not_used.is_empty() {
            observer.event(Event::Note(
                "these are weights of an ImageNet classifier, which give the backbone: that all else begins new is as it should be",
            ));
            let names = shortened(&weights.not_used);
            observer.event(Event::Note(&format!("not used of the classifier ({}): {names}", weights.not_used.len())));
        }
    }
    if config.average_decay().is_some() {
        let named = |prefix: &str| traced.tensors.iter().map(|spec| format!("{prefix}.{}", spec.name)).collect();
        let [weights, averages]: [Vec<String>; 2] = [GENERATOR, AVERAGE].map(named);
        let values = states.read(&weights.iter().map(String::as_str).collect::<Vec<_>>())?;
        averages.iter().zip(values).try_for_each(|(average, values)| states.write(average, &values))?;
    }
    Ok(())
}
