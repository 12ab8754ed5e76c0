//! Class prototypes: the mean feature of a class, and of everything but the class (Feng et al., MICCAI 2022).

use super::deviation::deviation;
use crate::graph::{Binary, Graph, NodeId, Op, ResizeMode, ShapeError, Unary, Update};

/// Prototypes of `K` classes in a space of `C` channels.
#[derive(Clone, Copy, Debug)]
pub struct Prototypes {
    /// objects, `[K,C]`
    pub object: NodeId,
    /// backgrounds, `[K,C]`
    pub background: NodeId,
    /// objects, then backgrounds, `[2K,C]`
    pub all: NodeId,
    /// summed weights of objects, then backgrounds, `[2K,1]`; a class with 0 has no prototype (its row is 0)
    pub weight: NodeId,
}

/// `Σ w·f / Σ w` over batch and pixels for each weight map; `feature [N,C,H,W]`, `object` and `background [N,K,H,W]`.
pub fn weighted(g: &mut Graph, feature: NodeId, object: NodeId, background: NodeId) -> Result<Prototypes, ShapeError> {
    let classes = g.shape(object)[1];
    let maps = g.concat(&[object, background], 1)?;
    let sums = g.push(Op::WeightedSum, &[feature, maps])?;
    let weight = g.sum(maps, &[0, 2, 3])?;
    let weight = g.reshape(weight, [2 * classes, 1])?;
    let means = g.binary(Binary::DivOrZero, sums, weight)?;
    let (object, background) = (g.slice(means, 0, 0, classes)?, g.slice(means, 0, classes, classes)?);
    Ok(Prototypes { object, background, all: means, weight })
}

/// Prototypes of labelled pixels: `mask` is the weight of each object, its complement that of the background.
pub fn labelled(g: &mut Graph, feature: NodeId, mask: NodeId) -> Result<Prototypes, ShapeError> {
    let complement = g.affine(mask, -1.0, 1.0)?;
    weighted(g, feature, mask, complement)
}

/// What stochastic passes say of a pseudo label, at the size of the feature.
#[derive(Clone, Copy, Debug)]
pub struct Reliability {
    /// [`deviation`] over the passes `[N,K,h,w]`
    pub std: NodeId,
    /// 1 where the deviation is below the limit `[N,K,h,w]`
    pub keep: NodeId,
    /// mean of `σ(z)` over the passes `[N,K,h,w]`
    pub mean: NodeId,
}

/// Reliability from logits of `T` stochastic passes, `[T,N,K,H,W]`, brought bilinearly to `size`.
pub fn reliability(
    g: &mut Graph,
    mc_logits: NodeId,
    size: [usize; 2],
    temperature: f32,
    std_max: f32,
) -> Result<Reliability, ShapeError> {
    let shape = g.shape(mc_logits).clone();
    let (passes, maps) = (shape[0], shape[1..].to_vec());
    let std = deviation(g, mc_logits, temperature)?;
    let flat = g.reshape(mc_logits, [passes, shape.elements() / passes])?;
    let probability = g.sigmoid(flat)?;
    let mean = g.mean(probability, &[0])?;
    let std = g.resize(std, ResizeMode::BilinearAlignCorners, size)?;
    let mean = g.reshape(mean, maps)?;
    let mean = g.resize(mean, ResizeMode::BilinearAlignCorners, size)?;
    let limit = g.constant(std_max, crate::graph::Shape::scalar());
    let keep = g.binary(Binary::Greater, limit, std)?;
    Ok(Reliability { std, keep, mean })
}

/// Adaptive prototypes of unlabelled pixels: pseudo labels `[σ(logits) > threshold]` weighted by their reliability.
/// `logits` are the decoder's own, of the size of the feature; only the feature takes a gradient.
pub fn adaptive(
    g: &mut Graph,
    feature: NodeId,
    logits: NodeId,
    reliability: &Reliability,
    threshold: f32,
) -> Result<Prototypes, ShapeError> {
    let probability = g.sigmoid(logits)?;
    let pseudo = g.unary(Unary::Above(threshold), probability)?;
    let kept = g.mul(pseudo, reliability.keep)?;
    let object = g.mul(kept, reliability.mean)?;
    let not_pseudo = g.affine(pseudo, -1.0, 1.0)?;
    let not_mean = g.affine(reliability.mean, -1.0, 1.0)?;
    let kept = g.mul(not_pseudo, reliability.keep)?;
    let background = g.mul(kept, not_mean)?;
    let (object, background) = (g.detach(object), g.detach(background));
    weighted(g, feature, object, background)
}

/// Prototypes of a domain as they run over the steps.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    /// objects, then backgrounds, `[2K,C]`; gradients reach the batch's share
    pub value: NodeId,
    /// 1 where the batch has the class, else 0, `[2K,1]`
    pub present: NodeId,
}

/// Blends the batch's prototypes into the states `prototypes.DOMAIN` and `prototypes.DOMAIN.seen`: the first value of
/// a class as it is, later ones as `(1−share)·state + share·batch`; a class that the batch lacks stays as it was.
pub fn running(g: &mut Graph, domain: &str, batch: &Prototypes, share: f32) -> Result<Running, ShapeError> {
    let state = g.declare_state(&format!("prototypes.{domain}"), g.shape(batch.all).clone())?;
    let seen = g.declare_state(&format!("prototypes.{domain}.seen"), g.shape(batch.weight).clone())?;
    let (old, was_seen) = (g.read_state(state), g.read_state(seen));
    let present = g.unary(Unary::Above(0.0), batch.weight)?;
    let absent = g.affine(present, -1.0, 1.0)?;
    // Share of the batch: 1 where nothing was seen before, 0 where the batch has nothing.
    let blended = g.affine(was_seen, share - 1.0, 1.0)?;
    let of_batch = g.mul(blended, present)?;
    let of_state = g.affine(of_batch, -1.0, 1.0)?;
    let (kept, added) = (g.mul(of_state, old)?, g.mul(of_batch, batch.all)?);
    let value = g.add(kept, added)?;
    let unseen = g.affine(was_seen, -1.0, 1.0)?;
    let still_unseen = g.mul(unseen, absent)?;
    let now_seen = g.affine(still_unseen, -1.0, 1.0)?;
    g.update(Update::Assign { state, value });
    g.update(Update::Assign { state: seen, value: now_seen });
    Ok(Running { value, present })
}

/// Inter-domain alignment: `Σ mean_c (source − target)²` over the objects and backgrounds that both batches have.
pub fn alignment(g: &mut Graph, source: &Running, target: &Running) -> Result<NodeId, ShapeError> {
    let difference = g.sub(source.value, target.value)?;
    let squared = g.unary(Unary::Square, difference)?;
    let each = g.mean(squared, &[1])?;
    let in_both = g.mul(source.present, target.present)?;
    let counted = g.mul(each, in_both)?;
    g.sum_all(counted)
}
