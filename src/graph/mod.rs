//! What to compute: a traced, static graph of operators, shapes checked as it is built.
//!
//! Nodes are stored in an order in which they can be evaluated. Everything else — gradients, rewrites, the
//! memory plan, execution on a GPU or in f64 on the CPU — is done to this structure. See `Op` for the
//! operators and `Update` for what a run does to state.

mod build;
mod cost;
mod fold;
mod gradient;
mod infer;
mod op;
mod plan;
mod precision;
mod recompute;
mod rewrite;
mod shape;
#[cfg(test)]
pub(crate) mod tests;
mod update;

pub use fold::{Prepared, fold_norms, prepare};
pub use gradient::vector_jacobian_product;
pub use infer::ShapeError;
pub use op::{Activation, Binary, ConvSpec, Op, PoolSpec, ResizeMode, Unary};
pub use plan::{Lifetime, MemoryPlan, assign_offsets};
pub use precision::Precision;
pub use recompute::recompute;
pub use rewrite::simplify;
pub use shape::Shape;
pub use update::{AdamSettings, SgdSettings, Update};

/// A value of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// A named state of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId(pub usize);

/// One operator with its inputs and the shape of its output.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// what is computed
    pub op: Op,
    /// values that it reads, in the order that the operator gives; all of them earlier nodes
    pub inputs: Vec<NodeId>,
    /// shape of its value
    pub shape: Shape,
}

/// A buffer that outlives a run: parameter, optimiser moment, running statistic, prototype.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// one of its own, by which programs share it and files keep it
    pub name: String,
    /// the same in every graph that declares it
    pub shape: Shape,
}

/// A computation: nodes in evaluation order, named states, named outputs, and updates of the states.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    states: Vec<State>,
    outputs: Vec<(String, NodeId)>,
    updates: Vec<Update>,
    dropouts: u32,
    precision: Precision,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// All nodes, in evaluation order; some may be dead.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node behind an id of this graph.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Shape of a value.
    pub fn shape(&self, id: NodeId) -> &Shape {
        &self.nodes[id.0].shape
    }

    /// All named states.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// The state behind an id of this graph.
    pub fn state_info(&self, id: StateId) -> &State {
        &self.states[id.0]
    }

    /// Values that can be read back after a run.
    pub fn outputs(&self) -> &[(String, NodeId)] {
        &self.outputs
    }

    /// Changes of state at the end of a run.
    pub fn updates(&self) -> &[Update] {
        &self.updates
    }

    /// Names a value for reading back.
    pub fn output(&mut self, name: &str, id: NodeId) {
        self.outputs.push((name.to_string(), id));
    }

    /// Adds a change of state at the end of a run.
    pub fn update(&mut self, update: Update) {
        self.updates.push(update);
    }

    /// Ids of the nodes that an output or an update needs, in evaluation order.
    pub fn live_nodes(&self) -> Vec<NodeId> {
        let mut live = vec![false; self.nodes.len()];
        let roots = self.outputs.iter().map(|(_, id)| *id);
        for id in roots.chain(self.updates.iter().flat_map(|u| u.inputs())) {
            live[id.0] = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if live[index] {
                for input in &self.nodes[index].inputs {
                    live[input.0] = true;
                }
            }
        }
        (0..self.nodes.len()).filter(|&i| live[i]).map(NodeId).collect()
    }

    /// The node whose memory holds the value of `id`: itself unless it is an alias.
    pub fn storage_of(&self, mut id: NodeId) -> NodeId {
        while self.node(id).op.is_alias() {
            id = self.node(id).inputs[0];
        }
        id
    }
}
