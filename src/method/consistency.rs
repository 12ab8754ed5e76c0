//! The augmented consistency loss on the target camera (Feng et al., MICCAI 2022).

use crate::graph::{Binary, Graph, NodeId, ResizeMode, ShapeError};

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

/// Threshold of the pseudo labels in an epoch, counted from 0: `(0.85 + 0.25·exp(−5(1−min(epoch,200)/200)²))·ln 2`.
pub fn threshold(epoch: u64) -> f32 {
    let left = 1.0 - epoch.min(200) as f64 / 200.0;
    ((0.85 + 0.25 * (-5.0 * left * left).exp()) * std::f64::consts::LN_2) as f32
}

#[cfg(test)]
mod tests {
    use super::threshold;

    #[test]
    fn the_threshold_rises_for_200_epochs() {
        let expected = [(0, 0.590_343), (100, 0.638_823), (200, 0.762_462), (500, 0.762_462)];
        for (epoch, value) in expected {
            assert!((threshold(epoch) - value).abs() < 1e-6, "{epoch}: {}", threshold(epoch));
        }
    }
}
