//! Simplified graphs give the same outputs and gradients with fewer operators.

use std::collections::HashMap;

use super::finite_differences::{assert_close, evaluate, noise};
use crate::graph::{
    Activation, ConvSpec, Graph, NodeId, Op, Shape, ShapeError, Unary, simplify, vector_jacobian_product,
};
use crate::reference::Array;

/// A loss over convolutions with bias, norms, activations, repeated subexpressions and broadcasts, and what it is
/// differentiated by.
struct Network {
    graph: Graph,
    inputs: HashMap<String, Array>,
    parameters: Vec<NodeId>,
    loss: NodeId,
}

impl Network {
    fn parameter(&mut self, name: &str, shape: impl Into<Shape>) -> NodeId {
        let shape = shape.into();
        let values = noise(self.parameters.len() as u32 + 50, shape.elements());
        let id = self.graph.input(name, shape.clone());
        self.inputs.insert(name.to_string(), Array::new(shape, values));
        self.parameters.push(id);
        id
    }

    fn conv_bias(&mut self, x: NodeId, name: &str, outputs: usize, bias_first: bool) -> Result<NodeId, ShapeError> {
        let channels = self.graph.shape(x)[1];
        let w = self.parameter(&format!("{name}.weight"), [outputs, channels, 3, 3]);
        let b = self.parameter(&format!("{name}.bias"), [outputs]);
        let g = &mut self.graph;
        let y = g.conv2d(x, w, None, ConvSpec { padding: [1, 1], ..Default::default() })?;
        let b = g.reshape(b, [1, outputs, 1, 1])?;
        if bias_first { g.add(b, y) } else { g.add(y, b) }
    }

    fn build() -> Result<Self, ShapeError> {
        let (graph, inputs) = (Graph::new(), HashMap::new());
        let mut n = Network { graph, inputs, parameters: Vec::new(), loss: NodeId(0) };
        let x = n.parameter("x", [2, 3, 5, 4]);
        let y = n.conv_bias(x, "first", 4, false)?;
        let y = n.graph.relu(y)?;
        let y = n.conv_bias(y, "second", 4, true)?;
        let y = n.graph.sigmoid(y)?;
        let (weight, bias) = (n.parameter("norm.weight", [4]), n.parameter("norm.bias", [4]));
        let stats = n.graph.batch_stats(y, 2)?;
        let y = n.graph.batch_norm_training(y, stats, weight, bias, 1e-3)?;
        let y = n.graph.affine(y, 3.0, 0.0)?;
        let stats = n.graph.batch_stats(y, 1)?;
        let y = n.graph.batch_norm_training(y, stats, weight, bias, 1e-3)?;
        let y = n.graph.unary(Unary::Relu6, y)?;
        let y = n.conv_bias(y, "third", 2, false)?;
        let y = n.graph.unary(Unary::LeakyRelu(0.2), y)?;
        // The same twice, and a repeated row on either side of an elementwise operator.
        let g = &mut n.graph;
        let (one, same) = (g.sigmoid(y)?, g.sigmoid(y)?);
        let (one, same) = (g.unary(Unary::Square, one)?, g.unary(Unary::Square, same)?);
        let row = n.parameter("row", [4]);
        let g = &mut n.graph;
        let shape = g.shape(y).clone();
        let (left, right) = (g.broadcast(row, &shape)?, g.broadcast(row, &shape)?);
        let (left, right) = (g.mul(left, one)?, g.sub(same, right)?);
        let product = g.mul(left, right)?;
        n.loss = g.mean_all(product)?;
        Ok(n)
    }

    /// Names the loss and its gradients as outputs.
    fn differentiate(&mut self) -> Result<(), ShapeError> {
        let one = self.graph.constant(1.0, Shape::scalar());
        let gradients = vector_jacobian_product(&mut self.graph, &[(self.loss, one)], &self.parameters)?;
        for (index, gradient) in gradients.into_iter().enumerate() {
            self.graph.output(&format!("gradient {index}"), gradient.expect("every parameter matters"));
        }
        Ok(())
    }
}

/// Live operators for which `which` holds.
fn count(graph: &Graph, which: impl Fn(&Op) -> bool) -> usize {
    graph.live_nodes().into_iter().filter(|id| which(&graph.node(*id).op)).count()
}

#[test]
fn outputs_and_gradients_stay_the_same() {
    let mut plain = Network::build().unwrap();
    plain.graph.output("loss", plain.loss);
    let mut before = Network::build().unwrap();
    before.graph.output("loss", before.loss);
    simplify(&mut before.graph);
    let mut unfinished = Network::build().unwrap();
    simplify(&mut unfinished.graph);
    unfinished.graph.output("loss", unfinished.loss);
    for network in [&mut plain, &mut before, &mut unfinished] {
        network.differentiate().unwrap();
    }
    let mut after = plain.graph.clone();
    simplify(&mut after);
    let want = evaluate(&plain.graph, &plain.inputs);
    assert_eq!(want.len(), 1 + plain.parameters.len());
    for (when, graph) in [("before", &before.graph), ("unfinished", &unfinished.graph), ("after", &after)] {
        assert!(graph.live_nodes().len() < plain.graph.live_nodes().len(), "nothing is saved {when}");
        let got = evaluate(graph, &plain.inputs);
        for (name, want) in &want {
            assert_close(&got[name].data, &want.data, 1e-12, &format!("{name} simplified {when}"));
        }
    }
}

