//! Launches of the convolutions with one filter for each channel, from storage textures.

use super::operands::Operands;
use crate::gpu::family::{Geometry, Phase};
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Direction, Dispatch, MAX_GROUPS, Shader, uniform};
use crate::gpu::lower::lowering::{Lowering, activation_constants};
use crate::gpu::lower::packed::filter_texels;
use crate::gpu::machine::Result;

/// Lanes of a workgroup, and pixels that a lane of `gather` takes.
const LANES: usize = 8;
const PIXELS: usize = 4;
/// Workgroups that keep the cores of a processor busy.
const ENOUGH: usize = 64;

uniform! {
    PackedDepthwiseBlock {
        samples: usize,
        channels: usize,
        in_h: usize,
        in_w: usize,
        out_h: usize,
        out_w: usize,
        pad_h: u32,
        pad_w: u32,
        dilation_h: usize,
        dilation_w: usize,
        rows_per_strip: usize,
        first_weight: usize,
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
    }
}

impl PackedDepthwiseBlock {
    /// From maps of `read` rows and columns to those of `written`, without what strips and phases need.
    fn of(g: &Geometry, read: [usize; 2], written: [usize; 2], [pad_h, pad_w]: [u32; 2]) -> Self {
        let [dilation_h, dilation_w] = g.spec.dilation;
        PackedDepthwiseBlock {
            samples: g.n,
            channels: g.i,
            in_h: read[0],
            in_w: read[1],
            out_h: written[0],
            out_w: written[1],
            pad_h,
            pad_w,
            dilation_h,
            dilation_w,
            rows_per_strip: 0,
            first_weight: 0,
            first_kh: 0,
            end_kh: 0,
            step_kh: 0,
            first_kw: 0,
            end_kw: 0,
            step_kw: 0,
            phase_h: 0,
            phase_w: 0,
            every_h: 0,
            every_w: 0,
            rows: 0,
            columns: 0,
        }
    }

    /// The same for the outputs of a phase.
    fn of_phase(self, h: Phase, w: Phase, [rows, columns]: [usize; 2]) -> Self {
        PackedDepthwiseBlock {
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
            rows,
            columns,
            ..self
        }
    }
}

impl Lowering<'_> {
    pub(super) fn depthwise_texture(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let ([stride_h, stride_w], [pad_h, pad_w], [dilation_h, _]) = (g.spec.stride, g.spec.padding, g.spec.dilation);
        let word = |value: usize| Constant::U32(value as u32);
        let kernel = |entry: &'static str| {
            Dispatch::new(Shader::DepthwiseTexture, entry)
                .constant("KERNEL_H", word(g.kernel[0]))
                .constant("KERNEL_W", word(g.kernel[1]))
                .constant("STRIDE_H", word(stride_h))
                .constant("STRIDE_W", word(stride_w))
        };
        let direction = operands.direction;
        let columns = g.i.div_ceil(4).div_ceil(LANES);
        if direction == Direction::WeightGrad {
            let (x, dy) = (self.maps(operands.first), self.maps(operands.second));
            let each = strip(g.n * g.oh, columns, self.most_splits(g));
            let splits = (g.n * g.oh).div_ceil(each);
            let parts = self.parts(splits * g.weights(), operands.out, splits);
            let dispatch = kernel(direction.entry())
                .constant("SLIDES", Constant::Bool(stride_w == 1))
                .uniform(&PackedDepthwiseBlock {
                    rows_per_strip: each,
                    ..PackedDepthwiseBlock::of(g, [g.h, g.w], [g.oh, g.ow], [pad_h, pad_w].map(|pad| pad as u32))
                })
                .bind_written(self.whole_target(parts, splits * g.weights())?)
                .read(x)
                .read(dy)
                .grid(columns, splits, 1);
            self.push(dispatch);
            return self.finish_parts(parts, splits, g.weights(), operands.out);
        }
        let transposed = direction == Direction::InputGrad;
        let (read, written) = if transposed { ([g.oh, g.ow], [g.h, g.w]) } else { ([g.h, g.w], [g.oh, g.ow]) };
        let maps = self.maps(operands.first);
        let first_weight = self.pack_filters(operands.second, g.i, g.taps())?;
        let (weights, y) = (self.weights_texture(), self.new_maps(operands.out));
        let slides = [stride_h, stride_w] == [1, 1];
        // A gradient of stride 1 is a convolution with the filter turned about, padded by what the forward one is not.
        let padding = |axis: usize| {
            let (own, reach) = (g.spec.padding[axis], g.spec.dilation[axis] * (g.kernel[axis] - 1));
            // Below zero the shader's sums wrap round.
            if slides && transposed { (reach as u32).wrapping_sub(own as u32) } else { own as u32 }
        };
        // Rows of the output go in pairs, a dilation apart.
        let pairs = g.n * written[0].div_ceil(2 * dilation_h) * dilation_h;
        let each = strip(pairs, columns, MAX_GROUPS);
        let (bias, biases) = self.bias(operands)?;
        let block = PackedDepthwiseBlock {
            rows_per_strip: each,
            first_weight,
            ..PackedDepthwiseBlock::of(g, read, written, [padding(0), padding(1)])
        };
        let launch = |entry: &'static str| {
            kernel(entry)
                .constants(activation_constants(operands.activation))
                .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                .bind_part(bias, biases)
                .read(maps)
                .read_part(weights, filter_texels(g.i, g.taps()))
                .write(y)
        };
        if slides {
            let dispatch = launch("slide").constant("FLIPPED", Constant::Bool(transposed)).uniform(&block);
            self.push(dispatch.grid(columns, pairs.div_ceil(each), 1));
            return Ok(());
        }
        for h in g.phases(0, transposed) {
            for w in g.phases(1, transposed) {
                let [rows, columns] = [h.positions(written[0]), w.positions(written[1])];
                let dispatch = launch("gather")
                    .constant("TRANSPOSED", Constant::Bool(transposed))
                    .uniform(&block.of_phase(h, w, [rows, columns]))
                    .grid((rows * columns).div_ceil(LANES * PIXELS), g.n * g.i.div_ceil(4), 1);
                self.push(dispatch);
            }
        }
        Ok(())
    }
}

/// Rows of a strip: strips in `columns` columns are enough, and at most `most`.
fn strip(rows: usize, columns: usize, most: usize) -> usize {
    rows.div_ceil(ENOUGH.div_ceil(columns).min(most).max(1))
}
