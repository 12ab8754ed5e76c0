//! `metrics.jsonl` and `log.csv`: a line for each step, and one for each validation.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::stage::Shown;

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

/// The two log files of a run.
pub(super) struct Logs {
    metrics: File,
    table: File,
    bytes: [u64; 2],
    losses: Vec<String>,
}

impl Logs {
    /// Opens the logs of a run and cuts them to the given lengths, which a checkpoint vouches for.
    pub fn open(run: &Path, bytes: [u64; 2], losses: &[&str]) -> Result<Logs> {
        let open = |name: &str, bytes: u64| -> Result<File> {
            let path = run.join(name);
            let context = || format!("cannot write `{}`", path.display());
            let mut file =
                OpenOptions::new().create(true).write(true).truncate(false).open(&path).with_context(context)?;
            file.set_len(bytes).with_context(context)?;
            file.seek(SeekFrom::End(0)).with_context(context)?;
            Ok(file)
        };
        let (metrics, table) = (open("metrics.jsonl", bytes[0])?, open("log.csv", bytes[1])?);
        let names = losses.iter().map(|name| name.to_string()).collect();
        let mut logs = Logs { metrics, table, bytes, losses: names };
        if bytes[1] == 0 {
            let columns = ["step", "epoch"].into_iter().chain(losses.iter().copied());
            let columns: Vec<&str> = columns.chain(["lr", "seconds", "cup_dice", "disc_dice"]).collect();
            logs.append_row(&columns.join(","))?;
        }
        Ok(logs)
    }

    /// Lengths of both files.
    pub fn bytes(&self) -> [u64; 2] {
        self.bytes
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
        self.append_row(&cells.join(","))
    }

    /// A line for a validation at the end of `epoch`.
    pub fn validation(&mut self, step: u64, epoch: u64, values: &Value) -> Result<()> {
        self.append_line(&json!({ "epoch": epoch, "validation": values }))?;
        let cell = |name: &str| values.get(name).and_then(Value::as_f64).map_or(String::new(), |v| v.to_string());
        let mut cells = vec![step.to_string(), epoch.to_string()];
        cells.extend(std::iter::repeat_n(String::new(), self.losses.len() + 2));
        cells.extend([cell("cup_dice"), cell("disc_dice")]);
        self.append_row(&cells.join(","))
    }

    /// Pictures of a step, `size` pixels wide and high.
    pub fn pictures(&mut self, _step: u64, _size: usize, _shown: &Shown) -> Result<()> {
        Ok(())
    }

    fn append_line(&mut self, value: &Value) -> Result<()> {
        self.bytes[0] += append(&mut self.metrics, &value.to_string(), "metrics.jsonl")?;
        Ok(())
    }

    fn append_row(&mut self, row: &str) -> Result<()> {
        self.bytes[1] += append(&mut self.table, row, "log.csv")?;
        Ok(())
    }
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
