//! The folder of a run: who may write there, its checkpoints, and what is left of a killed program.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::checkpoint::{Checkpoint, CheckpointError, ResumeFrom};
use super::error::TrainError;
use super::observer::{Event, Observer};
use super::run_settings;
use crate::atomic_file::{remove_abandoned, write_atomically};

/// The file whose lock belongs to the program that trains. It stays when the lock is given back.
const LOCK: &str = ".lock";

type Result<T> = std::result::Result<T, TrainError>;

/// The folder of a run that this program alone trains.
#[derive(Clone)]
pub(super) struct RunFolder {
    path: PathBuf,
    /// locked as long as one clone is left; none where the file system has no locks
    _lock: Rc<Option<File>>,
    /// the newest checkpoint that is known to be whole; the last one may then become the previous one
    newest: ResumeFrom,
}

impl RunFolder {
    /// Makes the folder of a new run, where no other may lie.
    pub(super) fn create(run: &Path, observer: &mut dyn Observer) -> Result<RunFolder> {
        let checkpoints = run.join("checkpoints");
        std::fs::create_dir_all(&checkpoints).map_err(TrainError::file("create", &checkpoints))?;
        let folder = RunFolder::locked(run, observer)?;
        // Again, for somebody else may have been faster.
        refuse_to_overwrite(run)?;
        Ok(folder)
    }

    /// The folder of a run that is to be continued.
    pub(super) fn open(run: &Path, observer: &mut dyn Observer) -> Result<RunFolder> {
        if ResumeFrom::ALL.iter().all(|checkpoint| !checkpoint.path(run).exists()) {
            return Err(TrainError::NoRun { run: run.to_path_buf(), missing: ResumeFrom::Last.path(run) });
        }
        RunFolder::locked(run, observer)
    }

    fn locked(run: &Path, observer: &mut dyn Observer) -> Result<RunFolder> {
        let lock = Rc::new(lock(run, observer)?);
        remove_abandoned(run)?;
        remove_abandoned(&run.join("checkpoints"))?;
        Ok(RunFolder { path: run.to_path_buf(), _lock: lock, newest: ResumeFrom::Previous })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a checkpoint lies.
    pub(super) fn checkpoint(&self, checkpoint: ResumeFrom) -> PathBuf {
        checkpoint.path(&self.path)
    }

    /// The newest checkpoint that is known to be whole.
    pub(super) fn newest(&self) -> ResumeFrom {
        self.newest
    }

    /// Reads the checkpoint to go on from. A damaged one is refused, and the newest of the others offered that is whole.
    pub(super) fn read(&mut self, from: ResumeFrom) -> Result<(Checkpoint, PathBuf)> {
        let path = self.checkpoint(from);
        let error = match Checkpoint::read(&path) {
            Ok(checkpoint) => {
                self.newest = from;
                return Ok((checkpoint, path));
            }
            Err(error) => Box::new(error),
        };
        let steps = |other: ResumeFrom| Some((other, Checkpoint::read(&self.checkpoint(other)).ok()?.progress.step));
        let others = ResumeFrom::ALL.into_iter().filter(|other| *other != from).filter_map(steps);
        // The first of equals: `previous` rather than `best`.
        let whole = others.reduce(|newest, other| if other.1 > newest.1 { other } else { newest });
        Err(TrainError::DamagedCheckpoint { error, whole, run: self.path.clone() })
    }

    /// Writes the last checkpoint; the one that was the last so far is kept as the previous one, if it is whole.
    pub(super) fn write_last(&mut self, checkpoint: Checkpoint) -> std::result::Result<(), CheckpointError> {
        let previous = self.checkpoint(ResumeFrom::Previous);
        let last_is_whole = self.newest == ResumeFrom::Last;
        checkpoint.write(&self.checkpoint(ResumeFrom::Last), last_is_whole.then_some(previous.as_path()))?;
        self.newest = ResumeFrom::Last;
        Ok(())
    }

    /// `config.toml`, for the user; checkpoints hold the settings themselves.
    pub(super) fn write_settings(&self, text: &str) -> Result<()> {
        Ok(write_atomically(&self.path.join(run_settings::FILE), |file| file.write_all(text.as_bytes()))?)
    }
}

/// Files that a run consists of.
pub fn files_of_run(run: &Path) -> [PathBuf; 7] {
    let record = |name| run.join(name);
    let [last, previous, best] = ResumeFrom::ALL.map(|checkpoint| checkpoint.path(run));
    [
        record(run_settings::FILE),
        record("device.json"),
        record("metrics.jsonl"),
        record("log.csv"),
        best,
        previous,
        last,
    ]
}

/// Locks a run, for as long as the file is open: the system gives the lock back however the program ends.
fn lock(run: &Path, observer: &mut dyn Observer) -> Result<Option<File>> {
    let path = run.join(LOCK);
    let refused = TrainError::file("write", &path);
    let mut options = OpenOptions::new();
    let mut file = options.create(true).read(true).write(true).truncate(false).open(&path).map_err(&refused)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(&refused)?;
            write!(file, "{}", std::process::id()).map_err(&refused)?;
            Ok(Some(file))
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Some systems do not let a locked file be read; the number only helps to find the program.
            let known = file.rewind().and_then(|()| file.read_to_string(&mut holder)).is_ok() && !holder.is_empty();
            Err(TrainError::InUse { run: run.to_path_buf(), process: known.then_some(holder) })
        }
        Err(TryLockError::Error(error)) => {
            observer.event(Event::Note(&format!(
                "`{}` cannot be locked ({error}): take care that no other program trains into this run",
                path.display()
            )));
            Ok(None)
        }
    }
}

/// Refuses a folder with a run in it, or with files that a new run would overwrite.
pub(super) fn refuse_to_overwrite(run: &Path) -> Result<()> {
    if [ResumeFrom::Last, ResumeFrom::Previous].iter().any(|checkpoint| checkpoint.path(run).exists()) {
        return Err(TrainError::HoldsRun(run.to_path_buf()));
    }
    let files = files_of_run(run).into_iter().chain([run.join("report.html")]);
    let events = run.join("tensorboard");
    let has_events = std::fs::read_dir(&events).is_ok_and(|mut entries| entries.next().is_some());
    let in_the_way =
        files.into_iter().find(|file| std::fs::symlink_metadata(file).is_ok()).or(has_events.then_some(events));
    if let Some(path) = in_the_way {
        return Err(TrainError::InTheWay { path, run: run.to_path_buf() });
    }
    Ok(())
}
