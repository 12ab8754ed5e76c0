//! `metrics.jsonl` and `log.csv`, a line for each step and one for each validation, and the same for TensorBoard.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use image::RgbImage;
use serde_json::{Map, Value, json};

use super::terms;
use crate::data::names::shown_path;
use crate::formats::{EventFileError, EventWriter};
use crate::input_file;
use crate::method::step::{LossWeights, TOTAL};
use crate::metrics::{Calibration, as_written};
use crate::named::named_enum;
use crate::own_file::open_to_go_on;

/// The log for other programs, in the folder of a run.
pub(super) const METRICS: &str = "metrics.jsonl";
/// The same as a table.
pub(super) const TABLE: &str = "log.csv";

/// Why a run cannot be logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system refuses.
    #[error("cannot {action} `{}`{}", path.display(), if *grows { "; is the disk full?" } else { "" })]
    File {
        /// `read` or `write`
        action: &'static str,
        /// of the file
        path: PathBuf,
        /// whether a line was to be added
        grows: bool,
        /// the system's reason
        #[source]
        error: io::Error,
    },
    /// The event file for TensorBoard.
    #[error(transparent)]
    Events(#[from] EventFileError),
}

impl LogError {
    fn file(action: &'static str, path: &Path) -> impl Fn(io::Error) -> LogError + use<> {
        let path = path.to_path_buf();
        move |error| LogError::File { action, path: path.clone(), grows: false, error }
    }
}

type Result<T> = std::result::Result<T, LogError>;

named_enum! {
    /// Where a step of a method with category-level losses stands.
    pub enum Phase {
        /// these losses are not computed yet
        WarmUp = "warm-up",
        /// they are
        CategoryLevel = "category-level",
    }
}

