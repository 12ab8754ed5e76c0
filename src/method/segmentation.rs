//! The supervised loss on the source camera.

use super::{bce_with_logits, mse};
use crate::graph::{Graph, NodeId, ShapeError};

/// `BCE(σ(mask), y) + MSE(σ(boundary), y_boundary)`, each a mean over its elements.
pub fn loss(
    g: &mut Graph,
    mask_logits: NodeId,
    boundary_logits: NodeId,
    mask: NodeId,
    boundary: NodeId,
) -> Result<NodeId, ShapeError> {
    let masks = bce_with_logits(g, mask_logits, mask)?;
    let probability = g.sigmoid(boundary_logits)?;
    let boundaries = mse(g, probability, boundary)?;
    g.add(masks, boundaries)
}
