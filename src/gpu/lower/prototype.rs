//! Launches of the class-weighted sums and the distances to prototypes.

use crate::gpu::kernel::{Dispatch, Shader, uniform};
use crate::gpu::lower::lowering::Lowering;
use crate::gpu::machine::Result;
use crate::graph::{Binary, Node, NodeId, Op};

/// Weight maps that one pass over the feature takes.
const MAPS: usize = 4;

uniform! {
    WeightedSumBlock {
        base_f: usize,
        base_w: usize,
        channels: usize,
        maps: usize,
        first_map: usize,
        plane: usize,
        samples: usize,
        samples_per_split: usize,
        first_split: usize,
    }
}

uniform! {
    WeightedSumGradBlock {
        base_in: usize,
        base_out: usize,
        channels: usize,
        maps: usize,
        plane: usize,
        samples: usize,
        sign_of_met: f32,
        sign: f32,
    }
}

uniform! {
    DistanceBlock { base_f: usize, base_y: usize, channels: usize, maps: usize, plane: usize, samples: usize }
}

/// Operands of a weighted sum.
#[derive(Clone, Copy)]
pub(super) enum Operand {
    Feature,
    Weight,
}

impl Lowering<'_> {
    pub(super) fn weighted_sum(&mut self, id: NodeId) -> Result<()> {
        let (f, weights) = (self.input(id, 0), self.input(id, 1));
        let ([n, c, h, w], [_, m, _, _]) = (self.nchw(f), self.nchw(weights));
        let plane = h * w;
        let pieces = self.pieces(n, c.max(m) * plane)?;
        let each = self.samples_per_split(pieces[0], plane);
        let splits: usize = pieces.iter().map(|p| p.count.div_ceil(each)).sum();
        let parts = if splits == 1 { self.target(id) } else { self.temporary(splits * m * c) };
        let mut first_split = 0;
        for piece in pieces {
            let own = piece.count.div_ceil(each);
            for first_map in (0..m).step_by(MAPS) {
                let (vf, bf) = self.rows(f, piece, c * plane);
                let (vw, bw) = self.rows(weights, piece, m * plane);
                let dispatch = Dispatch::new(Shader::WeightedSum, "main")
                    .constant("LANES", self.lanes_constant())
                    .uniform(&WeightedSumBlock {
                        base_f: bf,
                        base_w: bw,
                        channels: c,
                        maps: m,
                        first_map,
                        plane,
                        samples: piece.count,
                        samples_per_split: each,
                        first_split,
                    })
                    .bind(vf)
                    .bind(vw)
                    .bind_written(self.whole_target(parts, splits * m * c)?)
                    .grid(c, own, 1);
                self.push(dispatch);
            }
            first_split += own;
        }
        if splits > 1 {
            let out = self.target(id);
            self.add_parts(parts, splits, m * c, out)?;
        }
        Ok(())
    }

    /// The gradient of one operand.
    pub(super) fn weighted_sum_grad(&mut self, id: NodeId, operand: Operand) -> Result<()> {
        let (d, x) = (self.input(id, 0), self.input(id, 1));
        let ([m, c], [n, _, h, w]) = ([self.shape(d)[0], self.shape(d)[1]], self.nchw(x));
        let plane = h * w;
        let met = self.combined_with(id);
        let (entry, per_x, per_y) = match operand {
            Operand::Feature if met.is_some() => ("feature_combined", m * plane, c * plane),
            Operand::Feature => ("feature", m * plane, c * plane),
            Operand::Weight => ("weight", c * plane, m * plane),
        };
        let written = self.written_by(id);
        let [sign_of_met, sign] = match self.graph.node(written) {
            Node { op: Op::Binary(Binary::Sub), inputs, .. } if inputs[0] == id => [-1.0, 1.0],
            Node { op: Op::Binary(Binary::Sub), .. } => [1.0, -1.0],
            _ => [1.0, 1.0],
        };
        for piece in self.pieces(n, per_x.max(per_y))? {
            let (vx, bx) = self.rows(x, piece, per_x);
            let (vy, by) = self.rows(written, piece, per_y);
            let groups = match operand {
                Operand::Feature => piece.count * c,
                Operand::Weight => (piece.count * m * plane).div_ceil(self.machine.lanes as usize),
            };
            let dispatch = Dispatch::new(Shader::WeightedSumGrad, entry)
                .constant("LANES", self.lanes_constant())
                .uniform(&WeightedSumGradBlock {
                    base_in: bx,
                    base_out: by,
                    channels: c,
                    maps: m,
                    plane,
                    samples: piece.count,
                    sign_of_met,
                    sign,
                })
                .bind(self.whole(d)?)
                .bind(vx)
                .bind_written(vy)
                .groups(groups);
            self.push(match met {
                Some(met) => dispatch.bind(self.rows(met, piece, per_y).0),
                None => dispatch,
            });
        }
        Ok(())
    }

    pub(super) fn prototype_distance(&mut self, id: NodeId) -> Result<()> {
        let (f, prototypes) = (self.input(id, 0), self.input(id, 1));
        let ([n, c, h, w], [_, m, _, _]) = (self.nchw(f), self.nchw(id));
        let plane = h * w;
        for piece in self.pieces(n, c.max(m) * plane)? {
            let (vf, bf) = self.rows(f, piece, c * plane);
            let (vy, by) = self.rows(id, piece, m * plane);
            let dispatch = Dispatch::new(Shader::PrototypeDistance, "main")
                .uniform(&DistanceBlock { base_f: bf, base_y: by, channels: c, maps: m, plane, samples: piece.count })
                .bind(vf)
                .bind(self.whole(prototypes)?)
                .bind_written(vy)
                .groups((piece.count * m * plane).div_ceil(64));
            self.push(dispatch);
        }
        Ok(())
    }
}
