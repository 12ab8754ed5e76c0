//! `metrics.jsonl` of a run as curves, tolerant of what a stopped or a damaged run leaves behind.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::input_file;

/// Keys of a step's line that are no losses.
const NO_LOSSES: [&str; 6] = ["step", "epoch", "phase", "lr", "seconds", PROTOTYPES];
/// Key of the distances of prototypes.
const PROTOTYPES: &str = "prototype_distance";

/// The category-level losses.
const CATEGORY_LEVEL: [&str; 3] = ["align", "discriminative", "consistency"];

/// Values by step or epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// as the log has it
    pub name: String,
    /// (step, value), in the order of the log; what was not finite is left out
    pub points: Vec<(f64, f64)>,
}

/// A validation.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationPoint {
    /// epochs done
    pub epochs: u64,
    /// whose mean Dice chooses the best checkpoint: `source` or `target`
    pub select: String,
    /// which masks the values are of
    pub masks: String,
    /// over how many regions of `target` and of `source`, where the log tells it
    pub regions: BTreeMap<String, u64>,
    /// values by name
    pub values: BTreeMap<String, f64>,
}

impl ValidationPoint {
    fn of(line: &Map<String, Value>) -> Self {
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let entries = |name: &str| line.get(name).and_then(Value::as_object).into_iter().flatten();
        Self {
            epochs: line.get("epoch").and_then(Value::as_u64).unwrap_or_default() + 1,
            select: text("select").unwrap_or("source").to_string(),
            // Before logs told it.
            masks: text("masks").unwrap_or("raw masks at 0.75").to_string(),
            regions: entries("regions").filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect(),
            values: entries("validation").filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect(),
        }
    }
}

/// What a run has logged so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunLog {
    /// steps done
    pub steps: u64,
    /// epoch of the last of them, counted from 0
    pub last_epoch: u64,
    /// the first epoch and step with category-level losses
    pub category_losses: Option<[u64; 2]>,
    /// seconds of each step, in order
    pub seconds: Vec<f64>,
    /// losses in the order of the log
    pub losses: Vec<Series>,
    /// distances of both cameras' prototypes
    pub prototypes: Vec<Series>,
    /// in the order of the log
    pub validations: Vec<ValidationPoint>,
    /// what could not be read, a sentence each
    pub notes: Vec<String>,
}

/// The lines of a log, as they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogLines {
    /// of steps
    pub steps: Vec<Map<String, Value>>,
    /// of validations
    pub validations: Vec<Map<String, Value>>,
    /// what could not be read, a sentence each
    pub notes: Vec<String>,
}

impl LogLines {
    /// Reads the log of a run. Lines that cannot be read are left out and noted.
    ///
    /// # Errors
    /// A file that is there and cannot be opened or read.
    pub fn read(run: &Path) -> Result<LogLines> {
        let path = run.join("metrics.jsonl");
        if !path.exists() {
            let notes = vec![format!("`{}` does not exist: there are no curves", path.display())];
            return Ok(LogLines { notes, ..LogLines::default() });
        }
        let bytes = input_file::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut log = LogLines::parse(&String::from_utf8_lossy(&bytes), &path);
        if log.steps.is_empty() {
            log.notes.push(format!("`{}` holds no step yet: there are no curves", path.display()));
        }
        Ok(log)
    }

    /// The lines of `text`; `path` is named in notes.
    fn parse(text: &str, path: &Path) -> LogLines {
        let mut log = LogLines::default();
        let mut damaged = Vec::new();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if line.trim().is_empty() || log.line(line.trim_end()).is_some() {
                continue;
            }
            if line.ends_with('\n') {
                damaged.push(index + 1);
            } else {
                log.notes.push(format!(
                    "the last line of `{}` is half written, as of a run that goes on or was stopped; it is left out",
                    path.display()
                ));
            }
        }
        if let Some(first) = damaged.first() {
            let count = damaged.len();
            let lines = if count == 1 { "1 line".to_string() } else { format!("{count} lines") };
            log.notes.push(format!(
                "{lines} of `{}` cannot be read and {} left out (the first is line {first})",
                path.display(),
                if count == 1 { "is" } else { "are" }
            ));
        }
        log
    }

    /// Takes a line, if it is one of a step or a validation.
    fn line(&mut self, line: &str) -> Option<()> {
        let Value::Object(line) = serde_json::from_str(line).ok()? else { return None };
        let is_number = |name: &str| line.get(name).is_some_and(Value::is_u64);
        match line.get("validation") {
            Some(values) if values.is_object() && is_number("epoch") => self.validations.push(line),
            None if is_number("step") => self.steps.push(line),
            _ => return None,
        }
        Some(())
    }
}

impl RunLog {
    /// Reads the log of a run. Lines that cannot be read are left out and noted; without a file there are no curves.
    ///
    /// # Errors
    /// A file that is there and cannot be opened or read.
    pub fn read(run: &Path) -> Result<RunLog> {
        Ok(RunLog::of(LogLines::read(run)?))
    }

    fn of(lines: LogLines) -> RunLog {
        let mut log = RunLog { notes: lines.notes, ..RunLog::default() };
        lines.steps.iter().for_each(|line| log.step(line));
        log.validations = lines.validations.iter().map(ValidationPoint::of).collect();
        log
    }

