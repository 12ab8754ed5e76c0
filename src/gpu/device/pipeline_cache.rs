//! Compiled pipelines kept between runs in a folder of the user's, where the adapter hands them out.
//!
//! Nothing depends on it: a file that is missing, damaged or of another driver only means compiling anew.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::lock::lock;
use crate::atomic_file::{WriteError, write_in_new_folder};
use crate::input_file;

/// Bytes of the checksum at the end of the file.
const CHECKSUM: usize = 4;

/// The pipelines of an adapter, and the file that keeps them.
pub(super) struct PipelineCache {
    pub cache: wgpu::PipelineCache,
    path: PathBuf,
    kept_bytes: Mutex<usize>,
}

impl PipelineCache {
    /// What the folder holds for the adapter; `None` where the device has no such cache.
    pub(super) fn open(device: &wgpu::Device, info: &wgpu::AdapterInfo, folder: &Path) -> Option<PipelineCache> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let path = folder.join(wgpu::util::pipeline_cache_key(info)?);
        let data = input_file::read(&path).ok().and_then(verified);
        let descriptor =
            wgpu::PipelineCacheDescriptor { label: Some("papilla"), data: data.as_deref(), fallback: true };
        // SAFETY: the data were written by `save` for an adapter of this vendor and device, and the checksum tells that they
        // are whole; wgpu and the driver compare the driver's version themselves.
        let cache = unsafe { device.create_pipeline_cache(&descriptor) };
        Some(PipelineCache { cache, path, kept_bytes: Mutex::new(data.map_or(0, |data| data.len())) })
    }

    /// Writes the pipelines if there are more of them than in the file.
    pub(super) fn save(&self) {
        let mut kept_bytes = lock(&self.kept_bytes);
        let Some(data) = self.cache.get_data().filter(|data| data.len() > *kept_bytes) else { return };
        match write(&self.path, &data) {
            Ok(()) => *kept_bytes = data.len(),
            Err(error) => tracing::debug!("pipelines are not kept in {}: {error}", self.path.display()),
        }
    }
}

fn write(path: &Path, data: &[u8]) -> Result<(), WriteError> {
    write_in_new_folder(path, |file| {
        file.write_all(data)?;
        file.write_all(&crc32c::crc32c(data).to_le_bytes())
    })
}

/// The contents of a file without its checksum, if that is right.
fn verified(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let at = bytes.len().checked_sub(CHECKSUM)?;
    let checksum = u32::from_le_bytes(bytes.split_off(at).try_into().ok()?);
    (crc32c::crc32c(&bytes) == checksum).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_was_changed_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("papilla/adapter");
        write(&path, b"pipelines").expect("written");
        let bytes = fs::read(&path).expect("there");
        assert_eq!(verified(bytes.clone()).as_deref(), Some(&b"pipelines"[..]));
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert_eq!(verified(changed), None, "byte {index}");
            assert_eq!(verified(bytes[..index].to_vec()), None, "cut at {index}");
        }
    }
}
