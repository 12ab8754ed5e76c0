//! Photographs: 8-bit RGB, upright.

use std::path::Path;

use image::metadata::Orientation;
use image::{ImageBuffer, Rgb, RgbImage};

use super::colour::looked_up;
use super::decode::{decode, header};
use super::fault::Fault;
use super::note::ImageNote;
use super::raster::{Channels, Raster, Samples};
use super::turn::{upright, upright_size};
use crate::data::error::DataError;

/// A photograph as a viewer shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photograph {
    /// Its pixels, turned as the file says.
    pub image: RgbImage,
    /// How they lie in the file.
    pub orientation: Orientation,
    /// What a user should know about the file.
    pub notes: Vec<ImageNote>,
}

/// Reads a photograph upright as 8-bit RGB: deeper samples are scaled down, grey is repeated, palettes are looked up, alpha is
/// dropped.
///
/// Samples of 16 bits of which none needs more than 8, 10, 12 or 14 are scaled as if of so many, which cameras for
/// research write; `bits` says how many they are instead.
///
/// # Errors
/// Unreadable, truncated, damaged, unsupported, or larger than [`MAX_SIDE`](super::MAX_SIDE) pixels a side or 1 GiB; and
/// samples of more than `bits`.
pub fn read_photograph(path: &Path, bits: Option<u8>) -> Result<Photograph, DataError> {
    let raster = decode(path)?;
    photograph(raster, bits).map_err(|fault| fault.of(path))
}

/// The pixels of [`read_photograph`].
///
/// # Errors
/// As there.
pub fn read_rgb(path: &Path) -> Result<RgbImage, DataError> {
    Ok(read_photograph(path, None)?.image)
}

/// What the headers of a photograph's file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Width and height in pixels of what [`read_photograph`] gives: upright.
    pub size: (u32, u32),
    /// How the pixels lie in the file.
    pub orientation: Orientation,
}

/// Size and orientation of a photograph from its file's headers alone: no pixel is decoded.
///
/// # Errors
/// As [`read_photograph`], without what only decoding finds.
pub fn read_header(path: &Path) -> Result<Header, DataError> {
    let (stored, orientation) = header(path)?;
    Ok(Header { size: upright_size(stored, orientation), orientation })
}

fn photograph(raster: Raster, bits: Option<u8>) -> Result<Photograph, Fault> {
    let Raster { width, height, channels, samples, alpha, bits: stored, orientation, mut notes, .. } = raster;
    let (bytes, scaled) = match samples {
        Samples::U8(samples) => match &channels {
            Channels::Palette(palette) => (colours(&samples, palette)?, None),
            _ if stored < 8 => (scaled_to_bytes(samples, u64::from((1u8 << stored) - 1)), None),
            _ => (samples, None),
        },
        Samples::U16(samples) => whole_numbers(samples, stored, bits)?,
        Samples::U32(samples) => whole_numbers(samples, stored, bits)?,
        Samples::F32(samples) => (real_numbers(&samples)?, None),
    };
    if let Some(bits) = scaled {
        notes.push(ImageNote::BitsScaled { stored, bits });
    }
    let bytes = match channels {
        Channels::Grey => bytes.into_iter().flat_map(|level| [level; 3]).collect(),
        Channels::Rgb | Channels::Palette(_) => bytes,
    };
    let image: Option<RgbImage> = ImageBuffer::<Rgb<u8>, _>::from_raw(width, height, bytes);
    let image = image.ok_or_else(|| Fault::Damaged("it has fewer pixels than it announces".to_string()))?;
    if alpha.is_some() {
        notes.push(ImageNote::AlphaDropped);
    }
    if orientation != Orientation::NoTransforms {
        notes.push(ImageNote::OrientationApplied(orientation));
    }
    Ok(Photograph { image: upright(image, orientation), orientation, notes })
}

/// The colours of indices, as bytes.
fn colours(indices: &[u8], palette: &[[u8; 3]]) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(3 * indices.len());
    for index in indices {
        bytes.extend(looked_up(u32::from(*index), palette)?);
    }
    Ok(bytes)
}

fn scaled_to_bytes<T: Copy + Into<u64>>(samples: Vec<T>, most: u64) -> Vec<u8> {
    samples.into_iter().map(|sample| ((sample.into() * 255 + most / 2) / most) as u8).collect()
}

/// Bytes of whole numbers, and the bits they were taken to have where these are fewer than are stored.
fn whole_numbers<T: Copy + Ord + Into<u64>>(
    samples: Vec<T>,
    stored: u8,
    bits: Option<u8>,
) -> Result<(Vec<u8>, Option<u8>), Fault> {
    let largest = samples.iter().max().map_or(0, |largest| (*largest).into());
    let most = |bits: u8| (1u64 << bits) - 1;
    let bits = match bits {
        Some(bits) if bits < stored => {
            let bits = bits.max(1);
            if largest > most(bits) {
                let what = format!("has the level {largest}, and {bits} bits end at {}", most(bits));
                return Err(Fault::Unsupported { what, remedy: "give it more bits, or leave them to be found" });
            }
            bits
        }
        Some(_) => stored,
        // An image without light says nothing about its depth.
        None if largest == 0 => stored,
        None => [8, 10, 12, 14, 16].into_iter().find(|bits| largest <= most(*bits)).unwrap_or(stored).min(stored),
    };
    Ok((scaled_to_bytes(samples, most(bits)), (bits < stored).then_some(bits)))
}

/// Bytes of real numbers, which are shares of 1, or levels of 8 or 16 bits.
fn real_numbers(samples: &[f32]) -> Result<Vec<u8>, Fault> {
    let is_level = |sample: &f32| (0.0..=65_535.0).contains(sample);
    if let Some(sample) = samples.iter().find(|sample| !is_level(sample)) {
        let what = format!("holds the real number {sample}, which is no level of light");
        return Err(Fault::Unsupported { what, remedy: "save it with whole numbers of 8 or 16 bits" });
    }
    let largest = samples.iter().copied().fold(0.0, f32::max);
    let most = [1.0, 255.0].into_iter().find(|most| largest <= *most).unwrap_or(65_535.0);
    Ok(samples.iter().map(|sample| (sample / most * 255.0).round() as u8).collect())
}
