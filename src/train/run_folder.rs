//! The folder of a run: who may write there, its checkpoints, and what is left of a killed program.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::checkpoint::{Checkpoint, CheckpointError, ResumeFrom};
use super::error::TrainError;
use super::observer::{Event, Observer};
use super::{environment, logs, run_settings};
use crate::atomic_file::{FolderLock, lock_folder, remove_abandoned, write_atomically};
use crate::own_file::open_to_go_on;

/// The file whose lock belongs to the program that trains. It stays when the lock is given back.
const LOCK: &str = ".lock";

type Result<T> = std::result::Result<T, TrainError>;

/// The folder of a run that this program alone trains.
#[derive(Clone)]
pub(super) struct RunFolder {
    path: PathBuf,
    /// the folder and a file in it, locked as long as one clone is left; none where the file system has no locks
    _lock: Rc<[Option<File>; 2]>,
    /// the newest checkpoint that is known to be whole; the last one may then become the previous one
    newest: ResumeFrom,
}

impl RunFolder {
    /// Makes the folder of a new run, where no other may lie.
    pub(super) fn create(run: &Path, observer: &mut dyn Observer) -> Result<RunFolder> {
        let checkpoints = ResumeFrom::folder(run);
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
        remove_abandoned(&ResumeFrom::folder(run))?;
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
        record(environment::FILE),
        record(logs::METRICS),
        record(logs::TABLE),
        best,
        previous,
        last,
    ]
}

/// Locks a run, for as long as the files are open: the system gives the locks back however the program ends. The folder itself is
/// locked, lest somebody remove the file; and the file, for systems that cannot lock folders, and to say who holds it.
fn lock(run: &Path, observer: &mut dyn Observer) -> Result<[Option<File>; 2]> {
    let path = run.join(LOCK);
    let refused = TrainError::file("write", &path);
    let folder = lock_folder(run);
    let mut file = open_to_go_on(&path).map_err(&refused)?;
    match (file.try_lock(), folder) {
        (Ok(()), FolderLock::Others) => Err(TrainError::InUse { run: run.to_path_buf(), process: None }),
        (Ok(()), folder) => {
            file.set_len(0).map_err(&refused)?;
            write!(file, "{}", std::process::id()).map_err(&refused)?;
            Ok([Some(file), mine(folder)])
        }
        (Err(TryLockError::WouldBlock), _) => {
            let mut holder = String::new();
            // Some systems do not let a locked file be read; the number only helps to find the program.
            let known = file.rewind().and_then(|()| file.read_to_string(&mut holder)).is_ok() && !holder.is_empty();
            Err(TrainError::InUse { run: run.to_path_buf(), process: known.then_some(holder) })
        }
        (Err(TryLockError::Error(_)), FolderLock::Mine(folder)) => Ok([Some(folder), None]),
        (Err(TryLockError::Error(error)), _) => {
            observer.event(Event::Note(&format!(
                "`{}` cannot be locked ({error}): take care that no other program trains into this run",
                path.display()
            )));
            Ok([None, None])
        }
    }
}

fn mine(folder: FolderLock) -> Option<File> {
    match folder {
        FolderLock::Mine(folder) => Some(folder),
        FolderLock::Others | FolderLock::None => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Silent;

    impl Observer for Silent {
        fn event(&mut self, _: Event<'_>) {}
    }

    #[test]
    #[cfg(unix)]
    fn a_run_is_locked_whatever_becomes_of_the_file_in_it() {
        let run = tempfile::tempdir().expect("a temporary folder");
        let first = RunFolder::create(run.path(), &mut Silent).expect("the folder is empty");
        let clone = first.clone();
        for remove in [false, true] {
            if remove {
                std::fs::remove_file(run.path().join(LOCK)).expect("it is there");
            }
            let refused = RunFolder::create(run.path(), &mut Silent).err();
            assert!(matches!(refused, Some(TrainError::InUse { .. })), "{refused:?}");
        }
        drop(first);
        assert!(RunFolder::create(run.path(), &mut Silent).is_err(), "one clone is left");
        drop(clone);
        RunFolder::create(run.path(), &mut Silent).expect("nobody holds it");
    }

    #[test]
    #[cfg(unix)]
    fn links_in_the_place_of_files_of_a_run_are_not_followed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let target = folder.path().join("target");
        std::fs::write(&target, "mine").expect("the folder is writable");
        for name in [LOCK, "metrics.jsonl", "log.csv", "config.toml"] {
            let run = folder.path().join(format!("run-{name}"));
            std::fs::create_dir(&run).expect("the folder is writable");
            std::os::unix::fs::symlink(&target, run.join(name)).expect("the folder is writable");
            let refused = RunFolder::create(&run, &mut Silent).err().expect("a link is in the way").to_string();
            assert!(refused.contains(name), "{refused}");
            assert_eq!(std::fs::read(&target).expect("it is there"), b"mine");
        }
    }
}
