//! Why a data set could not be prepared at all; single files are skipped with a reason instead.

use std::path::PathBuf;

use crate::atomic_file::WriteError;
use crate::data::DataError;

/// Each message is one sentence that names the folder or value, and what to do.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message explains the fields of its variant")]
pub enum PrepareError {
    /// The folder is not there.
    #[error("`{}` is not a folder; --input is the folder into which the data set was unpacked", .0.display())]
    NoInput(PathBuf),

    /// The folder is not laid out as was said.
    #[error("`{}` is not laid out as {layout}: looked for {wanted}; found {found}", input.display())]
    Layout { input: PathBuf, layout: &'static str, wanted: &'static str, found: String },

    /// Not a single photograph could be used.
    #[error("none of the {count} photographs in `{}` can be used; the first, `{}`: {reason}", input.display(), file.display())]
    NothingUsable { input: PathBuf, count: usize, file: PathBuf, reason: String },

    /// The output folder holds something else.
    #[error("`{}` holds `{}`, which this verb did not write; choose an empty or new folder", output.display(), found.display())]
    Occupied { output: PathBuf, found: PathBuf },

    /// The output is no folder.
    #[error("`{}` is a file; --output is the folder for the dataset", .0.display())]
    OutputIsFile(PathBuf),

    /// The output would be part of the input.
    #[error("the output `{}` lies in the input; choose a folder outside of it", .0.display())]
    OutputInInput(PathBuf),

    /// A value out of range, or flags that do not go together.
    #[error("{0}")]
    Flags(String),

    /// The system refuses.
    #[error("cannot {action} `{}`: {cause}", path.display())]
    Io { action: &'static str, path: PathBuf, cause: std::io::Error },

    #[error(transparent)]
    Data(#[from] DataError),

    #[error(transparent)]
    Write(#[from] WriteError),
}
