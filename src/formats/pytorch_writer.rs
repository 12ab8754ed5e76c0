//! PyTorch checkpoints as `torch.save` writes them since version 1.6: a zip archive of uncompressed entries.
//!
//! The first entry, `archive/data.pkl`, describes the objects; `archive/data/KEY` is the content of each storage, at a
//! multiple of 64 bytes, so that `torch.load(…, mmap=True)` can map it.

use std::collections::HashMap;
use std::io::{Cursor, Write};
use std::path::Path;

use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::host_tensor::little_endian;
use super::pickle_writer::PickleWriter;
use super::{Fact, FormatError, HostTensor};
use crate::atomic_file::WriteError;
use crate::own_file::{Overwriting, Purpose};

/// Bytes to which the content of every entry is aligned.
const ALIGNMENT: u16 = 64;
/// Version of the layout, which readers ask for.
const VERSION: &[u8] = b"3\n";

/// A tensor of a state dict.
#[derive(Debug, Clone, Copy)]
pub enum Stored<'a> {
    /// Floats. One that is given under several names has one storage.
    Tensor(&'a HostTensor),
    /// A single whole number, 64 bits.
    Counter(i64),
}

/// Tensors by name, in order.
pub type StoredState<'a> = Vec<(String, Stored<'a>)>;

/// An object of a checkpoint.
#[derive(Debug, Clone)]
pub enum Object<'a> {
    /// A number or a text.
    Fact(&'a Fact),
    /// A state dict.
    State(StoredState<'a>),
    /// A dictionary.
    Dictionary(Vec<(&'static str, Object<'a>)>),
}

impl<'a> Object<'a> {
    /// Appends the object to a pickle, and its tensors to the storages.
    fn pickle(&self, pickle: &mut PickleWriter, storages: &mut Storages<'a>) {
        match self {
            Self::Fact(Fact::Whole(value)) => pickle.int(*value),
            Self::Fact(Fact::Real(value)) => pickle.float(*value),
            Self::Fact(Fact::Text(text)) => pickle.text(text),
            Self::State(tensors) => pickle.ordered_dictionary(|pickle| {
                for (name, stored) in tensors {
                    pickle.text(name);
                    stored.pickle(pickle, storages);
                }
            }),
            Self::Dictionary(entries) => pickle.dictionary(|pickle| {
                for (name, entry) in entries {
                    pickle.text(name);
                    entry.pickle(pickle, storages);
                }
            }),
        }
    }

    /// The first tensor, by name, whose values do not fit its shape.
    fn inconsistent(&self) -> Option<(&str, &'a HostTensor)> {
        match self {
            Self::Fact(_) => None,
            Self::State(tensors) => tensors.iter().find_map(|(name, stored)| match stored {
                Stored::Tensor(tensor) if !tensor.is_consistent() => Some((name.as_str(), *tensor)),
                _ => None,
            }),
            Self::Dictionary(entries) => entries.iter().find_map(|(_, entry)| entry.inconsistent()),
        }
    }
}

impl<'a> Stored<'a> {
    /// `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`, row-major.
    fn pickle(self, pickle: &mut PickleWriter, storages: &mut Storages<'a>) {
        let (class, shape) = match self {
            Self::Tensor(tensor) => ("FloatStorage", &tensor.shape[..]),
            Self::Counter(_) => ("LongStorage", &[][..]),
        };
        let key = storages.key(self);
        pickle.global("torch._utils", "_rebuild_tensor_v2");
        pickle.call(|pickle| {
            pickle.persistent(|pickle| {
                pickle.text("storage");
                pickle.global("torch", class);
                pickle.text(&key.to_string());
                pickle.text("cpu");
                pickle.count(shape.iter().product());
            });
            pickle.count(0);
            pickle.tuple(|pickle| shape.iter().for_each(|&extent| pickle.count(extent)));
            pickle.tuple(|pickle| {
                (1..=shape.len()).for_each(|inner| pickle.count(shape[inner..].iter().product()));
            });
            pickle.bool(false);
            pickle.ordered_dictionary(|_| ());
        });
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Tensor(tensor) => little_endian(&tensor.data).into_owned(),
            Self::Counter(value) => value.to_le_bytes().to_vec(),
        }
    }
}

/// What lies outside the pickle; keys are places in the list.
#[derive(Default)]
struct Storages<'a> {
    list: Vec<Stored<'a>>,
    /// keys of tensors by address
    known: HashMap<*const HostTensor, usize>,
}

impl<'a> Storages<'a> {
    fn key(&mut self, stored: Stored<'a>) -> usize {
        let new = self.list.len();
        let key = match stored {
            Stored::Tensor(tensor) => *self.known.entry(tensor).or_insert(new),
            Stored::Counter(_) => new,
        };
        if key == new {
            self.list.push(stored);
        }
        key
    }
}

/// Writes a checkpoint whole or not at all; equal content gives equal bytes.
///
/// # Errors
/// [`FormatError::Shape`] before anything is written, [`FormatError::Write`].
pub fn write_pytorch(overwriting: &Overwriting, path: &Path, root: &Object) -> Result<(), FormatError> {
    if let Some((name, tensor)) = root.inconsistent() {
        let (shape, values) = (tensor.shape.clone(), tensor.data.len());
        return Err(FormatError::Shape { path: path.to_owned(), tensor: name.to_owned(), shape, values });
    }
    let (mut pickle, mut storages) = (PickleWriter::new(), Storages::default());
    root.pickle(&mut pickle, &mut storages);
    let content = archive(&pickle.finish(), &storages.list)
        .map_err(|error| WriteError { path: path.to_owned(), error: error.into() })?;
    Ok(overwriting.write(path, Purpose::PyTorch, |file| file.write_all(&content))?)
}

/// The zip archive.
fn archive(objects: &[u8], storages: &[Stored]) -> ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .with_alignment(ALIGNMENT);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.set_comment(Purpose::PyTorch.mark())?;
    let mut add = |name: &str, content: &[u8]| -> ZipResult<()> {
        zip.start_file(format!("archive/{name}"), options)?;
        Ok(zip.write_all(content)?)
    };
    add("data.pkl", objects)?;
    add("byteorder", b"little")?;
    for (key, stored) in storages.iter().enumerate() {
        add(&format!("data/{key}"), &stored.bytes())?;
    }
    add("version", VERSION)?;
    Ok(zip.finish()?.into_inner())
}
