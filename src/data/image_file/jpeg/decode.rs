//! The pixels of a JPEG.
//!
//! `jpeg-decoder` reads what other decoders in Rust give another picture for, baseline scans that are not interleaved. What
//! it does not read is refused by name before it is asked.

use image::metadata::Orientation;
use jpeg_decoder::{ColorTransform, Decoder, Error};

use super::super::bounds::Announced;
use super::super::colour::rgb_of_cmyk;
use super::super::fault::Fault;
use super::super::note::ImageNote;
use super::super::raster::{Channels, Raster, Samples};
use super::frame::{Frame, Process, unsupported};
use super::segments::{Extent, Segments};
use super::whole::{Padding, stream};

fn check(frame: &Frame, file_length: usize) -> Result<(), Fault> {
    let bits_per_pixel = 8 * frame.components.len() as u64;
    Announced { width: frame.width.into(), height: frame.height.into(), bits_per_pixel }.check(file_length)
}

/// Stored size and orientation.
pub(in super::super) fn header(bytes: &[u8]) -> Result<((u32, u32), Orientation), Fault> {
    let Segments { frame, orientation, .. } = Segments::find(bytes, Extent::Headers)?;
    check(&frame, bytes.len())?;
    Ok(((frame.width.into(), frame.height.into()), orientation))
}

/// An image by itself.
pub(in super::super) fn decode(bytes: &[u8]) -> Result<Raster, Fault> {
    let (segments, decoded) = whole(bytes, transform)?;
    let (width, height) = (u32::from(segments.frame.width), u32::from(segments.frame.height));
    let (channels, pixels) = match segments.frame.components.len() {
        1 => (Channels::Grey, decoded),
        3 => (Channels::Rgb, decoded),
        _ => (Channels::Rgb, decoded.as_chunks().0.iter().flat_map(|inks: &[u8; 4]| rgb_of_cmyk(*inks)).collect()),
    };
    let notes = if segments.ends { Vec::new() } else { vec![ImageNote::EndMarkerMissing] };
    let (samples, orientation) = (Samples::U8(pixels), segments.orientation);
    Ok(Raster { width, height, channels, samples, alpha: None, bits: 8, orientation, lossy: true, notes })
}

/// Samples of an image that is a part of another file, which says what they are.
pub(in super::super) struct Decoded {
    pub(in super::super) components: usize,
    /// interleaved
    pub(in super::super) samples: Vec<u8>,
    /// whether it has its end marker
    pub(in super::super) ends: bool,
}

/// A part of another file, none of whose colours are transformed.
pub(in super::super) fn decode_part(bytes: &[u8]) -> Result<Decoded, Fault> {
    let as_stored = |segments: &Segments| match segments.frame.components.len() {
        1 => ColorTransform::Grayscale,
        3 => ColorTransform::RGB,
        _ => ColorTransform::CMYK,
    };
    let (Segments { frame, ends, .. }, mut samples) = whole(bytes, as_stored)?;
    if frame.components.len() == 4 {
        // The decoder takes inks for what Adobe's programs write in JPEGs, light.
        samples.iter_mut().for_each(|sample| *sample = u8::MAX - *sample);
    }
    Ok(Decoded { components: frame.components.len(), samples, ends })
}

/// What a file is made of, and all of its samples.
fn whole(bytes: &[u8], transform: impl FnOnce(&Segments) -> ColorTransform) -> Result<(Segments, Vec<u8>), Fault> {
    let segments = Segments::find(bytes, Extent::Whole)?;
    check(&segments.frame, bytes.len())?;
    segments.frame.check_sampling(segments.scans())?;
    let transform = transform(&segments);
    let decoded = decode_stream(bytes, &segments, Padding::Ones, transform)?;
    // Bits of refining scans are no codes: only their effect tells whether they are the file's. An end marker says little, for
    // programs that mend files put one back.
    let may_refine = segments.frame.process == Process::Progressive;
    if (may_refine || !segments.ends) && decode_stream(bytes, &segments, Padding::Zeros, transform)? != decoded {
        let marker = if segments.ends { "" } else { "it has no end-of-image marker, and " };
        return Err(Fault::Truncated(format!("{marker}some of its pixels are missing")));
    }
    Ok((segments, decoded))
}

fn decode_stream(
    bytes: &[u8],
    segments: &Segments,
    padding: Padding,
    transform: ColorTransform,
) -> Result<Vec<u8>, Fault> {
    let stream = stream(bytes, segments, padding)?;
    let mut decoder = Decoder::new(stream.as_slice());
    decoder.set_color_transform(transform);
    decoder.decode().map_err(|error| match error {
        Error::Format(reason) if !segments.ends => {
            Fault::Truncated(format!("it has no end-of-image marker, and its pixels end too early: {reason}"))
        }
        Error::Format(reason) => Fault::Damaged(format!("its coded pixels end too early or are damaged: {reason}")),
        Error::Unsupported(what) => unsupported(format!("is a JPEG of an unusual kind ({what:?})")),
        Error::Io(cause) => cause.into(),
        Error::Internal(cause) => Fault::Damaged(cause.to_string()),
    })
}

/// What the components are, by the rules of libjpeg, which encoders are tried with.
fn transform(segments: &Segments) -> ColorTransform {
    let ids: Vec<u8> = segments.frame.components.iter().map(|component| component.id).collect();
    match (ids.as_slice(), segments.is_jfif, segments.adobe) {
        ([_], ..) => ColorTransform::Grayscale,
        ([_, _, _], true, _) => ColorTransform::YCbCr,
        ([_, _, _], false, Some(0)) => ColorTransform::RGB,
        (b"RGB", false, None) => ColorTransform::RGB,
        ([_, _, _], ..) => ColorTransform::YCbCr,
        (_, _, None | Some(0)) => ColorTransform::CMYK,
        (_, _, Some(_)) => ColorTransform::YCCK,
    }
}
