//! Which launcher makes the launches of an operator in which layout.

use super::lowering::Lowering;
use super::prototype::Operand;
use super::resize::{Pass, Shifted};
use crate::gpu::layout::{Layout, NodeLayout};
use crate::gpu::machine::Result;
use crate::graph::{NodeId, Op};

impl Lowering<'_> {
    /// Appends the launches of a node; leaves and aliases have none.
    pub(crate) fn node(&mut self, step: usize, id: NodeId, layout: &NodeLayout) -> Result<()> {
        (self.step, self.label) = (step, self.graph.node(id).op.name());
        self.least_pieces = self.least_pieces(id);
        let first = self.dispatches.len();
        layout.before.iter().try_for_each(|value| self.move_value(*value))?;
        self.operator(id, layout.layout)?;
        layout.after.into_iter().try_for_each(|value| self.move_value(value))?;
        self.count_flops(first, id);
        Ok(())
    }

    fn operator(&mut self, id: NodeId, layout: Layout) -> Result<()> {
        use Layout::{Buffer, Texture};
        let graph = self.graph;
        if self.is_made_elsewhere(id) {
            return Ok(());
        }
        match (&graph.node(id).op, layout) {
            (Op::Unary(_) | Op::Binary(_) | Op::Sum { .. } | Op::Resize { .. } | Op::Reshape, Buffer)
                if self.unwritten.contains(&id) =>
            {
                Ok(())
            }
            (Op::State(state), Buffer) if self.snapshots.contains(&id) => self.snapshot(*state, id),
            (Op::Input { .. } | Op::State(_) | Op::Constant { .. } | Op::Reshape | Op::Detach, Buffer) => Ok(()),
            (Op::Unary(function), Buffer) => self.unary(*function, id),
            (Op::Unary(function), Texture) => self.unary_texture("main", *function, id),
            (Op::UnaryGrad(function), Buffer) => self.unary_grad(*function, id),
            (Op::UnaryGrad(function), Texture) => self.unary_texture("gradient", *function, id),
            (Op::Binary(function), Buffer) => self.binary(*function, id),
            (Op::Binary(function), Texture) => self.binary_texture(*function, id),
            (Op::Dropout { .. }, Buffer) if self.unwritten.contains(&id) => Ok(()),
            (Op::Dropout { p, stream }, Buffer) => self.dropout(*p, *stream, id),
            (Op::Dropout { p, stream }, Texture) => self.dropout_texture(*p, *stream, id),
            (Op::Broadcast, Buffer) => self.broadcast(id),
            (Op::Permute { axes }, Buffer) => self.permute(axes, id),
            (Op::Concat { axis }, Buffer) => self.concat(*axis, id),
            (Op::Concat { .. }, Texture) => self.concat_texture(id),
            (Op::Pad { .. }, Buffer) if self.in_place.contains_key(&id) || self.within.contains_key(&id) => Ok(()),
            (Op::Pad { before, .. }, Buffer) => self.pad(before, id),
            (Op::Pad { before, .. }, Texture) => self.pad_texture(before, id),
            (Op::Sum { axes }, Buffer) => self.sum(axes, id),
            (Op::Conv2dInputGrad { .. }, Buffer) if self.unwritten.contains(&id) => Ok(()),
            (Op::Conv2dWeightGrad { .. }, Buffer) if self.both_gradients.contains_key(&id) => {
                self.weight_grad_with_sums(id, self.both_gradients[&id])
            }
            (Op::Conv2d { .. } | Op::Conv2dInputGrad { .. } | Op::Conv2dWeightGrad { .. }, _) => self.convolution(id),
            (Op::BatchStats { domains }, Buffer) => self.batch_stats(*domains, id),
            (Op::BatchStats { domains }, Texture) => self.batch_stats_texture(*domains, id),
            (Op::BatchNorm { eps, .. }, Buffer) if self.unwritten.contains(&id) => {
                let node = graph.node(id);
                self.norm_terms(*eps, [node.inputs[1], node.inputs[2], node.inputs[3]]).map(|_| ())
            }
            (Op::BatchNorm { eps, activation, .. }, Buffer) => self.batch_norm(*eps, *activation, id),
            (Op::BatchNorm { eps, activation, .. }, Texture) => self.batch_norm_texture(*eps, *activation, id),
            (Op::BatchNormGradSums { eps, activation }, Buffer) => self.batch_norm_grad_sums(*eps, *activation, id),
            (Op::BatchNormGradSums { eps, activation }, Texture) => {
                self.batch_norm_grad_sums_texture(*eps, *activation, id)
            }
            (Op::BatchNormGradInput { .. }, Buffer) if self.unwritten.contains(&id) => Ok(()),
            (Op::BatchNormGradInput { eps, activation, training }, Buffer) => {
                self.batch_norm_grad_input(*eps, *activation, *training, id)
            }
            (Op::BatchNormGradInput { eps, activation, training }, Texture) => {
                self.batch_norm_grad_input_texture(*eps, *activation, *training, id)
            }
            (Op::TransNormScale { eps, unbias }, Buffer) => self.trans_norm_scale(*eps, *unbias, id),
            (Op::Resize { mode, .. }, Buffer) => self.resize(*mode, id, Pass::Forward),
            (Op::Resize { mode, .. }, Texture) => self.resize_texture(*mode, id, Pass::Forward),
            (Op::ResizeGrad { mode, .. }, Buffer) => self.resize(*mode, id, Pass::Gradient),
            (Op::ResizeGrad { mode, .. }, Texture) => self.resize_texture(*mode, id, Pass::Gradient),
            (&Op::ResizeShifted { mode, axis, taps, .. }, Buffer) => {
                self.resize_shifted(Shifted { mode, axis, taps }, id, Pass::Forward)
            }
            (&Op::ResizeShifted { mode, axis, taps, .. }, Texture) => {
                self.resize_shifted_texture(Shifted { mode, axis, taps }, id, Pass::Forward)
            }
            (&Op::ResizeShiftedGrad { mode, axis, taps, .. }, Buffer) => {
                self.resize_shifted(Shifted { mode, axis, taps }, id, Pass::Gradient)
            }
            (&Op::ResizeShiftedGrad { mode, axis, taps, .. }, Texture) => {
                self.resize_shifted_texture(Shifted { mode, axis, taps }, id, Pass::Gradient)
            }
            (Op::MaxPool { spec }, Buffer) => self.max_pool(spec, id),
            (Op::MaxPoolGrad { spec }, Buffer) => self.max_pool_grad(spec, id),
            (Op::WeightedSum, Buffer) => self.weighted_sum(id),
            (Op::WeightedSumGradFeature, Buffer) => self.weighted_sum_grad(id, Operand::Feature),
            (Op::WeightedSumGradWeight, Buffer) => self.weighted_sum_grad(id, Operand::Weight),
            (Op::PrototypeDistance, Buffer) => self.prototype_distance(id),
            (
                Op::Input { .. }
                | Op::State(_)
                | Op::Constant { .. }
                | Op::Reshape
                | Op::Detach
                | Op::Broadcast
                | Op::Permute { .. }
                | Op::Sum { .. }
                | Op::TransNormScale { .. }
                | Op::MaxPool { .. }
                | Op::MaxPoolGrad { .. }
                | Op::WeightedSum
                | Op::WeightedSumGradFeature
                | Op::WeightedSumGradWeight
                | Op::PrototypeDistance,
                Texture,
            ) => unreachable!("the layout pass knows that no kernel computes it from textures"),
        }
    }
}
