//! What the launches of convolutions as products of matrices have in common: constants, and how long sums are split.

use super::operands::MAX_TERMS;
use crate::gpu::family::{Geometry, Phase};
use crate::gpu::kernel::shader::Constant;
use crate::gpu::lower::lowering::Piece;

/// Workgroups that keep a large adapter busy.
pub(super) const BUSY: usize = 256;
/// Operations of a launch at most: half a second on the slowest adapters (300 GFLOP/s, of which a kernel reaches some 40 %),
/// which a desktop's watchdog must not take for a hang. Parts of feature maps have the same values to the last bit.
pub(crate) const MOST_OPERATIONS: f64 = 64e9;
/// Terms of a sum for which a workgroup of its own is worth it.
const LEAST_TERMS: usize = 128;

/// Samples of which the operations fit one launch.
pub(super) fn samples_at_once(g: &Geometry) -> usize {
    ((MOST_OPERATIONS / g.operations() * g.n as f64) as usize).max(1)
}

/// How many of `count` equal parts of a work of so many operations fit one launch; a multiple of `together`, and at least that.
pub(super) fn at_once(count: usize, operations: f64, most: f64, together: usize) -> usize {
    ((count as f64 * most / operations) as usize / together * together)
        .clamp(together, count.next_multiple_of(together))
}

/// How the pixels that a gradient of weights adds up are split between workgroups.
pub(super) struct Splits {
    /// of all pieces
    pub(super) count: usize,
    pub(super) of_pieces: Vec<Split>,
}

/// The splits of a piece.
pub(super) struct Split {
    pub(super) count: usize,
    /// how many come before
    pub(super) first: usize,
    /// pixels of the piece
    pub(super) terms: usize,
    /// pixels of a split, a multiple of what a workgroup takes in a step
    pub(super) each: usize,
}

impl Splits {
    /// As many as keep the adapter busy where a split has `groups` workgroups, but no more than `most`.
    pub(super) fn of(g: &Geometry, pieces: &[Piece], groups: usize, depth: usize, most: usize) -> Splits {
        let wanted = (2 * BUSY).div_ceil(groups);
        let most = (most / pieces.len()).max(1);
        let mut count = 0;
        let of = |piece: &Piece| {
            let terms = piece.count * g.oh * g.ow;
            let each = terms.div_ceil(wanted).clamp(LEAST_TERMS, MAX_TERMS).max(terms.div_ceil(most));
            let each = each.next_multiple_of(depth);
            let split = Split { count: terms.div_ceil(each), first: count, terms, each };
            count += split.count;
            split
        };
        let of_pieces = pieces.iter().map(of).collect();
        Splits { count, of_pieces }
    }
}

/// Constants of `conv_steps`.
pub(super) fn steps(g: &Geometry) -> [(&'static str, Constant); 7] {
    let [stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w] = g.steps();
    [
        ("KERNEL_W", g.kernel[1]),
        ("STRIDE_H", stride_h),
        ("STRIDE_W", stride_w),
        ("PAD_H", pad_h),
        ("PAD_W", pad_w),
        ("DILATION_H", dilation_h),
        ("DILATION_W", dilation_w),
    ]
    .map(|(name, value)| (name, Constant::U32(value as u32)))
}

/// Constants of `conv_taps`, but for the rows of taps.
pub(super) fn conv_taps(h: Phase, w: Phase) -> [(&'static str, Constant); 9] {
    [
        // In a phase without taps none is ever counted; the constant must allow a division all the same.
        ("COUNT_W", w.taps().max(1)),
        ("FIRST_H", h.first),
        ("FIRST_W", w.first),
        ("STEP_H", h.step),
        ("STEP_W", w.step),
        ("PHASE_H", h.phase),
        ("PHASE_W", w.phase),
        ("EVERY_H", h.every),
        ("EVERY_W", w.every),
    ]
    .map(|(name, value)| (name, Constant::U32(value as u32)))
}
