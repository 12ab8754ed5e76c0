//! The augmented consistency loss on the target camera (Feng et al., MICCAI 2022).

use super::super::graph::{Binary, Graph, NodeId, ResizeMode, ShapeError};

/// `Σ keep·BCE(σ(augmented), [σ(plain) > threshold]) / Σ keep`; `plain` and `augmented [N,K,H,W]` logits, `threshold []`
/// a value between 0 and 1, `keep [N,K,h,w]` nearest-resized. Only `augmented` takes a gradient; nothing kept gives 0.
pub fn loss(
    g: &mut Graph,
    plain: NodeId,
    augmented: NodeId,
    threshold: NodeId,
    keep: NodeId,
) -> Result<NodeId, ShapeError> {
    let size = [g.shape(plain)[2], g.shape(plain)[3]];
    let probability = g.sigmoid(plain)?;
    let pseudo = g.binary(Binary::Greater, probability, threshold)?;
    let pseudo = g.detach(pseudo);
    let keep = g.resize(keep, ResizeMode::Nearest, size)?;
    let keep = g.detach(keep);
    let each = g.binary(Binary::BceWithLogits, augmented, pseudo)?;
    let kept = g.mul(keep, each)?;
    let (total, count) = (g.sum_all(kept)?, g.sum_all(keep)?);
    g.binary(Binary::DivOrZero, total, count)
}
