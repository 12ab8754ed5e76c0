//! Who may write into a folder.

use std::fs::File;
use std::path::Path;

/// Whose a folder is.
#[derive(Debug)]
pub enum FolderLock {
    /// This program's, as long as the file is open: the system gives the lock back however the program ends.
    Mine(File),
    /// Another program's.
    Others,
    /// Nobody's, where folders cannot be locked.
    None,
}

/// Locks a folder itself: no file in it can be removed to get around that.
#[cfg(unix)]
pub fn lock_folder(folder: &Path) -> FolderLock {
    use std::fs::TryLockError;
    let Ok(opened) = File::open(folder) else { return FolderLock::None };
    match opened.try_lock() {
        Ok(()) => FolderLock::Mine(opened),
        Err(TryLockError::WouldBlock) => FolderLock::Others,
        Err(TryLockError::Error(_)) => FolderLock::None,
    }
}

/// Elsewhere folders cannot be opened.
#[cfg(not(unix))]
pub fn lock_folder(_: &Path) -> FolderLock {
    FolderLock::None
}
