//! An image as its file holds it, before anything is made of it.

use image::metadata::Orientation;

use super::note::ImageNote;

/// Samples at their true depth: those of one bit are 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Samples {
    /// of up to 8 bits
    U8(Vec<u8>),
    /// of up to 16 bits
    U16(Vec<u16>),
    /// of up to 32 bits
    U32(Vec<u32>),
    /// real numbers
    F32(Vec<f32>),
}

/// What the samples of a pixel are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Channels {
    /// one level
    Grey,
    /// red, green and blue
    Rgb,
    /// one index of one of these colours
    Palette(Vec<[u8; 3]>),
}

/// Pixels, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Raster {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: Channels,
    /// of all pixels, interleaved
    pub(super) samples: Samples,
    /// how opaque each pixel is, where not all of them are
    pub(super) alpha: Option<Samples>,
    /// bits of a sample; of real numbers 32
    pub(super) bits: u8,
    pub(super) orientation: Orientation,
    /// whether the encoder changed levels
    pub(super) lossy: bool,
    pub(super) notes: Vec<ImageNote>,
}

impl Raster {
    /// Bytes, grey or RGB, that lie upright and are as they were encoded.
    pub(super) fn of_bytes(width: u32, height: u32, channels: Channels, bytes: Vec<u8>) -> Self {
        let (samples, orientation) = (Samples::U8(bytes), Orientation::NoTransforms);
        Self { width, height, channels, samples, alpha: None, bits: 8, orientation, lossy: false, notes: Vec::new() }
    }

    /// A palette of which index i is the grey i says nothing: the indices are levels.
    pub(super) fn without_plain_palette(mut self) -> Self {
        let plain = |palette: &[[u8; 3]]| {
            palette.iter().enumerate().all(|(i, colour)| colour.iter().all(|&c| usize::from(c) == i))
        };
        if let Channels::Palette(palette) = &self.channels
            && self.bits == 8
            && plain(palette)
        {
            self.channels = Channels::Grey;
        }
        self
    }
}

/// Samples of fewer than 8 bits, packed from the highest bit on in rows that begin with whole bytes, one to a byte.
pub(super) fn unpacked(packed: &[u8], row_samples: usize, bits: u8) -> Vec<u8> {
    let (per_byte, mask) = (usize::from(8 / bits), (1u8 << bits) - 1);
    let row_bytes = row_samples.div_ceil(per_byte);
    let mut samples = Vec::with_capacity(packed.len() / row_bytes.max(1) * row_samples);
    for row in packed.chunks_exact(row_bytes) {
        let unpacked = row.iter().flat_map(|&byte| (1..=per_byte).map(move |i| byte >> (8 - bits * i as u8) & mask));
        samples.extend(unpacked.take(row_samples));
    }
    samples
}

impl Samples {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::U8(samples) => samples.len(),
            Self::U16(samples) => samples.len(),
            Self::U32(samples) => samples.len(),
            Self::F32(samples) => samples.len(),
        }
    }

    /// Bits that one takes here.
    pub(super) fn bits(&self) -> u8 {
        match self {
            Self::U8(_) => 8,
            Self::U16(_) => 16,
            Self::U32(_) | Self::F32(_) => 32,
        }
    }

    /// Brings together the samples of each pixel, of which all first ones come before all second ones.
    pub(super) fn interleaved(self, planes: usize) -> Self {
        fn interleaved<T: Copy>(samples: &[T], planes: usize) -> Vec<T> {
            let plane = samples.len() / planes;
            (0..samples.len()).map(|i| samples[i % planes * plane + i / planes]).collect()
        }
        match self {
            Self::U8(samples) => Self::U8(interleaved(&samples, planes)),
            Self::U16(samples) => Self::U16(interleaved(&samples, planes)),
            Self::U32(samples) => Self::U32(interleaved(&samples, planes)),
            Self::F32(samples) => Self::F32(interleaved(&samples, planes)),
        }
    }

    /// Keeps the first `kept` of every `stored` samples, and takes off the one that follows them, alpha, where it is not
    /// opaque everywhere.
    pub(super) fn split_alpha(self, stored: usize, kept: usize) -> (Self, Option<Self>) {
        fn split<T: Copy + PartialOrd>(
            mut samples: Vec<T>,
            stored: usize,
            kept: usize,
            opaque: T,
        ) -> (Vec<T>, Option<Vec<T>>) {
            let alpha = || samples.iter().skip(kept).step_by(stored).copied();
            let alpha = alpha().any(|alpha| alpha < opaque).then(|| alpha().collect());
            let pixels = samples.len() / stored;
            for pixel in 0..pixels {
                samples.copy_within(pixel * stored..pixel * stored + kept, pixel * kept);
            }
            samples.truncate(pixels * kept);
            (samples, alpha)
        }
        match self {
            Self::U8(samples) => {
                let (samples, alpha) = split(samples, stored, kept, u8::MAX);
                (Self::U8(samples), alpha.map(Self::U8))
            }
            Self::U16(samples) => {
                let (samples, alpha) = split(samples, stored, kept, u16::MAX);
                (Self::U16(samples), alpha.map(Self::U16))
            }
            Self::U32(samples) => {
                let (samples, alpha) = split(samples, stored, kept, u32::MAX);
                (Self::U32(samples), alpha.map(Self::U32))
            }
            Self::F32(samples) => {
                let (samples, alpha) = split(samples, stored, kept, 1.0);
                (Self::F32(samples), alpha.map(Self::F32))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_rows_begin_with_whole_bytes() {
        assert_eq!(unpacked(&[0b1010_0000, 0b1000_0000, 0b0101_1111, 0b0111_1111], 9, 1).len(), 18);
        assert_eq!(unpacked(&[0b1010_0000, 0b1000_0000], 9, 1), [1, 0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(unpacked(&[0b00_01_10_11, 0b11_00_00_00], 5, 2), [0, 1, 2, 3, 3]);
        assert_eq!(unpacked(&[0x5A, 0xF0, 0x12, 0x30], 3, 4), [5, 10, 15, 1, 2, 3]);
    }

    #[test]
    fn alpha_is_taken_off() {
        let opaque = Samples::U8(vec![1, 2, 3, 255, 4, 5, 6, 255]).split_alpha(4, 3);
        assert_eq!(opaque, (Samples::U8(vec![1, 2, 3, 4, 5, 6]), None));
        let transparent = Samples::U16(vec![7, 65_535, 8, 254]).split_alpha(2, 1);
        assert_eq!(transparent, (Samples::U16(vec![7, 8]), Some(Samples::U16(vec![65_535, 254]))));
    }
}
