//! A TIFF's table of fields, as far as it must be known before the decoder sees the file.

/// Photometric interpretation: what samples mean.
pub(super) const PHOTOMETRIC: u16 = 262;
/// How strips or tiles are compressed.
pub(super) const COMPRESSION: u16 = 259;
/// Whether a byte's first bit is the lowest.
pub(super) const FILL_ORDER: u16 = 266;
/// Which way is up.
pub(super) const ORIENTATION: u16 = 274;
/// The palette: all reds, all greens, all blues, of 16 bits each.
pub(super) const COLOUR_MAP: u16 = 320;
/// What samples beyond the colours are.
pub(super) const EXTRA_SAMPLES: u16 = 338;
/// Tables that all JPEGs of the file share.
pub(super) const JPEG_TABLES: u16 = 347;
/// How many columns and rows of pixels share chroma.
pub(super) const CHROMA_SUBSAMPLING: u16 = 530;
/// Whether a page is, for example, a smaller version of another.
const SUBFILE: u16 = 254;
/// Offsets and lengths of strips, and of tiles.
const CHUNKS: [(u16, u16); 2] = [(273, 279), (324, 325)];

/// More pages than a stack of scans has.
const MAX_PAGES: u32 = 10_000;

/// How the numbers of a file are written.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    little: bool,
    /// bytes of an offset, and of the number of entries of a table
    widths: (usize, usize),
}

/// One field.
#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u16,
    /// bytes of one value
    width: usize,
    count: u64,
    /// where the value lies, or its offset
    place: u64,
}

/// The fields of a page.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    numbers: Numbers,
    entries: Vec<Entry>,
    /// bytes that its entries are said to take
    table_bytes: u64,
    next: Option<u64>,
}

impl Numbers {
    /// The number of so many bytes at a place; `None` beyond the file's end.
    fn at(self, bytes: &[u8], place: u64, width: usize) -> Option<u64> {
        let start = usize::try_from(place).ok()?;
        let digits = bytes.get(start..start.checked_add(width)?)?;
        let add = |sum: u64, digit: &u8| sum << 8 | u64::from(*digit);
        Some(if self.little { digits.iter().rev().fold(0, add) } else { digits.iter().fold(0, add) })
    }
}

impl Directory {
    /// That of the first page; `None` where the file is no TIFF, or ends before its table begins.
    pub(super) fn first(bytes: &[u8]) -> Option<Self> {
        let little = match bytes.get(..2)? {
            b"II" => true,
            b"MM" => false,
            _ => return None,
        };
        let widths = match (Numbers { little, widths: (4, 2) }).at(bytes, 2, 2)? {
            42 => (4, 2),
            43 => (8, 8),
            _ => return None,
        };
        let numbers = Numbers { little, widths };
        Self::read(bytes, numbers, numbers.at(bytes, widths.0 as u64, widths.0)?)
    }

    fn read(bytes: &[u8], numbers: Numbers, table: u64) -> Option<Self> {
        let (offset, length) = numbers.widths;
        let (announced, entry) = (numbers.at(bytes, table, length)?, 4 + 2 * offset as u64);
        let mut entries = Vec::new();
        for index in 0..announced.min(bytes.len() as u64 / entry) {
            let at = table.checked_add(length as u64 + index * entry)?;
            let Some(count) = numbers.at(bytes, at + 4, offset) else { break };
            let (tag, kind) = (numbers.at(bytes, at, 2)? as u16, numbers.at(bytes, at + 2, 2)?);
            let width = match kind {
                3 | 8 => 2,
                4 | 9 | 11 | 13 => 4,
                5 | 10 | 12 | 16..=18 => 8,
                _ => 1,
            };
            entries.push(Entry { tag, width, count, place: at + 4 + offset as u64 });
        }
        let table_bytes = announced.saturating_mul(entry);
        let end = table.checked_add(length as u64)?.checked_add(table_bytes);
        let next = end.and_then(|end| numbers.at(bytes, end, offset)).filter(|next| *next > 0);
        Some(Self { numbers, entries, table_bytes, next })
    }

    /// Most bytes that the table, or one of its fields, is said to have: the decoder makes room for them before it reads them.
    pub(super) fn largest(&self) -> u64 {
        let fields = self.entries.iter().map(|entry| entry.count.saturating_mul(entry.width as u64));
        fields.fold(self.table_bytes, u64::max)
    }

    fn entry(&self, tag: u16) -> Option<Entry> {
        self.entries.iter().find(|entry| entry.tag == tag).copied()
    }

    /// The whole numbers of a field; none where it is absent or lies outside the file.
    pub(super) fn values(&self, bytes: &[u8], tag: u16) -> Vec<u64> {
        let Some(Entry { width, count, place, .. }) = self.entry(tag) else { return Vec::new() };
        let offset = self.numbers.widths.0;
        let inline = count.saturating_mul(width as u64) <= offset as u64;
        let Some(start) = (if inline { Some(place) } else { self.numbers.at(bytes, place, offset) }) else {
            return Vec::new();
        };
        // Beyond the file's end there are none, however many are announced.
        let places = (0..count).map_while(|i| start.checked_add(i.checked_mul(width as u64)?));
        places.map_while(|place| self.numbers.at(bytes, place, width)).collect()
    }

    /// The first number of a field.
    pub(super) fn value(&self, bytes: &[u8], tag: u16) -> Option<u64> {
        self.values(bytes, tag).first().copied()
    }

    /// Writes another number into a field that has one.
    pub(super) fn set(&self, bytes: &mut [u8], tag: u16, value: u8) {
        let Some(Entry { width, place, .. }) = self.entry(tag) else { return };
        if let Some(digits) = bytes.get_mut(place as usize..place as usize + width) {
            digits.fill(0);
            digits[if self.numbers.little { 0 } else { width - 1 }] = value;
        }
    }

    /// Where the compressed pixels lie: offsets and lengths.
    pub(super) fn chunks(&self, bytes: &[u8]) -> Vec<(u64, u64)> {
        let of = |(offsets, lengths)| self.values(bytes, offsets).into_iter().zip(self.values(bytes, lengths));
        CHUNKS.into_iter().flat_map(of).collect()
    }

    /// How many pages the file has, without smaller versions of another.
    pub(super) fn pages(&self, bytes: &[u8]) -> u32 {
        let (mut pages, mut next, mut seen) = (1, self.next, 1);
        while let Some(table) = next
            && seen < MAX_PAGES
            && let Some(page) = Self::read(bytes, self.numbers, table)
        {
            let smaller = page.value(bytes, SUBFILE).is_some_and(|kind| kind & 1 == 1);
            pages += u32::from(!smaller);
            (next, seen) = (page.next, seen + 1);
        }
        pages
    }
}
