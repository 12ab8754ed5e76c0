//! PyTorch checkpoints since version 1.6: where the entries of the zip archive lie.

use std::collections::HashMap;
use std::io::Cursor;
use std::ops::Range;
use std::path::Path;

use flate2::Crc;

use super::FormatError;
use super::pickle::Pickle;
use super::value::{self, Value};

/// The checkpoint in the archive at `path`.
///
/// # Errors
/// [`FormatError::Archive`], [`FormatError::Pickle`].
pub(super) fn decode(content: &[u8], path: &Path) -> Result<Value, FormatError> {
    let entries = zip_entries(content).map_err(|reason| FormatError::Archive { path: path.to_owned(), reason })?;
    let broken = |reason: &str| FormatError::Archive { path: path.to_owned(), reason: reason.to_owned() };
    let pickles: Vec<&str> = entries.keys().filter_map(|name| name.strip_suffix("data.pkl")).collect();
    let &[folder] = &pickles[..] else { return Err(broken("it needs exactly one `data.pkl`")) };
    let entry = |name: &str| entries.get(&format!("{folder}{name}")).map(|range| &content[range.clone()]);
    if entry("byteorder").is_some_and(|order| order != b"little") {
        return Err(broken("its numbers are in big-endian order, which is not read"));
    }
    let objects = Pickle::parse(entry("data.pkl").unwrap_or_default()).map_err(FormatError::pickle(path))?;
    value::unfold(&objects, |key| entry(&format!("data/{key}")), content.len()).map_err(FormatError::pickle(path))
}

/// Where the content of every entry lies. The reason otherwise.
///
/// Each content is what its CRC-32 says, unless PyTorch was told to compute none (`set_crc32_options`): all are then 0.
fn zip_entries(content: &[u8]) -> Result<HashMap<String, Range<usize>>, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(content)).map_err(|error| error.to_string())?;
    let mut entries = HashMap::new();
    let (mut damaged, mut is_checked) = (None, false);
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| error.to_string())?;
        let name = entry.name().map_err(|error| error.to_string())?.into_owned();
        if entry.compression() != zip::CompressionMethod::Stored || entry.encrypted() {
            return Err(format!("`{}` is compressed or encrypted, which PyTorch never does", name.escape_debug()));
        }
        let range = entry.data_start().and_then(|start| {
            let end = start.checked_add(entry.compressed_size())?;
            Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
        });
        let Some(range) = range.filter(|range| range.end <= content.len()) else {
            return Err(format!("`{}` reaches beyond the end of the file", name.escape_debug()));
        };
        is_checked |= entry.crc32() != 0;
        if damaged.is_none() && crc32(&content[range.clone()]) != entry.crc32() {
            damaged = Some(name.clone());
        }
        entries.insert(name, range);
    }
    match damaged.filter(|_| is_checked) {
        Some(name) => {
            Err(format!("it is damaged: the checksum of `{}` does not match its content", name.escape_debug()))
        }
        None => Ok(entries),
    }
}

fn crc32(content: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(content);
    crc.sum()
}
