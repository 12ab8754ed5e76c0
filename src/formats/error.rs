//! What can be wrong with a file of tensors.

use std::io;
use std::path::{Path, PathBuf};

use crate::atomic_file::WriteError;
use crate::input_file::is_not_regular;

/// A file that could not be read, understood or written. Each message is one sentence that names the file.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The operating system refused to read.
    #[error("{}", unread(path, error))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The operating system refused to write; an earlier file of that name is untouched.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A folder, pipe or device was named as a file.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// The content is none of the known formats.
    #[error("{} is neither a safetensors file nor a PyTorch checkpoint", .0.display())]
    UnknownFormat(PathBuf),
    /// The safetensors header is damaged.
    #[error("{} is not a valid safetensors file: {error}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with its header.
        error: ::safetensors::SafeTensorError,
    },
    /// The content is not what was written.
    #[error(
        "{} is damaged: its checksum does not match its content (a program that changes it on purpose leaves out `papilla_crc32c`)",
        .0.display()
    )]
    Checksum(PathBuf),
    /// A tensor has an element type that weights do not use.
    #[error("tensor `{tensor}` of {} has elements of type {element_type}; convert it to F32 first", path.display())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The element type as the file names it.
        element_type: String,
    },
    /// A tensor cannot be stored under its name.
    #[error("{} cannot hold a tensor named `{tensor}`: {reason}", path.display())]
    TensorName {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// Why not.
        reason: &'static str,
    },
    /// The number of values of a tensor does not fit its shape.
    #[error("tensor `{tensor}` for {} has shape {shape:?} but {values} values", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The number of values it holds.
        values: usize,
    },
    /// A zip archive, in a build that reads none.
    #[error("{} is a zip archive of PyTorch, which this build does not read; build with the feature `pytorch`", .0.display())]
    NotBuilt(PathBuf),
    /// The zip archive around a PyTorch checkpoint is damaged or of an unexpected make.
    #[error("{} is not a valid PyTorch archive: {reason}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The pickle inside a PyTorch checkpoint is damaged or asks for something that tensors never need.
    #[error("{} {error}", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: PickleError,
    },
    /// A checkpoint without weights.
    #[error("{} holds no weights: expected tensors by name or `model_state_dict`, found {found}", path.display())]
    NoWeights {
        /// The file.
        path: PathBuf,
        /// What it holds instead.
        found: String,
    },
    /// Several networks, each with a prefix of its own.
    #[error("{} holds several networks, whose names begin with {}; keep the tensors of one", path.display(), quoted(prefixes))]
    SeveralNetworks {
        /// The file.
        path: PathBuf,
        /// The first few prefixes.
        prefixes: Vec<String>,
    },
    /// Two tensors end up under one name.
    #[error("{} names tensor `{tensor}` twice", path.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The name.
        tensor: String,
    },
    /// A tensor that published checkpoints store under two names differs between them.
    #[error("{} stores `{alias}` as a second copy of `{tensor}`, but the two differ", path.display())]
    Alias {
        /// The file.
        path: PathBuf,
        /// The second name.
        alias: String,
        /// The name that counts.
        tensor: String,
    },
    /// A discriminator that takes neither boundary (1 channel) nor entropy maps (2 channels).
    #[error("`{entry}` of {} is not a discriminator of 1 or 2 channels: its `conv1.weight` is {found}", path.display())]
    Discriminator {
        /// The file.
        path: PathBuf,
        /// The checkpoint's entry.
        entry: String,
        /// Shape of the first convolution's weight, or its absence.
        found: String,
    },
}

impl FormatError {
    /// For `map_err` on reads.
    pub(super) fn read(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |error| match is_not_regular(&error) {
            true => Self::NotAFile(path.to_owned()),
            false => Self::Read { path: path.to_owned(), error },
        }
    }

    /// For `map_err` on pickle results.
    pub(super) fn pickle(path: &Path) -> impl Fn(PickleError) -> Self + '_ {
        move |error| Self::Pickle { path: path.to_owned(), error }
    }
}

/// What is wrong with a pickle; a predicate whose subject is the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// The data ends too early.
    #[error("is cut short: its data ends at byte {0}; fetch the file again")]
    Truncated(usize),
    /// Calls a function, or names something that reaches for the system. Nothing was executed.
    #[error("asks for `{0}`, which tensors never need; refused")]
    Refused(String),
    /// An instruction that PyTorch never writes.
    #[error("has pickle instruction 0x{code:02x} at byte {at}, which tensors never need; refused")]
    Opcode {
        /// The instruction.
        code: u8,
        /// Where it stands in its pickle.
        at: usize,
    },
    /// Contradicts the pickle format.
    #[error("is damaged: {reason} at byte {at} of its pickle")]
    Malformed {
        /// What is wrong.
        reason: &'static str,
        /// Where in the pickle.
        at: usize,
    },
    /// A tensor that does not fit its storage, or more tensor data than a file of this size can hold.
    #[error("has a damaged tensor: {0}")]
    Tensor(&'static str),
    /// Collections inside collections beyond any checkpoint's need.
    #[error("nests collections deeper than {0} levels, or in a circle; refused")]
    TooDeep(usize),
    /// Content that unfolds to far more than the file's size.
    #[error("unfolds to far more data than it holds; refused")]
    TooLarge,
    /// A layout that is not read.
    #[error("{0}")]
    Unsupported(&'static str),
    /// A storage that a tensor needs is absent.
    #[error("lacks the data of storage `{0}`; fetch the file again")]
    MissingStorage(String),
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{}`", name.escape_debug())).collect::<Vec<_>>().join(" and ")
}

/// Why a file is not read, without the system's number where words say the same.
fn unread(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("cannot read {}: there is no such file", path.display()),
        _ => format!("cannot read {}: {error}", path.display()),
    }
}
