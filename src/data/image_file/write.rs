//! Writing.

use std::io::{self, Cursor};
use std::path::Path;

use image::{DynamicImage, ImageFormat};

use crate::atomic_file::WriteError;
use crate::own_file::{Overwriting, Purpose};

/// Writes an image as PNG; the file appears whole or not at all.
///
/// # Errors
/// [`WriteError`], also if something is there that may not be replaced.
pub fn write_png(
    overwriting: &Overwriting,
    path: &Path,
    purpose: Purpose<'_>,
    image: &DynamicImage,
) -> Result<(), WriteError> {
    let mut bytes = Vec::new();
    let encoded = image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png);
    encoded.map_err(|error| WriteError { path: path.to_path_buf(), error: io::Error::other(error) })?;
    overwriting.write(path, purpose, |file| file.write_all(&purpose.sealed(&bytes)))
}
