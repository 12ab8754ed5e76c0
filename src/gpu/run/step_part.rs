//! Parts of a run, by what they are for.

use crate::graph::{Graph, NodeId};
use crate::named::named_enum;

named_enum! {
    /// A part of a run.
    #[derive(PartialOrd, Ord)]
    pub enum StepPart {
        /// what outputs are made of: of a training step the losses
        Forward = "forward",
        /// what only updates need: gradients, and what is made again for them
        Backward = "backward",
        /// changes of states
        Updates = "updates",
    }
}

impl StepPart {
    /// The part of each of the live nodes.
    pub(super) fn of_nodes(graph: &Graph, live: &[NodeId]) -> Vec<StepPart> {
        let outputs = graph.behind_outputs();
        let of = |id: &NodeId| if outputs[id.0] { StepPart::Forward } else { StepPart::Backward };
        live.iter().map(of).collect()
    }
}
