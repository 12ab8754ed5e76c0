//! Whole files through the public readers: real ones, damaged ones and hostile ones.

mod checkpoints;
mod hostile;
mod pytorch_writing;
mod safetensors_files;
mod written;

use std::path::Path;

/// Written by PyTorch 2 (`make_checkpoints.py` beside this file): the same objects in both layouts.
const ARCHIVE: &[u8] = include_bytes!("archive.pth");
const PLAIN: &[u8] = include_bytes!("plain.pth");
/// A wrapped network among what training scripts save too (`make_extras.py`).
const EXTRAS: &[u8] = include_bytes!("extras.pth");

/// The path that errors of in-memory content speak of.
fn nowhere() -> &'static Path {
    Path::new("some.pth")
}
