//! Elementwise operators that the kernel which makes one of their operands computes as it writes it: a sum with another map, or a
//! difference, and the gradient of an activation.

use std::collections::{HashMap, HashSet};

use super::assign::Layouts;
use super::places::reads;
use super::unwritten::product_of;
use crate::gpu::family::{ConvKernel, ConvProblem};
use crate::gpu::machine::Capabilities;
use crate::graph::{Binary, Graph, NodeId, Op};

/// Of each node whose kernel goes on to an operator that alone reads it, that operator.
pub(crate) fn combined_on_store(
    graph: &Graph,
    live: &[NodeId],
    layouts: &Layouts,
    unwritten: &HashSet<NodeId>,
    machine: &Capabilities,
) -> HashMap<NodeId, NodeId> {
    let from_buffers = layouts.computed_from_buffers(live);
    let reads = reads(graph, live);
    let mut combined = HashMap::new();
    for &id in live.iter().filter(|id| from_buffers.contains(id)) {
        let Some((maker, other)) = operands(graph, id) else { continue };
        let alone = reads.get(&maker) == Some(&1) && from_buffers.contains(&maker);
        // What is combined must be there, as memory.
        let there = other < maker && !unwritten.contains(&other) && !combined.contains_key(&other);
        if alone && there && combines(graph, maker, id, unwritten, machine) {
            combined.insert(maker, id);
        }
    }
    combined
}

/// The operand of an operator whose kernel may compute it, the later one, and the other.
fn operands(graph: &Graph, id: NodeId) -> Option<(NodeId, NodeId)> {
    let node = graph.node(id);
    match node.op {
        Op::Binary(Binary::Add | Binary::Sub) => {
            let [a, b] = [node.inputs[0], node.inputs[1]];
            (graph.shape(a) == graph.shape(b)).then_some((a.max(b), a.min(b)))
        }
        Op::UnaryGrad(function) => function.activation().map(|_| (node.inputs[1], node.inputs[0])),
        _ => None,
    }
}

/// Whether the kernel of `maker` can go on to `operator`.
fn combines(
    graph: &Graph,
    maker: NodeId,
    operator: NodeId,
    unwritten: &HashSet<NodeId>,
    machine: &Capabilities,
) -> bool {
    let (op, node) = (&graph.node(operator).op, graph.node(maker));
    let (adds, subtracts) = (*op == Op::Binary(Binary::Add), *op == Op::Binary(Binary::Sub));
    match node.op {
        Op::WeightedSumGradFeature => adds || subtracts,
        _ if subtracts => false,
        Op::ResizeShifted { .. } => adds,
        Op::BatchNormGradInput { .. } => adds && product_of(graph, node.inputs[1], unwritten).is_some(),
        Op::Conv2d { .. } | Op::Conv2dInputGrad { .. } => {
            let problem = ConvProblem::of(graph, maker, machine).expect("it is a convolution");
            let gradient = matches!(graph.node(maker).op, Op::Conv2dInputGrad { .. });
            ConvKernel::select(&problem, machine).0 == ConvKernel::Tiled && (adds || gradient)
        }
        _ => false,
    }
}