/// What is logged of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRecord {
    /// counted from 0
    pub step: u64,
    /// epoch that the step's batch belongs to, counted from 0
    pub epoch: u64,
    /// none of a method that has no category-level losses
    pub phase: Option<Phase>,
    /// losses by name, as the step puts them out, in the order of the columns
    pub losses: Vec<(&'static str, f32)>,
    /// how much they count in the total
    pub weights: LossWeights,
    /// learning rate of the network
    pub lr: f32,
    /// duration of the step, waiting for its batch included
    pub seconds: f64,
    /// distances of both cameras' prototypes by name, at the steps where they are looked at
    pub prototype_distances: Vec<(&'static str, f64)>,
}

impl StepRecord {
    /// The total and the terms that it is the sum of, each times its weight, under the names of the losses; and the losses that
    /// are no part of it.
    pub fn summands(&self) -> [Vec<(&'static str, f32)>; 2] {
        terms::summands(&self.losses, self.weights)
    }

    /// The line of `metrics.jsonl`.
    pub fn as_json(&self) -> Value {
        let mut line = Map::new();
        line.insert("step".into(), self.step.into());
        line.insert("epoch".into(), self.epoch.into());
        line.extend(self.phase.map(|phase| ("phase".to_string(), phase.name().into())));
        for (name, value) in terms::both_ways(&self.losses, self.weights) {
            line.insert(name.into(), number(value));
        }
        line.insert("lr".into(), number(self.lr));
        line.insert("seconds".into(), json!((self.seconds * 1e4).round() / 1e4));
        if !self.prototype_distances.is_empty() {
            let distances = self.prototype_distances.iter().map(|(name, value)| ((*name).to_string(), json!(value)));
            line.insert("prototype_distance".into(), Value::Object(distances.collect()));
        }
        Value::Object(line)
    }

    /// Losses that are a NaN or an infinity. The total follows from the others and is named only where it alone overflowed.
    pub fn not_finite(&self) -> Vec<(&'static str, f32)> {
        let broken = self.losses.iter().copied().filter(|(_, value)| !value.is_finite());
        let (total, parts): (Vec<_>, Vec<_>) = broken.partition(|(name, _)| *name == TOTAL);
        if parts.is_empty() { total } else { parts }
    }
}

/// What is logged of a validation.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationRecord {
    /// steps done
    pub step: u64,
    /// the epoch that they end in
    pub epoch: u64,
    /// whose values have names without a prefix too: `target`, or `source` where the target is not validated on
    pub dataset: &'static str,
    /// whose mean Dice chooses the best checkpoint
    pub select: &'static str,
    /// which masks the values are of
    pub masks: String,
    /// the thresholds that are best on the held-out regions of the source, if there are enough of these
    pub calibration: Option<Calibration>,
    /// over how many regions those of `target` and of `source` are
    pub regions: Vec<(&'static str, usize)>,
    /// values by name, `target_…` or `source_…`
    pub values: Vec<(String, f64)>,
}

impl ValidationRecord {
    /// The value of a name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(own, _)| own == name).map(|(_, value)| *value)
    }

    /// The line of `metrics.jsonl`.
    pub fn as_json(&self) -> Value {
        let values: Map<String, Value> = self.values.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let ValidationRecord { epoch, dataset, select, masks, .. } = self;
        let regions: Map<String, Value> =
            self.regions.iter().map(|(name, count)| ((*name).to_string(), json!(count))).collect();
        let thresholds = self.calibration.map(|own| {
            let [cup, disc] = own.thresholds().map(|threshold| threshold.map(as_written));
            json!({ "cup": cup, "disc": disc, "regions": own.regions })
        });
        json!({
            "epoch": epoch, "dataset": dataset, "select": select, "masks": masks, "regions": regions, "validation": values,
            "thresholds": thresholds
        })
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

/// The epoch, counted from 0, of the last of so many steps before a checkpoint of a run, if the run's log, which had the given
/// length, lies where it was written.
pub fn last_epoch(checkpoint: &Path, steps: u64, logged: LogBytes) -> Option<u64> {
    let run = checkpoint.canonicalize().ok()?.parent()?.parent()?.to_owned();
    let file = input_file::open(&run.join(METRICS)).ok()?;
    let lines = BufReader::new(file.take(logged.metrics)).lines().map_while(io::Result::ok);
    let records = lines.filter_map(|line| {
        let line: Value = serde_json::from_str(&line).ok()?;
        Some((line["step"].as_u64()?, line["epoch"].as_u64()?))
    });
    let (step, epoch) = records.last()?;
    (step + 1 == steps).then_some(epoch)
}

/// The log files of a run.
pub(super) struct Logs {
    metrics: File,
    table: File,
    events: EventWriter,
    bytes: LogBytes,
    /// titles of the table's columns
    columns: Vec<String>,
}

impl Logs {
    /// Opens the logs of a run and cuts them to the given lengths, which a checkpoint vouches for. What of them is lost does
    /// not keep a run from going on: a sentence says so.
    pub(super) fn open(run: &Path, bytes: LogBytes, losses: &[&str], has_phases: bool) -> Result<(Logs, Vec<String>)> {
        let mut notes = Vec::new();
        let mut note_loss = |path: &Path, found: u64, logged: u64| {
            if found < logged {
                let path = shown_path(path);
                notes.push(format!(
                    "`{path}` holds {found} of the {logged} bytes that were logged up to the checkpoint: the curves of this run \
                     have a gap"
                ));
            }
        };
        let mut open = |name: &str, bytes: u64| -> Result<(File, u64)> {
            let path = run.join(name);
            let refused = LogError::file("write", &path);
            let mut file = open_to_go_on(&path).map_err(&refused)?;
            let found = file.metadata().map_err(&refused)?.len();
            let kept = whole_lines(&mut file, found.min(bytes)).map_err(&refused)?;
            note_loss(&path, kept, bytes);
            file.set_len(kept).map_err(&refused)?;
            file.seek(SeekFrom::End(0)).map_err(&refused)?;
            Ok((file, kept))
        };
        let ((metrics, metrics_bytes), (table, table_bytes)) =
            (open(METRICS, bytes.metrics)?, open(TABLE, bytes.table)?);
        let events = EventWriter::open(&run.join("tensorboard"), bytes.events)?;
        // A file that was removed begins anew, and nobody misses it.
        note_loss(events.path(), bytes.events - events.missing().min(bytes.events), bytes.events);
        let bytes = LogBytes { metrics: metrics_bytes, table: table_bytes, events: bytes.events };
        let columns = if bytes.table > 0 { titles(&run.join(TABLE))? } else { new_titles(losses, has_phases) };
        let mut logs = Logs { metrics, table, events, bytes, columns };
        if bytes.table == 0 {
            let titles = logs.columns.join(",");
            logs.append_row(&titles)?;
        }
        Ok((logs, notes))
    }

    /// Lengths of the files, all of it on the disk.
    pub(super) fn sync(&mut self) -> Result<LogBytes> {
        for (file, name) in [(&self.metrics, METRICS), (&self.table, TABLE)] {
            file.sync_data().map_err(LogError::file("write", Path::new(name)))?;
        }
        self.events.sync()?;
        Ok(LogBytes { events: self.events.bytes(), ..self.bytes })
    }

    /// A line for a step.
    pub(super) fn step(&mut self, record: &StepRecord) -> Result<()> {
        self.append_line(&record.as_json())?;
        let losses = terms::both_ways(&record.losses, record.weights);
        let phase = record.phase.map(Phase::name).unwrap_or_default().to_string();
        let counters = [("step", record.step.to_string()), ("epoch", record.epoch.to_string()), ("phase", phase)];
        let cells = losses.iter().map(|(name, value)| (*name, value.to_string()));
        let rest = [("lr", record.lr.to_string()), ("seconds", format!("{:.4}", record.seconds))];
        self.append_cells(&counters.into_iter().chain(cells).chain(rest).collect::<Vec<_>>())?;
        let mut scalars: Vec<(&str, f32)> = losses;
        scalars.push(("lr", record.lr));
        let distances: Vec<(String, f32)> = (record.prototype_distances.iter())
            .map(|(name, value)| (format!("prototype_distance/{name}"), *value as f32))
            .collect();
        scalars.extend(distances.iter().map(|(name, value)| (name.as_str(), *value)));
        Ok(self.events.scalars(record.step, now(), &scalars)?)
    }

    /// A line for a validation.
    pub(super) fn validation(&mut self, record: &ValidationRecord) -> Result<()> {
        let ValidationRecord { epoch, dataset, masks, .. } = record;
        self.append_line(&record.as_json())?;
        let dice = |name: &str| record.value(name).map_or(String::new(), |value| value.to_string());
        self.append_cells(&[
            ("step", record.step.to_string()),
            ("epoch", epoch.to_string()),
            ("masks", masks.clone()),
            ("cup_dice", dice("cup_dice")),
            ("disc_dice", dice("disc_dice")),
            ("dataset", dataset.to_string()),
        ])?;
        let scalars: Vec<(&str, f32)> =
            record.values.iter().map(|(name, value)| (name.as_str(), *value as f32)).collect();
        Ok(self.events.scalars(record.step, now(), &scalars)?)
    }

    /// Pictures of a step by name.
    pub(super) fn pictures(&mut self, step: u64, pictures: &[(&str, RgbImage)]) -> Result<()> {
        for (name, picture) in pictures {
            self.events.image(step, now(), name, picture)?;
        }
        Ok(())
    }

    fn append_line(&mut self, value: &Value) -> Result<()> {
        self.bytes.metrics += append(&mut self.metrics, &value.to_string(), METRICS)?;
        Ok(())
    }

    /// A row of the table. A column without a cell stays empty, as that of a loss which the step does not have yet.
    fn append_cells(&mut self, cells: &[(&str, String)]) -> Result<()> {
        let row: Vec<&str> = (self.columns.iter())
            .map(|title| cells.iter().find(|(name, _)| name == title).map_or("", |(_, cell)| cell.as_str()))
            .collect();
        let row = row.join(",");
        self.append_row(&row)
    }

    fn append_row(&mut self, row: &str) -> Result<()> {
        self.bytes.table += append(&mut self.table, row, TABLE)?;
        Ok(())
    }
}

/// Bytes of the lines that end within the first so many of a file.
fn whole_lines(file: &mut File, most: u64) -> io::Result<u64> {
    let (mut end, mut chunk) = (most, Vec::new());
    while end > 0 {
        let start = end.saturating_sub(1 << 16);
        chunk.resize((end - start) as usize, 0);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut chunk)?;
        if let Some(last) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Titles of a new table.
pub(super) fn new_titles(losses: &[&str], has_phases: bool) -> Vec<String> {
    let phase = if has_phases { Some("phase") } else { None };
    let before = ["step", "epoch"].into_iter().chain(phase).chain(terms::with_companions(losses));
    before.chain(["lr", "seconds", "masks", "cup_dice", "disc_dice", "dataset"]).map(str::to_string).collect()
}

/// Titles of a table that is gone on with; one of an earlier version lacks some.
fn titles(table: &Path) -> Result<Vec<String>> {
    let refused = LogError::file("read", table);
    let mut row = String::new();
    BufReader::new(input_file::open(table).map_err(&refused)?).read_line(&mut row).map_err(&refused)?;
    Ok(row.trim_end().split(',').map(str::to_string).collect())
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
    let full = |error| LogError::File { action: "write", path: name.into(), grows: true, error };
    file.write_all(line.as_bytes()).map_err(full)?;
    Ok(line.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validation(step: u64, dataset: &'static str) -> ValidationRecord {
        let values = vec![("cup_dice".to_string(), 0.25), ("disc_dice".to_string(), 0.5)];
        ValidationRecord {
            step,
            epoch: 0,
            dataset,
            select: "source",
            masks: "raw masks at 0.5".to_string(),
            calibration: Some(Calibration { cup: Some(0.41), disc: None, regions: 28 }),
            regions: vec![(dataset, 2)],
            values,
        }
    }

    /// A step in the warm-up, without losses.
    fn record() -> StepRecord {
        StepRecord {
            step: 0,
            epoch: 0,
            phase: Some(Phase::WarmUp),
            losses: Vec::new(),
            weights: LossWeights::default(),
            lr: 0.125,
            seconds: 2.0,
            prototype_distances: Vec::new(),
        }
    }

    #[test]
    fn a_table_is_gone_on_with_under_its_own_titles() {
        let run = tempfile::tempdir().expect("a temporary folder");
        let table = run.path().join("log.csv");
        let weights = LossWeights { align: 0.5, ..LossWeights::default() };
        let mut record = StepRecord { losses: vec![("seg", 0.5)], weights, ..record() };
        let open = |bytes| Logs::open(run.path(), bytes, &["seg", "align"], true).expect("the folder is writable");
        let (mut logs, notes) = open(LogBytes::default());
        assert_eq!(notes, Vec::<String>::new());
        logs.step(&record).expect("the folder is writable");
        logs.validation(&validation(1, "target")).expect("the folder is writable");
        let written = std::fs::read_to_string(&table).expect("just written");
        let rows = [
            "step,epoch,phase,seg,align,align_weighted,lr,seconds,masks,cup_dice,disc_dice,dataset",
            "0,0,warm-up,0.5,,,0.125,2.0000,,,,",
            "1,0,,,,,,,raw masks at 0.5,0.25,0.5,target",
        ];
        assert_eq!(written.lines().collect::<Vec<_>>(), rows);
        record.prototype_distances = vec![("cup_object", 0.5)];
        record.losses.push(("align", 0.25));
        record.phase = Some(Phase::CategoryLevel);
        logs.step(&record).expect("the folder is writable");
        let metrics = std::fs::read_to_string(run.path().join("metrics.jsonl")).expect("just written");
        let lines: Vec<&str> = metrics.lines().collect();
        assert_eq!(lines[0], r#"{"step":0,"epoch":0,"phase":"warm-up","seg":0.5,"lr":0.125,"seconds":2.0}"#);
        assert!(lines[1].contains(r#""masks":"raw masks at 0.5""#), "{}", lines[1]);
        assert_eq!(
            lines[2],
            r#"{"step":0,"epoch":0,"phase":"category-level","seg":0.5,"align":0.25,"align_weighted":0.125,"lr":0.125,"seconds":2.0,"prototype_distance":{"cup_object":0.5}}"#
        );
        drop(logs);

        let earlier = "step,epoch,seg,align,lr,seconds,cup_dice,disc_dice\n";
        std::fs::write(&table, earlier).expect("the folder is writable");
        let bytes = LogBytes { metrics: 0, table: earlier.len() as u64, events: 0 };
        let (mut logs, _) = open(bytes);
        logs.validation(&validation(1, "target")).expect("the folder is writable");
        let written = std::fs::read_to_string(&table).expect("just written");
        assert_eq!(written, format!("{earlier}1,0,,,,,0.25,0.5\n"));
    }

    #[test]
    fn what_is_lost_of_the_logs_is_told_and_the_rest_goes_on() {
        let run = tempfile::tempdir().expect("a temporary folder");
        let record = |step| StepRecord { step, losses: vec![("seg", 0.5)], ..record() };
        let open = |bytes| Logs::open(run.path(), bytes, &["seg"], true).expect("the folder is writable");
        let (mut logs, _) = open(LogBytes::default());
        for step in 0..3 {
            logs.step(&record(step)).expect("the folder is writable");
        }
        let whole = logs.sync().expect("the folder is writable");
        drop(logs);
        let events = std::fs::read_dir(run.path().join("tensorboard")).expect("it was made");
        let events = events.map(|entry| entry.expect("listed").path()).next().expect("an event file");
        let [metrics, table] = ["metrics.jsonl", "log.csv"].map(|name| run.path().join(name));
        // The last line, or record, is half there.
        for (path, bytes) in [(&metrics, whole.metrics), (&table, whole.table), (&events, whole.events)] {
            File::options().write(true).open(path).and_then(|file| file.set_len(bytes - 5)).expect("it can be cut");
        }
        let (mut logs, notes) = open(whole);
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert!(notes[0].contains("metrics.jsonl") && notes[0].contains("of the"), "{notes:?}");
        logs.step(&record(3)).expect("the folder is writable");
        let bytes = logs.sync().expect("the folder is writable");
        drop(logs);
        let steps = |path: &Path| std::fs::read_to_string(path).expect("it is there").lines().count();
        assert_eq!([steps(&metrics), steps(&table)], [3, 1 + 3]);
        assert_eq!(bytes.events, std::fs::metadata(&events).expect("it is there").len());
        assert!(open(bytes).1.is_empty(), "nothing is lost again");

        for path in [&metrics, &table, &events] {
            std::fs::remove_file(path).expect("it is there");
        }
        let (mut logs, notes) = open(bytes);
        assert_eq!(notes.len(), 2, "an event file that was removed is not missed: {notes:?}");
        logs.step(&record(4)).expect("the folder is writable");
        assert_eq!([steps(&metrics), steps(&table)], [1, 1 + 1]);
    }

    #[test]
    #[cfg(unix)]
    fn a_log_that_is_a_link_is_not_followed() {
        let run = tempfile::tempdir().expect("a temporary folder");
        let target = run.path().join("target");
        std::fs::write(&target, "mine").expect("the folder is writable");
        std::fs::create_dir(run.path().join("tensorboard")).expect("the folder is writable");
        for name in ["metrics.jsonl", "log.csv", "tensorboard/events.out.tfevents.1.papilla"] {
            let link = run.path().join(name);
            std::os::unix::fs::symlink(&target, &link).expect("the folder is writable");
            let refused = Logs::open(run.path(), LogBytes::default(), &["seg"], false).err().expect("it is a link");
            assert!(refused.to_string().contains(name), "{refused}");
            assert_eq!(std::fs::read(&target).expect("it is there"), b"mine");
            std::fs::remove_file(link).expect("it is there");
        }
    }

    #[test]
    fn the_total_is_named_only_where_it_alone_is_not_finite() {
        let broken = |losses: [(&'static str, f32); 3]| -> Vec<&str> {
            let record = StepRecord { losses: losses.to_vec(), ..record() };
            record.not_finite().into_iter().map(|(name, _)| name).collect()
        };
        assert!(broken([("total", 3.0), ("seg", 1.0), ("d_same", 2.0)]).is_empty());
        assert_eq!(broken([("total", f32::NAN), ("seg", 1.0), ("align", f32::INFINITY)]), ["align"]);
        assert_eq!(broken([("total", f32::NAN), ("seg", f32::NAN), ("d_same", f32::NEG_INFINITY)]), ["seg", "d_same"]);
        assert_eq!(broken([("total", f32::INFINITY), ("seg", 3e38), ("align", 3e38)]), ["total"]);
    }
}
