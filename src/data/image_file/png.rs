//! PNG, with its true depth and palette.

use std::io::Cursor;

use image::metadata::Orientation;
use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Reader};

use super::bounds::Announced;
use super::fault::Fault;
use super::raster::{Channels, Raster, Samples, unpacked};

impl From<DecodingError> for Fault {
    fn from(error: DecodingError) -> Self {
        match error {
            DecodingError::IoError(cause) => cause.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

fn open(bytes: &[u8]) -> Result<Reader<Cursor<&[u8]>>, Fault> {
    let limits = Limits { bytes: Announced::most_bytes(bytes.len()) as usize };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info()?;
    let bits_per_pixel = header.bits_per_pixel() as u64;
    Announced { width: header.width, height: header.height, bits_per_pixel }.check(bytes.len())?;
    Ok(decoder.read_info()?)
}

/// Stored size and orientation.
pub(super) fn header(bytes: &[u8]) -> Result<((u32, u32), Orientation), Fault> {
    let reader = open(bytes)?;
    Ok(((reader.info().width, reader.info().height), orientation(bytes)))
}

/// The orientation of the chunk eXIf, which may precede the pixels or follow them.
fn orientation(bytes: &[u8]) -> Orientation {
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((length, chunk)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((kind, data)) = chunk.split_first_chunk::<4>() else { break };
        if kind == b"eXIf" {
            return data.get(..length).and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
        }
        // The data, and a checksum of four bytes.
        rest = length.checked_add(4).and_then(|end| data.get(end..)).unwrap_or_default();
    }
    Orientation::NoTransforms
}

pub(super) fn decode(bytes: &[u8]) -> Result<Raster, Fault> {
    let mut reader = open(bytes)?;
    let size = reader.output_buffer_size().ok_or_else(|| Fault::Damaged("its size overflows".to_string()))?;
    let mut packed = vec![0; size];
    reader.next_frame(&mut packed)?;
    let info = reader.info();
    let (width, height) = (info.width, info.height);
    let stored = info.color_type.samples();
    let samples = match info.bit_depth {
        BitDepth::Eight => Samples::U8(packed),
        BitDepth::Sixteen => {
            let whole = packed.as_chunks::<2>().0.iter();
            Samples::U16(whole.map(|two| u16::from_be_bytes(*two)).collect())
        }
        few => Samples::U8(unpacked(&packed, width as usize * stored, few as u8)),
    };
    let (channels, (samples, alpha)) = match info.color_type {
        ColorType::Grayscale => (Channels::Grey, (samples, None)),
        ColorType::Rgb => (Channels::Rgb, (samples, None)),
        ColorType::GrayscaleAlpha => (Channels::Grey, samples.split_alpha(stored, 1)),
        ColorType::Rgba => (Channels::Rgb, samples.split_alpha(stored, 3)),
        ColorType::Indexed => {
            let palette = info.palette.as_deref().unwrap_or_default().as_chunks::<3>().0.to_vec();
            let alpha = alpha_of_indices(&samples, info.trns.as_deref().unwrap_or_default());
            (Channels::Palette(palette), (samples, alpha))
        }
    };
    let (bits, orientation) = (info.bit_depth as u8, orientation(bytes));
    let raster = Raster { width, height, channels, samples, alpha, bits, orientation, lossy: false, notes: Vec::new() };
    Ok(raster.without_plain_palette())
}

/// How opaque pixels are by a table of their indices, which says nothing of its last ones where these are opaque.
fn alpha_of_indices(indices: &Samples, table: &[u8]) -> Option<Samples> {
    let Samples::U8(indices) = indices else { return None };
    let alpha = || indices.iter().map(|index| table.get(usize::from(*index)).copied().unwrap_or(u8::MAX));
    alpha().any(|alpha| alpha < u8::MAX).then(|| Samples::U8(alpha().collect()))
}
