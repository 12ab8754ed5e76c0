//! Masks in MATLAB's files of version 5, which `save` has written since 1996 (`-v6` and, compressed, `-v7`).
//!
//! Its elements are a type, a length and so many bytes, padded to eight; a matrix is an element of elements: class,
//! lengths, name and values, column by column. Of a whole file one matrix of numbers is wanted, within bounds: crates for
//! such files inflate without limit and multiply lengths unchecked.

use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;
use image::metadata::Orientation;

use crate::data::image_file::{MAX_SIDE, MaskValues, StoredMask};
use crate::input_file;

/// Most bytes of a file, and of what is packed in it.
const LARGEST: u64 = 1 << 30;
/// Deflate makes no more of a byte.
const MAX_RATIO: u64 = 1032;
const HEADER: usize = 128;
/// Types of elements.
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
/// Classes of matrices that hold numbers.
const NUMBERS: std::ops::RangeInclusive<u8> = 6..=15;

/// Reads the variable `mask`, or the only matrix of more than one row and column.
///
/// # Errors
/// A sentence that names the file.
pub(super) fn read_mat(path: &Path) -> Result<StoredMask, String> {
    let cannot = |error: std::io::Error| format!("cannot read `{}`: {error}", path.display());
    let bytes = input_file::read_at_most(path, LARGEST).map_err(cannot)?;
    let bytes = bytes.map_err(|_| format!("`{}` is larger than 1 GiB", path.display()))?;
    parse(&bytes).map_err(|problem| format!("no mask can be read from `{}`: {problem}", path.display()))
}

/// Bytes whose numbers have one order.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

struct Element<'a> {
    kind: u32,
    data: Bytes<'a>,
}

struct Matrix {
    name: String,
    rows: usize,
    columns: usize,
    /// column by column
    values: Vec<f64>,
}

impl<'a> Bytes<'a> {
    fn of(self, bytes: &[u8]) -> Bytes<'_> {
        Bytes { bytes, ..self }
    }

    /// The bytes of a number, the least first.
    fn digits<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        let mut digits: [u8; N] = self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()?;
        if self.big_endian {
            digits.reverse();
        }
        Some(digits)
    }

    fn word(self, at: usize) -> Option<u32> {
        self.digits(at).map(u32::from_le_bytes)
    }

    /// Takes the first element off.
    fn element(&mut self) -> Option<Element<'a>> {
        let first = self.word(0)?;
        // Up to four bytes stand in the place of the length.
        let (kind, length, start): (u32, usize, usize) = match first >> 16 {
            0 => (first, self.word(4)? as usize, 8),
            length => (first & 0xFFFF, length as usize, 4),
        };
        if start == 4 && length > 4 {
            return None;
        }
        let end = start.checked_add(length)?;
        let data = Bytes { bytes: self.bytes.get(start..end)?, ..*self };
        let padded = if kind == COMPRESSED { end } else { end.max(8).next_multiple_of(8) };
        self.bytes = self.bytes.get(padded..).unwrap_or_default();
        Some(Element { kind, data })
    }

    /// Numbers of an element of some type.
    fn numbers(self, kind: u32) -> Option<Vec<f64>> {
        let all = |width: usize, number: &dyn Fn(usize) -> Option<f64>| {
            (0..self.bytes.len() / width).map(|i| number(i * width)).collect()
        };
        match kind {
            1 => all(1, &|at| self.digits(at).map(i8::from_le_bytes).map(f64::from)),
            2 => all(1, &|at| self.digits(at).map(u8::from_le_bytes).map(f64::from)),
            3 => all(2, &|at| self.digits(at).map(i16::from_le_bytes).map(f64::from)),
            4 => all(2, &|at| self.digits(at).map(u16::from_le_bytes).map(f64::from)),
            5 => all(4, &|at| self.digits(at).map(i32::from_le_bytes).map(f64::from)),
            6 => all(4, &|at| self.digits(at).map(u32::from_le_bytes).map(f64::from)),
            7 => all(4, &|at| self.digits(at).map(f32::from_le_bytes).map(f64::from)),
            9 => all(8, &|at| self.digits(at).map(f64::from_le_bytes)),
            12 => all(8, &|at| self.digits(at).map(i64::from_le_bytes).map(|number| number as f64)),
            13 => all(8, &|at| self.digits(at).map(u64::from_le_bytes).map(|number| number as f64)),
            _ => None,
        }
    }
}

