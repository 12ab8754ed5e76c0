//! Rewrites that leave every output the same: common subexpressions, activations, biases and paddings taken into the
//! operators beside them, broadcasts left to the operator that reads them. Nodes keep their ids; what is no
//! longer read is dead, and `Graph::live_nodes` leaves it out.

use std::collections::HashMap;

use super::{Activation, Binary, Graph, Node, NodeId, Op};

/// Applies all rewrites. Done before differentiation, the backward pass profits too.
pub fn simplify(graph: &mut Graph) {
    share_common_subexpressions(graph);
    drop_broadcasts(graph);
    fuse_padding(graph);
    fuse_bias(graph);
    fuse_activations(graph);
}

/// Nodes with the same operator and inputs become one.
fn share_common_subexpressions(graph: &mut Graph) {
    let mut known: HashMap<Node, NodeId> = HashMap::new();
    let mut replacement: Vec<NodeId> = Vec::with_capacity(graph.nodes.len());
    for index in 0..graph.nodes.len() {
        let node = &mut graph.nodes[index];
        for input in &mut node.inputs {
            *input = replacement[input.0];
        }
        replacement.push(*known.entry(node.clone()).or_insert(NodeId(index)));
    }
    for (_, id) in &mut graph.outputs {
        *id = replacement[id.0];
    }
    for update in &mut graph.updates {
        update.replace_inputs(|id| replacement[id.0]);
    }
}

/// An elementwise operator repeats its inputs itself.
fn drop_broadcasts(graph: &mut Graph) {
    for index in 0..graph.nodes.len() {
        if !matches!(graph.nodes[index].op, Op::Binary(_)) {
            continue;
        }
        for slot in 0..2 {
            let input = graph.nodes[index].inputs[slot];
            if graph.node(input).op != Op::Broadcast {
                continue;
            }
            let source = graph.node(input).inputs[0];
            let other = graph.nodes[index].inputs[1 - slot];
            if graph.shape(source).broadcast(graph.shape(other)).as_ref() == Some(&graph.nodes[index].shape) {
                graph.nodes[index].inputs[slot] = source;
            }
        }
    }
}

/// A convolution of maps padded alike on both sides pads them itself. Where a 1x1 convolution is padded (the blocks of
/// MobileNetV2 pad before their expansion) its border is 0, as that of the padded maps was.
fn fuse_padding(graph: &mut Graph) {
    for index in 0..graph.nodes.len() {
        let Op::Conv2d { mut spec, bias, activation } = graph.nodes[index].op else { continue };
        let source = graph.nodes[index].inputs[0];
        let Op::Pad { before, after } = &graph.node(source).op else { continue };
        let [0, 0, rows, columns] = before[..] else { continue };
        if before == after && rows >= 0 && columns >= 0 {
            spec.padding[0] += rows as usize;
            spec.padding[1] += columns as usize;
            let unpadded = graph.node(source).inputs[0];
            graph.nodes[index].op = Op::Conv2d { spec, bias, activation };
            graph.nodes[index].inputs[0] = unpadded;
        }
    }
}

/// `conv2d(x, w) + b` with one value of `b` for each output channel becomes a convolution with bias.
fn fuse_bias(graph: &mut Graph) {
    let consumers = consumer_counts(graph);
    for index in 0..graph.nodes.len() {
        if graph.nodes[index].op != Op::Binary(Binary::Add) {
            continue;
        }
        let [a, b] = [graph.nodes[index].inputs[0], graph.nodes[index].inputs[1]];
        for (conv, bias) in [(a, b), (b, a)] {
            let Op::Conv2d { spec, bias: false, activation: Activation::Identity } = graph.node(conv).op else {
                continue;
            };
            let reshaped = graph.node(bias);
            let channels = graph.shape(conv)[1];
            if reshaped.op != Op::Reshape {
                continue;
            }
            let vector = reshaped.inputs[0];
            let is_bias = reshaped.shape[..] == [1, channels, 1, 1] && graph.shape(vector)[..] == [channels];
            if is_bias && consumers[conv.0] == 1 {
                let mut inputs = graph.node(conv).inputs.clone();
                inputs.push(vector);
                let node = &mut graph.nodes[index];
                node.op = Op::Conv2d { spec, bias: true, activation: Activation::Identity };
                node.inputs = inputs;
                break;
            }
        }
    }
}

/// An activation that alone reads a batch norm or a convolution is computed by it.
fn fuse_activations(graph: &mut Graph) {
    let consumers = consumer_counts(graph);
    for index in 0..graph.nodes.len() {
        let Op::Unary(function) = graph.nodes[index].op else { continue };
        // The operator's gradient will be told the slope by the output.
        let Some(activation) = function.activation().filter(|_| function.slope_from_output()) else { continue };
        let source = graph.nodes[index].inputs[0];
        if consumers[source.0] != 1 {
            continue;
        }
        let fused = match graph.node(source).op {
            Op::BatchNorm { eps, activation: Activation::Identity, training } => {
                Op::BatchNorm { eps, activation, training }
            }
            Op::Conv2d { spec, bias, activation: Activation::Identity } => Op::Conv2d { spec, bias, activation },
            _ => continue,
        };
        let inputs = graph.node(source).inputs.clone();
        graph.nodes[index].op = fused;
        graph.nodes[index].inputs = inputs;
    }
}

/// How often each value is read by live nodes, outputs and updates. Before outputs are named (a loss not yet
/// differentiated), every node counts as live.
pub(super) fn consumer_counts(graph: &Graph) -> Vec<usize> {
    let mut counts = vec![0; graph.nodes.len()];
    let unfinished = graph.outputs.is_empty() && graph.updates.is_empty();
    let live = if unfinished { (0..graph.nodes.len()).map(NodeId).collect() } else { graph.live_nodes() };
    for id in live {
        for input in &graph.node(id).inputs {
            counts[input.0] += 1;
        }
    }
    for id in graph.outputs.iter().map(|(_, id)| *id).chain(graph.updates.iter().flat_map(|u| u.inputs())) {
        counts[id.0] += 1;
    }
    counts
}
