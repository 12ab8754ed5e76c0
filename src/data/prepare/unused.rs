//! Files that were not used.

use std::path::PathBuf;

use super::reason::Reason;
use crate::named::named_enum;

/// A photograph that was not used.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// the file
    pub file: PathBuf,
    /// why, in a sentence
    pub reason: Reason,
    /// whether it was to be used, and could not; else it was left out as was asked for
    pub failed: bool,
}

impl Skipped {
    /// One that cannot be used.
    pub(super) fn failed(file: PathBuf, reason: Reason) -> Self {
        Self { file, reason, failed: true }
    }

    /// One that can, and is not wanted.
    pub(super) fn left_out(file: PathBuf, reason: impl Into<Reason>) -> Self {
        Self { file, reason: reason.into(), failed: false }
    }
}

named_enum! {
    /// Why a file was not used that is no photograph of the data set.
    pub enum UnusedKind {
        /// masks belong to no image, by their names
        Mask = "mask",
        /// masks are of images that have another mask, which is used
        Further = "further-mask",
        /// files lie where nothing was looked for
        Stray = "stray",
        /// files among the photographs are no images
        NoImage = "no-image",
        /// files among the masks are neither images nor contours (`.txt`, `.csv`) nor MATLAB's (`.mat`); export them as PNG
        NotRead = "not-read",
    }
}

/// A file that was found and not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// the file
    pub file: PathBuf,
    /// why
    pub kind: UnusedKind,
}
