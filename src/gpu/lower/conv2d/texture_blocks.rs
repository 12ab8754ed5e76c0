//! Uniform blocks of the convolutions from textures, for maps and for the transformed tiles of Winograd's.

use crate::gpu::family::{Geometry, Phase};
use crate::gpu::kernel::uniform;
use crate::graph::ConvSpec;

uniform! {
    /// Of `conv2d_texture` and its subgroup twin.
    TextureBlock {
        first_sample: usize,
        samples: usize,
        in_channels: usize,
        in_h: usize,
        in_w: usize,
        out_channels: usize,
        out_h: usize,
        out_w: usize,
        kernel_h: usize,
        kernel_w: usize,
        stride_h: usize,
        stride_w: usize,
        pad_h: usize,
        pad_w: usize,
        dilation_h: usize,
        dilation_w: usize,
        first_kh: usize,
        end_kh: usize,
        step_kh: usize,
        first_kw: usize,
        end_kw: usize,
        step_kw: usize,
        phase_h: usize,
        phase_w: usize,
        every_h: usize,
        every_w: usize,
        rows: usize,
        columns: usize,
        first_weight: usize,
        weights_per_position: usize,
    }
}

impl TextureBlock {
    /// Products of `tiles` places with `inputs` channels each, for every position of a transformed tile.
    pub(super) fn of_tiles(
        [inputs, channels]: [usize; 2],
        tiles: usize,
        first_weight: usize,
        weights_per_position: usize,
    ) -> Self {
        TextureBlock {
            first_sample: 0,
            samples: 1,
            in_channels: inputs,
            in_h: 1,
            in_w: tiles,
            out_channels: channels,
            out_h: 1,
            out_w: tiles,
            kernel_h: 1,
            kernel_w: 1,
            stride_h: 1,
            stride_w: 1,
            pad_h: 0,
            pad_w: 0,
            dilation_h: 1,
            dilation_w: 1,
            first_kh: 0,
            end_kh: 1,
            step_kh: 1,
            first_kw: 0,
            end_kw: 1,
            step_kw: 1,
            phase_h: 0,
            phase_w: 0,
            every_h: 1,
            every_w: 1,
            rows: 1,
            columns: tiles,
            first_weight,
            weights_per_position,
        }
    }

    /// A phase of a convolution of `geometry` from `maps` `[samples,c,h,w]` to `outputs` `[c,h,w]`.
    pub(super) fn of_maps(
        geometry: &Geometry,
        [first_sample, samples]: [usize; 2],
        [in_channels, in_h, in_w]: [usize; 3],
        [out_channels, out_h, out_w]: [usize; 3],
        [h, w]: [Phase; 2],
        first_weight: usize,
    ) -> Self {
        let ConvSpec { stride, padding, dilation, .. } = geometry.spec;
        TextureBlock {
            first_sample,
            samples,
            in_channels,
            in_h,
            in_w,
            out_channels,
            out_h,
            out_w,
            kernel_h: geometry.kernel[0],
            kernel_w: geometry.kernel[1],
            stride_h: stride[0],
            stride_w: stride[1],
            pad_h: padding[0],
            pad_w: padding[1],
            dilation_h: dilation[0],
            dilation_w: dilation[1],
            first_kh: h.first,
            end_kh: h.end,
            step_kh: h.step,
            first_kw: w.first,
            end_kw: w.end,
            step_kw: w.step,
            phase_h: h.phase,
            phase_w: w.phase,
            every_h: h.every,
            every_w: w.every,
            rows: h.positions(out_h),
            columns: w.positions(out_w),
            first_weight,
            weights_per_position: 0,
        }
    }
}

uniform! {
    /// Of `conv2d_texture_weight_grad` and its subgroup twin.
    TextureGradBlock {
        samples: usize,
        in_channels: usize,
        in_h: usize,
        in_w: usize,
        out_channels: usize,
        out_h: usize,
        out_w: usize,
        kernel_h: usize,
        kernel_w: usize,
        stride_h: usize,
        stride_w: usize,
        pad_h: usize,
        pad_w: usize,
        dilation_h: usize,
        dilation_w: usize,
        rows_per_split: usize,
        first_part: usize,
        x_per_tap: usize,
        dy_per_tap: usize,
    }
}

impl TextureGradBlock {
    /// The gradient of the weights of a convolution, a part for every `rows_per_split` rows.
    pub(super) fn of_maps(g: &Geometry, rows_per_split: usize) -> Self {
        let ConvSpec { stride, padding, dilation, .. } = g.spec;
        TextureGradBlock {
            samples: g.n,
            in_channels: g.i,
            in_h: g.h,
            in_w: g.w,
            out_channels: g.o,
            out_h: g.oh,
            out_w: g.ow,
            kernel_h: g.kernel[0],
            kernel_w: g.kernel[1],
            stride_h: stride[0],
            stride_w: stride[1],
            pad_h: padding[0],
            pad_w: padding[1],
            dilation_h: dilation[0],
            dilation_w: dilation[1],
            rows_per_split,
            first_part: 0,
            x_per_tap: 0,
            dy_per_tap: 0,
        }
    }

    /// Part `first_part` of the gradient in transformed tiles: the positions are taps, each with maps of its own of
    /// `per_tap` texels, and rows of tiles are the rows.
    pub(super) fn of_tiles(
        [in_channels, out_channels]: [usize; 2],
        [rows, columns]: [usize; 2],
        positions: usize,
        first_part: usize,
        [x_per_tap, dy_per_tap]: [usize; 2],
    ) -> Self {
        TextureGradBlock {
            samples: 1,
            in_channels,
            in_h: rows,
            in_w: columns,
            out_channels,
            out_h: rows,
            out_w: columns,
            kernel_h: positions,
            kernel_w: 1,
            stride_h: 1,
            stride_w: 1,
            pad_h: 0,
            pad_w: 0,
            dilation_h: 0,
            dilation_w: 0,
            rows_per_split: rows,
            first_part,
            x_per_tap,
            dy_per_tap,
        }
    }
}
