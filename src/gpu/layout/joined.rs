//! Joined maps of which one is resized on the way: their statistics are put together from those of the parts, and where nothing else
//! reads them but a convolution with few filters, they are never written.

use std::collections::{HashMap, HashSet};

use super::assign::Layouts;
use super::placed::Placed;
use super::places::readers;
use super::unwritten::FEW_FILTERS;
use crate::gpu::family::{ConvKernel, ConvProblem};
use crate::gpu::machine::Capabilities;
use crate::graph::{Graph, NodeId, Op};

/// Elements of a map of which `resize_stats` leaves the statistics together.
pub(crate) const ELEMENTS: usize = 1024;

/// Of statistics of joined maps the one that is resized, whose kernel leaves its share of them.
pub(crate) fn reduced_in_part(
    graph: &Graph,
    live: &[NodeId],
    layouts: &Layouts,
    placed: &Placed,
    machine: &Capabilities,
) -> HashMap<NodeId, NodeId> {
    let from_buffers = layouts.computed_from_buffers(live);
    let resized_of = |id: NodeId| {
        let node = graph.node(id);
        let joined = (node.op == Op::BatchStats { domains: 1 }).then(|| node.inputs[0])?;
        let mut resized =
            graph.node(joined).inputs.iter().filter(|map| placed.get(map).is_some_and(|(own, _)| *own == joined));
        let (resized, None) = (*resized.next()?, resized.next()) else { return None };
        let [n, c, h, w] = graph.shape(resized).nchw()?;
        (n * c * (h * w).div_ceil(ELEMENTS) * 3 <= machine.binding_elements).then_some(resized)
    };
    let reduced = live.iter().filter(|id| from_buffers.contains(id)).filter_map(|&id| Some((id, resized_of(id)?)));
    reduced.collect()
}

/// Joins of three maps, the first of them resized, that alone such statistics read, and normalisations that heads make as they load
/// them; `made` has the kernels that do more than their own.
pub(crate) fn unjoined(
    graph: &Graph,
    live: &[NodeId],
    layouts: &Layouts,
    unwritten: &HashSet<NodeId>,
    (reduced, placed): (&HashMap<NodeId, NodeId>, &Placed),
    made: [&HashMap<NodeId, NodeId>; 2],
    machine: &Capabilities,
) -> HashSet<NodeId> {
    let from_buffers = layouts.computed_from_buffers(live);
    let readers = readers(graph, live);
    let later: HashSet<NodeId> = graph.read_later().map(|id| graph.storage_of(id)).collect();
    let readers_of = |id: NodeId| readers.get(&id).into_iter().flatten().copied();
    let is_head = |id: NodeId| {
        let problem = ConvProblem::of(graph, id, machine).filter(|_| matches!(graph.node(id).op, Op::Conv2d { .. }));
        let alone = !made.iter().any(|made| made.contains_key(&id));
        problem.is_some_and(|problem| {
            let (g, kernel) = (&problem.geometry, ConvKernel::select(&problem, machine).0);
            alone && kernel == ConvKernel::Tiled && g.is_pointwise() && g.o <= FEW_FILTERS
        })
    };
    let is_norm_of_heads = |id: NodeId| {
        let heads = |id: NodeId| readers_of(id).all(is_head);
        let dropped = |id: NodeId| matches!(graph.node(id).op, Op::Dropout { .. }) && unwritten.contains(&id);
        let norm = matches!(graph.node(id).op, Op::BatchNorm { .. }) && unwritten.contains(&id);
        norm && readers_of(id).all(|reader| is_head(reader) || (dropped(reader) && heads(reader)))
    };
    let unjoined = |id: &NodeId| {
        let node = graph.node(*id);
        let [first, second, third] = node.inputs[..] else { return false };
        let is_placed = |map: NodeId| placed.get(&map).is_some_and(|(joined, _)| joined == id);
        let there =
            |map: NodeId| !is_placed(map) && from_buffers.contains(&graph.storage_of(map)) && !unwritten.contains(&map);
        node.op == (Op::Concat { axis: 1 })
            && is_placed(first)
            && there(second)
            && there(third)
            && !later.contains(id)
            && readers_of(*id).all(|reader| reduced.contains_key(&reader) || is_norm_of_heads(reader))
    };
    live.iter().copied().filter(unjoined).collect()
}
