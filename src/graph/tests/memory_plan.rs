//! Blocks that live at once never share memory; blocks that do not, do; none crosses a page, and some share none.

use crate::graph::{Lifetime, assign_offsets};
use crate::reference::dropout::{bits, key};

/// A page that everything fits in.
const ONE_PAGE: u64 = 1 << 40;

/// Blocks of at most 2000 bytes, most of them short-lived.
fn random_lifetimes(seed: u32, count: usize, steps: u32) -> Vec<Lifetime> {
    let key = key([seed, 0], 0);
    let draw = |index: usize, below: u32| bits(index as u32, key) % below;
    (0..count)
        .map(|i| {
            let first = draw(4 * i, steps);
            let length = if draw(4 * i + 1, 4) == 0 { draw(4 * i + 2, steps) } else { draw(4 * i + 2, 4) };
            let bytes = u64::from(draw(4 * i + 3, 2000)) + 1;
            Lifetime { bytes, first: first as usize, last: (first + length) as usize }
        })
        .collect()
}

#[test]
fn blocks_that_live_at_once_never_overlap() {
    for seed in 0..300 {
        let (count, steps) = (1 + seed as usize % 60, 1 + seed % 37);
        let lifetimes = random_lifetimes(seed, count, steps);
        let alignment = [1, 4, 64, 256][seed as usize % 4];
        let page = [2048, 4096, ONE_PAGE][seed as usize % 3];
        let draw = |i: usize| bits(i as u32, key([seed, 1], 0)) as usize % count;
        let apart: Vec<_> = (0..count / 3).map(|i| (draw(2 * i), draw(2 * i + 1))).filter(|(a, b)| a != b).collect();
        let apart = if page == ONE_PAGE { &[][..] } else { &apart };
        let plan = assign_offsets(&lifetimes, alignment, page, apart);
        for &(a, b) in apart {
            assert_ne!(plan.offsets[a] / page, plan.offsets[b] / page, "seed {seed}: {a} and {b} in one page");
        }
        assert_eq!(plan.offsets.len(), count);
        for (a, &start_a) in lifetimes.iter().zip(&plan.offsets) {
            assert_eq!(start_a % alignment, 0);
            assert!(start_a % page + a.bytes <= plan.pages[(start_a / page) as usize]);
            assert_eq!(start_a / page, (start_a + a.bytes - 1) / page, "seed {seed}: {a:?} crosses pages of {page}");
        }
        for i in 0..count {
            for j in 0..i {
                let (a, b) = (&lifetimes[i], &lifetimes[j]);
                let at_once = a.first <= b.last && b.first <= a.last;
                let (start_a, start_b) = (plan.offsets[i], plan.offsets[j]);
                let apart = start_a + a.bytes <= start_b || start_b + b.bytes <= start_a;
                assert!(!at_once || apart, "seed {seed}: {a:?} at {start_a} and {b:?} at {start_b}");
            }
        }
        let live_at = |step: usize| lifetimes.iter().filter(move |l| l.first <= step && step <= l.last);
        let most_live: u64 = (0..2 * steps as usize).map(|step| live_at(step).map(|l| l.bytes).sum()).max().unwrap();
        let all: u64 = lifetimes.iter().map(|l| l.bytes.next_multiple_of(alignment)).sum();
        assert!(most_live <= plan.peak_bytes, "seed {seed}: {most_live} bytes live at once");
        assert!(page < ONE_PAGE || plan.peak_bytes <= all, "seed {seed}: apart, the blocks take {all} bytes");
        assert_eq!(plan.peak_bytes, plan.pages.iter().sum::<u64>());
        assert_eq!(plan, assign_offsets(&lifetimes, alignment, page, apart));
    }
}

#[test]
fn a_chain_needs_two_blocks() {
    let chain: Vec<Lifetime> = (0..20).map(|i| Lifetime { bytes: 1000, first: i, last: i + 1 }).collect();
    let plan = assign_offsets(&chain, 256, ONE_PAGE, &[]);
    assert_eq!(plan.peak_bytes, 2048);
    assert!(plan.offsets.iter().enumerate().all(|(i, &offset)| offset == [0, 1024][i % 2]));
}

#[test]
fn small_blocks_fill_the_gaps() {
    // Beside 300 bytes that wait throughout, two blocks of 100 follow one of 200.
    let lifetimes = [
        Lifetime { bytes: 300, first: 0, last: 9 },
        Lifetime { bytes: 200, first: 0, last: 3 },
        Lifetime { bytes: 100, first: 4, last: 9 },
        Lifetime { bytes: 100, first: 4, last: 9 },
    ];
    let plan = assign_offsets(&lifetimes, 1, ONE_PAGE, &[]);
    assert_eq!((plan.offsets, plan.peak_bytes), (vec![0, 300, 300, 400], 500));
}

#[test]
fn a_block_that_would_cross_a_page_starts_the_next() {
    let at_once: Vec<Lifetime> = [600, 500, 400].map(|bytes| Lifetime { bytes, first: 0, last: 1 }).into();
    let plan = assign_offsets(&at_once, 100, 1000, &[]);
    assert_eq!((plan.offsets, plan.peak_bytes), (vec![0, 1000, 600], 1500));
    // Larger than a page: it starts one, and has those it covers to itself.
    let large: Vec<Lifetime> = [2500, 600].map(|bytes| Lifetime { bytes, first: 0, last: 1 }).into();
    assert_eq!(assign_offsets(&large, 100, 1000, &[]).offsets, [0, 3000]);
}

#[test]
fn blocks_apart_have_pages_of_their_own() {
    // A value, what is made of it, and what is made of that: the third may lie beside the first, which is gone.
    let chain: Vec<Lifetime> = (0..3).map(|i| Lifetime { bytes: 100, first: i, last: i + 1 }).collect();
    let plan = assign_offsets(&chain, 100, 1000, &[(0, 1), (1, 2)]);
    assert_eq!((plan.offsets, plan.pages, plan.peak_bytes), (vec![0, 1000, 0], vec![100, 100], 200));
}

#[test]
fn nothing_needs_nothing() {
    assert_eq!(assign_offsets(&[], 256, ONE_PAGE, &[]).peak_bytes, 0);
}
