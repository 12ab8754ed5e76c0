//! TFRecord framing: length (u64), its checksum (u32), content, its checksum (u32), little-endian throughout.
//!
//! A checksum is the CRC-32C, rotated and shifted so that a record can hold records and their checksums:
//! <https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details>.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

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

/// Bytes of the whole records at the beginning of a file, among its first so many bytes.
pub(super) fn whole_records(mut file: impl Read + Seek, most: u64) -> io::Result<u64> {
    let (mut end, mut head) = (0u64, [0; 12]);
    loop {
        file.seek(SeekFrom::Start(end))?;
        match file.read_exact(&mut head) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(end),
            read => read?,
        }
        let (length, checksum) = head.split_at(8);
        let is_head = masked_crc32c(length).to_le_bytes() == checksum;
        let length = u64::from_le_bytes(length.try_into().expect("eight bytes"));
        match end.checked_add(length).and_then(|end| end.checked_add(FRAME as u64)) {
            Some(next) if is_head && next <= most => end = next,
            _ => return Ok(end),
        }
    }
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
