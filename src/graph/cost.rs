//! How much arithmetic a run takes.

use super::{Cost, Graph, NodeId, Value};

impl Graph {
    /// Floating-point operations of one run, two for each multiply-add; whatever is done element by element counts as one
    /// for each element.
    pub fn flops(&self) -> u64 {
        self.live_nodes().into_iter().map(|id| self.node_flops(id)).sum()
    }

    /// Those of one node.
    pub fn node_flops(&self, id: NodeId) -> u64 {
        let node = self.node(id);
        let shape = |value: Value| match value {
            Value::Output => &node.shape,
            Value::Input(slot) => self.shape(node.inputs[slot]),
        };
        let flops = match node.op.traits().cost {
            Cost::Free => 0,
            Cost::Each(value) => shape(value).elements(),
            Cost::Products { each, of, axes } => 2 * shape(each).elements() * shape(of)[axes].iter().product::<usize>(),
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
