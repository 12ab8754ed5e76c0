//! How many pixels a file may announce.

use super::fault::Fault;

/// Longest side in pixels that is decoded.
pub const MAX_SIDE: u32 = 16_384;
/// Most bytes of decoded pixels, and most bytes of a file.
pub(super) const MAX_BYTES: u64 = 1 << 30;
/// Most bytes of pixels, packed as the format packs them, for a byte of a file. Deflate reaches 1032, JPEG 1365.
const MAX_RATIO: u64 = 4096;
/// Most pixels for a byte of a file: of one bit each deflate reaches 8256, and Group 4 as many on rows that are not blank.
const MAX_PIXELS: u64 = 16_384;

/// What a header announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Announced {
    pub(super) width: u32,
    pub(super) height: u32,
    /// of a pixel, as it is packed in the file before compression
    pub(super) bits_per_pixel: u64,
}

impl Announced {
    /// Refuses what no image of `file_length` bytes can hold, before room is made for it.
    pub(super) fn check(self, file_length: usize) -> Result<(), Fault> {
        let Self { width, height, bits_per_pixel } = self;
        if width == 0 || height == 0 {
            return Err(Fault::NoPixels { width, height });
        }
        let pixels = u64::from(width) * u64::from(height);
        // What is packed is unpacked to three bytes or more.
        let decoded = pixels.saturating_mul(bits_per_pixel.max(24).div_ceil(8));
        if width > MAX_SIDE || height > MAX_SIDE || decoded > MAX_BYTES {
            return Err(Fault::TooLarge { width, height, limit: MAX_SIDE });
        }
        let length = file_length as u64;
        if pixels.saturating_mul(bits_per_pixel).div_ceil(8) > MAX_RATIO * length || pixels > MAX_PIXELS * length {
            return Err(Fault::Truncated(format!("{length} bytes are too few for {width}x{height} pixels")));
        }
        Ok(())
    }

    /// Bytes that a decoder may make room for at once.
    pub(super) fn most_bytes(file_length: usize) -> u64 {
        (2 * MAX_RATIO * file_length as u64 + (4 << 20)).min(MAX_BYTES)
    }
}
