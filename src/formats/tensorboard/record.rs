//! TFRecord framing: length (u64), its checksum (u32), content, its checksum (u32), little-endian throughout.
//!
//! A checksum is the CRC-32C, rotated and shifted so that a record can hold records and their checksums:
//! <https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details>.

use prost::Message;

use super::event::Event;

/// Bytes around the content.
const FRAME: usize = 8 + 4 + 4;

/// An event as one record.
pub(super) fn frame(event: &Event) -> Vec<u8> {
    let content = event.encode_to_vec();
    let length = (content.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(content.len() + FRAME);
    record.extend(length);
    record.extend(masked_crc32c(&length).to_le_bytes());
    record.extend(&content);
    record.extend(masked_crc32c(&content).to_le_bytes());
    record
}

fn masked_crc32c(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_the_published_ones() {
        // RFC 3720, B.4: 32 bytes of zeros, of ones, and ascending.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c::crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c::crc32c(&ascending), 0x46dd_794e);
        // 0x8a9136aa rotated right by 15 bits is 0x6d551522.
        assert_eq!(masked_crc32c(&[0; 32]), 0x6d55_1522_u32.wrapping_add(0xa282_ead8));
    }
}
