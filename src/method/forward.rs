//! The forward passes of a step, in the order in which they change the running statistics: target, source,
//! stochastic (which change none), augmented (which with TransNorm changes none either).

use super::settings::{GENERATOR, StepSettings};
use crate::graph::{Graph, NodeId, ResizeMode, ShapeError};
use crate::nn::deeplab::{Encoded, Prediction};
use crate::nn::{Norm, Pass, Phase, TensorSpec, TransScales};

/// The passes over both domains.
pub(super) struct Forward {
    pub source: Prediction,
    pub target: Option<Target>,
    pub tensors: Vec<TensorSpec>,
}

/// The pass over the target, and what further passes of target images need of it.
pub(super) struct Target {
    pub prediction: Prediction,
    encoded: Encoded,
    scales: Option<TransScales>,
}

/// Passes over the source and, if there is one, the target. With TransNorm they are one pass, source first.
pub(super) fn both_domains(
    g: &mut Graph,
    settings: &StepSettings,
    seed: Option<NodeId>,
    source: NodeId,
    target: Option<NodeId>,
) -> Result<Forward, ShapeError> {
    let n = settings.batch;
    if let (Norm::Trans, Some(target)) = (settings.network.norm, target) {
        let images = g.concat(&[source, target], 0)?;
        let mut pass = training_pass(g, seed, true);
        let (encoded, prediction) = settings.trace(&mut pass, images)?;
        let traced = pass.finish();
        let encoded =
            Encoded { pooled: g.slice(encoded.pooled, 0, n, n)?, low_level: g.slice(encoded.low_level, 0, n, n)? };
        let target = Target { prediction: part(g, &prediction, n, n)?, encoded, scales: Some(traced.scales) };
        return Ok(Forward { source: part(g, &prediction, 0, n)?, target: Some(target), tensors: traced.tensors });
    }
    let target = match target {
        Some(image) => {
            let (encoded, prediction) = settings.trace(&mut training_pass(g, seed, true), image)?;
            Some(Target { prediction, encoded, scales: None })
        }
        None => None,
    };
    let mut pass = training_pass(g, seed, true);
    let (_, source) = settings.trace(&mut pass, source)?;
    Ok(Forward { source, target, tensors: pass.into_tensors() })
}

impl Target {
    /// Mask logits of `passes` further dropouts, `[passes,N,2,H,W]`. What lies before the first dropout is shared.
    pub(super) fn stochastic(
        &self,
        g: &mut Graph,
        settings: &StepSettings,
        seed: Option<NodeId>,
        passes: usize,
    ) -> Result<NodeId, ShapeError> {
        let mut logits = Vec::new();
        for _ in 0..passes {
            let mut pass = training_pass(g, seed, false);
            pass.target_scales = self.scales.clone();
            logits.push(settings.network.decode(&mut pass, self.encoded, settings.size)?.mask_small);
        }
        // All at once, as the decoder brings those of a pass to the images' size.
        let small = g.concat(&logits, 0)?;
        let large = g.resize(small, ResizeMode::BilinearAlignCorners, settings.size)?;
        let shape = [&[passes, settings.batch], &g.shape(large)[1..]].concat();
        g.reshape(large, shape)
    }

    /// The pass over the photometrically augmented images. It changes the running statistics as every training pass does,
    /// but not with TransNorm: those of the target normalise its test images, of which none is augmented, and more than
    /// half of their weight would come from this pass, the last of a step.
    pub(super) fn augmented(
        &self,
        g: &mut Graph,
        settings: &StepSettings,
        seed: Option<NodeId>,
        image: NodeId,
    ) -> Result<Prediction, ShapeError> {
        let mut pass = training_pass(g, seed, settings.network.norm == Norm::Batch);
        pass.target_scales = self.scales.clone();
        Ok(settings.trace(&mut pass, image)?.1)
    }
}

impl StepSettings {
    fn trace(&self, pass: &mut Pass, image: NodeId) -> Result<(Encoded, Prediction), ShapeError> {
        let encoded = self.network.encode(pass, image)?;
        Ok((encoded, self.network.decode(pass, encoded, self.size)?))
    }
}

fn training_pass(g: &mut Graph, seed: Option<NodeId>, update_running: bool) -> Pass<'_> {
    let mut pass = Pass::new(g, GENERATOR, Phase::Training { update_running });
    pass.dropout_seed = seed;
    pass
}

/// `len` images of a batch from `start`.
fn part(g: &mut Graph, p: &Prediction, start: usize, len: usize) -> Result<Prediction, ShapeError> {
    Ok(Prediction {
        mask: g.slice(p.mask, 0, start, len)?,
        boundary: g.slice(p.boundary, 0, start, len)?,
        mask_small: g.slice(p.mask_small, 0, start, len)?,
        boundary_small: g.slice(p.boundary_small, 0, start, len)?,
        feature: g.slice(p.feature, 0, start, len)?,
        aspp: g.slice(p.aspp, 0, start, len)?,
    })
}
