//! Masks: the levels that a file holds, as it holds them.

use std::path::Path;

use image::metadata::Orientation;
use image::{GrayImage, ImageBuffer, Luma, Rgb};

use super::colour::looked_up;
use super::decode::decode;
use super::fault::Fault;
use super::note::ImageNote;
use super::raster::{Channels, Raster, Samples};
use super::turn::upright;
use crate::data::error::DataError;

/// Channels of a JPEG of grey levels may differ by so much.
const LOSSY_GREY: u32 = 16;

/// A mask as its file holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMask {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Its pixels, row by row.
    pub values: MaskValues,
    /// How the pixels lie in the file; [`StoredMask::upright`] turns them.
    pub orientation: Orientation,
    /// Whether the encoder changed levels, as JPEG does.
    pub lossy: bool,
    /// What a user should know about the file.
    pub notes: Vec<ImageNote>,
}

/// The pixels of a mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaskValues {
    /// Grey levels, or indices of a palette.
    Levels {
        /// At the depth of the file: labels 0, 1 and 2 of 16 bits are 0, 1 and 2, and bits are 0 and 1.
        values: Vec<u32>,
        /// The colours of indices. A palette of 256 of which colour i is the grey i is left out: its indices are levels.
        palette: Option<Vec<[u8; 3]>>,
        /// The largest level of this depth, which is white: 1, 3, 15, 255, 65535 or more. Of real numbers, which all are
        /// whole, it is the smallest of 1, 255, 65535 and so on that none exceeds; of shares of 1 it is 255.
        largest: u32,
    },
    /// Colours, of which not all are grey.
    Colours(Vec<[u8; 3]>),
}

/// Reads a mask as it is stored: not turned, and with the levels or palette indices of the file. Colours that are all grey
/// are levels.
///
/// # Errors
/// As [`read_rgb`](super::read_rgb); and real numbers that are neither whole, from 0 to 4294967295, nor from 0 to 1.
pub fn read_mask(path: &Path) -> Result<StoredMask, DataError> {
    stored_mask(decode(path)?).map_err(|fault| fault.of(path))
}

/// Reads a mask upright as 8-bit grey levels: black is 0 and white 255, whatever the depth.
///
/// # Errors
/// As [`read_mask`]; and [`DataError::ColouredMask`].
pub fn read_grey(path: &Path) -> Result<GrayImage, DataError> {
    read_mask(path)?.upright().to_grey(path)
}

impl StoredMask {
    /// The mask as a viewer shows it.
    pub fn upright(self) -> Self {
        let Self { width, height, values, orientation, .. } = self;
        if orientation == Orientation::NoTransforms {
            return Self { values, ..self };
        }
        let no_pixels = "as many values as pixels";
        let (values, (width, height)) = match values {
            MaskValues::Levels { values, palette, largest } => {
                let image = ImageBuffer::<Luma<u32>, _>::from_raw(width, height, values).expect(no_pixels);
                let turned = upright(image, orientation);
                let size = turned.dimensions();
                (MaskValues::Levels { values: turned.into_raw(), palette, largest }, size)
            }
            MaskValues::Colours(colours) => {
                let image = ImageBuffer::<Rgb<u8>, _>::from_raw(width, height, colours.into_flattened());
                let turned = upright(image.expect(no_pixels), orientation);
                let size = turned.dimensions();
                (MaskValues::Colours(turned.into_raw().as_chunks().0.to_vec()), size)
            }
        };
        Self { width, height, values, orientation: Orientation::NoTransforms, ..self }
    }

    /// Grey levels from 0, black, to 255, white; palettes are looked up.
    ///
    /// # Errors
    /// [`DataError::ColouredMask`], which names `path`.
    pub fn to_grey(&self, path: &Path) -> Result<GrayImage, DataError> {
        let grey_of = |colours: &mut dyn Iterator<Item = [u8; 3]>| {
            let grey = |(place, colour): (usize, [u8; 3])| match colour {
                [r, g, b] if r == g && g == b => Ok(r),
                colour => {
                    let (x, y) = (place as u32 % self.width, place as u32 / self.width);
                    Err(DataError::ColouredMask { path: path.to_path_buf(), x, y, colour })
                }
            };
            colours.enumerate().map(grey).collect::<Result<Vec<u8>, _>>()
        };
        let levels = match &self.values {
            MaskValues::Levels { values, palette: None, largest } => {
                let (largest, half) = (u64::from(*largest), u64::from(*largest / 2));
                values.iter().map(|value| ((u64::from(*value) * 255 + half) / largest) as u8).collect()
            }
            MaskValues::Levels { values, palette: Some(palette), .. } => {
                let colours = values.iter().map(|index| looked_up(*index, palette)).collect::<Result<Vec<_>, _>>();
                grey_of(&mut colours.map_err(|fault| fault.of(path))?.into_iter())?
            }
            MaskValues::Colours(colours) => grey_of(&mut colours.iter().copied())?,
        };
        let image = GrayImage::from_raw(self.width, self.height, levels);
        Ok(image.expect("as many values as pixels"))
    }
}

