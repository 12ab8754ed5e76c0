//! Safetensors files: a thin layer on the `safetensors` crate with whole-file writes and `f32` values.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use ::safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde::Serialize;

use super::FormatError;
use super::element_type::ElementType;
use super::host_tensor::{HostTensor, little_endian};
use super::pytorch::read_file;
use crate::atomic_file::{WriteError, Written};
use crate::input_file;
use crate::own_file::{Overwriting, Purpose, WRITTEN_BY};

/// The key of the header's one entry that is no tensor.
const METADATA: &str = "__metadata__";
/// The metadata's key of a checksum: eight hexadecimal digits of CRC-32C over the whole file, itself taken as
/// `00000000`. A file that has one is read only if it is right, and written with the right one.
pub const CHECKSUM: &str = "papilla_crc32c";
/// Digits of a checksum.
const DIGITS: usize = 8;
/// Bytes that a checksum takes in at once.
const CHUNK: usize = 1 << 20;

/// The content of a safetensors file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TensorFile {
    /// Tensors by name.
    pub tensors: BTreeMap<String, HostTensor>,
    /// Free text by key. Numbers that must stay exact, such as counters, belong here as text.
    pub metadata: BTreeMap<String, String>,
}

/// One tensor in the header.
#[derive(Serialize)]
struct Entry<'a> {
    dtype: &'static str,
    shape: &'a [usize],
    data_offsets: [usize; 2],
}

