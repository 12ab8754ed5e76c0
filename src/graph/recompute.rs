//! Less memory for a little more arithmetic: what the backward pass needs of the forward pass and is cheap to make is made
//! again there, so that it need not be kept. The values stay the same to the last bit.

use std::collections::HashMap;

use super::{Graph, Memory, Node, NodeId};

/// Rebuilds a graph whose first `forward` nodes are the forward pass. Further rewrites would undo it: to them a value made
/// twice is a common subexpression.
pub fn recompute(graph: &Graph, forward: usize) -> Graph {
    let wanted = recomputable(graph, forward);
    let mut rebuilt =
        Rebuilt { wanted: &wanted, old: graph, nodes: Vec::new(), first: HashMap::new(), again: HashMap::new() };
    for id in graph.live_nodes() {
        if id.0 < forward {
            rebuilt.emit(id);
        } else {
            rebuilt.emit_backward(id);
        }
    }
    let Rebuilt { nodes, first, .. } = rebuilt;
    let mut result = Graph { nodes, ..graph.clone() };
    for (_, id) in &mut result.outputs {
        *id = first[id];
    }
    for update in &mut result.updates {
        update.replace_inputs(|id| first[&id]);
    }
    result
}

/// A graph in the making.
struct Rebuilt<'g> {
    wanted: &'g [bool],
    old: &'g Graph,
    nodes: Vec<Node>,
    /// where each old node went
    first: HashMap<NodeId, NodeId>,
    /// where those went that are made again
    again: HashMap<NodeId, NodeId>,
}

impl Rebuilt<'_> {
    fn push(&mut self, id: NodeId, inputs: Vec<NodeId>) -> NodeId {
        let Node { op, shape, .. } = self.old.node(id).clone();
        self.nodes.push(Node { op, inputs, shape });
        NodeId(self.nodes.len() - 1)
    }

    fn emit(&mut self, id: NodeId) {
        let inputs = self.old.node(id).inputs.iter().map(|input| self.first[input]).collect();
        let new = self.push(id, inputs);
        self.first.insert(id, new);
    }

    fn emit_backward(&mut self, id: NodeId) {
        let inputs = self.old.node(id).inputs.iter().map(|&input| self.in_backward(input)).collect();
        let new = self.push(id, inputs);
        self.first.insert(id, new);
    }

    /// The value as the backward pass reads it.
    fn in_backward(&mut self, id: NodeId) -> NodeId {
        if !self.wanted[id.0] {
            return self.first[&id];
        }
        if let Some(&made) = self.again.get(&id) {
            return made;
        }
        let inputs = self.old.node(id).inputs.iter().map(|&input| self.in_backward(input)).collect();
        let made = self.push(id, inputs);
        self.again.insert(id, made);
        made
    }
}

/// Which nodes are made again: cheap ones of the forward pass whose inputs are there in the backward pass anyway, or are
/// made again themselves.
fn recomputable(graph: &Graph, forward: usize) -> Vec<bool> {
    let mut kept = vec![false; graph.nodes().len()];
    for id in graph.live_nodes().into_iter().filter(|id| id.0 >= forward) {
        for &input in &graph.node(id).inputs {
            kept[graph.storage_of(input).0] = true;
        }
    }
    // What is read after the run is there until then.
    let mut read_later = vec![false; graph.nodes().len()];
    for id in graph.outputs().iter().map(|(_, id)| *id).chain(graph.updates().iter().flat_map(|u| u.inputs())) {
        read_later[graph.storage_of(id).0] = true;
    }
    let mut wanted = vec![false; graph.nodes().len()];
    for index in 0..forward.min(graph.nodes().len()) {
        let node = graph.node(NodeId(index));
        let there = |input: &NodeId| {
            let storage = graph.storage_of(*input);
            let given = matches!(graph.node(storage).op.traits().memory, Memory::Given | Memory::State);
            let small = graph.shape(*input).elements() * 16 <= node.shape.elements();
            given || small || kept[storage.0] || wanted[input.0]
        };
        let storage = graph.storage_of(NodeId(index));
        wanted[index] = node.op.traits().cheap && !read_later[storage.0] && node.inputs.iter().all(there);
    }
    wanted
}
