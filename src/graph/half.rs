//! Which values of a graph are kept in 16-bit floats.

use super::{Graph, Half, NodeId, Precision};

/// Channels from which on a feature map is kept in 16 bits: images, logits and probabilities, which have fewer, keep
/// digits that their losses need, and cost little.
const CHANNELS: usize = 8;

impl Graph {
    /// Whether each node is kept in 16-bit floats. Aliases are what they are an alias of; outputs are read as f32.
    pub fn half_nodes(&self) -> Vec<bool> {
        let mut half = vec![false; self.nodes.len()];
        if self.precision() == Precision::F32 {
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
        let from_map = match node.op.traits().half {
            Half::Never => false,
            Half::Map => true,
            Half::AsInputs => node.inputs.iter().any(|input| half[input.0]),
        };
        let large = node.shape.nchw().is_some_and(|[_, c, h, w]| c >= CHANNELS && h * w > 1);
        from_map && large
    }
}
