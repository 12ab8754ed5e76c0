//! Maps that are written where they are joined with others, and not copied there, or read where others lie as well.

use std::collections::HashMap;

use super::assign::Layouts;
use super::places::reads;
use crate::graph::{Graph, NodeId, Op};

/// Of parts the whole maps, and their first channels there.
pub(crate) type Placed = HashMap<NodeId, (NodeId, usize)>;

/// Of each such map the node that joins it, and its first channel there.
pub(crate) fn placed(graph: &Graph, live: &[NodeId], layouts: &Layouts) -> Placed {
    let (reads, from_buffers) = (reads(graph, live), layouts.computed_from_buffers(live));
    let mut placed = HashMap::new();
    for &id in live.iter().filter(|id| from_buffers.contains(id)) {
        let node = graph.node(id);
        if node.op != (Op::Concat { axis: 1 }) || node.shape.len() != 4 {
            continue;
        }
        let mut first = 0;
        for &map in &node.inputs {
            let resized = matches!(graph.node(map).op, Op::Resize { .. });
            if resized && from_buffers.contains(&map) && reads[&map] == 1 {
                placed.insert(map, (id, first));
            }
            first += graph.shape(map)[1];
        }
    }
    placed
}

/// Of channels that are cut out of a map, and that gradients of resizes alone read, the map, and the first of them there.
pub(crate) fn read_within(graph: &Graph, live: &[NodeId], layouts: &Layouts) -> Placed {
    let (reads, from_buffers) = (reads(graph, live), layouts.computed_from_buffers(live));
    let mut resized: HashMap<NodeId, usize> = HashMap::new();
    for id in live.iter().filter(|id| from_buffers.contains(id) && matches!(graph.node(**id).op, Op::ResizeGrad { .. }))
    {
        *resized.entry(graph.node(*id).inputs[0]).or_default() += 1;
    }
    let mut within = HashMap::new();
    for &id in live.iter().filter(|id| from_buffers.contains(id) && resized.get(id) == reads.get(id)) {
        let node = graph.node(id);
        let (Some(1), Op::Pad { before, after }) = (node.op.padded_axis(), &node.op) else { continue };
        let whole = node.inputs[0];
        if before[1] <= 0 && after[1] <= 0 && from_buffers.contains(&graph.storage_of(whole)) {
            within.insert(id, (whole, before[1].unsigned_abs()));
        }
    }
    within
}
