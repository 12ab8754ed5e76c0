//! Maps that are written where they are joined with others, and not copied there.

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
