//! `metrics.jsonl` and `log.csv`, a line for each step and one for each validation, and the same for TensorBoard.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use image::RgbImage;
use serde_json::{Map, Value, json};

use crate::formats::EventWriter;
use crate::method::step::TOTAL;

/// What is logged of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRecord {
    pub step: u64,
    pub epoch: u64,
    /// losses by name, in the order of the columns
    pub losses: Vec<(&'static str, f32)>,
    pub lr: f32,
    pub seconds: f64,
}

impl StepRecord {
    /// Losses that are a NaN or an infinity. The total follows from the others and is named only where it alone overflowed.
    pub fn not_finite(&self) -> Vec<(&'static str, f32)> {
        let broken = self.losses.iter().copied().filter(|(_, value)| !value.is_finite());
        let (total, parts): (Vec<_>, Vec<_>) = broken.partition(|(name, _)| *name == TOTAL);
        if parts.is_empty() { total } else { parts }
    }
}

/// Lengths of the log files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogBytes {
    /// of `metrics.jsonl`
    pub metrics: u64,
    /// of `log.csv`
    pub table: u64,
    /// of the event file in `tensorboard/`
    pub events: u64,
}

/// The log files of a run.
pub(super) struct Logs {
    metrics: File,
    table: File,
    events: EventWriter,
    bytes: LogBytes,
    losses: Vec<String>,
}

impl Logs {
    /// Opens the logs of a run and cuts them to the given lengths, which a checkpoint vouches for.
    pub fn open(run: &Path, bytes: LogBytes, losses: &[&str]) -> Result<Logs> {
        let open = |name: &str, bytes: u64| -> Result<File> {
            let path = run.join(name);
            let context = || format!("cannot write `{}`", path.display());
            let mut file =
                OpenOptions::new().create(true).write(true).truncate(false).open(&path).with_context(context)?;
            let found = file.metadata().with_context(context)?.len();
            if found < bytes {
                bail!(
                    "`{}` has {found} bytes, but {bytes} were logged up to the checkpoint; restore the file to resume",
                    path.display()
                );
            }
            file.set_len(bytes).with_context(context)?;
            file.seek(SeekFrom::End(0)).with_context(context)?;
            Ok(file)
        };
        let (metrics, table) = (open("metrics.jsonl", bytes.metrics)?, open("log.csv", bytes.table)?);
        let events = EventWriter::open(&run.join("tensorboard"), bytes.events)?;
        let names = losses.iter().map(|name| name.to_string()).collect();
        let mut logs = Logs { metrics, table, events, bytes, losses: names };
        if bytes.table == 0 {
            let columns = ["step", "epoch"].into_iter().chain(losses.iter().copied());
            let columns: Vec<&str> = columns.chain(["lr", "seconds", "cup_dice", "disc_dice"]).collect();
            logs.append_row(&columns.join(","))?;
        }
        Ok(logs)
    }

    /// Lengths of the files, all of it on the disk.
    pub fn sync(&mut self) -> Result<LogBytes> {
        for (file, name) in [(&self.metrics, "metrics.jsonl"), (&self.table, "log.csv")] {
            file.sync_data().with_context(|| format!("cannot write `{name}`"))?;
        }
        self.events.sync()?;
        Ok(LogBytes { events: self.events.bytes(), ..self.bytes })
    }

    /// A line for a step.
    pub fn step(&mut self, record: &StepRecord) -> Result<()> {
        let mut line = Map::new();
        line.insert("step".into(), record.step.into());
        line.insert("epoch".into(), record.epoch.into());
        for (name, value) in &record.losses {
            line.insert((*name).into(), number(*value));
        }
        line.insert("lr".into(), number(record.lr));
        line.insert("seconds".into(), json!((record.seconds * 1e4).round() / 1e4));
        self.append_line(&Value::Object(line))?;
        let mut cells = vec![record.step.to_string(), record.epoch.to_string()];
        // A loss that the step does not have yet leaves its cell empty.
        let value =
            |name: &String| record.losses.iter().find(|(own, _)| own == name).map(|(_, value)| value.to_string());
        cells.extend(self.losses.iter().map(|name| value(name).unwrap_or_default()));
        cells.extend([record.lr.to_string(), format!("{:.4}", record.seconds), String::new(), String::new()]);
        self.append_row(&cells.join(","))?;
        let mut scalars: Vec<(&str, f32)> = record.losses.clone();
        scalars.push(("lr", record.lr));
        Ok(self.events.scalars(record.step, now(), &scalars)?)
    }

    /// A line for a validation at the end of `epoch`.
    pub fn validation(&mut self, step: u64, epoch: u64, values: &Value) -> Result<()> {
        self.append_line(&json!({ "epoch": epoch, "validation": values }))?;
        let cell = |name: &str| values.get(name).and_then(Value::as_f64).map_or(String::new(), |v| v.to_string());
        let mut cells = vec![step.to_string(), epoch.to_string()];
        cells.extend(std::iter::repeat_n(String::new(), self.losses.len() + 2));
        cells.extend([cell("cup_dice"), cell("disc_dice")]);
        self.append_row(&cells.join(","))?;
        let values = values.as_object().into_iter().flatten();
        let scalars: Vec<(&str, f32)> =
            values.filter_map(|(name, value)| Some((name.as_str(), value.as_f64()? as f32))).collect();
        Ok(self.events.scalars(step, now(), &scalars)?)
    }

    /// Pictures of a step by name.
    pub fn pictures(&mut self, step: u64, pictures: &[(&str, RgbImage)]) -> Result<()> {
        for (name, picture) in pictures {
            self.events.image(step, now(), name, picture)?;
        }
        Ok(())
    }

    fn append_line(&mut self, value: &Value) -> Result<()> {
        self.bytes.metrics += append(&mut self.metrics, &value.to_string(), "metrics.jsonl")?;
        Ok(())
    }

    fn append_row(&mut self, row: &str) -> Result<()> {
        self.bytes.table += append(&mut self.table, row, "log.csv")?;
        Ok(())
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The shortest decimal that reads back as the same f32.
fn number(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, |v| json!(v))
}

fn append(file: &mut File, line: &str, name: &str) -> Result<u64> {
    let line = format!("{line}\n");
    file.write_all(line.as_bytes()).with_context(|| format!("cannot write `{name}`; is the disk full?"))?;
    Ok(line.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_named_only_where_it_alone_is_not_finite() {
        let broken = |losses: [(&'static str, f32); 3]| -> Vec<&str> {
            let record = StepRecord { step: 0, epoch: 0, losses: losses.to_vec(), lr: 1e-3, seconds: 0.1 };
            record.not_finite().into_iter().map(|(name, _)| name).collect()
        };
        assert!(broken([("total", 3.0), ("seg", 1.0), ("d_same", 2.0)]).is_empty());
        assert_eq!(broken([("total", f32::NAN), ("seg", 1.0), ("align", f32::INFINITY)]), ["align"]);
        assert_eq!(broken([("total", f32::NAN), ("seg", f32::NAN), ("d_same", f32::NEG_INFINITY)]), ["seg", "d_same"]);
        assert_eq!(broken([("total", f32::INFINITY), ("seg", 3e38), ("align", 3e38)]), ["total"]);
    }
}
