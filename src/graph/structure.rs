//! The graph itself: nodes in an order in which they can be evaluated, and what a run leaves behind.

use super::{NodeId, Op, Precision, Shape, StateId, Update};

/// One operator with its inputs and the shape of its output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    pub(super) nodes: Vec<Node>,
    pub(super) states: Vec<State>,
    pub(super) outputs: Vec<(String, NodeId)>,
    pub(super) updates: Vec<Update>,
    /// dropouts traced so far: the stream of the last one
    pub(super) dropouts: u32,
    pub(super) precision: Precision,
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

    /// States in an order in which no two that an update changes are mixed with those of others: first what is trained, then
    /// first moments, then second ones, then averages. One launch over many tensors can so bind a range for each that lies apart.
    pub fn states_by_place(&self) -> Vec<StateId> {
        let mut places = vec![0; self.states.len()];
        for update in &self.updates {
            // Behind Adam's three.
            let first = if update.follows().is_some() { 3 } else { 0 };
            for (place, state) in update.states().into_iter().enumerate() {
                places[state.0] = first + place;
            }
        }
        let mut order: Vec<StateId> = (0..self.states.len()).map(StateId).collect();
        order.sort_by_key(|state| places[state.0]);
        order
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

    /// How the graph's feature maps are kept.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Keeps feature maps otherwise than in f32; the reference rounds them alike.
    pub fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    /// Ids of the nodes that an output or an update needs, in evaluation order.
    pub fn live_nodes(&self) -> Vec<NodeId> {
        let live = self.behind(self.read_later());
        (0..self.nodes.len()).filter(|&i| live[i]).map(NodeId).collect()
    }

    /// Values that outputs and updates read.
    pub(crate) fn read_later(&self) -> impl Iterator<Item = NodeId> {
        let outputs = self.outputs.iter().map(|(_, id)| *id);
        outputs.chain(self.updates.iter().flat_map(|update| update.inputs()))
    }

    /// Of each node, whether an output depends on it.
    pub fn behind_outputs(&self) -> Vec<bool> {
        self.behind(self.outputs.iter().map(|(_, id)| *id))
    }

    /// Of each node, whether one of these is it or depends on it.
    fn behind(&self, roots: impl Iterator<Item = NodeId>) -> Vec<bool> {
        let mut behind = vec![false; self.nodes.len()];
        roots.for_each(|id| behind[id.0] = true);
        for index in (0..self.nodes.len()).rev() {
            if behind[index] {
                for input in &self.nodes[index].inputs {
                    behind[input.0] = true;
                }
            }
        }
        behind
    }

    /// The node whose memory holds the value of `id`: itself unless it is an alias.
    pub fn storage_of(&self, mut id: NodeId) -> NodeId {
        while self.node(id).op.is_alias() {
            id = self.node(id).inputs[0];
        }
        id
    }
}
