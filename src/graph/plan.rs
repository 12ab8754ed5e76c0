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
    /// where each block begins, in bytes from the arena's beginning, its pages one after the other
    pub offsets: Vec<u64>,
    /// bytes from one page to the next
    pub page: u64,
    /// bytes that are used of each page
    pub pages: Vec<u64>,
    /// bytes that are used of all pages
    pub peak_bytes: u64,
}

/// Places every block at a multiple of `alignment`, largest first, each in the lowest gap that is free over
/// its whole lifetime. The arena consists of pages of `page` bytes, and no block crosses from one to the next. Blocks that are
/// to be `apart` never lie in one page.
pub fn assign_offsets(lifetimes: &[Lifetime], alignment: u64, page: u64, apart: &[(usize, usize)]) -> MemoryPlan {
    let mut order: Vec<usize> = (0..lifetimes.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lifetimes[i].bytes), lifetimes[i].first, i));
    let mut others = vec![Vec::new(); lifetimes.len()];
    for &(a, b) in apart {
        others[a].push(b);
        others[b].push(a);
    }
    let mut offsets: Vec<Option<u64>> = vec![None; lifetimes.len()];
    // Blocks already placed, by offset.
    let mut placed: Vec<(u64, usize)> = Vec::new();
    let mut pages = Vec::new();
    for index in order {
        let block = &lifetimes[index];
        let closed: Vec<u64> = others[index].iter().filter_map(|&other| Some(offsets[other]? / page)).collect();
        let allowed = |mut offset: u64| {
            if (offset % page) + block.bytes > page {
                offset = offset.next_multiple_of(page);
            }
            while closed.contains(&(offset / page)) {
                offset = (offset / page + 1) * page;
            }
            offset
        };
        let mut offset = allowed(0);
        for &(start, other) in placed.iter().filter(|(_, other)| lifetimes[*other].overlaps(block)) {
            if offset + block.bytes <= start {
                break;
            }
            offset = allowed(offset.max((start + lifetimes[other].bytes).next_multiple_of(alignment)));
        }
        offsets[index] = Some(offset);
        let position = placed.partition_point(|(start, _)| *start <= offset);
        placed.insert(position, (offset, index));
        let own = (offset / page) as usize;
        if pages.len() <= own {
            pages.resize(own + 1, 0);
        }
        pages[own] = pages[own].max((offset % page + block.bytes).next_multiple_of(alignment));
    }
    let offsets = offsets.into_iter().map(|offset| offset.expect("every block is in the order")).collect();
    let peak_bytes = pages.iter().sum();
    MemoryPlan { offsets, page, pages, peak_bytes }
}
