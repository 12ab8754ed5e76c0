//! `papilla train`: a new run, or an old one continued.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Command};
use serde_json::{Value, json};

use super::interrupt::{Interrupts, Stopped};
use super::named::named;
use super::progress::TrainingProgress;
use super::resume::{in_shell, resume_command};
use super::settings::{All, Flags};
use super::words::problem_of_path;
use super::{Global, WrongFlags, output, report};
use crate::data::names::counted;
use crate::input_file;
use crate::metrics::{Calibration, Masking};
use crate::report::{Run, default_split};
use crate::train::{
    CategoryLosses, ChangedData, Config, ConfigFileError, Event, Length, NotFound, Observer, Outcome, Resume,
    ResumeFrom, SETTINGS, Session,
};

/// Train a network on one camera, or continue a run that was interrupted
#[derive(clap::Args)]
#[command(mut_arg("source", |source| source.required_unless_present_any(["resume", "config"])))]
pub(super) struct Arguments {
    /// Folder of the run
    #[arg(long, value_name = "RUN", required_unless_present = "resume", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Continue the run in this folder as if it had never stopped; with --epochs or --steps, until it has as many in all
    ///
    /// A run that is made longer has the weights of one that was begun as long, bit for bit: the learning rate depends on the
    /// epoch alone, and the warm-up stays as it was begun. It is only validated once more, at its former end.
    #[arg(long, value_name = "RUN", conflicts_with_all = kept_settings())]
    resume: Option<PathBuf>,
    /// Checkpoint to continue from: the one before the last, should the last be damaged, or the best [default: last]
    #[arg(long, value_parser = named::<ResumeFrom>(), value_name = "CHECKPOINT", requires = "resume")]
    from: Option<ResumeFrom>,
    /// Continue although regions were added, removed or changed since: the lengths of epochs, and what is held out, may change
    #[arg(long, requires = "resume")]
    changed_data: bool,
    /// Settings in a file; flags win over it
    #[arg(long, value_name = "FILE.toml", conflicts_with = "resume")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Flags<All>,
}

/// Settings that stay as a run was begun, when it is continued.
fn kept_settings() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.name).filter(|name| !Length::SETTINGS.contains(name))
}

