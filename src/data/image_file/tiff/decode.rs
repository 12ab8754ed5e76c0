//! From a TIFF to samples.

use std::borrow::Cow;
use std::io::Cursor;

use image::metadata::Orientation;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::{ColorType, TiffError};

use super::super::bounds::{Announced, MAX_BYTES};
use super::super::colour::{rgb_of_cmyk, rgb_of_ycbcr, rgb16_of_cmyk};
use super::super::fault::Fault;
use super::super::note::ImageNote;
use super::super::raster::{Channels, Raster, Samples, unpacked};
use super::directory::{
    CHROMA_SUBSAMPLING, COLOUR_MAP, COMPRESSION, Directory, EXTRA_SAMPLES, FILL_ORDER, JPEG_TABLES, ORIENTATION,
    PHOTOMETRIC,
};
use super::jpegs::{Division, Jpegs};

const JPEG: u64 = 7;
const GROUP_4: u64 = 4;
const WHITE_IS_ZERO: u64 = 0;
const BLACK_IS_ZERO: u8 = 1;
const PALETTE: u64 = 3;
const TRANSPARENCY_MASK: u64 = 4;
const YCBCR: u64 = 6;

impl From<TiffError> for Fault {
    fn from(error: TiffError) -> Self {
        match error {
            TiffError::IoError(cause) => cause.into(),
            TiffError::UnsupportedError(what) => Self::Unsupported {
                what: format!("is a TIFF of an unusual kind ({what})"),
                remedy: "save it as PNG, or as a TIFF of 8 or 16 bits",
            },
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// A file whose first page can be decoded, and what the decoder does not say about it.
struct Opened<'a> {
    decoder: Decoder<Cursor<Cow<'a, [u8]>>>,
    colours: ColorType,
    palette: Option<Vec<[u8; 3]>>,
    orientation: Orientation,
    /// where pixels are compressed as JPEG, which another decoder reads
    jpegs: Option<Jpegs>,
    /// whether 0 is white, in what that decoder reads
    is_inverted: bool,
    has_alpha: bool,
    pages: u32,
}

fn open(bytes: &[u8]) -> Result<Opened<'_>, Fault> {
    let Some(page) = Directory::first(bytes) else {
        return Err(Fault::Truncated("the table of its fields is missing".to_string()));
    };
    if page.largest() > bytes.len() as u64 {
        let reason =
            format!("its header speaks of a field of {} bytes, and the file has {}", page.largest(), bytes.len());
        return Err(Fault::Truncated(reason));
    }
    let compression = page.value(bytes, COMPRESSION).unwrap_or(1);
    refuse_compression(compression)?;
    let photometric = page.value(bytes, PHOTOMETRIC);
    if photometric == Some(YCBCR) && compression != JPEG && page.values(bytes, CHROMA_SUBSAMPLING) != [1, 1] {
        return Err(Fault::unsupported("is a TIFF of luma and coarser chroma without JPEG, which is not read"));
    }
    let chunks = page.chunks(bytes);
    let outside = |(offset, length): &(u64, u64)| offset.saturating_add(*length) > bytes.len() as u64;
    if [JPEG, GROUP_4].contains(&compression) && chunks.iter().any(outside) {
        return Err(Fault::Truncated("some of its pixels lie beyond its end".to_string()));
    }

    let mut readable = Cow::Borrowed(bytes);
    if page.value(bytes, FILL_ORDER) == Some(2) && compression != JPEG {
        for &(offset, length) in &chunks {
            let range = offset as usize..(offset.saturating_add(length) as usize).min(bytes.len());
            readable
                .to_mut()
                .get_mut(range)
                .unwrap_or_default()
                .iter_mut()
                .for_each(|byte| *byte = byte.reverse_bits());
        }
    }
    // The decoder knows neither palettes nor masks of transparency, which are as easily read as they are grey.
    let palette = (photometric == Some(PALETTE)).then(|| palette(&page.values(bytes, COLOUR_MAP)));
    if let Some(PALETTE | TRANSPARENCY_MASK) = photometric {
        page.set(readable.to_mut(), PHOTOMETRIC, BLACK_IS_ZERO);
    }

    let mut limits = Limits::default();
    limits.decoding_buffer_size = MAX_BYTES as usize;
    limits.intermediate_buffer_size = Announced::most_bytes(bytes.len()) as usize;
    limits.ifd_value_size = limits.intermediate_buffer_size;
    let mut decoder = Decoder::new(Cursor::new(readable))?.with_limits(limits);
    let ((width, height), colours) = (decoder.dimensions()?, decoder.colortype()?);
    let bits_per_pixel = u64::from(colours.bit_depth()) * u64::from(colours.num_samples());
    Announced { width, height, bits_per_pixel }.check(bytes.len())?;
    let tables = || page.values(bytes, JPEG_TABLES).into_iter().map(|byte| byte as u8).collect();
    let jpegs = (compression == JPEG).then(|| Jpegs { tables: tables(), places: chunks });
    let orientation = page.value(bytes, ORIENTATION).and_then(|exif| Orientation::from_exif(u8::try_from(exif).ok()?));
    Ok(Opened {
        decoder,
        colours,
        palette,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        jpegs,
        is_inverted: photometric == Some(WHITE_IS_ZERO),
        has_alpha: matches!(page.value(bytes, EXTRA_SAMPLES), Some(1 | 2)) || matches!(colours, ColorType::RGBA(_)),
        pages: page.pages(bytes),
    })
}

fn refuse_compression(compression: u64) -> Result<(), Fault> {
    let name = match compression {
        1 | GROUP_4 | 5 | JPEG | 8 | 32_773 | 32_946 => return Ok(()),
        2 => "modified Huffman codes",
        3 => "fax codes of Group 3",
        6 => "JPEG as it was in TIFF before 1995",
        34_712 => "JPEG 2000",
        34_887 => "LERC",
        34_925 => "LZMA",
        50_000 => "Zstandard",
        50_001 => "WebP",
        _ => "an unknown method",
    };
    Err(Fault::Unsupported {
        what: format!("is a TIFF that is compressed with {name}, which is not read"),
        remedy: "save it without compression, with LZW or Deflate, or as PNG",
    })
}

/// The colours of a map of 16-bit values, or of one of bytes, which some programs write.
fn palette(map: &[u64]) -> Vec<[u8; 3]> {
    let shift = if map.iter().all(|value| *value < 256) { 0 } else { 8 };
    let colours = map.len() / 3;
    (0..colours).map(|i| [0, 1, 2].map(|channel| (map[channel * colours + i] >> shift) as u8)).collect()
}

/// Stored size and orientation.
pub(in super::super) fn header(bytes: &[u8]) -> Result<((u32, u32), Orientation), Fault> {
    let Opened { mut decoder, orientation, .. } = open(bytes)?;
    Ok((decoder.dimensions()?, orientation))
}

/// The first page.
pub(in super::super) fn decode(bytes: &[u8]) -> Result<Raster, Fault> {
    let Opened { mut decoder, colours, palette, orientation, jpegs, is_inverted, has_alpha, pages } = open(bytes)?;
    let (width, height) = decoder.dimensions()?;
    // Numbers of 64 bits become some of 32.
    let (stored, bits) = (usize::from(colours.num_samples()), colours.bit_depth().min(32));
    let (channels, colour_samples) = channels(colours, palette)?;
    if jpegs.is_some() && bits != 8 {
        return Err(unusual_depth(colours));
    }
    let mut planes = decoder.image_buffer_layout()?.planes;
    let (mut notes, lossy) = (Vec::new(), jpegs.is_some());
    let samples = if let Some(jpegs) = jpegs {
        let division = Division {
            size: (width, height),
            chunk: decoder.chunk_dimensions(),
            samples: stored,
            is_planar: planes > 1,
        };
        let (mut samples, ends) = jpegs.decode(bytes, division)?;
        if is_inverted {
            samples.iter_mut().for_each(|sample| *sample = u8::MAX - *sample);
        }
        if !ends {
            notes.push(ImageNote::EndMarkerMissing);
        }
        planes = 1;
        Samples::U8(samples)
    } else {
        let mut buffer = DecodingResult::U8(Vec::new());
        decoder.read_image_to_buffer(&mut buffer)?;
        match buffer {
            DecodingResult::U8(packed) if bits < 8 => Samples::U8(unpacked(&packed, width as usize, bits)),
            other => samples(other)?,
        }
    };
    let pixels = width as usize * height as usize;
    if samples.len() != pixels * stored {
        return Err(Fault::Damaged("its pixels are not as many as it announces".to_string()));
    }
    let samples = if planes > 1 { samples.interleaved(stored) } else { samples };
    let (samples, alpha) =
        if stored > colour_samples { samples.split_alpha(stored, colour_samples) } else { (samples, None) };
    let (samples, alpha) = (as_rgb(samples, colours), alpha.filter(|_| has_alpha));
    if pages > 1 {
        notes.push(ImageNote::OtherPages { pages });
    }
    Ok(Raster { width, height, channels, samples, alpha, bits, orientation, lossy, notes }.without_plain_palette())
}

/// What the first samples of a pixel are, and how many of them these are.
fn channels(colours: ColorType, palette: Option<Vec<[u8; 3]>>) -> Result<(Channels, usize), Fault> {
    match (colours, palette) {
        (ColorType::Gray(1 | 2 | 4 | 8), Some(palette)) => Ok((Channels::Palette(palette), 1)),
        (_, Some(_)) => Err(Fault::unsupported("is a TIFF with a palette of more than 256 colours, which is not read")),
        (ColorType::Gray(1 | 2 | 4 | 8 | 16 | 32 | 64), None) => Ok((Channels::Grey, 1)),
        (ColorType::Multiband { bit_depth: 8 | 16 | 32 | 64, num_samples: 2 }, None) => Ok((Channels::Grey, 1)),
        (ColorType::RGB(8 | 16 | 32 | 64) | ColorType::RGBA(8 | 16 | 32 | 64) | ColorType::YCbCr(8), None) => {
            Ok((Channels::Rgb, 3))
        }
        (ColorType::CMYK(8 | 16) | ColorType::CMYKA(8 | 16), None) => Ok((Channels::Rgb, 4)),
        (ColorType::Multiband { num_samples, .. }, None) => {
            Err(Fault::unsupported(format!("is a TIFF of {num_samples} channels that are no colours")))
        }
        (ColorType::Lab(_), None) => Err(Fault::unsupported("is a TIFF of L*a*b* colours, which are not read")),
        _ => Err(unusual_depth(colours)),
    }
}

fn unusual_depth(colours: ColorType) -> Fault {
    let bits = colours.bit_depth();
    Fault::Unsupported {
        what: format!("is a TIFF of {bits} bits a sample, which is not read"),
        remedy: "save it with 8 or 16 bits",
    }
}

/// Samples of whole bytes; labels may have signs, but none is below 0.
fn samples(buffer: DecodingResult) -> Result<Samples, Fault> {
    fn unsigned<S: Copy, U: TryFrom<S>>(values: &[S]) -> Result<Vec<U>, Fault> {
        let converted: Option<Vec<U>> = values.iter().map(|value| U::try_from(*value).ok()).collect();
        converted.ok_or_else(|| Fault::Unsupported {
            what: "is a TIFF of levels below 0 or above 4294967295".to_string(),
            remedy: "save it with levels from 0 to 65535",
        })
    }
    Ok(match buffer {
        DecodingResult::U8(values) => Samples::U8(values),
        DecodingResult::U16(values) => Samples::U16(values),
        DecodingResult::U32(values) => Samples::U32(values),
        DecodingResult::U64(values) => Samples::U32(unsigned(&values)?),
        DecodingResult::I8(values) => Samples::U8(unsigned(&values)?),
        DecodingResult::I16(values) => Samples::U16(unsigned(&values)?),
        DecodingResult::I32(values) => Samples::U32(unsigned(&values)?),
        DecodingResult::I64(values) => Samples::U32(unsigned(&values)?),
        DecodingResult::F16(values) => Samples::F32(values.iter().map(|value| value.to_f32()).collect()),
        DecodingResult::F32(values) => Samples::F32(values),
        DecodingResult::F64(values) => Samples::F32(values.iter().map(|value| *value as f32).collect()),
    })
}

fn as_rgb(samples: Samples, colours: ColorType) -> Samples {
    use ColorType::{CMYK, CMYKA, YCbCr};
    match (samples, colours) {
        (Samples::U8(values), CMYK(_) | CMYKA(_)) => {
            Samples::U8(values.as_chunks().0.iter().flat_map(|inks| rgb_of_cmyk(*inks)).collect())
        }
        (Samples::U16(values), CMYK(_) | CMYKA(_)) => {
            Samples::U16(values.as_chunks().0.iter().flat_map(|inks| rgb16_of_cmyk(*inks)).collect())
        }
        (Samples::U8(values), YCbCr(_)) => {
            Samples::U8(values.as_chunks().0.iter().flat_map(|ycbcr| rgb_of_ycbcr(*ycbcr)).collect())
        }
        (other, _) => other,
    }
}