#[test]
fn biases_activations_and_broadcasts_are_taken_in() {
    let mut n = Network::build().unwrap();
    n.graph.output("loss", n.loss);
    let binaries = count(&n.graph, |op| matches!(op, Op::Binary(_)));
    assert_eq!((binaries, count(&n.graph, |op| *op == Op::Broadcast)), (6, 2));
    simplify(&mut n.graph);
    let g = &n.graph;
    assert_eq!(count(g, |op| matches!(op, Op::Binary(_))), 3);
    assert_eq!(count(g, |op| *op == Op::Broadcast), 0);
    assert_eq!(count(g, |op| matches!(op, Op::Unary(Unary::Sigmoid))), 2);
    assert_eq!(count(g, |op| matches!(op, Op::Unary(Unary::Square))), 1);
    let is_activation = |op: &Op| matches!(op, Op::Unary(Unary::Relu | Unary::Relu6 | Unary::LeakyRelu(_)));
    assert_eq!(count(g, is_activation), 0);
    for activation in [Activation::Relu, Activation::Identity, Activation::LeakyRelu(0.2)] {
        let fused = |op: &Op| matches!(op, Op::Conv2d { bias: true, activation: a, .. } if *a == activation);
        assert_eq!(count(g, fused), 1, "{activation:?}");
    }
    assert_eq!(count(g, |op| matches!(op, Op::BatchNorm { activation: Activation::Relu6, .. })), 1);
    assert_eq!(count(g, |op| matches!(op, Op::BatchNorm { .. })), 2);
    let nodes = g.nodes().to_vec();
    simplify(&mut n.graph);
    assert_eq!(n.graph.nodes(), nodes, "a simplified graph stays as it is");
}

/// `relu(conv2d(x, w) + b)`: the convolution, the sum and the result.
fn conv_bias_relu(g: &mut Graph) -> [NodeId; 3] {
    let (x, w, b) = (g.input("x", [1, 2, 3, 3]), g.input("w", [2, 2, 1, 1]), g.input("b", [2]));
    let conv = g.conv2d(x, w, None, ConvSpec::default()).unwrap();
    let b = g.reshape(b, [1, 2, 1, 1]).unwrap();
    let sum = g.add(conv, b).unwrap();
    let relu = g.relu(sum).unwrap();
    [conv, sum, relu]
}

#[test]
fn an_output_is_not_taken_in() {
    for kept in 0..2 {
        let mut g = Graph::new();
        let values = conv_bias_relu(&mut g);
        g.output("result", values[2]);
        g.output("intermediate", values[kept]);
        simplify(&mut g);
        assert_eq!(count(&g, |op| matches!(op, Op::Conv2d { .. })), 1, "the convolution is computed once");
        assert_eq!(count(&g, |op| matches!(op, Op::Unary(Unary::Relu))), 1);
        assert_eq!(count(&g, |op| matches!(op, Op::Binary(_))), usize::from(kept == 0));
    }
}

#[test]
fn a_value_read_twice_is_not_taken_in() {
    let mut g = Graph::new();
    let [conv, sum, relu] = conv_bias_relu(&mut g);
    let both = g.mul(conv, relu).unwrap();
    let both = g.mul(both, sum).unwrap();
    g.output("both", both);
    simplify(&mut g);
    assert_eq!(count(&g, |op| matches!(op, Op::Conv2d { .. })), 1);
    assert_eq!(count(&g, |op| matches!(op, Op::Unary(Unary::Relu))), 1);
    assert_eq!(count(&g, |op| matches!(op, Op::Binary(_))), 3);
}

#[test]
fn different_dropouts_stay_different() {
    let mut g = Graph::new();
    let (x, seed) = (g.input("x", [64]), g.input("seed", [2]));
    let (one, other) = (g.dropout(x, seed, 0.5).unwrap(), g.dropout(x, seed, 0.5).unwrap());
    g.output("one", one);
    g.output("other", other);
    simplify(&mut g);
    let inputs = [("x".into(), Array::filled([64], 1.0)), ("seed".into(), Array::zeros([2]))].into();
    let outputs = evaluate(&g, &inputs);
    assert_ne!(outputs["one"], outputs["other"]);
}

#[test]
fn a_broadcast_stays_where_it_makes_the_shape() {
    let mut g = Graph::new();
    let row = g.input("row", [3]);
    let full = g.broadcast(row, &[2, 3].into()).unwrap();
    let square = g.mul(full, full).unwrap();
    g.output("square", square);
    simplify(&mut g);
    let inputs = [("row".into(), Array::from_f32([3], &[1.0, 2.0, 3.0]))].into();
    let square = &evaluate(&g, &inputs)["square"];
    assert_eq!(*square, Array::from_f32([2, 3], &[1.0, 4.0, 9.0, 1.0, 4.0, 9.0]));
}

