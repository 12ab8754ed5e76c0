//! WebP.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder};

use super::bounds::Announced;
use super::fault::Fault;
use super::note::ImageNote;
use super::raster::{Channels, Raster, Samples};

fn open(bytes: &[u8]) -> Result<WebPDecoder<Cursor<&[u8]>>, Fault> {
    let decoder = WebPDecoder::new(Cursor::new(bytes))?;
    let (width, height) = decoder.dimensions();
    let bits_per_pixel = u64::from(decoder.color_type().bits_per_pixel());
    Announced { width, height, bits_per_pixel }.check(bytes.len())?;
    Ok(decoder)
}

/// Stored size and orientation.
pub(super) fn header(bytes: &[u8]) -> Result<((u32, u32), Orientation), Fault> {
    let mut decoder = open(bytes)?;
    Ok((decoder.dimensions(), decoder.orientation()?))
}

/// The first frame.
pub(super) fn decode(bytes: &[u8]) -> Result<Raster, Fault> {
    let mut decoder = open(bytes)?;
    let ((width, height), orientation) = (decoder.dimensions(), decoder.orientation()?);
    let has_alpha = decoder.color_type() == ColorType::Rgba8;
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels)?;
    let pixels = Samples::U8(pixels);
    let (samples, alpha) = if has_alpha { pixels.split_alpha(4, 3) } else { (pixels, None) };
    let (channels, lossy) = (Channels::Rgb, count(bytes, b"VP8L") == 0);
    let notes = match count(bytes, b"ANMF") {
        0 | 1 => Vec::new(),
        pages => vec![ImageNote::OtherPages { pages }],
    };
    Ok(Raster { width, height, channels, samples, alpha, bits: 8, orientation, lossy, notes })
}

/// How many chunks of a kind are among those of the file.
fn count(bytes: &[u8], wanted: &[u8; 4]) -> u32 {
    let mut found = 0;
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((kind, chunk)) = rest.split_first_chunk::<4>() {
        found += u32::from(kind == wanted);
        let Some((length, data)) = chunk.split_first_chunk::<4>() else { break };
        let length = u32::from_le_bytes(*length) as usize;
        // Chunks begin at even places.
        rest = data.get(length.saturating_add(length % 2)..).unwrap_or_default();
    }
    found
}
