//! The uniform block of the resizes, from buffers and from textures alike.

use crate::gpu::kernel::uniform;

uniform! {
    ResizeBlock {
        count: usize,
        base_x: usize,
        base_y: usize,
        in_h: usize,
        in_w: usize,
        out_h: usize,
        out_w: usize,
        taps: usize,
        channels: usize,
        inner: usize,
        sample: usize,
        gap: usize,
    }
}

impl ResizeBlock {
    /// Along both axes.
    pub(super) fn whole(
        count: usize,
        [base_x, base_y]: [usize; 2],
        [in_h, in_w]: [usize; 2],
        [out_h, out_w]: [usize; 2],
    ) -> Self {
        ResizeBlock {
            count,
            base_x,
            base_y,
            in_h,
            in_w,
            out_h,
            out_w,
            taps: 0,
            channels: 0,
            inner: 0,
            sample: 1,
            gap: 0,
        }
    }

    /// Along one axis, of which `ends` are the extents: as if columns were one.
    pub(super) fn shifted(
        count: usize,
        [base_x, base_y]: [usize; 2],
        [in_h, out_h]: [usize; 2],
        taps: usize,
        [channels, inner]: [usize; 2],
    ) -> Self {
        ResizeBlock { count, base_x, base_y, in_h, in_w: 0, out_h, out_w: 0, taps, channels, inner, sample: 1, gap: 0 }
    }
}
