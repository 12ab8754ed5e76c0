//! Writing.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat};

use crate::atomic_file::{WriteError, write_atomically};
use crate::data::error::DataError;

/// Writes an image as PNG; the file appears whole or not at all.
///
/// # Errors
/// [`DataError::Write`].
pub fn write_png(path: &Path, image: &DynamicImage) -> Result<(), DataError> {
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).map_err(|e| DataError::write(path, e))?;
    let written = write_atomically(path, |file| file.write_all(&bytes));
    written.map_err(|WriteError { path, error }| DataError::write(&path, error))
}
