//! Strips and tiles that are JPEGs, read as those by themselves are: what is missing is no grey, but an error.

use super::super::fault::Fault;
use super::super::jpeg::{Decoded, decode_part, header};

const START: &[u8] = &[0xFF, 0xD8];
const END: &[u8] = &[0xFF, 0xD9];

/// How the pixels of a page are divided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Division {
    /// of the page
    pub(super) size: (u32, u32),
    /// of a strip or tile
    pub(super) chunk: (u32, u32),
    /// of a pixel
    pub(super) samples: usize,
    /// whether each sample has strips of its own
    pub(super) is_planar: bool,
}

/// The JPEGs of a page.
pub(super) struct Jpegs {
    /// an image without pixels, whose tables all of them share
    pub(super) tables: Vec<u8>,
    /// where they lie, and their lengths
    pub(super) places: Vec<(u64, u64)>,
}

impl Jpegs {
    /// Samples as they are stored, those of a pixel together, and whether each JPEG has its end marker.
    pub(super) fn decode(&self, bytes: &[u8], division: Division) -> Result<(Vec<u8>, bool), Fault> {
        let Division { size: (width, height), chunk: (across, down), samples, is_planar } = division;
        let (columns, rows) = (width.div_ceil(across) as usize, height.div_ceil(down) as usize);
        let planes = if is_planar { samples } else { 1 };
        let (wanted, found) = (planes * columns * rows, self.places.len());
        if found < wanted {
            return Err(Fault::Truncated(format!("it has {found} of the {wanted} strips or tiles of its pixels")));
        }
        let mut pixels = vec![0; width as usize * height as usize * samples];
        let mut ends = true;
        for (index, place) in self.places[..wanted].iter().enumerate() {
            let (plane, index) = (index / (columns * rows), index % (columns * rows));
            let (left, top) = ((index % columns) as u32 * across, (index / columns) as u32 * down);
            let part = self.part(bytes, *place, (across, down.min(height - top)), down)?;
            ends &= part.ends;
            if part.components != samples / planes {
                let what = format!("a part of its pixels has {} samples each, of {samples}", part.components);
                return Err(Fault::Damaged(what));
            }
            for y in 0..down.min(height - top) {
                for x in 0..across.min(width - left) {
                    let from = (y as usize * across as usize + x as usize) * part.components;
                    let to = ((top + y) as usize * width as usize + (left + x) as usize) * samples + plane;
                    pixels[to..to + part.components].copy_from_slice(&part.samples[from..from + part.components]);
                }
            }
        }
        Ok((pixels, ends))
    }

    /// One JPEG, at least of a size. The last strip may be as high as the others, in vain.
    fn part(&self, bytes: &[u8], (offset, length): (u64, u64), size: (u32, u32), most: u32) -> Result<Decoded, Fault> {
        let range = offset as usize..offset.saturating_add(length) as usize;
        let own = bytes.get(range).and_then(|own| own.strip_prefix(START));
        let own = own.ok_or_else(|| Fault::Damaged("a part of its pixels is no JPEG".to_string()))?;
        let tables = self.tables.strip_prefix(START).unwrap_or_default();
        let jpeg = [START, tables.strip_suffix(END).unwrap_or(tables), own].concat();
        let ((width, height), _) = header(&jpeg)?;
        if width != size.0 || height < size.1 || height > most.max(size.1) {
            let what = format!("a part of its pixels is a JPEG of {width}x{height} and not of {}x{}", size.0, size.1);
            return Err(Fault::Damaged(what));
        }
        decode_part(&jpeg)
    }
}
