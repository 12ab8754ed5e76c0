//! Whole training steps in the f64 reference: what the tests of their gradients and of their parts share.

mod gradients;
mod parts;
mod teacher;

use std::collections::HashMap;

use super::step::{AVERAGE, GENERATOR, LossWeights, StepSettings, Stochastic, TeacherSettings, TrainingStep};
use crate::graph::{AdamSettings, Op, Precision, SgdSettings};
use crate::nn::deeplab::{Backbone, DeepLab};
use crate::nn::init::initial_values;
use crate::nn::{Norm, Role, TensorSpec};
use crate::reference::{self, Array};

const BATCH: usize = 2;
const SIZE: usize = 32;

fn settings(weights: LossWeights, norm: Norm) -> StepSettings {
    StepSettings {
        ema_decay: (weights.teacher != 0.0).then_some(0.9),
        network: DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm },
        batch: BATCH,
        size: [SIZE; 2],
        dropout: true,
        adam: AdamSettings { beta1: 0.9, beta2: 0.99, eps: 1e-8, loss_scale: 1.0 },
        sgd: SgdSettings { momentum: 0.99, weight_decay: 5e-4, loss_scale: 1.0 },
        weights,
        stochastic: Stochastic::Passes(3),
        teacher: TeacherSettings::default(),
        recompute: false,
        precision: Precision::F32,
    }
}

/// Weights of a step with a mean teacher.
fn teacher_weights(align: f32, teacher: f32) -> LossWeights {
    LossWeights { teacher, discriminative: align, ..weights(0.0, align, 0.0) }
}

/// Weights that make every loss matter, so that an error in the gradient of one shows in the total.
fn weights(adversarial: f32, align: f32, category: f32) -> LossWeights {
    LossWeights { adversarial, align, discriminative: category, consistency: category, teacher: 0.0 }
}

/// `count` values in [−1, 1), the same for the same seed.
fn noise(seed: u32, count: usize) -> Vec<f64> {
    let key = reference::dropout::key([seed, 1], 0);
    (0..count).map(|i| f64::from(reference::dropout::bits(i as u32, key)) / 2f64.powi(31) - 1.0).collect()
}
/// Values of the inputs and states of a step: images and labels from noise, weights from a seed, prototypes seen before.
fn values(step: &TrainingStep) -> (HashMap<String, Array>, HashMap<String, Array>) {
    let mut inputs = HashMap::new();
    for (seed, node) in step.graph.nodes().iter().enumerate() {
        let Op::Input { name } = &node.op else { continue };
        let random = noise(seed as u32, node.shape.elements());
        let data: Vec<f64> = match name.as_str() {
            "mask" => random.iter().map(|v| if *v > 0.3 { 1.0 } else { 0.0 }).collect(),
            "boundary" => random.iter().map(|v| v.abs()).collect(),
            "seed" => vec![12345.0, 678.0],
            "consistency_threshold" => vec![0.62],
            _ => random,
        };
        inputs.insert(name.clone(), Array { shape: node.shape.clone(), data });
    }
    let mut states = HashMap::new();
    for (index, state) in step.graph.states().iter().enumerate() {
        let data = match state.name.as_str() {
            name if name.ends_with(".seen") => vec![1.0; state.shape.elements()],
            _ => noise(1000 + index as u32, state.shape.elements()),
        };
        states.insert(state.name.clone(), Array { shape: state.shape.clone(), data });
    }
    let mut networks = vec![(GENERATOR, &step.tensors), (AVERAGE, &step.tensors)];
    networks.extend(step.discriminators.iter().map(|(prefix, tensors)| (*prefix, tensors)));
    for (prefix, tensors) in networks {
        for spec in tensors {
            let named = TensorSpec { name: format!("{prefix}.{}", spec.name), ..spec.clone() };
            let mut data: Vec<f64> = initial_values(&named, 5).into_iter().map(f64::from).collect();
            match spec.name.as_str() {
                // Some pixels of the target become pseudo-labelled, and reliably so.
                "decoder.last_conv.3.weight" => data.iter_mut().for_each(|v| *v *= 0.1),
                "decoder.last_conv.3.bias" => data = vec![1.0, 1.2],
                // With shifts of 0 the padded border, whose mean is 0, lies on the kink of its ReLU6.
                _ if spec.role == Role::NormBias => data = noise(data.len() as u32, data.len()),
                // So large a discriminator that its losses depend on what it sees.
                _ if ![GENERATOR, AVERAGE].contains(&prefix) => data.iter_mut().for_each(|v| *v *= 4.0),
                _ => {}
            }
            states.insert(named.name, Array { shape: spec.shape.clone(), data });
        }
    }
    (inputs, states)
}
