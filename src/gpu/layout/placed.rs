//! Maps that are written where they are joined with others, and not copied there.

use std::collections::HashMap;

use super::assign::{Layout, Layouts};
use crate::graph::{Graph, NodeId, Op};

/// Of each such map the node that joins it, and its first channel there.
pub(crate) fn placed(graph: &Graph, live: &[NodeId], layouts: &Layouts) -> HashMap<NodeId, (NodeId, usize)> {
    let mut readers: HashMap<NodeId, usize> = HashMap::new();
    for id in live.iter().flat_map(|&id| graph.node(id).inputs.iter().copied()).chain(graph.read_later()) {
        *readers.entry(id).or_default() += 1;
    }
    let layout: HashMap<NodeId, Layout> =
        live.iter().copied().zip(layouts.nodes.iter().map(|node| node.layout)).collect();
    let from_buffers = |id: NodeId| layout.get(&id) == Some(&Layout::Buffer);
    let mut placed = HashMap::new();
    for &id in live.iter().filter(|id| from_buffers(**id)) {
        let node = graph.node(id);
        if node.op != (Op::Concat { axis: 1 }) || node.shape.len() != 4 {
            continue;
        }
        let mut first = 0;
        for &map in &node.inputs {
            let resized = matches!(graph.node(map).op, Op::Resize { .. });
            if resized && from_buffers(map) && readers[&map] == 1 {
                placed.insert(map, (id, first));
            }
            first += graph.shape(map)[1];
        }
    }
    placed
}
