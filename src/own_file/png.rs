//! The mark of a picture: a text chunk with a checksum of all other bytes, so that a picture which somebody has worked on is
//! not taken for the one that was written.

/// What a PNG file begins with: its signature, and the chunk with its size.
const HEADER: usize = 8 + 12 + 13;
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Purpose of the chunk, and the keyword that the standard has for the program that wrote a picture.
const CHUNK: &[u8] = b"tEXtSoftware\0";

/// A PNG file with a mark.
pub(super) fn sealed(png: &[u8], mark: &str) -> Vec<u8> {
    let (header, rest) = png.split_at(HEADER.min(png.len()));
    [header, &chunk(header, rest, mark), rest].concat()
}

/// Whether a PNG file has that mark, and is as it was then.
pub(super) fn is_sealed(content: &[u8], mark: &str) -> bool {
    let Some((header, rest)) = content.split_at_checked(HEADER) else { return false };
    let length = chunk(header, &[], mark).len();
    let Some((found, rest)) = rest.split_at_checked(length) else { return false };
    header.starts_with(SIGNATURE) && found == chunk(header, rest, mark)
}

fn chunk(header: &[u8], rest: &[u8], mark: &str) -> Vec<u8> {
    let checksum = crc32c::crc32c_append(crc32c::crc32c(header), rest);
    let typed = [CHUNK, format!("{mark} {checksum:08x}").as_bytes()].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&typed);
    let length = (typed.len() - 4) as u32;
    [&length.to_be_bytes(), &typed[..], &crc.sum().to_be_bytes()].concat()
}
