//! Whole training steps: forward, losses, backward and optimisers in one graph.

use super::adversarial::{self, DISCRIMINATORS};
use super::deviation::{RELIABLE_BELOW, TEMPERATURE};
use super::forward::{self, Forward, Target};
pub use super::settings::{AVERAGE, GENERATOR, LossWeights, OPTIMISER, StepSettings, Stochastic, TeacherSettings};
use super::{consistency, discriminative, prototypes, segmentation, teacher};
use crate::graph::{
    AdamSettings, Graph, NodeId, Precision, ResizeMode, SgdSettings, Shape, ShapeError, StateId, Unary, Update,
    recompute, simplify, vector_jacobian_product,
};
use crate::nn::TensorSpec;
use crate::nn::deeplab::Prediction;

/// Name of the weighted sum of all losses of the segmentation network.
pub const TOTAL: &str = "total";

/// Probability above which a pixel of the target is pseudo-labelled for the prototypes.
pub const PSEUDO_THRESHOLD: f32 = 0.75;
/// Margin of the discriminative loss.
const MARGIN: f32 = 0.01;
/// Share of the batch in a running prototype.
const PROTOTYPE_SHARE: f32 = 0.9;

/// A traced training step and the tensors it trains.
pub struct TrainingStep {
    /// inputs and outputs as [`trace`] lists them
    pub graph: Graph,
    /// tensors of the segmentation network
    pub tensors: Vec<TensorSpec>,
    /// prefixes and tensors of the discriminators, if the step has them
    pub discriminators: Vec<(&'static str, Vec<TensorSpec>)>,
    /// names of the losses that the step puts out, in the order of logs
    pub losses: Vec<&'static str>,
}

/// Loss name and value, its weight in the total.
type Loss = (&'static str, NodeId, f32);

/// Traces a step. Inputs: `image_s [N,3,H,W]`, `mask [N,2,H,W]`, `boundary [N,1,H,W]`, `lr []`, `adam_correction [2]`;
/// with dropout `seed [2]`; with a loss on the target `image_t`; with the adversarial loss `lr_dis []`; with the
/// consistency loss `image_t_aug` and `consistency_threshold []`; with a teacher `image_t_aug`, which the network then sees in place of
/// `image_t`; with averages `steps_done []`. Outputs: the losses by name; of the first image of the
/// target, or the source, `picture.prediction [1,2,H,W]` and, where a loss needs them, `picture.pseudo_label` and
/// `picture.uncertainty [1,2,h,w]`.
pub fn trace(settings: &StepSettings) -> Result<TrainingStep, ShapeError> {
    let (mut graph, weights) = (Graph::new(), settings.weights);
    let g = &mut graph;
    let [h, w] = settings.size;
    let n = settings.batch;
    let seed = settings.dropout.then(|| g.input("seed", [2]));
    let image_s = g.input("image_s", [n, 3, h, w]);
    let image_t = weights.use_target().then(|| g.input("image_t", [n, 3, h, w]));
    let mask = g.input("mask", [n, 2, h, w]);
    let boundary = g.input("boundary", [n, 1, h, w]);
    let labels = match image_t.filter(|_| weights.teacher != 0.0) {
        Some(plain) => Some(teacher::labels(g, settings, plain)?),
        None => None,
    };
    let learnt = match labels {
        Some(_) => Some(g.input("image_t_aug", [n, 3, h, w])),
        None => image_t,
    };
    let Forward { source, target, tensors } = forward::both_domains(g, settings, seed, image_s, learnt)?;

    let mut losses: Vec<Loss> =
        vec![("seg", segmentation::loss(g, source.mask, source.boundary, mask, boundary)?, 1.0)];
    let mut judged = None;
    if let Some(target) = target.as_ref().filter(|_| weights.adversarial != 0.0) {
        let found = adversarial::judge(g, &source, &target.prediction)?;
        losses.push(("adv", found.generator_loss(g, weights.adversarial)?, 1.0));
        judged = Some(found);
    }
    losses.extend(category_losses(g, settings, seed, mask, &source, target.as_ref(), labels)?);
    if let (Some(target), Some(labels)) = (&target, labels) {
        let loss = teacher::loss(g, target.prediction.mask, labels.logits, settings.teacher)?;
        losses.push(("teacher", loss, weights.teacher));
    }
    let shown = target.as_ref().map_or(&source, |t| &t.prediction).mask;
    let shown = g.slice(shown, 0, 0, 1)?;
    let shown = g.sigmoid(shown)?;
    g.output("picture.prediction", shown);

    let total = total(g, &losses)?;
    g.output(TOTAL, total);
    for (name, value, _) in &losses {
        g.output(name, *value);
    }
    let mut names: Vec<&str> = [TOTAL].into_iter().chain(losses.iter().map(|l| l.0)).collect();
    let mut paid = Vec::new();
    if let Some(judged) = &judged {
        let values = judged.discriminator_losses(g)?;
        for (name, value) in ["d_same", "d_diff"].into_iter().zip(values) {
            g.output(name, value);
            names.push(name);
            paid.push(value);
        }
    }
    simplify(g);
    let forward = g.nodes().len();
    adam_updates(g, &tensors, total, settings.adam)?;
    let mut discriminators = Vec::new();
    if let Some(judged) = judged {
        discriminators = DISCRIMINATORS.into_iter().zip(judged.tensors).collect();
        sgd_updates(g, &discriminators, &paid, settings.sgd)?;
    }
    if let Some(decay) = settings.ema_decay {
        average_updates(g, &tensors, decay)?;
    }
    simplify(g);
    if settings.recompute {
        graph = recompute(&graph, forward);
    }
    graph.set_precision(settings.precision);
    Ok(TrainingStep { graph, tensors, discriminators, losses: names })
}

/// The category-level losses of Feng et al. (MICCAI 2022): alignment, discrimination, consistency.
fn category_losses(
    g: &mut Graph,
    settings: &StepSettings,
    seed: Option<NodeId>,
    mask: NodeId,
    source: &Prediction,
    target: Option<&Target>,
    labels: Option<teacher::Labels>,
) -> Result<Vec<Loss>, ShapeError> {
    let weights = settings.weights;
    let mut losses = Vec::new();
    let mut source_prototypes = None;
    let small = [g.shape(source.feature)[2], g.shape(source.feature)[3]];
    let small_mask = g.resize(mask, ResizeMode::Nearest, small)?;
    if weights.align != 0.0 || weights.discriminative != 0.0 {
        let batch = prototypes::labelled(g, source.feature, small_mask)?;
        source_prototypes = Some(prototypes::running(g, "source", &batch, PROTOTYPE_SHARE)?);
    }
    let pseudo_labels = match (labels, target.filter(|_| weights.use_reliability())) {
        (Some(labels), _) => Some((labels.logits_small, teacher::reliability(g, labels, settings.teacher)?)),
        (None, Some(target)) => {
            let logits = match settings.stochastic {
                Stochastic::Passes(passes) => target.stochastic(g, settings, seed, passes)?,
                Stochastic::Given(passes) => {
                    g.input("mc_logits", [&[passes], &g.shape(target.prediction.mask)[..]].concat())
                }
            };
            let found = prototypes::reliability(g, logits, small, TEMPERATURE, RELIABLE_BELOW)?;
            Some((target.prediction.mask_small, found))
        }
        (None, None) => None,
    };
    if let Some((logits, reliability)) = &pseudo_labels {
        show_reliability(g, *logits, reliability)?;
    }
    if let (Some(source), Some(target), Some((logits, reliability))) = (&source_prototypes, target, &pseudo_labels)
        && weights.align != 0.0
    {
        let feature = target.prediction.feature;
        let batch = prototypes::adaptive(g, feature, *logits, reliability, PSEUDO_THRESHOLD)?;
        let running = prototypes::running(g, "target", &batch, PROTOTYPE_SHARE)?;
        losses.push(("align", prototypes::alignment(g, source, &running)?, weights.align));
    }
    if let Some(running) = source_prototypes.filter(|_| weights.discriminative != 0.0) {
        let present = Some(running.present);
        let loss = discriminative::loss(g, source.feature, small_mask, running.value, present, MARGIN)?;
        losses.push(("discriminative", loss, weights.discriminative));
    }
    if let (Some(target), Some((_, reliability))) = (target, &pseudo_labels)
        && weights.consistency != 0.0
    {
        let image = g.input("image_t_aug", [settings.batch, 3, settings.size[0], settings.size[1]]);
        let threshold = g.input("consistency_threshold", Shape::scalar());
        let augmented = target.augmented(g, settings, seed, image)?.mask;
        let loss = consistency::loss(g, target.prediction.mask, augmented, threshold, reliability.keep)?;
        losses.push(("consistency", loss, weights.consistency));
    }
    Ok(losses)
}

/// Names what the pictures show of the first target image.
fn show_reliability(g: &mut Graph, logits: NodeId, found: &prototypes::Reliability) -> Result<(), ShapeError> {
    let logits = g.slice(logits, 0, 0, 1)?;
    let probability = g.sigmoid(logits)?;
    let pseudo = g.unary(Unary::Above(PSEUDO_THRESHOLD), probability)?;
    g.output("picture.pseudo_label", pseudo);
    let std = g.slice(found.std, 0, 0, 1)?;
    g.output("picture.uncertainty", std);
    Ok(())
}

/// `Σ weight · loss`
fn total(g: &mut Graph, losses: &[Loss]) -> Result<NodeId, ShapeError> {
    let mut total: Option<NodeId> = None;
    for &(_, value, weight) in losses {
        let weighted = if weight == 1.0 { value } else { g.affine(value, weight, 0.0)? };
        total = Some(match total {
            Some(sum) => g.add(sum, weighted)?,
            None => weighted,
        });
    }
    Ok(total.expect("there is always the segmentation loss"))
}

/// Declares trained tensors of a network and reads them: state and value of each.
fn trained<'t>(
    g: &mut Graph,
    prefix: &str,
    tensors: &'t [TensorSpec],
) -> Result<Vec<(&'t TensorSpec, StateId, NodeId)>, ShapeError> {
    let mut found = Vec::new();
    for spec in tensors.iter().filter(|t| t.role.is_trained()) {
        let state = g.declare_state(&format!("{prefix}.{}", spec.name), spec.shape.clone())?;
        found.push((spec, state, g.read_state(state)));
    }
    Ok(found)
}

/// Appends the gradients of `loss` by the trained tensors, and their Adam updates.
fn adam_updates(g: &mut Graph, tensors: &[TensorSpec], loss: NodeId, settings: AdamSettings) -> Result<(), ShapeError> {
    let lr = g.input("lr", Shape::scalar());
    let correction = g.input("adam_correction", [2]);
    let params = trained(g, GENERATOR, tensors)?;
    let scale = g.constant(settings.loss_scale, Shape::scalar());
    let values: Vec<NodeId> = params.iter().map(|p| p.2).collect();
    let gradients = vector_jacobian_product(g, &[(loss, scale)], &values)?;
    for ((spec, param, _), grad) in params.into_iter().zip(gradients) {
        // A tensor that the loss does not depend on stays as it is.
        let Some(grad) = grad else { continue };
        let first = g.declare_state(&format!("{OPTIMISER}.first.{}", spec.name), spec.shape.clone())?;
        let second = g.declare_state(&format!("{OPTIMISER}.second.{}", spec.name), spec.shape.clone())?;
        g.update(Update::Adam { param, first, second, grad, lr, correction, settings });
    }
    Ok(())
}

/// Appends the updates of the averages over all tensors of the network, behind those of the tensors.
fn average_updates(g: &mut Graph, tensors: &[TensorSpec], decay: f32) -> Result<(), ShapeError> {
    let step = g.input("steps_done", Shape::scalar());
    for spec in tensors {
        let state = g.declare_state(&format!("{GENERATOR}.{}", spec.name), spec.shape.clone())?;
        let average = g.declare_state(&format!("{AVERAGE}.{}", spec.name), spec.shape.clone())?;
        g.update(Update::Average { average, state, step, decay });
    }
    Ok(())
}

/// Appends the gradients of the summed `losses` by the discriminators' tensors, and their SGD updates.
fn sgd_updates(
    g: &mut Graph,
    discriminators: &[(&'static str, Vec<TensorSpec>)],
    losses: &[NodeId],
    settings: SgdSettings,
) -> Result<(), ShapeError> {
    let lr = g.input("lr_dis", Shape::scalar());
    let scale = g.constant(settings.loss_scale, Shape::scalar());
    let seeds: Vec<_> = losses.iter().map(|loss| (*loss, scale)).collect();
    for (prefix, tensors) in discriminators {
        let params = trained(g, prefix, tensors)?;
        let values: Vec<NodeId> = params.iter().map(|p| p.2).collect();
        let gradients = vector_jacobian_product(g, &seeds, &values)?;
        for ((spec, param, _), grad) in params.into_iter().zip(gradients) {
            let grad = grad.expect("every tensor of a discriminator is in its loss");
            let velocity = format!("{OPTIMISER}.velocity.{prefix}.{}", spec.name);
            let velocity = g.declare_state(&velocity, spec.shape.clone())?;
            g.update(Update::Sgd { param, velocity, grad, lr, settings });
        }
    }
    Ok(())
}

/// A loss scale, a power of two, with which gradients stay within the range of 16-bit floats: losses are means over
/// pixels, so that without it the gradient of one of many pixels would be too small for them.
pub fn loss_scale(precision: Precision, pixels: usize) -> f32 {
    match precision {
        Precision::F32 => 1.0,
        Precision::F16 => 2f32.powi(pixels.max(16).ilog2() as i32 - 4),
    }
}

/// `[1 − β₁ᵗ, 1 − β₂ᵗ]` of Adam's step `t`, counted from 1.
pub fn adam_correction(settings: AdamSettings, t: u64) -> [f32; 2] {
    let power = |beta: f32| 1.0 - f64::from(beta).powf(t as f64);
    [power(settings.beta1) as f32, power(settings.beta2) as f32]
}
