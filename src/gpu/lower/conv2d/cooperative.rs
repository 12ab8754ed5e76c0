//! Launches of the convolutions in cooperative matrices, for adapters that report them.

use super::operands::Operands;
use super::product::{Splits, conv_taps, samples_at_once, steps};
use crate::gpu::family::{Geometry, Phase};
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Direction, Dispatch, MAX_GROUPS, Shader, uniform};
use crate::gpu::lower::lowering::{Lowering, Piece, activation_constants};
use crate::gpu::machine::{Matrices, Result};

/// Terms that one workgroup takes in a step.
const DEPTH: usize = 16;

uniform! {
    CooperativeBlock {
        base_x: usize,
        base_y: usize,
        samples: usize,
        in_channels: usize,
        in_h: usize,
        in_w: usize,
        out_channels: usize,
        out_h: usize,
        out_w: usize,
        rows: usize,
        columns: usize,
        terms: usize,
        terms_per_split: usize,
        first_split: usize,
    }
}

/// Workgroups along the rows and the columns of the product.
fn groups(matrices: Matrices, rows: usize, columns: usize) -> [usize; 2] {
    [rows, columns].map(|extent| extent.div_ceil(4 * matrices.size as usize))
}

impl Lowering<'_> {
    pub(super) fn cooperative(&mut self, g: &Geometry, operands: &Operands, matrices: Matrices) -> Result<()> {
        match operands.direction {
            Direction::Forward => self.cooperative_maps(g, operands, matrices, false),
            Direction::InputGrad => self.cooperative_maps(g, operands, matrices, true),
            Direction::WeightGrad => self.cooperative_weight_grad(g, operands, matrices),
        }
    }

    /// Forward, or the gradient of the input.
    fn cooperative_maps(
        &mut self,
        g: &Geometry,
        operands: &Operands,
        matrices: Matrices,
        transposed: bool,
    ) -> Result<()> {
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let (read, written) = if transposed { (out_sample, in_sample) } else { (in_sample, out_sample) };
        let [channels, outputs, height, width] = if transposed { [g.o, g.i, g.h, g.w] } else { [g.i, g.o, g.oh, g.ow] };
        let most = (4 * matrices.size as usize * MAX_GROUPS / (height * width)).min(samples_at_once(g));
        let pieces = self.pieces_of(g.n, in_sample.max(out_sample), most)?;
        let (bias, biases) = self.bias(operands)?;
        let across = g.phases(1, transposed);
        for piece in pieces {
            for h in g.phases(0, transposed) {
                for &w in &across {
                    let [rows, columns] = [h.positions(height), w.positions(width)];
                    let pixels = piece.count * rows * columns;
                    let [groups_m, groups_n] = groups(matrices, outputs, pixels);
                    let (vx, bx) = self.rows(operands.first, piece, read);
                    let (vy, by) = self.rows(operands.out, piece, written);
                    let terms = channels * h.taps() * w.taps();
                    let dispatch = kernel(g, matrices, operands.direction, [h, w])
                        .constants(activation_constants(operands.activation))
                        .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                        .uniform(&block(g, [bx, by], piece, [rows, columns], [terms, terms, 0]))
                        .bind(vx)
                        .bind(self.whole(operands.second)?)
                        .bind_written(vy)
                        .bind_part(bias, biases)
                        .grid(groups_n, groups_m, 1);
                    self.push(dispatch);
                }
            }
        }
        Ok(())
    }

    fn cooperative_weight_grad(&mut self, g: &Geometry, operands: &Operands, matrices: Matrices) -> Result<()> {
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let pieces = self.pieces_of(g.n, in_sample.max(out_sample), samples_at_once(g))?;
        let columns = g.i * g.taps();
        let [groups_m, groups_n] = groups(matrices, g.o, columns);
        let splits = Splits::of(g, &pieces, groups_m * groups_n, DEPTH, self.most_splits(g));
        let elements = splits.count * g.weights();
        let parts = self.parts(elements, operands.out, splits.count);
        let all = |taps| Phase { phase: 0, every: 1, first: 0, end: taps, step: 1 };
        let taps = g.kernel.map(all);
        for (piece, split) in pieces.into_iter().zip(splits.of_pieces) {
            let (vx, bx) = self.rows(operands.first, piece, in_sample);
            let (vdy, bdy) = self.rows(operands.second, piece, out_sample);
            let dispatch = kernel(g, matrices, Direction::WeightGrad, taps)
                .uniform(&block(g, [bx, bdy], piece, [g.oh, g.ow], [split.terms, split.each, split.first]))
                .bind(vx)
                .bind(vdy)
                .bind_written(self.whole_target(parts, elements)?)
                .bind(vdy)
                .grid(groups_n, groups_m, split.count);
            self.push(dispatch);
        }
        self.finish_parts(parts, splits.count, g.weights(), operands.out)
    }
}

fn kernel(g: &Geometry, Matrices { size, lanes }: Matrices, direction: Direction, [h, w]: [Phase; 2]) -> Dispatch {
    let [a, b, c] = match size {
        16 => ["coop_mat16x16<f16, A>", "coop_mat16x16<f16, B>", "coop_mat16x16<f32, C>"],
        _ => ["coop_mat8x8<f16, A>", "coop_mat8x8<f16, B>", "coop_mat8x8<f32, C>"],
    };
    let types = [("MatrixA", a), ("MatrixB", b), ("MatrixC", c)];
    Dispatch::new(Shader::Conv2dCooperative, "cooperative")
        .constants([("SIZE", Constant::U32(size)), ("LANES", Constant::U32(lanes))])
        .constants(types.map(|(name, matrix)| (name, Constant::Type(matrix))))
        .constant("MODE", Constant::Kind(direction.into()))
        .constant("TAPS", Constant::U32(g.taps() as u32))
        .constants(steps(g))
        // Of a phase without taps nothing is ever loaded; the constant must allow a division all the same.
        .constant("COUNT_H", Constant::U32(h.taps().max(1) as u32))
        .constants(conv_taps(h, w))
}

fn block(
    g: &Geometry,
    [base_x, base_y]: [usize; 2],
    piece: Piece,
    [rows, columns]: [usize; 2],
    [terms, terms_per_split, first_split]: [usize; 3],
) -> CooperativeBlock {
    CooperativeBlock {
        base_x,
        base_y,
        samples: piece.count,
        in_channels: g.i,
        in_h: g.h,
        in_w: g.w,
        out_channels: g.o,
        out_h: g.oh,
        out_w: g.ow,
        rows,
        columns,
        terms,
        terms_per_split,
        first_split,
    }
}
