//! The segments of a JPEG, from its first marker to its end.

use std::ops::Range;

use image::metadata::Orientation;

use super::super::fault::Fault;
use super::frame::{Frame, Scan, unsupported};

/// More scans than any encoder makes; each costs as much as all pixels.
const MAX_SCANS: usize = 500;

const FILL: u8 = 0xFF;
const START_OF_IMAGE: u8 = 0xD8;
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// A part of the file that the decoder needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// a marker with its tables
    Tables(Range<usize>),
    /// a scan: its header from the marker on, and its coded data
    Scan { scan: Scan, header: Range<usize>, coded: Range<usize> },
}

/// What a file is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segments {
    pub(super) frame: Frame,
    pub(super) parts: Vec<Part>,
    pub(super) orientation: Orientation,
    /// colours are as JFIF has them
    pub(super) is_jfif: bool,
    /// how Adobe's programs have transformed the colours, where they say so
    pub(super) adobe: Option<u8>,
    /// whether the end marker of this image was found; what follows it is of no concern
    pub(super) ends: bool,
}

/// How far to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// to the first scan
    Headers,
    /// to the end marker
    Whole,
}

impl Segments {
    /// Goes from marker to marker. An image within a segment, such as a thumbnail, is passed over with it; another image
    /// that begins before the end marker means that this one was cut short.
    pub(super) fn find(bytes: &[u8], extent: Extent) -> Result<Self, Fault> {
        let mut found = Found { orientation: None, is_jfif: false, adobe: None, frame: None, parts: Vec::new() };
        let mut at = 2;
        let ends = loop {
            let Some(marker_at) = next_marker(bytes, at) else { break false };
            let marker = bytes[marker_at + 1];
            match marker {
                START_OF_IMAGE => break false,
                END_OF_IMAGE => break true,
                // Restarts beyond coded data, and a marker for temporary use: they stand alone.
                0x01 | 0xD0..=0xD7 => {
                    at = marker_at + 2;
                    continue;
                }
                _ => {}
            }
            let Some(data) = data_of(bytes, marker_at) else { break false };
            at = data.end;
            if marker == START_OF_SCAN {
                if extent == Extent::Headers {
                    break true;
                }
                let coded = at..end_of_coded_data(bytes, at);
                at = coded.end;
                found.scan(marker_at..data.end, &bytes[data], coded)?;
            } else {
                found.tables(marker, marker_at..data.end, &bytes[data])?;
            }
        };
        let Found { orientation, is_jfif, adobe, frame, parts } = found;
        let frame = frame.ok_or_else(|| match ends {
            true => Fault::Damaged("the JPEG has no frame header".to_string()),
            false => Fault::Truncated("it has no frame header".to_string()),
        })?;
        let orientation = orientation.unwrap_or(Orientation::NoTransforms);
        Ok(Self { frame, parts, orientation, is_jfif, adobe, ends })
    }

    /// The scans.
    pub(super) fn scans(&self) -> impl Iterator<Item = &Scan> {
        self.parts.iter().filter_map(|part| match part {
            Part::Scan { scan, .. } => Some(scan),
            Part::Tables(_) => None,
        })
    }
}

/// What has been found so far.
struct Found {
    orientation: Option<Orientation>,
    is_jfif: bool,
    adobe: Option<u8>,
    frame: Option<Frame>,
    parts: Vec<Part>,
}

impl Found {
    fn tables(&mut self, marker: u8, segment: Range<usize>, data: &[u8]) -> Result<(), Fault> {
        match marker {
            // Huffman tables, quantisation tables, the restart interval.
            0xC4 | 0xDB | 0xDD => {
                refuse_image_within(data)?;
                self.parts.push(Part::Tables(segment));
            }
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                // Only in hierarchical JPEGs, which are refused at their first marker, one image has two.
                if self.frame.is_some() {
                    return Err(another_image());
                }
                refuse_image_within(data)?;
                self.frame = Some(Frame::parse(marker, data)?);
                self.parts.push(Part::Tables(segment));
            }
            0xDC => {
                return Err(unsupported("is a JPEG that tells its height only after its pixels, which is not read"));
            }
            0xDE | 0xDF => return Err(unsupported("is a hierarchical JPEG, which is not read")),
            0xE0 => self.is_jfif |= data.starts_with(b"JFIF\0"),
            0xE1 => {
                if let (None, Some(exif)) = (self.orientation, data.strip_prefix(b"Exif\0\0")) {
                    self.orientation = Orientation::from_exif_chunk(exif);
                }
            }
            0xEE => {
                if let (true, Some(transform)) = (data.starts_with(b"Adobe"), data.get(11)) {
                    self.adobe = Some(*transform);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn scan(&mut self, header: Range<usize>, data: &[u8], coded: Range<usize>) -> Result<(), Fault> {
        let Some(frame) = &self.frame else {
            return Err(Fault::Damaged("the JPEG has a scan before its frame header".to_string()));
        };
        refuse_image_within(data)?;
        let scan = Scan::parse(frame, data)?;
        self.parts.push(Part::Scan { scan, header, coded });
        if self.parts.len() > MAX_SCANS {
            return Err(unsupported(format!("is a JPEG of more than {MAX_SCANS} scans and tables, which is not read")));
        }
        Ok(())
    }
}

fn another_image() -> Fault {
    Fault::Truncated("another image begins before its end".to_string())
}

/// Refuses tables that hold the start of an image: they were cut short, and it follows.
fn refuse_image_within(data: &[u8]) -> Result<(), Fault> {
    let begins = data.windows(3).any(|bytes| bytes == [FILL, START_OF_IMAGE, FILL]);
    if begins { Err(another_image()) } else { Ok(()) }
}

/// The place of the next `FF` before a code that is neither a fill byte nor 0. What lies before it is passed over, as other
/// decoders do.
fn next_marker(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let place = rest.windows(2).position(|pair| pair[0] == FILL && ![0, FILL].contains(&pair[1]))?;
    Some(from + place)
}

/// The data of a segment, after its marker and its length; `None` where it goes beyond the file's end.
fn data_of(bytes: &[u8], marker_at: usize) -> Option<Range<usize>> {
    let start = marker_at + 4;
    let length = usize::from(u16::from_be_bytes([*bytes.get(start - 2)?, *bytes.get(start - 1)?]));
    let end = start - 2 + length.max(2);
    (end <= bytes.len()).then_some(start..end)
}

/// Where coded data ends: at a marker that is no restart, or with the file. A first half of a marker there is none of it.
fn end_of_coded_data(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(marker) = next_marker(bytes, at) {
        match bytes[marker + 1] {
            0xD0..=0xD7 => at = marker + 2,
            _ => return marker,
        }
    }
    bytes.iter().rposition(|byte| *byte != FILL).map_or(from, |last| from.max(last + 1))
}
