//! The memory of each value, and which values have none of their own.

use std::collections::{HashMap, HashSet};

use crate::gpu::kernel::Target;
use crate::graph::{Graph, NodeId, Op, Update};

/// Where the value of a node lies; `snapshots` are the states' reads that have memory of their own.
pub(crate) fn value_target(graph: &Graph, snapshots: &HashSet<NodeId>, id: NodeId) -> Target {
    let storage = graph.storage_of(id);
    match graph.node(storage).op {
        Op::State(state) if !snapshots.contains(&storage) => Target::State(state),
        _ => Target::Node(storage),
    }
}

/// Reads of states by outputs and updates, of states that the updates change: the old value must outlive the change.
pub(crate) fn late_reads(graph: &Graph) -> HashSet<NodeId> {
    let changed: HashSet<_> = graph.updates().iter().flat_map(Update::states).collect();
    let late = graph.outputs().iter().map(|(_, id)| *id).chain(graph.updates().iter().flat_map(Update::inputs));
    late.map(|id| graph.storage_of(id))
        .filter(|id| matches!(graph.node(*id).op, Op::State(state) if changed.contains(&state)))
        .collect()
}

/// How often each value is read: by live nodes, outputs and updates.
pub(super) fn reads(graph: &Graph, live: &[NodeId]) -> HashMap<NodeId, usize> {
    let mut reads = HashMap::new();
    for id in live.iter().flat_map(|&id| graph.node(id).inputs.iter().copied()).chain(graph.read_later()) {
        *reads.entry(id).or_default() += 1;
    }
    reads
}

/// The live nodes that read each value, one of them as often as it does.
pub(super) fn readers(graph: &Graph, live: &[NodeId]) -> HashMap<NodeId, Vec<NodeId>> {
    let mut readers: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for &id in live {
        graph.node(id).inputs.iter().for_each(|&input| readers.entry(input).or_default().push(id));
    }
    readers
}

/// Contiguous slices that only updates read: what they are slices of, and where they begin.
pub(crate) fn slices_in_place(graph: &Graph) -> HashMap<NodeId, (NodeId, usize)> {
    let mut slices = HashMap::new();
    let live = graph.live_nodes();
    for &id in &live {
        let op = &graph.node(id).op;
        let (Some(axis), Op::Pad { before, after }) = (op.padded_axis(), op) else { continue };
        let whole = graph.node(id).inputs[0];
        let shape = graph.shape(whole);
        let contiguous = before[axis] <= 0 && after[axis] <= 0 && shape[..axis].iter().all(|&extent| extent == 1);
        let leaf = matches!(graph.node(graph.storage_of(whole)).op, Op::State(_) | Op::Input { .. } | Op::Pad { .. });
        if contiguous && !leaf {
            slices.insert(id, (whole, before[axis].unsigned_abs() * shape.strides()[axis]));
        }
    }
    let nodes = live.iter().map(|&id| graph.node(id)).filter(|node| !node.op.is_alias());
    let mut elsewhere: Vec<NodeId> = nodes.flat_map(|node| node.inputs.iter().copied()).collect();
    elsewhere.extend(graph.outputs().iter().map(|(_, id)| *id));
    for update in graph.updates() {
        let gradient = match *update {
            Update::Adam { grad, .. } | Update::Sgd { grad, .. } => Some(grad),
            Update::Assign { .. } | Update::RunningStats { .. } | Update::Average { .. } => None,
        };
        elsewhere.extend(update.inputs().into_iter().filter(|&input| Some(input) != gradient));
    }
    for id in elsewhere {
        slices.remove(&graph.storage_of(id));
    }
    slices
}
