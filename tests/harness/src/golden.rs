//! The golden cases that come with the code.

use std::path::{Path, PathBuf};

/// A file among the golden cases, or with an empty name their folder.
pub fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernels-tests/golden").join(file)
}
