//! Which values of a graph are kept in 16-bit floats.

use super::{Graph, NodeId, Op};
use crate::named::named_enum;

named_enum! {
    /// How feature maps are kept between launches. Kernels compute in f32 either way.
    #[derive(Default)]
    pub enum Precision {
        /// everything in 32-bit floats
        #[default]
        F32 = "f32",
        /// feature maps and their gradients in 16-bit floats; weights, statistics and losses in 32-bit ones
        F16 = "f16",
    }
}

/// Channels from which on a feature map is kept in 16 bits: images, logits and probabilities, which have fewer, keep
/// digits that their losses need, and cost little.
const CHANNELS: usize = 8;

impl Graph {
    /// How the graph's feature maps are kept.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Keeps feature maps otherwise than in f32; the reference rounds them alike.
    pub fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    /// Whether each node is kept in 16-bit floats. Aliases are what they are an alias of; outputs are read as f32.
    pub fn half_nodes(&self) -> Vec<bool> {
        let mut half = vec![false; self.nodes.len()];
        if self.precision == Precision::F32 {
            return half;
        }
        for index in 0..self.nodes.len() {
            let id = NodeId(index);
            let storage = self.storage_of(id);
            half[index] = match storage == id {
                true => self.is_map(id, &half) && !self.outputs.iter().any(|(_, out)| self.storage_of(*out) == id),
                false => half[storage.0],
            };
        }
        half
    }

    /// A feature map or its gradient, and not weights, which have four axes too.
    fn is_map(&self, id: NodeId, half: &[bool]) -> bool {
        let node = self.node(id);
        let from_map = match &node.op {
            Op::Conv2d { .. }
            | Op::Conv2dInputGrad { .. }
            | Op::BatchNorm { .. }
            | Op::BatchNormGradInput { .. }
            | Op::Dropout { .. }
            | Op::MaxPool { .. }
            | Op::MaxPoolGrad { .. }
            | Op::Resize { .. }
            | Op::ResizeGrad { .. }
            | Op::ResizeShifted { .. }
            | Op::ResizeShiftedGrad { .. }
            | Op::WeightedSumGradFeature => true,
            Op::Unary(_)
            | Op::UnaryGrad(_)
            | Op::Binary(_)
            | Op::Broadcast
            | Op::Concat { .. }
            | Op::Pad { .. }
            | Op::Permute { .. } => node.inputs.iter().any(|input| half[input.0]),
            _ => false,
        };
        let large = node.shape.nchw().is_some_and(|[_, c, h, w]| c >= CHANNELS && h * w > 1);
        from_map && large
    }
}
