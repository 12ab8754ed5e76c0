//! Launches of the convolutions with one filter for each channel, from buffers.

use super::operands::Operands;
use crate::gpu::family::Geometry;
use crate::gpu::kernel::Dispatch;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::lower::lowering::{Lowering, Piece, activation_constants};
use crate::gpu::machine::{Direction, Result};

impl Lowering<'_> {
    pub(super) fn depthwise(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let direction = operands.direction;
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let pieces = self.pieces(g.n, in_sample.max(out_sample))?;
        let params = |bases: [usize; 2], piece: Piece, split: [usize; 2]| {
            bases
                .into_iter()
                .chain([piece.count, g.i, g.h, g.w, g.oh, g.ow, g.kernel[0], g.kernel[1]])
                .chain(g.steps())
                .chain(split)
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
                let dispatch = Dispatch::new("depthwise", direction.entry())
                    .constant("LANES", self.lanes_constant())
                    .params(params([bx, bdy], piece, [each, first_split]))
                    .bind(vx)
                    .bind(vdy)
                    .bind(self.whole_target(parts, splits * g.weights())?)
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
            let dispatch = Dispatch::new("depthwise", direction.entry())
                .constants(activation_constants(operands.activation))
                .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                .params(params([bx, by], piece, [0, 0]))
                .bind(vx)
                .bind(self.whole(operands.second)?)
                .bind(vy)
                .bind(self.whole(operands.bias.unwrap_or(operands.second))?)
                .groups((piece.count * written).div_ceil(64));
            self.push(dispatch);
        }
        Ok(())
    }
}
