//! Where each value of a run lives: offsets in one arena, shared by values that never live at once.

/// The steps of a run over which a block of memory must keep its contents, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// size of the block
    pub bytes: u64,
    /// step that writes it first
    pub first: usize,
    /// step that reads or writes it last
    pub last: usize,
}

impl Lifetime {
    fn overlaps(&self, other: &Lifetime) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Byte offsets in the arena, one for each lifetime given, and the arena's size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryPlan {
    /// where each block begins, in bytes from the arena's beginning
    pub offsets: Vec<u64>,
    /// size of the arena
    pub peak_bytes: u64,
}

/// Places every block at a multiple of `alignment`, largest first, each in the lowest gap that is free over
/// its whole lifetime. The arena consists of pages of `page` bytes, and no block crosses from one to the next.
pub fn assign_offsets(lifetimes: &[Lifetime], alignment: u64, page: u64) -> MemoryPlan {
    let mut order: Vec<usize> = (0..lifetimes.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lifetimes[i].bytes), lifetimes[i].first, i));
    let within_page = |offset: u64, bytes: u64| match (offset % page) + bytes <= page {
        true => offset,
        false => offset.next_multiple_of(page),
    };
    let mut offsets = vec![0; lifetimes.len()];
    // Blocks already placed, by offset.
    let mut placed: Vec<usize> = Vec::new();
    let mut peak_bytes = 0;
    for index in order {
        let block = &lifetimes[index];
        let mut offset = 0;
        for &other in placed.iter().filter(|&&o| lifetimes[o].overlaps(block)) {
            offset = within_page(offset, block.bytes);
            if offset + block.bytes <= offsets[other] {
                break;
            }
            offset = offset.max((offsets[other] + lifetimes[other].bytes).next_multiple_of(alignment));
        }
        offset = within_page(offset, block.bytes);
        offsets[index] = offset;
        let position = placed.partition_point(|&o| offsets[o] <= offset);
        placed.insert(position, index);
        peak_bytes = peak_bytes.max(offset + block.bytes);
    }
    MemoryPlan { offsets, peak_bytes: peak_bytes.next_multiple_of(alignment) }
}
