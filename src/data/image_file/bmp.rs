//! BMP, with the indices of its palette.

use std::collections::HashMap;
use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder};

use super::bounds::Announced;
use super::fault::Fault;
use super::raster::{Channels, Raster};

/// Little-endian numbers of the header at these places.
fn number<const WIDTH: usize>(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + WIDTH)?;
    Some(digits.iter().rev().fold(0, |sum, digit| sum << 8 | u32::from(*digit)))
}

/// Bits of a pixel.
fn depth(bytes: &[u8]) -> u32 {
    let core_header = number::<4>(bytes, 14) == Some(12);
    number::<2>(bytes, if core_header { 24 } else { 28 }).unwrap_or(0)
}

fn open(bytes: &[u8]) -> Result<BmpDecoder<Cursor<&[u8]>>, Fault> {
    let decoder = BmpDecoder::new(Cursor::new(bytes))?;
    let (width, height) = decoder.dimensions();
    let bits_per_pixel = u64::from(depth(bytes).clamp(1, 32));
    Announced { width, height, bits_per_pixel }.check(bytes.len())?;
    Ok(decoder)
}

/// Stored size; there is no orientation.
pub(super) fn header(bytes: &[u8]) -> Result<((u32, u32), Orientation), Fault> {
    Ok((open(bytes)?.dimensions(), Orientation::NoTransforms))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Raster, Fault> {
    let mut decoder = open(bytes)?;
    let (width, height) = decoder.dimensions();
    // The decoder fills palettes up to 256 colours.
    let colours = 1 << depth(bytes).min(8);
    let palette = decoder.get_palette().map(|palette| palette[..palette.len().min(colours)].to_vec());
    // The decoder gives the indices of whole bytes without run lengths; all others it turns into colours.
    let run_lengths = number::<4>(bytes, 14) != Some(12) && number::<4>(bytes, 30) != Some(0);
    let gives_indices = palette.is_some() && depth(bytes) == 8 && !run_lengths;
    decoder.set_indexed_color(gives_indices);
    let has_alpha = decoder.color_type() == ColorType::Rgba8;
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels)?;
    let mut raster = match palette {
        Some(palette) => {
            let indices = if gives_indices { Some(pixels) } else { indices(&pixels, &palette) };
            let indices =
                indices.ok_or_else(|| Fault::Damaged("a pixel has a colour outside the palette".to_string()))?;
            Raster::of_bytes(width, height, Channels::Palette(palette), indices)
        }
        None => Raster::of_bytes(width, height, Channels::Rgb, pixels),
    };
    if has_alpha {
        (raster.samples, raster.alpha) = raster.samples.split_alpha(4, 3);
    }
    if let Channels::Palette(_) = raster.channels {
        raster.bits = depth(bytes) as u8;
    }
    Ok(raster.without_plain_palette())
}

/// The first index of each pixel's colour.
fn indices(pixels: &[u8], palette: &[[u8; 3]]) -> Option<Vec<u8>> {
    let numbered = palette.iter().zip(0..=u8::MAX).rev();
    let places: HashMap<[u8; 3], u8> = numbered.map(|(colour, index)| (*colour, index)).collect();
    pixels.as_chunks::<3>().0.iter().map(|colour| places.get(colour).copied()).collect()
}
