//! Launches over many tensors at once: their rows divided so that every binding fits, and the tables by which workgroups
//! find their elements.

use crate::gpu::kernel::{ALIGNMENT, fold_groups};

/// A row whose targets have places: for each a buffer and a byte offset.
pub(crate) struct Located<B> {
    pub(crate) from: Vec<(B, u64)>,
    pub(crate) count: usize,
    pub(crate) word: u32,
}

/// A range of a buffer, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window<B> {
    pub(crate) buffer: B,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl<B: PartialEq> Window<B> {
    /// Whether it lies over another, if only in part.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.buffer == other.buffer && self.start < other.end && other.start < self.end
    }
}

/// Rows that one launch takes.
#[derive(Debug, PartialEq)]
pub(crate) struct Group<B> {
    /// for each workgroup: the row's word, its number of elements, and its first element in each window
    pub(crate) table: Vec<u32>,
    /// one for each target of a row
    pub(crate) windows: Vec<Window<B>>,
    pub(crate) groups: [u32; 3],
    /// of all rows
    pub(crate) elements: u64,
}

/// Divides rows into as few groups as their order by place allows, no binding beyond `limit` bytes, and none over another
/// unless both are among the first `read`, which are only read; workgroups take `chunk` elements each.
pub(crate) fn divide<B: Clone + Ord>(
    mut rows: Vec<Located<B>>,
    chunk: usize,
    read: usize,
    limit: u64,
) -> Vec<Group<B>> {
    rows.sort_by(|a, b| a.from.cmp(&b.from));
    let mut groups = Vec::new();
    let mut members: Vec<Located<B>> = Vec::new();
    let mut windows: Vec<Window<B>> = Vec::new();
    let mut table_bytes = 0;
    for row in rows {
        let own = windows_of(&row);
        let own_bytes = (row.count.div_ceil(chunk) * (2 + row.from.len()) * 4) as u64;
        let joined: Option<Vec<_>> = windows.iter().zip(&own).map(|(a, b)| join(a, b, limit)).collect();
        let joined = joined.filter(|joined| table_bytes + own_bytes <= limit && !overlap(joined, read));
        match joined {
            Some(joined) if !members.is_empty() => windows = joined,
            _ => {
                if !members.is_empty() {
                    groups.push(group(&members, windows, chunk));
                }
                (members, windows, table_bytes) = (Vec::new(), own, 0);
            }
        }
        table_bytes += own_bytes;
        members.push(row);
    }
    if !members.is_empty() {
        groups.push(group(&members, windows, chunk));
    }
    groups
}

fn windows_of<B: Clone>(row: &Located<B>) -> Vec<Window<B>> {
    let window = |(buffer, offset): &(B, u64)| Window {
        buffer: buffer.clone(),
        start: offset / ALIGNMENT * ALIGNMENT,
        end: offset + row.count as u64 * 4,
    };
    row.from.iter().map(window).collect()
}

/// Whether a window from the `read`-th on lies over another.
fn overlap<B: PartialEq>(windows: &[Window<B>], read: usize) -> bool {
    (read..windows.len()).any(|index| windows[..index].iter().any(|other| other.overlaps(&windows[index])))
}

fn join<B: Clone + PartialEq>(a: &Window<B>, b: &Window<B>, limit: u64) -> Option<Window<B>> {
    let (start, end) = (a.start.min(b.start), a.end.max(b.end));
    (a.buffer == b.buffer && end - start <= limit).then(|| Window { buffer: a.buffer.clone(), start, end })
}

fn group<B>(rows: &[Located<B>], windows: Vec<Window<B>>, chunk: usize) -> Group<B> {
    let mut table = Vec::new();
    let mut workgroups = 0;
    for row in rows {
        for first in (0..row.count).step_by(chunk) {
            table.extend([row.word, chunk.min(row.count - first) as u32]);
            let places = row.from.iter().zip(&windows);
            table.extend(places.map(|((_, offset), window)| ((offset - window.start) / 4) as u32 + first as u32));
            workgroups += 1;
        }
    }
    let groups = fold_groups(workgroups);
    // Workgroups beyond the last row find one without elements.
    let all = groups.iter().product::<u32>() as usize;
    table.resize(all * (2 + windows.len()), 0);
    Group { table, windows, groups, elements: rows.iter().map(|row| row.count as u64).sum() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(offset: u64, state: (char, u64), count: usize) -> Located<char> {
        Located { from: vec![('a', offset), state], count, word: 7 }
    }

    #[test]
    fn neighbours_share_a_launch_and_find_their_elements() {
        let groups = divide(vec![row(1028, ('s', 0), 5), row(0, ('s', 512), 3)], 4, 1, 1 << 20);
        let [group] = &groups[..] else { panic!("one group, not {groups:?}") };
        assert_eq!((group.groups, group.elements), ([3, 1, 1], 8));
        assert_eq!(group.windows[0], Window { buffer: 'a', start: 0, end: 1048 });
        assert_eq!(group.windows[1], Window { buffer: 's', start: 0, end: 524 });
        assert_eq!(group.table, [7, 3, 0, 128, 7, 4, 257, 0, 7, 1, 261, 4]);
    }

    #[test]
    fn rows_far_apart_or_in_other_buffers_have_launches_of_their_own() {
        let far = divide(vec![row(0, ('s', 0), 3), row(4096, ('s', 256), 3)], 64, 1, 4000);
        assert_eq!(far.len(), 2);
        assert_eq!(far[1].windows[0], Window { buffer: 'a', start: 4096, end: 4108 });
        let other = divide(vec![row(0, ('s', 0), 3), row(256, ('t', 0), 3)], 64, 1, 1 << 20);
        assert_eq!(other.len(), 2);
    }

    /// Of two tensors and their moments, all in one buffer: what is written must not lie within another window.
    #[test]
    fn windows_that_are_written_lie_over_no_other() {
        let rows = |places: [[u64; 2]; 2]| {
            let row = |at: [u64; 2]| Located { from: vec![('g', 0), ('s', at[0]), ('s', at[1])], count: 64, word: 0 };
            divide(places.map(row).into(), 64, 1, 1 << 20).len()
        };
        assert_eq!(rows([[0, 512], [256, 768]]), 1, "moments behind all tensors");
        assert_eq!(rows([[0, 256], [512, 768]]), 2, "each moment behind its tensor");
    }

    #[test]
    fn a_table_fits_its_binding_too() {
        let rows = (0..100).map(|i| row(i * 256, ('s', i * 256), 64)).collect();
        // 64 workgroups of 4 words each for a row, so a kilobyte for each.
        let groups = divide(rows, 1, 1, 100 * 256);
        assert!(groups.iter().all(|group| group.table.len() * 4 <= 100 * 256));
        assert_eq!(groups.len(), 4);
    }

    #[test]
    fn workgroups_beyond_the_last_row_have_no_elements() {
        let group = divide(vec![row(0, ('s', 0), 65537)], 1, 1, 1 << 30).remove(0);
        let workgroups = group.groups.iter().product::<u32>() as usize;
        assert!(workgroups > 65537, "the grid is not even");
        assert_eq!(group.table.len(), workgroups * 4);
        assert!(group.table[65537 * 4..].iter().all(|&word| word == 0));
    }
}
