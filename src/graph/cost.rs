//! How much arithmetic a run takes.

use super::{Graph, NodeId, Op};

impl Graph {
    /// Floating-point operations of one run, two for each multiply-add; whatever is done element by element counts as one
    /// for each element.
    pub fn flops(&self) -> u64 {
        self.live_nodes().into_iter().map(|id| self.node_flops(id)).sum()
    }

    /// Those of one node.
    pub fn node_flops(&self, id: NodeId) -> u64 {
        let node = self.node(id);
        let elements = |id: NodeId| self.shape(id).elements();
        let input = |slot: usize| node.inputs[slot];
        // Products of each element of a convolution's output: taps × channels of a group.
        let products = |weights: &[usize]| 2 * weights[1..].iter().product::<usize>();
        let flops = match &node.op {
            Op::Input { .. } | Op::State(_) | Op::Constant { .. } | Op::Reshape | Op::Detach => 0,
            Op::Broadcast | Op::Permute { .. } | Op::Concat { .. } | Op::Pad { .. } => 0,
            Op::Conv2d { .. } => elements(id) * products(self.shape(input(1))),
            Op::Conv2dInputGrad { .. } => elements(input(0)) * products(self.shape(input(1))),
            Op::Conv2dWeightGrad { .. } => elements(input(1)) * products(self.shape(id)),
            Op::WeightedSum => 2 * elements(input(0)) * self.shape(input(1))[1],
            Op::PrototypeDistance => 2 * elements(input(0)) * self.shape(input(1))[0],
            Op::WeightedSumGradFeature => 2 * elements(id) * self.shape(input(0))[0],
            Op::WeightedSumGradWeight => 2 * elements(id) * self.shape(input(0))[1],
            Op::Sum { .. } | Op::BatchStats { .. } | Op::BatchNormGradSums { .. } => elements(input(0)),
            _ => elements(id),
        };
        flops as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{ConvSpec, vector_jacobian_product};

    #[test]
    fn convolutions_count_two_for_each_product_in_every_direction() {
        let mut g = Graph::new();
        let x = g.input("x", [2, 6, 5, 5]);
        let w = g.input("w", [4, 3, 3, 3]);
        let spec = ConvSpec { groups: 2, padding: [1, 1], ..ConvSpec::default() };
        let y = g.conv2d(x, w, None, spec).expect("shapes fit");
        let dy = g.input("dy", [2, 4, 5, 5]);
        let once = 2 * (2 * 4 * 25) * (3 * 9);
        g.output("y", y);
        assert_eq!(g.flops(), once);
        for (name, gradient) in
            ["dx", "dw"].into_iter().zip(vector_jacobian_product(&mut g, &[(y, dy)], &[x, w]).expect("rules"))
        {
            g.output(name, gradient.expect("y depends on it"));
        }
        assert_eq!(g.flops(), 3 * once);
    }

    #[test]
    fn elementwise_operators_count_elements_and_moves_nothing() {
        let mut g = Graph::new();
        let x = g.input("x", [2, 3, 4]);
        let moved = g.permute(x, &[2, 0, 1]).expect("an order");
        let y = g.relu(moved).expect("any shape");
        g.output("y", y);
        assert_eq!(g.flops(), 24);
    }
}
