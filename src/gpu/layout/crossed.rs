//! Resizes along columns and then along rows, of shifted parts, that one launch does: what lies between them is never written.

use std::collections::HashMap;

use super::assign::Layouts;
use super::places::reads;
use crate::graph::{Graph, NodeId, Op};

/// Of resizes along rows the one along columns, which they alone read and their kernel does as well.
pub(crate) fn crossed(graph: &Graph, live: &[NodeId], layouts: &Layouts) -> HashMap<NodeId, NodeId> {
    let (reads, from_buffers) = (reads(graph, live), layouts.computed_from_buffers(live));
    let mut crossed = HashMap::new();
    for &rows in live.iter().filter(|id| from_buffers.contains(id)) {
        let Op::ResizeShifted { mode, axis: 2, taps, .. } = graph.node(rows).op else { continue };
        let mut columns = graph.node(rows).inputs[0];
        let mut alone = reads[&columns] == 1;
        while graph.node(columns).op == Op::Reshape {
            columns = graph.node(columns).inputs[0];
            alone &= reads[&columns] == 1;
        }
        let Op::ResizeShifted { mode: other, axis: 3, taps: as_many, .. } = graph.node(columns).op else { continue };
        let planes = |id: NodeId| graph.shape(id)[2..].to_vec();
        let same = (mode, taps) == (other, as_many) && planes(columns) == planes(graph.node(rows).inputs[0]);
        if alone && same && from_buffers.contains(&columns) {
            crossed.insert(rows, columns);
        }
    }
    crossed
}
