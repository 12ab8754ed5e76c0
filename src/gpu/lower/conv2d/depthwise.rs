//! Launches of the convolutions with one filter for each channel, from buffers.

use super::operands::Operands;
use crate::gpu::family::Geometry;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Direction, Dispatch, Shader, uniform};
use crate::gpu::lower::lowering::{Lowering, Piece, activation_constants};
use crate::gpu::machine::Result;
use crate::graph::ConvSpec;

uniform! {
    DepthwiseBlock {
        base_x: usize,
        base_y: usize,
        samples: usize,
        channels: usize,
        in_h: usize,
        in_w: usize,
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
        samples_per_split: usize,
        first_split: usize,
    }
}

impl Lowering<'_> {
    pub(super) fn depthwise(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let direction = operands.direction;
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let pieces = self.pieces(g.n, in_sample.max(out_sample))?;
        let block = |[base_x, base_y]: [usize; 2], piece: Piece, [samples_per_split, first_split]: [usize; 2]| {
            let ConvSpec { stride, padding, dilation, .. } = g.spec;
            DepthwiseBlock {
                base_x,
                base_y,
                samples: piece.count,
                channels: g.i,
                in_h: g.h,
                in_w: g.w,
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
                samples_per_split,
                first_split,
            }
        };
        if direction == Direction::WeightGrad {
            let each = self.samples_per_split(pieces[0], g.oh * g.ow);
            let splits: usize = pieces.iter().map(|p| p.count.div_ceil(each)).sum();
            let parts = self.parts(splits * g.weights(), operands.out, splits);
            let mut first_split = 0;
            for piece in pieces {
                let (vx, bx) = self.rows(operands.first, piece, in_sample);
                let (vdy, bdy) = self.rows(operands.second, piece, out_sample);
                let own = piece.count.div_ceil(each);
                let dispatch = Dispatch::new(Shader::Depthwise, direction.entry())
                    .constant("LANES", self.lanes_constant())
                    .uniform(&block([bx, bdy], piece, [each, first_split]))
                    .bind(vx)
                    .bind(vdy)
                    .bind_written(self.whole_target(parts, splits * g.weights())?)
                    .grid(g.weights(), own, 1);
                self.push(dispatch);
                first_split += own;
            }
            return self.finish_parts(parts, splits, g.weights(), operands.out);
        }
        let (read, written) =
            if direction == Direction::Forward { (in_sample, out_sample) } else { (out_sample, in_sample) };
        for piece in pieces {
            let (vx, bx) = self.rows(operands.first, piece, read);
            let (vy, by) = self.rows(operands.out, piece, written);
            let mut dispatch = Dispatch::new(Shader::Depthwise, direction.entry())
                .constants(activation_constants(operands.activation))
                .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                .uniform(&block([bx, by], piece, [0, 0]))
                .bind(vx)
                .bind(self.whole(operands.second)?)
                .bind_written(vy)
                .groups((piece.count * written).div_ceil(64));
            if direction == Direction::Forward {
                dispatch = dispatch.bind(self.whole(operands.bias.unwrap_or(operands.second))?);
            }
            self.push(dispatch);
        }
        Ok(())
    }
}
