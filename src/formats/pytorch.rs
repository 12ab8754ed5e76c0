//! PyTorch checkpoints: the zip archive that `torch.save` writes, and the plain file it wrote before version 1.6.
//!
//! Zip: `NAME/data.pkl` describes the objects, `NAME/data/KEY` is the content of each storage, uncompressed.
//! Plain: five pickles (a magic number, the protocol version, facts of the machine, the objects, the keys of the
//! storages), then for each key an eight-byte count and the elements.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::element_type::ElementType;
use super::pickle::Pickle;
use super::pickle_objects::Node;
#[cfg(feature = "pytorch")]
use super::pytorch_zip;
use super::value::{self, Value};
use super::{FormatError, PickleError};
use crate::input_file;

/// First pickle of a plain checkpoint.
const MAGIC_NUMBER: i128 = 0x1950_a86a_20f9_469c_fc6c;
/// The only version of the plain layout.
const PROTOCOL_VERSION: i128 = 1001;

/// Reads a checkpoint in either layout, executing nothing. Compressed archives, big-endian files and tensors on
/// storages they do not fit are refused.
///
/// # Errors
/// [`FormatError::Read`], [`FormatError::NotAFile`], [`FormatError::Archive`], [`FormatError::Pickle`].
pub fn read_pytorch(path: &Path) -> Result<Value, FormatError> {
    decode(&read_file(path)?, path)
}

/// The content of a regular file.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, FormatError> {
    input_file::read(path).map_err(FormatError::read(path))
}

/// Whether the content starts like a zip archive or a pickle.
pub(super) fn is_pytorch(content: &[u8]) -> bool {
    is_zip(content) || content.first() == Some(&0x80)
}

/// Decodes the content of the checkpoint at `path`.
pub(super) fn decode(content: &[u8], path: &Path) -> Result<Value, FormatError> {
    match is_zip(content) {
        #[cfg(feature = "pytorch")]
        true => pytorch_zip::decode(content, path),
        #[cfg(not(feature = "pytorch"))]
        true => Err(FormatError::NotBuilt(path.to_owned())),
        false => decode_plain(content).map_err(FormatError::pickle(path)),
    }
}

fn is_zip(content: &[u8]) -> bool {
    content.starts_with(b"PK\x03\x04")
}

fn decode_plain(content: &[u8]) -> Result<Value, PickleError> {
    let mut at = 0;
    let mut next = || {
        let pickle = Pickle::parse(&content[at..]).map_err(|error| match error {
            PickleError::Truncated(_) => PickleError::Truncated(content.len()),
            error => error,
        })?;
        at += pickle.length;
        Ok::<_, PickleError>(pickle)
    };
    if !matches!(next()?.root(), Node::Int(MAGIC_NUMBER)) {
        return Err(PickleError::Unsupported("is a pickle, but not one that PyTorch wrote"));
    }
    if !matches!(next()?.root(), Node::Int(PROTOCOL_VERSION)) {
        return Err(PickleError::Unsupported("has a version of PyTorch's layout that is not read"));
    }
    if !is_little_endian(&next()?) {
        return Err(PickleError::Unsupported("stores numbers in big-endian order, which is not read"));
    }
    let objects = next()?;
    let keys = next()?;
    let storages = plain_storages(content, at, &objects, &keys)?;
    value::unfold(&objects, |key| storages.get(key).map(|range| &content[range.clone()]), content.len())
}

/// What the third pickle says of the machine that wrote the file.
fn is_little_endian(machine: &Pickle) -> bool {
    let Node::Dict(facts) = machine.root() else { return false };
    facts.iter().any(|&(key, value)| {
        matches!(&machine.nodes[key], Node::Str(key) if &**key == "little_endian")
            && matches!(machine.nodes[value], Node::Bool(true))
    })
}

/// Where the elements of every storage lie, from byte `at` on, in the order of `keys`.
fn plain_storages(
    content: &[u8],
    mut at: usize,
    objects: &Pickle,
    keys: &Pickle,
) -> Result<HashMap<Arc<str>, Range<usize>>, PickleError> {
    let stored = objects.nodes.iter().filter_map(|node| match node {
        Node::Storage(storage) => Some((&*storage.key, storage.element_type)),
        _ => None,
    });
    let element_types: HashMap<&str, ElementType> = stored.collect();
    let Node::List(list) = keys.root() else {
        return Err(PickleError::Unsupported("lacks its list of storages"));
    };
    let mut storages = HashMap::new();
    for &key in list {
        let Node::Str(key) = &keys.nodes[key] else {
            return Err(PickleError::Unsupported("lists a storage without a name"));
        };
        let Some(element_type) = element_types.get(&**key) else {
            return Err(PickleError::Unsupported("lists a storage that no tensor uses"));
        };
        let truncated = || PickleError::Truncated(content.len());
        let (count, rest) = content[at..].split_first_chunk().ok_or_else(truncated)?;
        let length =
            usize::try_from(u64::from_le_bytes(*count)).ok().and_then(|count| count.checked_mul(element_type.size()));
        let length = length.filter(|&length| length <= rest.len()).ok_or_else(truncated)?;
        at += count.len();
        storages.insert(key.clone(), at..at + length);
        at += length;
    }
    Ok(storages)
}
