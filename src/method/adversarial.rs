//! The adversarial losses (Wang et al., MICCAI 2019): one discriminator looks at boundaries, one at entropy maps.

use super::bce_with_logits;
use crate::graph::{Graph, NodeId, Shape, ShapeError, Unary};
use crate::nn::deeplab::Prediction;
use crate::nn::{Pass, Phase, TensorSpec, discriminator};

/// Prefixes of the discriminators' states: of boundaries, of entropy maps.
pub const DISCRIMINATORS: [&str; 2] = ["boundary_discriminator", "entropy_discriminator"];
/// Keeps the logarithm of an entropy map finite.
const SMOOTH: f32 = 1e-7;

/// What the discriminators say.
pub(super) struct Judged {
    /// logits of the source's and the target's patches, boundary then entropy
    source: [NodeId; 2],
    target: [NodeId; 2],
    /// tensors of both discriminators
    pub tensors: [Vec<TensorSpec>; 2],
}

/// Shows the predictions of both domains to both discriminators.
pub(super) fn judge(g: &mut Graph, source: &Prediction, target: &Prediction) -> Result<Judged, ShapeError> {
    let (source, _) = look(g, source)?;
    let (target, tensors) = look(g, target)?;
    Ok(Judged { source, target, tensors })
}

fn look(g: &mut Graph, p: &Prediction) -> Result<([NodeId; 2], [Vec<TensorSpec>; 2]), ShapeError> {
    let maps = [g.sigmoid(p.boundary)?, g.unary(Unary::Entropy { smooth: SMOOTH }, p.mask)?];
    let (mut logits, mut tensors) = (maps, [Vec::new(), Vec::new()]);
    for (index, prefix) in DISCRIMINATORS.into_iter().enumerate() {
        let mut pass = Pass::new(g, prefix, Phase::Training { update_running: false });
        logits[index] = discriminator::trace(&mut pass, maps[index])?;
        tensors[index] = pass.into_tensors();
    }
    Ok((logits, tensors))
}

impl Judged {
    /// `weight · Σ BCE(target, 1)`: what the generator pays for target predictions that are told from the source's.
    pub(super) fn generator_loss(&self, g: &mut Graph, weight: f32) -> Result<NodeId, ShapeError> {
        let fooled = summed_bce(g, self.target, 1.0)?;
        g.affine(fooled, weight, 0.0)
    }

    /// `d_same = Σ BCE(source, 1)` and `d_diff = Σ BCE(target, 0)`: what the discriminators pay. Differentiated by their own
    /// tensors only.
    pub(super) fn discriminator_losses(&self, g: &mut Graph) -> Result<[NodeId; 2], ShapeError> {
        Ok([summed_bce(g, self.source, 1.0)?, summed_bce(g, self.target, 0.0)?])
    }
}

fn summed_bce(g: &mut Graph, logits: [NodeId; 2], target: f32) -> Result<NodeId, ShapeError> {
    let target = g.constant(target, Shape::scalar());
    let [boundary, entropy] = logits;
    let (boundary, entropy) = (bce_with_logits(g, boundary, target)?, bce_with_logits(g, entropy, target)?);
    g.add(boundary, entropy)
}