fn parse(bytes: &[u8]) -> Result<StoredMask, String> {
    let newer = bytes.starts_with(b"MATLAB 7.3") || bytes.starts_with(b"\x89HDF");
    if newer {
        return Err("it is a file of version 7.3 (HDF5), which is not read; save it again with `-v7`".to_string());
    }
    let big_endian = match bytes.get(HEADER - 2..HEADER) {
        Some(b"IM") => false,
        Some(b"MI") => true,
        _ => return Err("it is no MATLAB file of version 5 to 7; save it again with `-v7`".to_string()),
    };
    let damaged = || "it is damaged".to_string();
    let mut rest = Bytes { bytes: &bytes[HEADER..], big_endian };
    let mut matrices = Vec::new();
    while !rest.bytes.is_empty() {
        let element = rest.element().ok_or_else(damaged)?;
        let found = match element.kind {
            MATRIX => matrix(element.data),
            COMPRESSED => {
                let packed = element.data.bytes;
                let limit = LARGEST.min(MAX_RATIO * packed.len() as u64 + 64);
                let mut inflated = Vec::new();
                let outcome = ZlibDecoder::new(packed).take(limit).read_to_end(&mut inflated);
                outcome.map_err(|_| damaged())?;
                let element = rest.of(&inflated).element().ok_or_else(damaged)?;
                if element.kind == MATRIX { matrix(element.data) } else { None }
            }
            _ => None,
        };
        matrices.extend(found);
    }
    let is_mask = |matrix: &&Matrix| matrix.name.eq_ignore_ascii_case("mask");
    match (matrices.iter().find(is_mask), &matrices[..]) {
        (Some(matrix), _) | (None, [matrix]) => levels(matrix),
        (None, []) => Err("it holds no matrix of numbers".to_string()),
        (None, several) => {
            let names: Vec<String> = several.iter().take(5).map(|m| format!("`{}`", m.name)).collect();
            Err(format!("none of its matrices is called `mask`: {}", names.join(", ")))
        }
    }
}

/// A matrix of real numbers with more than one row and column.
fn matrix(mut data: Bytes) -> Option<Matrix> {
    let flags = data.element()?.data.word(0)?;
    let lengths = data.element()?;
    let lengths = lengths.data.numbers(lengths.kind)?;
    let name = String::from_utf8_lossy(data.element()?.data.bytes).into_owned();
    let [rows, columns] = lengths[..] else { return None };
    let is_image = |length: f64| length > 1.0 && length <= f64::from(MAX_SIDE);
    if !NUMBERS.contains(&flags.to_le_bytes()[0]) || !is_image(rows) || !is_image(columns) {
        return None;
    }
    let values = data.element()?;
    let values = values.data.numbers(values.kind)?;
    let (rows, columns) = (rows as usize, columns as usize);
    (values.len() == rows * columns).then_some(Matrix { name, rows, columns, values })
}

