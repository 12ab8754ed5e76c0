//! The values that a convolution reads and writes, and the parts of a gradient of weights.

use crate::gpu::family::{Geometry, direction};
use crate::gpu::kernel::{Direction, Target, View};
use crate::gpu::lower::lowering::Lowering;
use crate::gpu::machine::Result;
use crate::graph::{Activation, NodeId, Op};

/// Products that one invocation adds up at most; longer sums lose digits and are split.
pub(super) const MAX_TERMS: usize = 4096;

/// The values that a convolution reads and writes.
pub(in crate::gpu::lower) struct Operands {
    pub(in crate::gpu::lower) first: NodeId,
    pub(in crate::gpu::lower) second: NodeId,
    pub(in crate::gpu::lower) bias: Option<NodeId>,
    pub(in crate::gpu::lower) out: NodeId,
    pub(in crate::gpu::lower) activation: Activation,
    pub(in crate::gpu::lower) direction: Direction,
}

impl Lowering<'_> {
    pub(super) fn operands(&self, id: NodeId) -> Operands {
        let node = self.graph.node(id);
        let activation = match node.op {
            Op::Conv2d { activation, .. } => activation,
            Op::Conv2dInputGrad { .. } | Op::Conv2dWeightGrad { .. } => Activation::Identity,
            ref other => unreachable!("called for convolutions only, not for {}", other.name()),
        };
        let [first, second] = [node.inputs[0], node.inputs[1]];
        let direction = direction(&node.op).expect("called for convolutions only");
        Operands { first, second, bias: node.inputs.get(2).copied(), out: id, activation, direction }
    }

    /// What is bound as the bias, and how much of it is read: something must be bound where there is none.
    pub(in crate::gpu::lower) fn bias(&self, operands: &Operands) -> Result<(View, usize)> {
        let view = self.whole(operands.bias.unwrap_or(operands.second))?;
        Ok((view, operands.bias.map_or(0, |_| view.len)))
    }

    /// Parts of a gradient of weights that one binding holds.
    pub(super) fn most_splits(&self, g: &Geometry) -> usize {
        (self.machine.binding_elements / g.weights()).max(1)
    }

    /// Memory for the parts of a reduction: the result itself if there is only one.
    pub(super) fn parts(&mut self, elements: usize, out: NodeId, splits: usize) -> Target {
        if splits == 1 { self.target(out) } else { self.temporary(elements) }
    }

    pub(super) fn finish_parts(&mut self, parts: Target, splits: usize, outputs: usize, out: NodeId) -> Result<()> {
        if splits == 1 {
            return Ok(());
        }
        let target = self.target(out);
        self.add_parts(parts, splits, outputs, target)
    }
}
