//! Files that are not finished: known by their names, locked while they are written, and gone when nobody writes them any more.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

use super::error::WriteError;

/// Temporary files are `.papilla-….tmp`, so that those of a killed program can be told.
const PREFIX: &str = ".papilla-";
const SUFFIX: &str = ".tmp";

/// What this program has begun and not finished.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
/// Folders from which this program has removed what others left.
static CLEANED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn lock(paths: &Mutex<BTreeSet<PathBuf>>) -> MutexGuard<'_, BTreeSet<PathBuf>> {
    paths.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file or folder that is to vanish if the program is asked to end before this is dropped.
#[derive(Debug)]
pub struct Unfinished(PathBuf);

impl Unfinished {
    /// What lies, or will lie, at a path.
    pub fn at(path: &Path) -> Self {
        lock(&UNFINISHED).insert(path.to_path_buf());
        Self(path.to_path_buf())
    }

    /// Does what must not be done halfway: a signal that comes meanwhile waits, and where one has come, this does not begin.
    /// `work` tells too whether what lies there is still to vanish.
    pub fn settle<T>(mut self, work: impl FnOnce() -> (T, bool)) -> (T, Option<Self>) {
        let mut unfinished = lock(&UNFINISHED);
        let (outcome, is_unfinished) = work();
        if is_unfinished {
            drop(unfinished);
            return (outcome, Some(self));
        }
        unfinished.remove(&std::mem::take(&mut self.0));
        drop(unfinished);
        (outcome, None)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        lock(&UNFINISHED).remove(&self.0);
    }
}

/// Removes everything unfinished, for a program that a signal ends: nothing can be finished after this.
pub fn abandon() {
    // Held for ever, so that nothing begins any more.
    let unfinished = std::mem::ManuallyDrop::new(lock(&UNFINISHED));
    for path in unfinished.iter() {
        // Other threads may be putting files into a folder as it is emptied.
        for _ in 0..100 {
            let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
            if removed.is_ok() || std::fs::symlink_metadata(path).is_err() {
                break;
            }
        }
    }
}

/// Makes a temporary file in a folder, and removes from there what killed programs left.
pub(super) fn begin(folder: &Path) -> io::Result<(NamedTempFile, Unfinished)> {
    if lock(&CLEANED).insert(folder.to_path_buf()) {
        // What cannot be removed is in nobody's way.
        let _ = remove_abandoned(folder);
    }
    let mut unfinished = None;
    let temporary = builder().make_in(folder, |path| {
        unfinished = Some(Unfinished::at(path));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(path)?;
        if is_mine(&file)? { Ok(file) } else { Err(io::ErrorKind::AlreadyExists.into()) }
    })?;
    let unfinished = unfinished.unwrap_or_else(|| Unfinished::at(temporary.path()));
    Ok((temporary, unfinished))
}

/// Locks a new file; another program that cleans up may have been faster, and then another name is tried.
#[cfg(unix)]
fn is_mine(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(false),
        // Where files cannot be locked, nobody removes them either.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file.metadata()?.nlink() > 0),
    }
}

/// Elsewhere a locked file could not be read again.
#[cfg(not(unix))]
fn is_mine(_: &File) -> io::Result<bool> {
    Ok(true)
}

pub(super) fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    builder
}

/// Whether a file has the name of a temporary one.
pub fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
}

/// Removes the temporary files in a folder that nobody writes any more.
///
/// # Errors
/// [`WriteError`] when the system refuses.
pub fn remove_abandoned(folder: &Path) -> Result<(), WriteError> {
    let remove = || -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let is_file = entry.file_type()?.is_file();
            if is_file && is_temporary(&entry.path()) && is_free(&entry.path()) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    remove().map_err(|error| WriteError { path: folder.to_owned(), error })
}

/// Whether nobody holds the lock of a file. Where files cannot be locked, one that was not written to for an hour is free.
fn is_free(path: &Path) -> bool {
    const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);
    let Ok(file) = File::open(path) else { return false };
    match file.try_lock() {
        Ok(()) => cfg!(unix) || is_older(&file, HOUR),
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => is_older(&file, HOUR),
    }
}

fn is_older(file: &File, age: std::time::Duration) -> bool {
    let written = file.metadata().and_then(|found| found.modified());
    written.is_ok_and(|written| written.elapsed().is_ok_and(|elapsed| elapsed > age))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_abandoned_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (written, _unfinished) = begin(folder.path()).unwrap();
        for name in [".papilla-a1B2c3.tmp", ".other.tmp", "last.safetensors"] {
            fs::write(folder.path().join(name), b"content").unwrap();
        }
        fs::create_dir(folder.path().join(".papilla-folder.tmp")).unwrap();
        remove_abandoned(folder.path()).unwrap();
        assert!(!folder.path().join(".papilla-a1B2c3.tmp").exists());
        assert!(written.path().exists(), "somebody writes it");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }
}