fn levels(matrix: &Matrix) -> Result<StoredMask, String> {
    let Matrix { name, rows, columns, values } = matrix;
    let level = |value: f64| (0.0..=f64::from(u32::MAX)).contains(&value).then_some(value as u32);
    let whole = |value: f64| level(value).filter(|level| f64::from(*level) == value);
    let stored = (0..rows * columns).map(|i| values[i % columns * rows + i / columns]);
    let read: Result<Vec<u32>, f64> = stored.map(|value| whole(value).ok_or(value)).collect();
    let read = read.map_err(|value| format!("`{name}` holds {value}, which is no class or level"))?;
    let largest = read.iter().copied().max().unwrap_or(0);
    Ok(StoredMask {
        width: *columns as u32,
        height: *rows as u32,
        values: MaskValues::Levels { values: read, palette: None, largest },
        orientation: Orientation::NoTransforms,
        lossy: false,
        notes: Vec::new(),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn element(kind: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    /// A file with a matrix of bytes, which MATLAB stores of doubles too where they fit.
    pub(crate) fn file(name: &str, rows: u32, columns: u32, value: impl Fn(u32, u32) -> u8, packed: bool) -> Vec<u8> {
        let values: Vec<u8> = (0..rows * columns).map(|i| value(i / rows, i % rows)).collect();
        let parts = [
            element(6, &[6, 0, 0, 0, 0, 0, 0, 0]),
            element(5, &[rows.to_le_bytes(), columns.to_le_bytes()].concat()),
            element(1, name.as_bytes()),
            element(2, &values),
        ];
        let mut matrix = element(MATRIX, &parts.concat());
        if packed {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&matrix).unwrap();
            let data = encoder.finish().unwrap();
            matrix = [COMPRESSED.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
            matrix.extend(data);
        }
        let mut bytes = b"MATLAB 5.0 MAT-file".to_vec();
        bytes.resize(HEADER - 4, b' ');
        bytes.extend(b"\x00\x01IM");
        bytes.extend(matrix);
        bytes
    }

    #[test]
    fn matrices_are_read_plain_and_packed() {
        for packed in [false, true] {
            let mask = parse(&file("mask", 3, 5, |x, y| (10 * y + x) as u8, packed)).expect("a mask");
            assert_eq!((mask.width, mask.height), (5, 3));
            let MaskValues::Levels { values, palette: None, largest: 24 } = mask.values else { panic!("levels") };
            assert_eq!(values, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24]);
        }
    }

    #[test]
    fn files_of_scipy_are_read() {
        // Made with `scipy.io.savemat(FILE, {'mask': m}, do_compression=...)`: bytes, and doubles that are packed.
        for file in [&include_bytes!("tests/plain.mat")[..], include_bytes!("tests/packed.mat")] {
            let mask = parse(file).expect("a mask");
            let wanted = (0..30 * 40).map(|i| {
                let distance = f64::hypot(f64::from(i % 40) - 22.0, f64::from(i / 40) - 13.0);
                u32::from(distance < 9.0) + u32::from(distance < 4.0)
            });
            let MaskValues::Levels { values, palette: None, largest: 2 } = mask.values else { panic!("levels") };
            assert_eq!((mask.width, mask.height, values), (40, 30, wanted.collect()));
        }
    }

    #[test]
    fn what_is_no_mask_is_refused_in_a_sentence() {
        let good = file("mask", 3, 5, |x, _| x as u8, false);
        let of = |bytes: &[u8]| parse(bytes).map(|_| ()).expect_err("no mask");
        assert!(of(b"MATLAB 7.3 MAT-file, Platform").contains("save it again with `-v7`"));
        assert!(of(b"MATLAB").contains("no MATLAB file"));
        assert!(of(&good[..HEADER]).contains("no matrix"));
        assert!(of(&file("one", 1, 5, |_, _| 0, true)).contains("no matrix"));
        let mut two = file("left", 3, 5, |_, _| 0, false);
        two.extend(&file("right", 3, 5, |_, _| 0, false)[HEADER..]);
        assert!(of(&two).contains("`left`, `right`"));
        for length in HEADER + 1..good.len() - 8 {
            let told = of(&good[..length]);
            assert!(told == "it is damaged" || told.contains("no matrix"), "{length}: {told}");
        }
    }

    #[test]
    fn no_damage_makes_the_reader_fall() {
        for packed in [false, true] {
            let good = file("mask", 9, 7, |x, y| (x * y) as u8, packed);
            for place in HEADER..good.len() {
                for value in [0, 1, 0x7F, 0x80, 0xFF] {
                    let mut bytes = good.clone();
                    bytes[place] = value;
                    let _ = parse(&bytes);
                }
            }
        }
    }
}
