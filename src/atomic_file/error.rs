//! Why a file is not written.

use std::io;
use std::path::PathBuf;

/// A file that could not be written; an earlier one of that name is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {error}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// The system's reason.
    pub error: io::Error,
}
