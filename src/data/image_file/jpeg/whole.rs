//! Whether all pixels of a JPEG are there.

use super::super::fault::Fault;
use super::frame::Process;
use super::segments::{Part, Segments};

/// What follows the coded data of each scan. No decoder of whole data comes to it: where one runs out of data, it would go
/// on with zeros, and make grey of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// no Huffman code consists of ones alone, so a decoder that needs one fails
    Ones,
    /// shows, together with the other, whether bits that are no code come from here: then pixels differ
    Zeros,
}

/// Bytes of it: as many as a decoder reads ahead, and some.
const PADDING: usize = 16;

/// Says that frames of a film may leave out the Huffman tables that every decoder knows, as some do that are saved as images.
const AS_OF_A_FILM: &[u8] = b"\xFF\xE0\0\x07AVI1\0";

/// A stream for the decoder: what it needs to know, with an end, and without what follows it.
///
/// # Errors
/// [`Fault::Truncated`] where scans are missing.
pub(super) fn stream(bytes: &[u8], segments: &Segments, padding: Padding) -> Result<Vec<u8>, Fault> {
    if segments.scans().next().is_none() {
        return Err(Fault::Truncated("it has no pixels".to_string()));
    }
    if !has_all_coefficients(segments) {
        let what = if segments.ends {
            "some of its scans are missing"
        } else {
            "it has neither all of its scans nor an end-of-image marker"
        };
        return Err(Fault::Truncated(what.to_string()));
    }
    let mut stream = [&bytes[..2], AS_OF_A_FILM].concat();
    for part in &segments.parts {
        match part {
            Part::Tables(range) => stream.extend(&bytes[range.clone()]),
            Part::Scan { header, coded, .. } => {
                stream.extend(&bytes[header.clone()]);
                stream.extend(&bytes[coded.clone()]);
                match padding {
                    // A byte of ones is followed by a zero, so that it is no marker.
                    Padding::Ones => stream.extend([[0xFF, 0]; PADDING].as_flattened()),
                    Padding::Zeros => stream.extend([0; PADDING]),
                }
            }
        }
    }
    stream.extend([0xFF, 0xD9]);
    Ok(stream)
}

/// Whether scans hold every bit of every coefficient.
fn has_all_coefficients(segments: &Segments) -> bool {
    let mut left_out = vec![[u8::MAX; 64]; segments.frame.components.len()];
    for scan in segments.scans() {
        for place in &scan.components {
            let (first, last) = match segments.frame.process {
                Process::Sequential => (0, 63),
                Process::Progressive => (usize::from(scan.band.0), usize::from(scan.band.1).min(63)),
            };
            left_out[*place].iter_mut().take(last + 1).skip(first).for_each(|bits| *bits = scan.left_out.1);
        }
    }
    left_out.iter().flatten().all(|bits| *bits == 0)
}
