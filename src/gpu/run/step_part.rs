//! Parts of a run, by what they are for.

use crate::graph::{Graph, NodeId};

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepPart {
    /// what outputs are made of: of a training step the losses
    Forward,
    /// what only updates need: gradients, and what is made again for them
    Backward,
    /// changes of states
    Updates,
}

impl StepPart {
    /// All of them.
    pub const ALL: [StepPart; 3] = [StepPart::Forward, StepPart::Backward, StepPart::Updates];

    /// Name in traces.
    pub fn name(self) -> &'static str {
        match self {
            StepPart::Forward => "forward",
            StepPart::Backward => "backward",
            StepPart::Updates => "updates",
        }
    }

    /// The part of each of the live nodes.
    pub(super) fn of_nodes(graph: &Graph, live: &[NodeId]) -> Vec<StepPart> {
        let outputs = graph.behind_outputs();
        let of = |id: &NodeId| if outputs[id.0] { StepPart::Forward } else { StepPart::Backward };
        live.iter().map(of).collect()
    }
}
