//! What a decoder finds wrong with a file; it does not know the file's name.

use std::io::{self, ErrorKind};
use std::path::Path;

use image::ImageError;

use crate::data::error::DataError;

/// Why a file cannot be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// it announces an image without pixels
    NoPixels { width: u32, height: u32 },
    /// it announces more than will be decoded
    TooLarge { width: u32, height: u32, limit: u32 },
    /// it ends before its image does
    Truncated(String),
    /// it breaks the rules of its format
    Damaged(String),
    /// it is whole, and uses what is not read: a verb and its object, and what to do
    Unsupported { what: String, remedy: &'static str },
}

/// What helps with most files that are not read.
pub(super) const SAVE_AS_PNG: &str = "save it as PNG";

impl Fault {
    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into(), remedy: SAVE_AS_PNG }
    }

    /// The error that names the file.
    pub(super) fn of(self, path: &Path) -> DataError {
        let path = path.to_path_buf();
        match self {
            Self::NoPixels { width, height } => DataError::NoPixels { path, width, height },
            Self::TooLarge { width, height, limit } => DataError::TooLarge { path, width, height, limit },
            Self::Truncated(reason) => DataError::Truncated { path, reason },
            Self::Damaged(reason) => DataError::Decode { path, reason },
            Self::Unsupported { what, remedy } => DataError::Unsupported { path, what, remedy },
        }
    }
}

impl From<io::Error> for Fault {
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            ErrorKind::UnexpectedEof => Self::Truncated(cause.to_string()),
            // Decoders wrap what they find in the data, and nothing else can fail where a file lies in memory.
            _ => Self::Damaged(cause.to_string()),
        }
    }
}

impl From<ImageError> for Fault {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::IoError(cause) => cause.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}
