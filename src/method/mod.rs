//! Losses and training steps, traced as graphs. Section numbers of the literature are in the papers named at each
//! function; masks have channel 0 = cup and channel 1 = disc throughout.

pub mod adversarial;
pub mod consistency;
pub mod deviation;
pub mod discriminative;
mod forward;
pub mod prototypes;
pub mod segmentation;
mod settings;
pub mod step;
pub mod teacher;
#[cfg(test)]
mod tests;
pub mod uncertainty;

use crate::graph::{Binary, Graph, NodeId, ShapeError};

/// Mean binary cross-entropy of probabilities `p` and targets, logarithms clamped at −100.
pub fn bce(g: &mut Graph, p: NodeId, target: NodeId) -> Result<NodeId, ShapeError> {
    let each = g.binary(Binary::Bce, p, target)?;
    g.mean_all(each)
}

/// Mean binary cross-entropy of logits `x` and targets; equally `bce(σ(x), target)` without its loss of digits.
pub fn bce_with_logits(g: &mut Graph, x: NodeId, target: NodeId) -> Result<NodeId, ShapeError> {
    let each = g.binary(Binary::BceWithLogits, x, target)?;
    g.mean_all(each)
}

/// Mean squared error.
pub fn mse(g: &mut Graph, x: NodeId, target: NodeId) -> Result<NodeId, ShapeError> {
    let difference = g.sub(x, target)?;
    let squared = g.unary(crate::graph::Unary::Square, difference)?;
    g.mean_all(squared)
}
