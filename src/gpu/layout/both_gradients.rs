//! Both gradients of a convolution in one launch, which reads the gradient of its result and what was normalised before it once: of
//! depthwise ones, and of those with few filters, of which the gradient of a normalisation makes that of the input as it loads it.

use std::collections::{HashMap, HashSet};

use super::assign::Layouts;
use super::places::reads;
use super::unwritten::product_of;
use crate::gpu::family::{ConvKernel, ConvProblem};
use crate::gpu::machine::Capabilities;
use crate::graph::{Graph, Node, NodeId, Op};

/// Of gradients of inputs, whose kernels also leave the sums of a normalisation's gradient (`reductions`), those of the weights; and of
/// those of weights such sums of unwritten gradients of inputs. What was convolved is what that normalisation made.
pub(crate) fn both_gradients(
    graph: &Graph,
    live: &[NodeId],
    layouts: &Layouts,
    unwritten: &HashSet<NodeId>,
    reductions: &HashMap<NodeId, NodeId>,
    machine: &Capabilities,
) -> HashMap<NodeId, NodeId> {
    let from_buffers = layouts.computed_from_buffers(live);
    let made_of = |id: NodeId, sums: &Node| match (&graph.node(id).op, &sums.op) {
        (Op::BatchNorm { eps, activation, .. }, Op::BatchNormGradSums { eps: same, activation: too }) => {
            let inputs = &graph.node(id).inputs;
            let same = (eps, activation) == (same, too) && inputs[0] == sums.inputs[0];
            unwritten.contains(&id) && same && inputs[1..] == sums.inputs[2..]
        }
        _ => false,
    };
    let is_depthwise = |id: NodeId| {
        let problem = ConvProblem::of(graph, id, machine);
        problem.is_some_and(|problem| ConvKernel::select(&problem, machine).0 == ConvKernel::Depthwise)
    };
    let mut of_weights: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for &id in live.iter().filter(|id| from_buffers.contains(id)) {
        if matches!(graph.node(id).op, Op::Conv2dWeightGrad { .. }) {
            of_weights.entry(graph.node(id).inputs[1]).or_default().push(id);
        }
    }
    let mut both = HashMap::new();
    for (&of_input, &reduction) in reductions.iter().filter(|(id, _)| is_depthwise(**id)) {
        let (Op::Conv2dInputGrad { spec, .. }, sums) = (&graph.node(of_input).op, graph.node(reduction)) else {
            continue;
        };
        let dy = graph.node(of_input).inputs[0];
        let suits = |id: &&NodeId| {
            let node = graph.node(**id);
            let same = matches!(&node.op, Op::Conv2dWeightGrad { spec: own, .. } if own == spec);
            same && of_input < **id && is_depthwise(**id) && made_of(node.inputs[0], sums)
        };
        if let Some(&of_weights) = of_weights.get(&dy).into_iter().flatten().find(suits) {
            both.insert(of_input, of_weights);
        }
    }
    for &id in live.iter().filter(|id| from_buffers.contains(id)) {
        let sums = graph.node(id);
        let Op::BatchNormGradSums { .. } = sums.op else { continue };
        let Some(product) = product_of(graph, sums.inputs[1], unwritten) else { continue };
        let (Op::Conv2dInputGrad { spec, .. }, dy) = (&graph.node(product).op, graph.node(product).inputs[0]) else {
            continue;
        };
        let dropout = Some(graph.node(sums.inputs[1])).filter(|_| sums.inputs[1] != product);
        let suits = |id: &&NodeId| {
            let node = graph.node(**id);
            let same = matches!(&node.op, Op::Conv2dWeightGrad { spec: own, .. } if own == spec);
            let convolved = graph.node(node.inputs[0]);
            // Others may add the gradient of the weights to theirs long before the sums are needed, which are made with it.
            let there = sums.inputs.iter().enumerate().all(|(slot, input)| slot == 1 || input < *id);
            same && there
                && match dropout {
                    Some(dropout) => {
                        let alike = convolved.op == dropout.op && convolved.inputs[1] == dropout.inputs[1];
                        alike && unwritten.contains(&node.inputs[0]) && made_of(convolved.inputs[0], sums)
                    }
                    None => made_of(node.inputs[0], sums),
                }
        };
        if let Some(&of_weights) = of_weights.get(&dy).into_iter().flatten().find(suits) {
            both.insert(of_weights, id);
        }
    }
    both
}

/// The gradients of normalisations that kernels of both gradients make as they load them.
pub(crate) fn passed(
    graph: &Graph,
    live: &[NodeId],
    layouts: &Layouts,
    unwritten: &HashSet<NodeId>,
    both: &HashMap<NodeId, NodeId>,
) -> Vec<NodeId> {
    let (reads, from_buffers) = (reads(graph, live), layouts.computed_from_buffers(live));
    let of_inputs = both.keys().filter(|id| matches!(graph.node(**id).op, Op::Conv2dInputGrad { .. }));
    let of_both = of_inputs.map(|&of_input| graph.node(of_input).inputs[0]);
    let made = |id: &NodeId| {
        let node = graph.node(*id);
        matches!(node.op, Op::BatchNormGradInput { .. })
            && from_buffers.contains(id)
            && reads[id] == 2
            && graph.shape(node.inputs[2])[0] == 1
            && !unwritten.contains(&node.inputs[1])
    };
    of_both.filter(made).collect()
}
