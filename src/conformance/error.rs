//! Why a golden case cannot be run.

use std::io;
use std::path::PathBuf;

use crate::device::DeviceError;
use crate::formats::FormatError;
use crate::graph::ShapeError;
use crate::metrics::MetricsError;

/// Why a golden case cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The folder cannot be listed.
    #[error("cannot list the cases in `{}`", folder.display())]
    List {
        /// the folder
        folder: PathBuf,
        /// the system's reason
        #[source]
        error: io::Error,
    },
    /// No file of a folder is a case.
    #[error("`{}` holds no golden cases (`.safetensors` files whose metadata name an `op`)", .0.display())]
    None(PathBuf),
    /// The file cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The case lacks something, or says what is not known; a sentence.
    #[error("{0}")]
    Malformed(String),
    /// What the case describes has no shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The device refuses.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// What the case describes has no metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// An operator that cannot be traced.
    #[error("cannot run `{}`", path.display())]
    Operator {
        /// of the case
        path: PathBuf,
        /// why not
        #[source]
        error: Box<CaseError>,
    },
}

/// Result of a step on the way to a verdict.
pub(super) type Result<T> = std::result::Result<T, CaseError>;

/// A case that lacks something, or says what is not known.
pub(super) fn malformed(problem: impl Into<String>) -> CaseError {
    CaseError::Malformed(problem.into())
}
