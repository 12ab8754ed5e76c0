//! Launches of the convolutions straight from buffers, one invocation for each output.

use super::operands::Operands;
use super::product::{MOST_OPERATIONS, at_once};
use crate::gpu::family::Geometry;
use crate::gpu::kernel::{Direction, Dispatch, Shader, uniform};
use crate::gpu::lower::lowering::{Lowering, Piece, activation_constants};
use crate::gpu::machine::Result;
use crate::graph::ConvSpec;

/// How much slower than products in tiles, at most: of a launch that reads two values for each multiply-add.
const SLOWER: f64 = 8.0;

uniform! {
    DirectBlock {
        base_x: usize,
        base_y: usize,
        samples: usize,
        in_channels: usize,
        in_h: usize,
        in_w: usize,
        out_channels: usize,
        out_h: usize,
        out_w: usize,
        groups: usize,
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
        first_output: usize,
    }
}

impl Lowering<'_> {
    pub(super) fn direct(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let direction = operands.direction;
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let pieces = self.pieces(g.n, in_sample.max(out_sample))?;
        let block =
            |[base_x, base_y]: [usize; 2], piece: Piece, [samples_per_split, first_split]: [usize; 2], first_output| {
                let ConvSpec { stride, padding, dilation, groups } = g.spec;
                DirectBlock {
                    base_x,
                    base_y,
                    samples: piece.count,
                    in_channels: g.i,
                    in_h: g.h,
                    in_w: g.w,
                    out_channels: g.o,
                    out_h: g.oh,
                    out_w: g.ow,
                    groups,
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
                    first_output,
                }
            };
        let operations = |piece: Piece| g.operations() / g.n as f64 * piece.count as f64;
        if direction == Direction::WeightGrad {
            let each = g.n.div_ceil((self.most_splits(g) / pieces.len()).max(1));
            let splits: usize = pieces.iter().map(|p| p.count.div_ceil(each)).sum();
            let parts = self.parts(splits * g.weights(), operands.out, splits);
            let mut first_split = 0;
            for piece in pieces {
                let (vx, bx) = self.rows(operands.first, piece, in_sample);
                let (vdy, bdy) = self.rows(operands.second, piece, out_sample);
                let own = piece.count.div_ceil(each);
                let outputs = own * g.weights();
                let at_once = at_once(outputs, operations(piece), MOST_OPERATIONS / SLOWER, 64);
                for first in (0..outputs).step_by(at_once) {
                    let dispatch = Dispatch::new(Shader::Conv2dDirect, direction.entry())
                        .uniform(&block([bx, bdy], piece, [each, first_split], first))
                        .bind(vx)
                        .bind(vdy)
                        .bind_written(self.whole_target(parts, splits * g.weights())?)
                        .groups(at_once.min(outputs - first).div_ceil(64));
                    self.push(dispatch);
                }
                first_split += own;
            }
            return self.finish_parts(parts, splits, g.weights(), operands.out);
        }
        let (read, written) =
            if direction == Direction::Forward { (in_sample, out_sample) } else { (out_sample, in_sample) };
        for piece in pieces {
            let (vx, bx) = self.rows(operands.first, piece, read);
            let (vy, by) = self.rows(operands.out, piece, written);
            let name = if operands.bias.is_some() { "forward_bias" } else { direction.entry() };
            let outputs = piece.count * written;
            let at_once = at_once(outputs, operations(piece), MOST_OPERATIONS / SLOWER, 64);
            for first in (0..outputs).step_by(at_once) {
                let mut dispatch = Dispatch::new(Shader::Conv2dDirect, name)
                    .constants(activation_constants(operands.activation))
                    .uniform(&block([bx, by], piece, [0, 0], first))
                    .bind(vx)
                    .bind(self.whole(operands.second)?)
                    .bind_written(vy)
                    .groups(at_once.min(outputs - first).div_ceil(64));
                if let Some(bias) = operands.bias {
                    dispatch = dispatch.bind(self.whole(bias)?);
                }
                self.push(dispatch);
            }
        }
        Ok(())
    }
}