fn stored_mask(raster: Raster) -> Result<StoredMask, Fault> {
    let Raster { width, height, mut channels, mut samples, alpha, mut bits, orientation, lossy, mut notes } = raster;
    if let Some(alpha) = alpha {
        // Programs for drawing leave one colour, and where it was not drawn, nothing.
        if is_plain(&samples, width as usize * height as usize) {
            bits = alpha.bits();
            (channels, samples) = (Channels::Grey, alpha);
            notes.push(ImageNote::AlphaIsMask);
        } else {
            notes.push(ImageNote::AlphaDropped);
        }
    }
    let depth = match samples {
        Samples::F32(_) => None,
        _ => Some(u32::MAX >> (32 - bits.clamp(1, 32))),
    };
    let (numbers, depth) = match samples {
        Samples::F32(shares) if are_shares(&shares) => {
            notes.push(ImageNote::SharesOfWhite);
            (shares.into_iter().map(|share| (share * 255.0).round() as u32).collect(), Some(255))
        }
        samples => (whole_numbers(samples)?, depth),
    };
    let largest = depth.unwrap_or_else(|| depth_of(&numbers));
    let values = match channels {
        Channels::Grey => MaskValues::Levels { values: numbers, palette: None, largest },
        Channels::Palette(palette) => MaskValues::Levels { values: numbers, palette: Some(palette), largest },
        Channels::Rgb => match levels(&numbers, if lossy { LOSSY_GREY } else { 0 }) {
            Some(values) => MaskValues::Levels { values, palette: None, largest },
            None => MaskValues::Colours(colours(&numbers, largest)),
        },
    };
    Ok(StoredMask { width, height, values, orientation, lossy, notes })
}

/// Whether all pixels have the same samples.
fn is_plain(samples: &Samples, pixels: usize) -> bool {
    fn plain<T: PartialEq>(samples: &[T], pixels: usize) -> bool {
        let of_pixel = (samples.len() / pixels).max(1);
        samples.chunks(of_pixel).all(|pixel| pixel == &samples[..of_pixel])
    }
    match samples {
        Samples::U8(samples) => plain(samples, pixels),
        Samples::U16(samples) => plain(samples, pixels),
        Samples::U32(samples) => plain(samples, pixels),
        Samples::F32(samples) => plain(samples, pixels),
    }
}

/// Whether real numbers are from 0 to 1, and not all of them whole.
fn are_shares(samples: &[f32]) -> bool {
    samples.iter().all(|sample| (0.0..=1.0).contains(sample)) && samples.iter().any(|sample| sample.fract() > 0.0)
}

fn whole_numbers(samples: Samples) -> Result<Vec<u32>, Fault> {
    let real = match samples {
        Samples::U8(samples) => return Ok(samples.into_iter().map(u32::from).collect()),
        Samples::U16(samples) => return Ok(samples.into_iter().map(u32::from).collect()),
        Samples::U32(samples) => return Ok(samples),
        Samples::F32(samples) => samples,
    };
    let whole = |sample: &f32| sample.fract() == 0.0 && (0.0..4_294_967_296.0).contains(sample);
    if let Some(sample) = real.iter().find(|sample| !whole(sample)) {
        let what = format!("holds the real number {sample}, and labels are whole numbers from 0 on");
        return Err(Fault::Unsupported { what, remedy: "save the labels with 8 or 16 bits" });
    }
    Ok(real.into_iter().map(|sample| sample as u32).collect())
}

/// The smallest usual depth that holds all of these.
fn depth_of(numbers: &[u32]) -> u32 {
    let largest = numbers.iter().copied().max().unwrap_or(0);
    [1, 255, 65_535].into_iter().find(|most| largest <= *most).unwrap_or(u32::MAX)
}

/// One level of each pixel, where red, green and blue are equal up to a tolerance.
fn levels(rgb: &[u32], tolerance: u32) -> Option<Vec<u32>> {
    let level = |[r, g, b]: &[u32; 3]| {
        let (low, high) = (r.min(g).min(b), r.max(g).max(b));
        (high - low <= tolerance).then(|| if low == high { *g } else { (299 * r + 587 * g + 114 * b + 500) / 1000 })
    };
    rgb.as_chunks().0.iter().map(level).collect()
}

/// Colours of 8 bits. Labels of so many are often stored in 16.
fn colours(rgb: &[u32], largest: u32) -> Vec<[u8; 3]> {
    let largest = if rgb.iter().all(|value| *value <= 255) { 255 } else { u64::from(largest) };
    let byte = |value: u32| ((u64::from(value) * 255 + largest / 2) / largest) as u8;
    rgb.as_chunks().0.iter().map(|colour: &[u32; 3]| colour.map(byte)).collect()
}