impl Arguments {
    /// The length that a run is to have, where one is given.
    fn length(&self) -> Length {
        let mut config = Config::new(PathBuf::new());
        self.settings.apply(&mut config);
        Length { epochs: self.settings.has(Length::SETTINGS[0]).then_some(config.epochs), steps: config.steps }
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    match (&arguments.resume, &arguments.out) {
        (Some(run), _) => {
            let device = global.open_tuned()?;
            let mut progress = TrainingProgress::new(global);
            let data = if arguments.changed_data { ChangedData::Take } else { ChangedData::Refuse };
            let how = Resume { from: arguments.from.unwrap_or_default(), data, length: arguments.length() };
            let session = Session::resume(&device, run, how, &mut progress)?;
            let was_complete = session.is_complete();
            ended(global, run, &to_the_end(session, progress, run)?, was_complete)
        }
        (None, Some(out)) => {
            let (config, notes) = configure(arguments)?;
            new_run(global, config, &notes, out)
        }
        (None, None) => bail!("--out RUN or --resume RUN is needed"),
    }
}

/// Trains a new run, and tells how it has ended.
pub(super) fn new_run(global: &Global, config: Config, notes: &[String], out: &Path) -> Result<ExitCode> {
    ended(global, out, &train(global, config, notes, out)?, false)
}

fn ended(global: &Global, run: &Path, ended: &Ended, was_complete: bool) -> Result<ExitCode> {
    let shown = report::of_training(global, run);
    print(global, run, ended, was_complete, shown.as_ref())?;
    Ok(ExitCode::SUCCESS)
}

/// A run that has come to its end.
pub(super) struct Ended {
    /// how
    pub(super) outcome: Outcome,
    /// what was said of it on the way
    notes: Vec<String>,
}

/// A new run with progress on the terminal.
pub(super) fn train(global: &Global, config: Config, notes: &[String], out: &Path) -> Result<Ended> {
    config.check().map_err(WrongFlags::of)?;
    let device = global.open_tuned()?;
    let mut progress = TrainingProgress::new(global);
    let notes = notes.iter().cloned().chain(slow_in_software(config.size).filter(|_| device.is_software()));
    notes.for_each(|note| progress.event(Event::Note(&note)));
    let session = Session::begin(&device, config, out, &mut progress)?;
    to_the_end(session, progress, out)
}

/// Trains until the run is complete; one that a signal stops before is an error of its own.
fn to_the_end(mut session: Session, mut progress: TrainingProgress, run: &Path) -> Result<Ended> {
    let interrupts = Interrupts::heed();
    progress.heed(&interrupts);
    let outcome = session.train(&mut progress);
    let signal = interrupts.signal();
    interrupts.pass();
    match (outcome?, signal) {
        (Outcome { complete: false, steps, .. }, Some(signal)) => {
            let told = format!("stopped after step {steps}, with a checkpoint; `{}` goes on", resume_command(run));
            Err(Stopped { signal, told }.into())
        }
        (outcome, _) => Ok(Ended { outcome, notes: progress.into_notes() }),
    }
}

/// Settings from the file and the flags, and what is to be said of them.
fn configure(arguments: &Arguments) -> Result<(Config, Vec<String>)> {
    let mut config = match &arguments.config {
        Some(path) => {
            let text = input_file::read_text(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            Config::from_toml(&text, path).map_err(told_with_flags)?
        }
        None => Config::new(PathBuf::new()),
    };
    arguments.settings.apply(&mut config);
    if config.source.as_os_str().is_empty() {
        return Err(WrongFlags(anyhow!("no labelled dataset is named; use --source DIR")).into());
    }
    let mut notes = config.take_datasets()?;
    notes.extend(unusual_rate(config.lr));
    config.make_paths_absolute().map_err(|NotFound { path, error }| {
        anyhow::Error::from(error).context(not_found(&path, arguments.config.as_deref()))
    })?;
    Ok((config, notes))
}

/// Size from which a step in software takes minutes.
const LARGE_IN_SOFTWARE: usize = 384;

/// A sentence on a size that a software adapter takes minutes a step for, as it does for the usual one.
fn slow_in_software(size: usize) -> Option<String> {
    (size >= LARGE_IN_SOFTWARE).then(|| {
        format!(
            "warning: in software a step of {size}x{size} takes minutes, and many gigabytes; `--size 128` suits a first try, \
             and `papilla plan` tells what a step needs"
        )
    })
}

/// Times the usual learning rate above which one is said to be unusual.
const UNUSUAL: f32 = 50.0;

/// A sentence on a learning rate at which losses are more likely to grow than to fall.
fn unusual_rate(lr: f32) -> Option<String> {
    let usual = Config::new(PathBuf::new()).lr;
    (lr > UNUSUAL * usual).then(|| {
        format!("warning: --lr {lr} is {:.0} times the usual {usual}: losses may grow rather than fall", lr / usual)
    })
}

/// What is said of a path at which nothing lies; it may be one of a settings file.
fn not_found(path: &Path, settings: Option<&Path>) -> String {
    let shown = path.display();
    if let Some(problem) = path.to_str().and_then(problem_of_path) {
        return problem;
    }
    match settings.filter(|_| path.is_relative()) {
        Some(settings) => format!(
            "`{shown}` cannot be found; paths in `{}` are looked for where the program is started, as those of flags",
            settings.display()
        ),
        None => format!("`{shown}` cannot be found"),
    }
}

/// An error of a settings file; a flag in it that is no setting, and says where and how a run is computed, is told as one.
fn told_with_flags(error: ConfigFileError) -> anyhow::Error {
    let flags = Global::augment_args(Arguments::augment_args(Command::new("train")));
    let is_flag = |name: &str| flags.get_arguments().any(|argument| argument.get_long() == Some(name));
    match error {
        ConfigFileError::Unknown { path, name, .. } if is_flag(&name) => anyhow!(
            "`{}` has an unknown setting `{name}`; it is given on the command line alone, as --{name}",
            path.display()
        ),
        error => error.into(),
    }
}

fn print(
    global: &Global,
    run: &Path,
    Ended { outcome, notes }: &Ended,
    was_complete: bool,
    shown: Option<&(PathBuf, Run)>,
) -> Result<()> {
    let page = shown.map(|(page, _)| page);
    if global.json {
        let document = json!({
            "steps": outcome.steps,
            "was_complete": was_complete,
            "best_mean_dice": outcome.best_mean_dice,
            "best_mean_dice_on": outcome.chosen_on.to_string(),
            "masks": Masking::USUAL.to_string(),
            "thresholds": outcome.calibration.map(|own| own.to_string()),
            "category_losses": match outcome.category_losses {
                CategoryLosses::Absent => Value::Null,
                losses => losses.to_string().into(),
            },
            "take": shown.map(|(_, run)| run.recommended().name()),
            "best": outcome.best.display().to_string(),
            "last": outcome.last.display().to_string(),
            "report": page.as_ref().map(|page| page.display().to_string()),
            "notes": notes,
        });
        output::json(&document)?;
    } else {
        if was_complete {
            let (run, resume) = (run.display(), resume_command(run));
            output::line(format_args!(
                "`{run}` is complete, and nothing was trained; `{resume} --epochs N` or `--steps N` makes it longer"
            ))?;
        }
        output::line(format_args!("{} done", counted(outcome.steps as usize, "step")))?;
        for line in told(outcome, shown.map(|(_, run)| run)) {
            output::line(line)?;
        }
        if outcome.category_losses != CategoryLosses::Absent {
            output::line(outcome.category_losses)?;
        }
        if let Some(page) = page {
            output::line(format_args!("curves in {}", page.display()))?;
        }
        if let Some(next) = shown.and_then(|(_, run)| next(run)) {
            output::line(format_args!("next: `{next}`"))?;
        }
    }
    Ok(())
}

/// The checkpoints of a run that has ended, what is known of each, and which to take.
fn told(outcome: &Outcome, run: Option<&Run>) -> Vec<String> {
    let validation = run.and_then(|run| run.log.validations.last());
    let value = |name: String| validation.and_then(|validation| validation.values.get(&name).copied());
    let of = |dataset: &str| {
        let dice = ["cup", "disc"].map(|structure| (structure, value(format!("{dataset}_{structure}_dice"))));
        let dice = dice.into_iter().filter_map(|(structure, dice)| Some(format!("{structure} {:.4}", dice?)));
        let (dice, count) = (dice.collect::<Vec<_>>(), validation?.regions.get(dataset).copied());
        let over = count.map_or(String::new(), |count| format!(" over {}", counted(count as usize, "region")));
        (!dice.is_empty()).then(|| format!("Dice {dataset} {}{over}", dice.join(", ")))
    };
    let mut lines = Vec::new();
    let figures: Vec<String> = ["target", "source"].into_iter().filter_map(of).collect();
    let figures = match figures.is_empty() {
        true => String::new(),
        false => format!(": {} ({})", figures.join("; "), Masking::USUAL),
    };
    lines.push(format!("last checkpoint {}{figures}", outcome.last.display()));
    if let Some(dice) = outcome.best_mean_dice {
        let (on, best) = (outcome.chosen_on, outcome.best.display());
        let epochs = run
            .and_then(|run| run.log.best())
            .map_or(String::new(), |(epochs, _)| format!(", after {}", counted(epochs as usize, "epoch")));
        let is_missing = |structure: &str| {
            validation.is_some() && value(format!("{}_{structure}_dice", outcome.chosen_on.select.name())).is_none()
        };
        let what = match (is_missing("cup"), is_missing("disc")) {
            (true, false) => "Dice of the disc",
            (false, true) => "Dice of the cup",
            _ => "mean Dice of cup and disc",
        };
        lines.push(format!("best checkpoint {best}{epochs}: {what} {dice:.4}, on {on} ({})", Masking::USUAL));
    }
    lines.push(match outcome.calibration {
        Some(own) => format!(
            "thresholds of the last checkpoint, calibrated on held-out source regions and used by `evaluate` and `predict`: {own}"
        ),
        None => format!(
            "thresholds were not calibrated, which takes {} held-out source regions: `evaluate` and `predict` use {}",
            Calibration::LEAST,
            Masking::USUAL.at()
        ),
    });
    if run.is_some_and(|run| run.recommended() == ResumeFrom::Last) {
        lines.push(
            "take the last: the best one is best on the source, which cannot tell what an adaptation is for the target"
                .to_string(),
        );
    }
    lines
}

/// The call that measures a run.
fn next(run: &Run) -> Option<String> {
    let test = default_split(std::slice::from_ref(run));
    let call = format!("papilla evaluate --checkpoint {} --data {}", in_shell(&run.folder), in_shell(&test));
    test.is_dir().then_some(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Masks;
    use crate::train::{ChosenOn, Selection};

    /// What is told at the end of a run with these settings and values of its last validation.
    fn told_of(settings: &str, values: &str) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("it is writable");
        file("config.toml", format!("source = 'a'\n{settings}"));
        file(
            "metrics.jsonl",
            format!(
                "{{\"epoch\":1,\"select\":\"source\",\"regions\":{{\"target\":51,\"source\":28}},\"validation\":{{{values}}}}}\n"
            ),
        );
        let run = Run::read(folder.path(), Masks::Raw).expect("a run");
        let outcome = Outcome {
            steps: 64,
            complete: true,
            best_mean_dice: Some(0.5),
            chosen_on: ChosenOn { select: Selection::Source, regions: 28 },
            category_losses: CategoryLosses::Absent,
            calibration: None,
            best: "best".into(),
            last: "last".into(),
        };
        told(&outcome, Some(&run))
    }

    #[test]
    fn the_usual_size_is_said_to_be_slow_in_software_and_that_of_a_try_is_not() {
        let usual = Config::new(PathBuf::new()).size;
        assert!(slow_in_software(usual).is_some_and(|told| told.contains("512x512") && told.contains("--size 128")));
        assert_eq!(slow_in_software(128), None);
    }

    #[test]
    fn the_end_of_a_run_tells_its_checkpoints_and_which_to_take() {
        let values = "\"target_cup_dice\":0.25,\"target_disc_dice\":0.5,\"source_cup_dice\":0.25,\"source_disc_dice\":0.75,\
                      \"source_mean_dice\":0.5";
        let lines = told_of("target = 'b'\nmethod = 'clr'", values);
        assert_eq!(
            lines[0],
            "last checkpoint last: Dice target cup 0.2500, disc 0.5000 over 51 regions; source cup 0.2500, disc 0.7500 over 28 \
             regions (post-processed masks at 0.75)"
                .replace("; source", "; Dice source")
        );
        assert!(
            lines[1].starts_with(
                "best checkpoint best, after 2 epochs: mean Dice of cup and disc 0.5000, on 28 held-out source regions"
            ),
            "{lines:?}"
        );
        assert!(lines.len() == 4 && lines[3].starts_with("take the last"), "{lines:?}");
        assert!(lines[2].starts_with("thresholds were not calibrated, which takes 10 held-out"), "{lines:?}");
        assert_eq!(told_of("target = 'b'", values).len(), 3);
    }

    #[test]
    fn a_learning_rate_that_is_far_from_usual_is_said() {
        let told = unusual_rate(10.0).expect("it is large");
        assert!(told.contains("--lr 10 is 10000 times the usual 0.001"), "{told}");
        assert_eq!(unusual_rate(3e-3), None);
    }

    #[test]
    fn without_cups_the_end_of_a_run_tells_of_none() {
        let lines = told_of("", "\"source_disc_dice\":0.5,\"source_mean_dice\":0.5");
        assert!(
            lines[0].contains("Dice source disc 0.5000 over 28 regions (") && !lines[0].contains("cup"),
            "{lines:?}"
        );
        assert!(lines[1].contains(": Dice of the disc 0.5000, on 28 held-out source regions"), "{lines:?}");
    }

    #[test]
    fn flags_that_are_no_settings_are_told_from_misspelt_ones() {
        let told = |text: &str| {
            let error = Config::from_toml(text, Path::new("run.toml")).expect_err("it is no setting");
            told_with_flags(error).to_string()
        };
        for (text, flag) in [("out = 'runs/first'", "out"), ("device = 'cpu'", "device")] {
            let expected = format!("unknown setting `{flag}`; it is given on the command line alone, as --{flag}");
            assert!(told(text).ends_with(&expected), "{}", told(text));
        }
        assert!(told("epoch = 3").ends_with("unknown setting `epoch`; did you mean `epochs`?"));
    }
}