#[derive(Serialize)]
#[serde(untagged)]
enum HeaderEntry<'a> {
    Metadata(&'a BTreeMap<String, String>),
    Tensor(Entry<'a>),
}

impl TensorFile {
    /// Reads a file. Elements may be F32, F64, F16 or BF16 (rounded to `f32`), or a single I64 or I32.
    ///
    /// # Errors
    /// [`FormatError::Read`], [`FormatError::NotAFile`], [`FormatError::Header`] for a damaged or cut file,
    /// [`FormatError::Checksum`] for one whose checksum says so, [`FormatError::ElementType`] for any other element type.
    pub fn read(path: &Path) -> Result<Self, FormatError> {
        Self::decode(&read_file(path)?, path)
    }

    /// Reads only the metadata of a file.
    ///
    /// # Errors
    /// Those of [`TensorFile::read`].
    pub fn read_metadata(path: &Path) -> Result<BTreeMap<String, String>, FormatError> {
        let refused = FormatError::read(path);
        let mut file = input_file::open(path).map_err(&refused)?;
        let available = file.metadata().map_err(&refused)?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(&refused)?;
        let header = u64::from_le_bytes(length).min(available);
        let mut content = Vec::new();
        file.take(header).read_to_end(&mut content).map_err(&refused)?;
        let invalid = |error| FormatError::Header {
            path: path.to_owned(),
            error: SafeTensorError::InvalidHeaderDeserialization(error),
        };
        let mut entries: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&content).map_err(invalid)?;
        let metadata = entries.remove(METADATA).unwrap_or_else(|| serde_json::json!({}));
        serde_json::from_value(metadata).map_err(invalid)
    }

    /// Whether the content starts like a safetensors file: the length of a header within the file, then JSON.
    pub(super) fn recognises(content: &[u8]) -> bool {
        let Some((length, rest)) = content.split_first_chunk() else { return false };
        u64::from_le_bytes(*length) <= rest.len() as u64 && rest.first() == Some(&b'{')
    }

    /// Decodes the content of the file at `path`.
    pub(super) fn decode(content: &[u8], path: &Path) -> Result<Self, FormatError> {
        let header_error = |error| FormatError::Header { path: path.to_owned(), error };
        let (_, header) = SafeTensors::read_metadata(content).map_err(header_error)?;
        let file = SafeTensors::deserialize(content).map_err(header_error)?;
        let metadata: BTreeMap<_, _> = header.metadata().clone().unwrap_or_default().into_iter().collect();
        if metadata.contains_key(CHECKSUM) && !checksum_is_right(content).is_ok_and(|right| right) {
            return Err(FormatError::Checksum(path.to_owned()));
        }
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let is_single = view.shape().iter().product::<usize>() == 1;
            let element_type = match view.dtype() {
                Dtype::F32 => ElementType::F32,
                Dtype::F64 => ElementType::F64,
                Dtype::F16 => ElementType::F16,
                Dtype::BF16 => ElementType::Bf16,
                Dtype::I64 if is_single => ElementType::I64,
                Dtype::I32 if is_single => ElementType::I32,
                other => {
                    let (path, tensor) = (path.to_owned(), name.to_owned());
                    return Err(FormatError::ElementType { path, tensor, element_type: other.to_string() });
                }
            };
            let mut data = Vec::with_capacity(view.data().len() / element_type.size());
            element_type.decode_into(view.data(), &mut data);
            tensors.insert(name.to_owned(), HostTensor { shape: view.shape().to_vec(), data });
        }
        Ok(Self { tensors, metadata })
    }

    /// Writes the file whole or not at all (see [`write_atomically`](crate::atomic_file::write_atomically)); equal content gives equal
    /// bytes.
    ///
    /// # Errors
    /// [`FormatError::Shape`] and [`FormatError::TensorName`] before anything is written, [`FormatError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), FormatError> {
        Ok(self.write_beside(path)?.take_place(None)?)
    }

    /// The same for a file that says what it is, and replaces only what it may.
    ///
    /// # Errors
    /// Those of [`TensorFile::write`].
    pub fn write_as(mut self, overwriting: &Overwriting, path: &Path, purpose: Purpose<'_>) -> Result<(), FormatError> {
        self.metadata.insert(WRITTEN_BY.to_string(), purpose.mark());
        let header = self.whole_header(path)?;
        Ok(overwriting.write(path, purpose, |file| self.write_to(&header, file))?)
    }

    /// The same for a file with a checksum, which is read again before it takes its place; the file that was there becomes
    /// `previous`, if that is given.
    ///
    /// # Errors
    /// Those of [`TensorFile::write`], and [`FormatError::Write`] if the disk gives back something else.
    pub fn write_verified(&self, path: &Path, previous: Option<&Path>) -> Result<(), FormatError> {
        let written = self.write_beside(path)?;
        let verified =
            input_file::open(written.temporary()).and_then(checksum_is_right).and_then(|right| match right {
                true => Ok(()),
                false => Err(io::Error::other("the disk gives back something else than was written")),
            });
        verified.map_err(|error| WriteError { path: path.to_owned(), error })?;
        Ok(written.take_place(previous)?)
    }

    fn write_beside(&self, path: &Path) -> Result<Written, FormatError> {
        let header = self.whole_header(path)?;
        Ok(Written::beside(path, |file| self.write_to(&header, file))?)
    }

    /// Everything before the elements, the checksum included.
    fn whole_header(&self, path: &Path) -> Result<Vec<u8>, FormatError> {
        let mut header = self.header(path)?;
        let length = (header.len() as u64).to_le_bytes();
        if let Some(digits) = self.metadata.get(CHECKSUM).and_then(|_| find_checksum(&header)) {
            let start = crc32c::crc32c_append(crc32c::crc32c(&length), &header);
            let checksum = self.chunks().fold(start, |crc, bytes| crc32c::crc32c_append(crc, &bytes));
            header[digits].copy_from_slice(format!("{checksum:08x}").as_bytes());
        }
        Ok([&length[..], &header].concat())
    }

    fn write_to(&self, header: &[u8], file: &mut dyn io::Write) -> io::Result<()> {
        file.write_all(header)?;
        self.chunks().try_for_each(|bytes| file.write_all(&bytes))
    }

    /// The elements of all tensors as bytes, in the order of the names, as in the header.
    fn chunks(&self) -> impl Iterator<Item = Cow<'_, [u8]>> {
        let values = self.tensors.values().flat_map(|tensor| tensor.data.chunks(CHUNK / 4));
        values.map(little_endian)
    }

    /// The header, padded so that the data begins at a multiple of 8 bytes. The crate's own writer orders metadata at
    /// random; this one is sorted.
    fn header(&self, path: &Path) -> Result<Vec<u8>, FormatError> {
        let mut entries = BTreeMap::new();
        let mut metadata = self.metadata.clone();
        if let Some(checksum) = metadata.get_mut(CHECKSUM) {
            *checksum = "0".repeat(DIGITS);
        }
        if !metadata.is_empty() {
            entries.insert(METADATA, HeaderEntry::Metadata(&metadata));
        }
        let mut end = 0;
        for (name, tensor) in &self.tensors {
            let (path, named) = (path.to_owned(), name.clone());
            if name == METADATA {
                let reason = "the format keeps that name for itself";
                return Err(FormatError::TensorName { path, tensor: named, reason });
            }
            if !tensor.is_consistent() {
                let (shape, values) = (tensor.shape.clone(), tensor.data.len());
                return Err(FormatError::Shape { path, tensor: named, shape, values });
            }
            let start = end;
            end += tensor.data.len() * size_of::<f32>();
            let entry = Entry { dtype: "F32", shape: &tensor.shape, data_offsets: [start, end] };
            entries.insert(name, HeaderEntry::Tensor(entry));
        }
        let mut header = serde_json::to_vec(&entries).expect("maps with text keys always serialise");
        header.resize(header.len().next_multiple_of(8), b' ');
        Ok(header)
    }
}

/// Where the digits of the checksum stand in a header. Within a text the quotes would be escaped, so nothing else looks
/// like it.
fn find_checksum(header: &[u8]) -> Option<Range<usize>> {
    let before = format!("\"{CHECKSUM}\":\"");
    let start = header.windows(before.len()).position(|window| window == before.as_bytes())? + before.len();
    let digits = start..start + DIGITS;
    (header.get(digits.end) == Some(&b'"')).then_some(digits)
}

/// Whether the content of a file is what its checksum says.
fn checksum_is_right(mut content: impl Read) -> io::Result<bool> {
    let mut length = [0; 8];
    content.read_exact(&mut length)?;
    let mut header = Vec::new();
    content.by_ref().take(u64::from_le_bytes(length)).read_to_end(&mut header)?;
    let Some(digits) = find_checksum(&header) else { return Ok(false) };
    let named = header[digits.clone()].to_vec();
    header[digits].fill(b'0');
    let mut checksum = crc32c::crc32c_append(crc32c::crc32c(&length), &header);
    let mut chunk = vec![0; CHUNK];
    loop {
        match content.read(&mut chunk)? {
            0 => return Ok(format!("{checksum:08x}").as_bytes() == named),
            read => checksum = crc32c::crc32c_append(checksum, &chunk[..read]),
        }
    }
}
