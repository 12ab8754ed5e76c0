//! Reading and writing single image files, with bounds on what a header may ask for.
//!
//! Pixels are taken as they are stored: an EXIF orientation is not applied, so an image and a mask of
//! the same stored size always lie on the same grid.

use std::fs;
use std::io::{self, Cursor, ErrorKind};
use std::path::Path;

use image::error::ImageError;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::error::DataError;
use crate::atomic_file::{WriteError, write_atomically};

/// Longest side in pixels that is decoded.
pub const MAX_SIDE: u32 = 16_384;
/// Most bytes of decoded pixels, and most bytes of a file.
const MAX_BYTES: u64 = 1 << 30;
/// Most bytes of decoded pixels for a byte of a file. Deflate reaches 1032, the other formats less.
const MAX_RATIO: u64 = 4096;

/// Reads an image as 8-bit RGB: 16-bit samples are scaled down, grey is repeated, alpha is dropped.
///
/// # Errors
/// Unreadable, truncated, damaged, unsupported, or larger than [`MAX_SIDE`] pixels a side or 1 GiB.
pub fn read_rgb(path: &Path) -> Result<RgbImage, DataError> {
    Ok(decode(path)?.into_rgb8())
}

/// Reads a mask as 8-bit grey levels. A colour file is accepted when every pixel is grey.
///
/// # Errors
/// As [`read_rgb`]; and [`DataError::ColouredMask`].
pub fn read_grey(path: &Path) -> Result<GrayImage, DataError> {
    let decoded = decode(path)?;
    if !decoded.color().has_color() {
        return Ok(decoded.into_luma8());
    }
    let rgb = decoded.into_rgb8();
    let coloured = rgb.enumerate_pixels().find(|(_, _, p)| p.0[0] != p.0[1] || p.0[1] != p.0[2]);
    if let Some((x, y, pixel)) = coloured {
        return Err(DataError::ColouredMask { path: path.to_path_buf(), x, y, colour: pixel.0 });
    }
    Ok(GrayImage::from_fn(rgb.width(), rgb.height(), |x, y| image::Luma([rgb.get_pixel(x, y).0[0]])))
}

/// Width and height in pixels, from the header alone.
///
/// # Errors
/// As [`read_rgb`], without what only decoding finds.
pub fn read_size(path: &Path) -> Result<(u32, u32), DataError> {
    let bytes = read_bytes(path)?;
    Ok(open_decoder(path, &bytes)?.dimensions())
}

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

fn read_bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    let metadata = fs::metadata(path).map_err(|e| DataError::read(path, e))?;
    if !metadata.is_file() {
        // A pipe, for example, might never end.
        return Err(DataError::read(path, io::Error::other("it is not a regular file")));
    }
    let length = metadata.len();
    if length > MAX_BYTES {
        return Err(DataError::FileTooLarge { path: path.to_path_buf(), bytes: length });
    }
    fs::read(path).map_err(|e| DataError::read(path, e))
}

/// A decoder that has read the header and found it within bounds; no pixel is decoded yet.
fn open_decoder<'a>(path: &Path, bytes: &'a [u8]) -> Result<impl ImageDecoder + 'a, DataError> {
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| DataError::read(path, e))?;
    if let Some(field) = largest_tiff_field(bytes).filter(|field| *field > bytes.len() as u64) {
        let reason = format!("its header speaks of a field of {field} bytes, and the file has {}", bytes.len());
        return Err(DataError::Truncated { path: path.to_path_buf(), reason });
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some((2 * MAX_RATIO * bytes.len() as u64 + (4 << 20)).min(MAX_BYTES));
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|e| explain(path, e))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(DataError::NoPixels { path: path.to_path_buf(), width, height });
    }
    if width > MAX_SIDE || height > MAX_SIDE || decoder.total_bytes() > MAX_BYTES {
        return Err(DataError::TooLarge { path: path.to_path_buf(), width, height, limit: MAX_SIDE });
    }
    if decoder.total_bytes() > MAX_RATIO * bytes.len() as u64 {
        let reason = format!("{} bytes are too few for {width}x{height} pixels", bytes.len());
        return Err(DataError::Truncated { path: path.to_path_buf(), reason });
    }
    Ok(decoder)
}

/// Most bytes that a TIFF's first table, or one of its entries, is said to have: the decoder makes room for them before it
/// reads them. `None` where the file is no TIFF, or ends before its table does.
fn largest_tiff_field(bytes: &[u8]) -> Option<u64> {
    let little = match bytes.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let number = |at: u64, width: usize| -> Option<u64> {
        let start = usize::try_from(at).ok()?;
        let mut digits = bytes.get(start..start.checked_add(width)?)?.to_vec();
        if little {
            digits.reverse();
        }
        Some(digits.into_iter().fold(0, |sum, digit| sum << 8 | u64::from(digit)))
    };
    // Widths of offsets and of the table's length; an entry has a tag, a type, a count and a value or its offset.
    let (offset_width, length_width) = match number(2, 2)? {
        42 => (4, 2),
        43 => (8, 8),
        _ => return None,
    };
    let table = number(offset_width as u64, offset_width)?;
    let (entries, entry) = (number(table, length_width)?, 4 + 2 * offset_width as u64);
    let mut largest = entries.saturating_mul(entry);
    for index in 0..entries.min(bytes.len() as u64 / entry) {
        let at = table.checked_add(length_width as u64 + index * entry)?;
        let Some(count) = number(at + 4, offset_width) else { break };
        let width = match number(at + 2, 2) {
            Some(3 | 8) => 2,
            Some(4 | 9 | 11 | 13) => 4,
            Some(5 | 10 | 12 | 16..=18) => 8,
            _ => 1,
        };
        largest = largest.max(count.saturating_mul(width));
    }
    Some(largest)
}

fn decode(path: &Path) -> Result<DynamicImage, DataError> {
    let bytes = read_bytes(path)?;
    let decoder = open_decoder(path, &bytes)?;
    if matches!(image::guess_format(&bytes), Ok(ImageFormat::Jpeg)) && jpeg_lacks_its_end(&bytes) {
        let reason = "no end-of-image marker".to_string();
        return Err(DataError::Truncated { path: path.to_path_buf(), reason });
    }
    DynamicImage::from_decoder(decoder).map_err(|e| explain(path, e))
}

/// The JPEG decoder fills what is missing with grey without a word, so the end is looked for here:
/// inside coded data neither marker can occur, hence after the last start of scan (FF DA) there must be
/// an end of image (FF D9).
fn jpeg_lacks_its_end(bytes: &[u8]) -> bool {
    let last_scan = bytes.windows(2).rposition(|w| w == [0xFF, 0xDA]);
    last_scan.is_none_or(|start| !bytes[start..].windows(2).any(|w| w == [0xFF, 0xD9]))
}

fn explain(path: &Path, error: ImageError) -> DataError {
    let path = path.to_path_buf();
    match error {
        ImageError::IoError(cause) if cause.kind() == ErrorKind::UnexpectedEof => {
            DataError::Truncated { path, reason: cause.to_string() }
        }
        ImageError::IoError(cause) => DataError::Read { path, cause },
        other => DataError::Decode { path, reason: other.to_string() },
    }
}