#[test]
fn a_padding_is_taken_into_the_convolution_after_it() {
    let spec = |padding: [usize; 2]| ConvSpec { padding, stride: [2, 1], ..ConvSpec::default() };
    let build = |before: [isize; 4], after: [isize; 4], kernel: usize| {
        let mut g = Graph::new();
        let (x, w) = (g.input("x", [2, 3, 6, 5]), g.input("w", [4, 3, kernel, kernel]));
        let padded = g.pad(x, &before, &after).expect("something is left");
        let y = g.conv2d(padded, w, None, spec([1, 0])).expect("shapes fit");
        let dy = g.input("dy", g.shape(y).clone());
        let gradients = vector_jacobian_product(&mut g, &[(y, dy)], &[x, w]).expect("rules exist");
        g.output("y", y);
        g.output("dw", gradients[1].expect("y depends on w"));
        g
    };
    let pads = |g: &Graph| count(g, |op| matches!(op, Op::Pad { .. }));
    for kernel in [1, 3] {
        let mut g = build([0, 0, 2, 1], [0, 0, 2, 1], kernel);
        assert_eq!(pads(&g), 1);
        let plain = g.clone();
        simplify(&mut g);
        let convolutions = g.live_nodes().into_iter().filter_map(|id| match g.node(id).op {
            Op::Conv2d { spec, .. } => Some(spec),
            _ => None,
        });
        assert_eq!(convolutions.collect::<Vec<_>>(), [spec([3, 1])]);
        // Its weight's gradient, traced before, still reads the padded maps.
        assert_eq!(pads(&g), 1);
        let value = |g: &Graph| {
            let inputs = g.nodes().iter().filter_map(|node| match &node.op {
                Op::Input { name } => {
                    let values = noise(name.len() as u32, node.shape.elements());
                    Some((name.clone(), Array::new(node.shape.clone(), values)))
                }
                _ => None,
            });
            evaluate(g, &inputs.collect())
        };
        let (got, want) = (value(&g), value(&plain));
        for name in ["y", "dw"] {
            assert_close(&got[name].data, &want[name].data, 1e-12, name);
        }
    }
    for (before, after) in [([0, 0, 1, 1], [0, 0, 0, 1]), ([0, 0, -1, 0], [0, 0, -1, 0]), ([0, 1, 0, 0], [0, -1, 0, 0])]
    {
        let mut g = build(before, after, 3);
        simplify(&mut g);
        assert_eq!(pads(&g), 1, "{before:?} {after:?}");
    }
}

/// Gradients of slices that tile a value are joined; of others they are padded and added.
#[test]
fn gradients_of_slices_side_by_side_are_joined() {
    for (cuts, tiled) in [([(0, 2), (2, 3)], true), ([(2, 3), (0, 2)], true), ([(0, 3), (2, 3)], false)] {
        let mut g = Graph::new();
        let x = g.input("x", [2, 5, 3]);
        let mut total = g.constant(0.0, Shape::scalar());
        for (index, (start, len)) in cuts.into_iter().enumerate() {
            let part = g.slice(x, 1, start, len).expect("the elements exist");
            let part = g.unary(if index == 0 { Unary::Square } else { Unary::Sigmoid }, part).expect("any shape");
            let part = g.sum_all(part).expect("any shape");
            total = g.add(total, part).expect("scalars");
        }
        let one = g.constant(1.0, Shape::scalar());
        let gradient = vector_jacobian_product(&mut g, &[(total, one)], &[x]).expect("rules exist")[0];
        g.output("dx", gradient.expect("the total depends on x"));
        let grown = |id: &NodeId| matches!(&g.node(*id).op, Op::Pad { before, after } if before.iter().chain(after).any(|&p| p > 0));
        assert_eq!(g.live_nodes().iter().filter(|id| grown(id)).count(), if tiled { 0 } else { 2 });
        let values = noise(3, 30);
        let inputs = HashMap::from([("x".to_string(), Array::new([2, 5, 3], values.clone()))]);
        let found = evaluate(&g, &inputs);
        for (index, got) in found["dx"].data.iter().enumerate() {
            let (row, v) = (index / 3 % 5, values[index]);
            let sigmoid = 1.0 / (1.0 + (-v).exp());
            let inside = |(start, len): (usize, usize)| (start..start + len).contains(&row);
            let mut want = if inside(cuts[0]) { 2.0 * v } else { 0.0 };
            want += if inside(cuts[1]) { sigmoid * (1.0 - sigmoid) } else { 0.0 };
            assert!((got - want).abs() < 1e-12, "{got} and {want}");
        }
    }
}

#[test]
fn settings_are_the_same_if_their_bits_are() {
    let mut g = Graph::new();
    for (index, value) in [0.0, -0.0, f32::NAN, f32::NAN].into_iter().enumerate() {
        let constant = g.constant(value, [3]);
        g.output(&index.to_string(), constant);
    }
    simplify(&mut g);
    let kept: Vec<NodeId> = g.outputs().iter().map(|(_, id)| *id).collect();
    assert!(kept[0] != kept[1] && kept[2] == kept[3], "{kept:?}");
}
