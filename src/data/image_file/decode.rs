//! From a path to pixels, whatever the format.

use std::path::Path;

use image::ImageFormat;
use image::metadata::Orientation;

use super::bounds::MAX_BYTES;
use super::fault::{Fault, SAVE_AS_PNG};
use super::raster::Raster;
use super::{bmp, jpeg, png, tiff, webp};
use crate::data::error::DataError;
use crate::data::guard::caught;
use crate::input_file;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Bmp,
    Jpeg,
    Png,
    Tiff,
    WebP,
}

/// The image of a file as it is stored.
pub(super) fn decode(path: &Path) -> Result<Raster, DataError> {
    on_bytes(path, |bytes| match format(bytes)? {
        Format::Bmp => bmp::decode(bytes),
        Format::Jpeg => jpeg::decode(bytes),
        Format::Png => png::decode(bytes),
        Format::Tiff => tiff::decode(bytes),
        Format::WebP => webp::decode(bytes),
    })
}

/// Stored width and height in pixels, and how they lie, from the headers alone.
pub(super) fn header(path: &Path) -> Result<((u32, u32), Orientation), DataError> {
    on_bytes(path, |bytes| match format(bytes)? {
        Format::Bmp => bmp::header(bytes),
        Format::Jpeg => jpeg::header(bytes),
        Format::Png => png::header(bytes),
        Format::Tiff => tiff::header(bytes),
        Format::WebP => webp::header(bytes),
    })
}

fn on_bytes<T>(path: &Path, read: impl FnOnce(&[u8]) -> Result<T, Fault>) -> Result<T, DataError> {
    let bytes = read_bytes(path)?;
    match caught(|| read(&bytes)) {
        Ok(outcome) => outcome.map_err(|fault| fault.of(path)),
        Err(message) => {
            let reason = format!("the decoder gave up on it ({message})");
            Err(DataError::Decode { path: path.to_path_buf(), reason })
        }
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    let content = input_file::read_at_most(path, MAX_BYTES).map_err(|e| DataError::read(path, e))?;
    content.map_err(|bytes| DataError::FileTooLarge { path: path.to_path_buf(), bytes })
}

fn unsupported<T>(what: &str, remedy: &'static str) -> Result<T, Fault> {
    Err(Fault::Unsupported { what: what.to_string(), remedy })
}

/// The format by the first bytes, whatever the file's name says.
fn format(bytes: &[u8]) -> Result<Format, Fault> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Bmp) => return Ok(Format::Bmp),
        Ok(ImageFormat::Jpeg) => return Ok(Format::Jpeg),
        Ok(ImageFormat::Png) => return Ok(Format::Png),
        Ok(ImageFormat::Tiff) => return Ok(Format::Tiff),
        Ok(ImageFormat::WebP) => return Ok(Format::WebP),
        _ => {}
    }
    // TIFF of more than 4 GiB has another number after its byte order.
    if bytes.starts_with(b"II\x2B\0") || bytes.starts_with(b"MM\0\x2B") {
        return Ok(Format::Tiff);
    }
    if bytes.is_empty() {
        return unsupported("is empty", "copy or download it again");
    }
    let starts_with = |start: &[u8]| bytes.starts_with(start);
    let brand = bytes.get(4..12).unwrap_or_default();
    let start = bytes.get(..3).unwrap_or_default();
    let what = match brand {
        b"ftypavif" | b"ftypavis" => "an AVIF image",
        _ if brand.starts_with(b"ftyp") => "a HEIC image or a film",
        _ if starts_with(b"GIF8") => "a GIF image",
        _ if starts_with(b"\0\0\0\x0CjP  ") || starts_with(b"\xFF\x4F\xFF\x51") => "a JPEG 2000 image",
        _ if starts_with(b"\xFF\x0A") || starts_with(b"\0\0\0\x0CJXL ") => "a JPEG XL image",
        _ if bytes.get(128..132) == Some(b"DICM") => "a DICOM file",
        _ if starts_with(b"8BPS") => "a Photoshop document",
        _ if starts_with(b"%PDF") => "a PDF document",
        _ if starts_with(b"PK\x03\x04") => return unsupported("is a zip archive", "unpack it, and give the folder"),
        _ if starts_with(b"\x1F\x8B") || starts_with(b"7z\xBC\xAF") || starts_with(b"Rar!") => {
            return unsupported("is an archive", "unpack it, and give the folder");
        }
        _ if matches!(start, [b'P', b'1'..=b'7', b' ' | b'\t' | b'\n' | b'\r']) => "a PNM image (PPM, PGM or PBM)",
        _ if starts_with(b"version https://git-lfs") => {
            let what = "is not the image but a pointer to it, which Git LFS has left";
            return unsupported(what, "run `git lfs pull` in its folder");
        }
        _ if bytes.trim_ascii_start().starts_with(b"<") => {
            return unsupported(
                "is a page of the web or another text, and no image",
                "download the image itself, again",
            );
        }
        _ => return Err(Fault::Damaged("it begins like none of PNG, JPEG, TIFF, BMP and WebP".to_string())),
    };
    Err(Fault::Unsupported { what: format!("is {what}, which is not read"), remedy: SAVE_AS_PNG })
}