    /// Takes the line of a step.
    fn step(&mut self, line: &Map<String, Value>) {
        let step = line.get("step").and_then(Value::as_u64).unwrap_or_default();
        self.last_epoch = line.get("epoch").and_then(Value::as_u64).unwrap_or(self.last_epoch);
        if self.category_losses.is_none() && CATEGORY_LEVEL.iter().any(|name| line.contains_key(*name)) {
            self.category_losses = Some([self.last_epoch, step]);
        }
        for (name, value) in line.iter().filter(|(name, _)| !NO_LOSSES.contains(&name.as_str())) {
            append(&mut self.losses, name, step, value);
        }
        for (name, value) in line.get(PROTOTYPES).and_then(Value::as_object).unwrap_or(&Map::new()) {
            append(&mut self.prototypes, name, step, value);
        }
        self.seconds.extend(line.get("seconds").and_then(Value::as_f64));
        self.steps = step + 1;
    }

    /// Values of validations by name, over epochs done.
    pub fn validation(&self, name: &str) -> Vec<(f64, f64)> {
        let value = |point: &ValidationPoint| Some((point.epochs as f64, *point.values.get(name)?));
        self.validations.iter().filter_map(value).collect()
    }

    /// Epochs done when the best checkpoint was written, and the mean Dice that chose it.
    pub fn best(&self) -> Option<(f64, f64)> {
        let mean = |point: &ValidationPoint| {
            Some((point.epochs as f64, *point.values.get(&format!("{}_mean_dice", point.select))?))
        };
        // The first of equals, as training keeps it.
        self.validations.iter().filter_map(mean).reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// The step with which the category-level losses began, if there was a warm-up before.
    pub fn warm_from(&self) -> Option<f64> {
        self.category_losses.map(|[_, step]| step as f64).filter(|step| *step > 0.0)
    }

    /// Median seconds of a step.
    pub fn median_seconds(&self) -> Option<f64> {
        let mut sorted = self.seconds.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }
}

/// Appends a value to the series of its name, if it is a number.
fn append(all: &mut Vec<Series>, name: &str, step: u64, value: &Value) {
    let at = all.iter().position(|series| series.name == name).unwrap_or_else(|| {
        all.push(Series { name: name.to_string(), points: Vec::new() });
        all.len() - 1
    });
    if let Some(value) = value.as_f64() {
        all[at].points.push((step as f64, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: &str = r#"{"step":0,"epoch":0,"total":1.5,"seg":1.5,"lr":0.001,"seconds":0.25}"#;
    const ADAPTED: &str = r#"{"step":1,"epoch":0,"phase":"category-level","total":1.25,"seg":null,"align":0.5,"lr":0.001,"seconds":0.75,"prototype_distance":{"cup_object":0.125}}"#;
    const VALIDATION: &str =
        r#"{"epoch":0,"dataset":"target","select":"source","validation":{"cup_dice":0.5,"source_mean_dice":0.75}}"#;

    fn parse(text: &str) -> RunLog {
        RunLog::of(LogLines::parse(text, Path::new("RUN/metrics.jsonl")))
    }

    #[test]
    fn steps_validations_and_distances_become_series() {
        let log = parse(&format!("{STEP}\n{ADAPTED}\n{VALIDATION}\n"));
        let series = |name: &str, points: &[(f64, f64)]| Series { name: name.to_string(), points: points.to_vec() };
        let losses =
            [series("total", &[(0.0, 1.5), (1.0, 1.25)]), series("seg", &[(0.0, 1.5)]), series("align", &[(1.0, 0.5)])];
        assert_eq!(log.losses, losses);
        assert_eq!(log.prototypes, [series("cup_object", &[(1.0, 0.125)])]);
        assert_eq!(log.validation("cup_dice"), [(1.0, 0.5)]);
        assert_eq!((log.best(), log.warm_from(), log.steps), (Some((1.0, 0.75)), Some(1.0), 2));
        assert_eq!((log.category_losses, log.last_epoch), (Some([0, 1]), 0));
        assert_eq!(log.median_seconds(), Some(0.75));
        assert!(log.notes.is_empty());
    }

    #[test]
    fn damaged_lines_are_left_out_and_noted() {
        let log = parse(&format!("{STEP}\nnonsense\n[1]\n\n{ADAPTED}\n{}", &STEP[..20]));
        assert_eq!(log.steps, 2);
        let notes = [
            "the last line of `RUN/metrics.jsonl` is half written, as of a run that goes on or was stopped; it is left out",
            "2 lines of `RUN/metrics.jsonl` cannot be read and are left out (the first is line 2)",
        ];
        assert_eq!(log.notes, notes);
        // A last line that lacks nothing but its end of line counts.
        assert_eq!(parse(STEP).steps, 1);
    }

    #[test]
    fn a_log_that_is_absent_or_empty_gives_no_curves_but_a_note() {
        let run = tempfile::tempdir().expect("a temporary folder");
        assert!(RunLog::read(run.path()).expect("absence is no error").notes[0].contains("does not exist"));
        std::fs::write(run.path().join("metrics.jsonl"), "").expect("the folder is writable");
        let log = RunLog::read(run.path()).expect("the file is there");
        assert!(log.notes[0].contains("holds no step yet") && log.losses.is_empty());
    }
}
