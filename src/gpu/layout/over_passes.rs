//! Sums over passes, the first of two axes, of probabilities or of the squares of their differences from their mean: one kernel makes
//! them of the logits, or of smaller ones that are resized.

use std::collections::{HashMap, HashSet};

use super::assign::Layouts;
use super::places::readers;
use crate::gpu::machine::Capabilities;
use crate::graph::{Binary, Graph, NodeId, Op, ResizeMode, Unary};

/// How a sum over passes is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OverPasses {
    /// logits `[passes, count]`, or what they are resized from
    pub(crate) logits: NodeId,
    /// the interpolation, and rows and columns of the result, where they are resized
    pub(crate) resized: Option<(ResizeMode, [usize; 2])>,
    /// what logits are multiplied by before the sigmoid, and what is then added
    pub(crate) affine: [f32; 2],
    /// of squares of differences from the mean, what the sum is multiplied by for that
    pub(crate) mean_of: Option<f32>,
}

/// The sums that are made so, and what is never written then.
pub(crate) fn over_passes(
    graph: &Graph,
    live: &[NodeId],
    layouts: &Layouts,
    machine: &Capabilities,
) -> (HashMap<NodeId, OverPasses>, HashSet<NodeId>) {
    let from_buffers = layouts.computed_from_buffers(live);
    let readers = readers(graph, live);
    let later: HashSet<NodeId> = graph.read_later().collect();
    let mut sums: HashMap<NodeId, OverPasses> = HashMap::new();
    let mut passed_through = HashSet::new();
    for &id in live.iter().filter(|id| from_buffers.contains(id)) {
        let Some((sum, through)) = matched(graph, id, &from_buffers) else { continue };
        if graph.shape(sum.logits).elements() <= machine.binding_elements {
            sums.insert(id, sum);
            passed_through.extend(through);
        }
    }
    // Not written is what only such sums read, and others that are not written.
    let mut unwritten: HashSet<NodeId> = HashSet::new();
    for &id in live.iter().rev().filter(|id| passed_through.contains(id) && from_buffers.contains(id)) {
        let mut all = readers.get(&id).into_iter().flatten();
        if !later.contains(&id) && all.all(|reader| sums.contains_key(reader) || unwritten.contains(reader)) {
            unwritten.insert(id);
        }
    }
    // A sum that is only part of another is not made, and one reads what is written if that is resized for others anyway.
    sums.retain(|id, _| !unwritten.contains(id));
    for sum in sums.values_mut() {
        let through = passed_through.iter().filter(|id| matches!(graph.node(**id).op, Op::Resize { .. }));
        let written = through.copied().find(|id| graph.node(*id).inputs[0] == sum.logits && !unwritten.contains(id));
        if let (Some(resized), Some(_)) = (written, sum.resized) {
            (sum.logits, sum.resized) = (resized, None);
        }
    }
    (sums, unwritten)
}

/// What a sum is made of, and the nodes between that and the sum.
fn matched(graph: &Graph, id: NodeId, from_buffers: &HashSet<NodeId>) -> Option<(OverPasses, Vec<NodeId>)> {
    let sum_of = |id: NodeId| {
        let (node, shape) = (graph.node(id), graph.shape(*graph.node(id).inputs.first()?));
        (node.op == (Op::Sum { axes: vec![0] }) && shape.len() == 2).then(|| node.inputs[0])
    };
    let mut term = sum_of(id)?;
    let mut through = vec![term];
    let mut mean_of = None;
    if graph.node(term).op == Op::Unary(Unary::Square) {
        let difference = graph.node(term).inputs[0];
        let (Op::Binary(Binary::Sub), [value, mean]) = (&graph.node(difference).op, &graph.node(difference).inputs[..])
        else {
            return None;
        };
        let Op::Unary(Unary::Affine { mul, add: 0.0 }) = graph.node(*mean).op else { return None };
        let total = graph.node(*mean).inputs[0];
        if sum_of(total)? != *value {
            return None;
        }
        through.extend([difference, *mean, total, *value]);
        (term, mean_of) = (*value, Some(mul));
    }
    let Op::Unary(Unary::Sigmoid) = graph.node(term).op else { return None };
    let mut logits = graph.node(term).inputs[0];
    let mut affine = [1.0, 0.0];
    if let Op::Unary(Unary::Affine { mul, add }) = graph.node(logits).op {
        through.push(logits);
        (affine, logits) = ([mul, add], graph.node(logits).inputs[0]);
    }
    let mut between = Vec::new();
    let mut maps = logits;
    while graph.node(maps).op == Op::Reshape {
        between.push(maps);
        maps = graph.node(maps).inputs[0];
    }
    let written = OverPasses { logits, resized: None, affine, mean_of };
    let Op::Resize { mode, size } = graph.node(maps).op else { return Some((written, through)) };
    let small = graph.node(maps).inputs[0];
    if ![maps, small].iter().all(|id| from_buffers.contains(id)) {
        return Some((written, through));
    }
    through.extend(between);
    through.push(maps);
    Some((OverPasses { logits: small, resized: Some((mode, size)), ..written }, through))
}
