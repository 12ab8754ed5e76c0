//! Whole training steps: forward, backward and optimiser in one graph.

use super::segmentation;
use crate::graph::{
    AdamSettings, Graph, NodeId, Shape, ShapeError, StateId, Update, simplify, vector_jacobian_product,
};
use crate::nn::deeplab::DeepLab;
use crate::nn::{Pass, Phase, TensorSpec};

/// Prefix of the states of the segmentation network.
pub const GENERATOR: &str = "generator";
/// Prefix of the optimiser's states.
pub const OPTIMISER: &str = "optimiser";

/// What fixes the shape of a training step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepSettings {
    pub network: DeepLab,
    /// images in a batch, at least 2: the pooled feature has one value for each image
    pub batch: usize,
    /// rows and columns of the images
    pub size: [usize; 2],
    pub dropout: bool,
    pub adam: AdamSettings,
}

/// A traced training step and the tensors it trains.
pub struct TrainingStep {
    pub graph: Graph,
    pub tensors: Vec<TensorSpec>,
    /// names of the losses that the step puts out, in the order of logs
    pub losses: Vec<&'static str>,
}

/// Supervised training on the source camera. Inputs: `image_s [N,3,H,W]`, `mask [N,2,H,W]`, `boundary [N,1,H,W]`,
/// `lr []`, `adam_correction [2]`, and with dropout `seed [2]`. Outputs: `seg`, `total`.
pub fn source_only(settings: &StepSettings) -> Result<TrainingStep, ShapeError> {
    let mut graph = Graph::new();
    let [h, w] = settings.size;
    let n = settings.batch;
    let image = graph.input("image_s", [n, 3, h, w]);
    let mask = graph.input("mask", [n, 2, h, w]);
    let boundary = graph.input("boundary", [n, 1, h, w]);
    let mut pass = Pass::new(&mut graph, GENERATOR, Phase::Training { update_running: true });
    if settings.dropout {
        pass.dropout_seed = Some(pass.graph.input("seed", [2]));
    }
    let prediction = settings.network.trace(&mut pass, image)?;
    let tensors = pass.into_tensors();
    let loss = segmentation::loss(&mut graph, prediction.mask, prediction.boundary, mask, boundary)?;
    graph.output("seg", loss);
    graph.output("total", loss);
    simplify(&mut graph);
    adam_updates(&mut graph, &tensors, loss, settings.adam)?;
    simplify(&mut graph);
    Ok(TrainingStep { graph, tensors, losses: vec!["seg", "total"] })
}

/// Appends the gradients of `loss` by the trained tensors, and their Adam updates.
fn adam_updates(
    graph: &mut Graph,
    tensors: &[TensorSpec],
    loss: NodeId,
    settings: AdamSettings,
) -> Result<(), ShapeError> {
    let lr = graph.input("lr", Shape::scalar());
    let correction = graph.input("adam_correction", [2]);
    let trained: Vec<&TensorSpec> = tensors.iter().filter(|t| t.role.is_trained()).collect();
    let mut params: Vec<(StateId, NodeId)> = Vec::new();
    for spec in &trained {
        let state = graph.declare_state(&format!("{GENERATOR}.{}", spec.name), spec.shape.clone())?;
        params.push((state, graph.read_state(state)));
    }
    let one = graph.constant(1.0, Shape::scalar());
    let values: Vec<NodeId> = params.iter().map(|(_, value)| *value).collect();
    let gradients = vector_jacobian_product(graph, &[(loss, one)], &values)?;
    for ((spec, (param, _)), grad) in trained.iter().zip(params).zip(gradients) {
        // A tensor that the loss does not depend on stays as it is.
        let Some(grad) = grad else { continue };
        let first = graph.declare_state(&format!("{OPTIMISER}.first.{}", spec.name), spec.shape.clone())?;
        let second = graph.declare_state(&format!("{OPTIMISER}.second.{}", spec.name), spec.shape.clone())?;
        graph.update(Update::Adam { param, first, second, grad, lr, correction, settings });
    }
    Ok(())
}

/// `[1 − β₁ᵗ, 1 − β₂ᵗ]` of Adam's step `t`, counted from 1.
pub fn adam_correction(settings: AdamSettings, t: u64) -> [f32; 2] {
    let power = |beta: f32| 1.0 - f64::from(beta).powf(t as f64);
    [power(settings.beta1) as f32, power(settings.beta2) as f32]
}
