//! Why a data set could not be prepared at all; single files are skipped with a reason instead.

use std::path::PathBuf;

use super::options::Layout;
use super::reason::Reason;
use crate::atomic_file::WriteError;
use crate::data::names::counted;
use crate::data::{DataError, no_folder};

/// Each message is one sentence that names the folder or value, and what to do.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message explains the fields of its variant")]
pub enum PrepareError {
    /// The folder is not there.
    #[error("`{}` {}", .0.display(), no_folder(.0))]
    NoInput(PathBuf),

    /// The folder is not laid out as was said.
    #[error("`{}` is not laid out as {layout}: looked for {wanted}; found {found}{}", input.display(), fitting(*other))]
    Layout { input: PathBuf, layout: &'static str, wanted: &'static str, found: String, other: Option<Layout> },

    /// It is unclear which mask is meant.
    #[error("the image `{}` has two masks, `{}` and `{}`; name the folder of those that are meant", image.display(), first.display(), second.display())]
    SeveralMasks { image: PathBuf, first: PathBuf, second: PathBuf },

    /// A folder of masks was named, and there is none in it.
    #[error("there is no mask in the folder `{}`: neither an image nor a contour whose name goes with that of an image", .0.display())]
    NoMasks(PathBuf),

    /// There are masks, of kinds that are not read.
    #[error(
        "none of the masks can be read ({}, such as `{}`): they are images, contours (.txt, .csv) or MATLAB's files (.mat); export them \
         as PNG",
        counted(*count, "file"), file.display()
    )]
    MasksNotRead { count: usize, file: PathBuf },

    /// The output holds another dataset.
    #[error(
        "`{}` holds a dataset that was prepared from elsewhere (`{}`); choose another folder, or remove that first",
        output.display(), source_file.display()
    )]
    OtherInput { output: PathBuf, source_file: PathBuf },

    /// Not a single photograph could be used.
    #[error(
        "of {} in `{}` none can be used; the first, `{}`: {reason}{}",
        counted(*count, "photograph"), input.display(), file.display(), fitting(*other)
    )]
    NothingUsable { input: PathBuf, count: usize, file: PathBuf, reason: Reason, other: Option<Layout> },

    /// The output folder holds something else.
    #[error("`{}` holds `{}`, which this verb did not write, or which was changed since; choose an empty or new folder", output.display(), found.display())]
    Occupied { output: PathBuf, found: PathBuf },

    /// The output is no folder.
    #[error("`{}` is a file, and no folder for the dataset", .0.display())]
    OutputIsFile(PathBuf),

    /// Another program makes the same dataset.
    #[error("another program is preparing `{}`; wait for its end, or choose another folder", .0.display())]
    InUse(PathBuf),

    /// Neither the new dataset nor the earlier one could be put in its place.
    #[error("cannot replace `{}`: {cause}; the earlier dataset is safe in `{}`, and the next call puts it back", output.display(), aside.display())]
    Aside { output: PathBuf, aside: PathBuf, cause: std::io::Error },

    /// The output would be part of the input.
    #[error("the output `{}` lies in the input; choose a folder outside of it", .0.display())]
    OutputInInput(PathBuf),

    /// An option out of range, or options that do not go together.
    #[error(transparent)]
    Option(#[from] OptionError),

    /// The system refuses.
    #[error("cannot {action} `{}`: {cause}", path.display())]
    Io { action: &'static str, path: PathBuf, cause: std::io::Error },

    #[error(transparent)]
    Data(#[from] DataError),

    #[error(transparent)]
    Write(#[from] WriteError),
}

/// An option out of range, or options that do not go together; each has the name of its field in [`Options`](super::Options).
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message explains the fields of its variant")]
pub enum OptionError {
    /// A number out of range.
    #[error("`{option}` {value} is out of range: {expected}")]
    OutOfRange { option: &'static str, value: String, expected: String },

    /// A legend that tells structures apart by nothing.
    #[error("two values of the legend are the same")]
    SameLevels,

    /// Masks of the cup alone.
    #[error("`cup_masks` need `disc_masks`")]
    CupWithoutDisc,

    /// A folder of pairs is not there.
    #[error("the folder `{}` of `{option}` {}", path.display(), no_folder(path))]
    NoFolder { option: &'static str, path: PathBuf },
}

/// A layout that files have in place of the one that was looked for.
pub fn fitting(other: Option<Layout>) -> String {
    other.map_or(String::new(), |layout| format!("; the files lie as in the layout `{}`", layout.name()))
}
