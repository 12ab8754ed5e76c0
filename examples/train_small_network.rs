//! Define a small network, train it on discs drawn at random, and see it find one that it has never seen.
//!
//!     cargo run --release --example train_small_network
//!
//! `PAPILLA_DEVICE` chooses the adapter; `cpu` is the f64 reference, for which the example is small enough.

use std::error::Error;

use papilla::device::{Device, Program, States};
use papilla::gpu::GpuOptions;
use papilla::graph::{
    AdamSettings, Binary, ConvSpec, Graph, NodeId, Shape, ShapeError, Update, simplify, vector_jacobian_product,
};
use papilla::method::step::adam_correction;
use papilla::nn::init::initial_values;
use papilla::nn::{Domain, Pass, Phase, TensorSpec};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BATCH: usize = 8;
const SIDE: usize = 24;
const STEPS: u64 = 60;
const LEARNING_RATE: f32 = 0.01;
const ADAM: AdamSettings = AdamSettings { beta1: 0.9, beta2: 0.99, eps: 1e-8, loss_scale: 1.0 };

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = std::env::var("PAPILLA_DEVICE").ok();
    let device = Device::open(wanted.as_deref(), GpuOptions::default())?;
    let (first, last, dice) = train(&device)?;
    println!(
        "on {}: loss {first:.4} → {last:.4} in {STEPS} steps; Dice of discs not seen before {dice:.4}",
        device.name()
    );
    Ok(())
}

/// Three 3x3 convolutions, the second one dilated: `[N,1,H,W]` → logits `[N,1,H,W]`. Tensors are named as they are
/// declared, so that the training graph and the evaluation graph share their states.
fn network(pass: &mut Pass, image: NodeId) -> Result<NodeId, ShapeError> {
    let mut x = image;
    for (index, dilation) in [1, 4].into_iter().enumerate() {
        let spec = ConvSpec { padding: [dilation; 2], dilation: [dilation; 2], ..ConvSpec::default() };
        x = pass.conv(&format!("conv{index}"), x, 8, 3, spec)?;
        x = pass.batch_norm(&format!("bn{index}"), x)?;
        x = pass.graph.relu(x)?;
    }
    pass.head("head", x, 1)
}

/// A training step as a graph: forward, loss, gradients and Adam. Inputs `image`, `mask [N,1,H,W]`, `lr []`,
/// `correction [2]`; output `loss []`.
fn training_graph() -> Result<(Graph, Vec<TensorSpec>), ShapeError> {
    let mut g = Graph::new();
    let image = g.input("image", [BATCH, 1, SIDE, SIDE]);
    let mask = g.input("mask", [BATCH, 1, SIDE, SIDE]);
    let lr = g.input("lr", Shape::scalar());
    let correction = g.input("correction", [2]);
    let mut pass = Pass::new(&mut g, "network", Phase::Training { update_running: true });
    let logits = network(&mut pass, image)?;
    let tensors = pass.into_tensors();
    let losses = g.binary(Binary::BceWithLogits, logits, mask)?;
    let loss = g.mean_all(losses)?;
    g.output("loss", loss);

    let trained: Vec<_> = tensors.iter().filter(|tensor| tensor.role.is_trained()).collect();
    let mut params = Vec::new();
    for tensor in &trained {
        params.push(g.declare_state(&format!("network.{}", tensor.name), tensor.shape.clone())?);
    }
    let values: Vec<NodeId> = params.iter().map(|param| g.read_state(*param)).collect();
    let one = g.constant(1.0, Shape::scalar());
    let gradients = vector_jacobian_product(&mut g, &[(loss, one)], &values)?;
    for ((tensor, param), grad) in trained.iter().zip(params).zip(gradients) {
        let grad = grad.expect("the loss depends on every tensor");
        let first = g.declare_state(&format!("adam.first.{}", tensor.name), tensor.shape.clone())?;
        let second = g.declare_state(&format!("adam.second.{}", tensor.name), tensor.shape.clone())?;
        g.update(Update::Adam { param, first, second, grad, lr, correction, settings: ADAM });
    }
    simplify(&mut g);
    Ok((g, tensors))
}

/// The network in evaluation. Input `image`, output `probability`, both `[N,1,H,W]`.
fn evaluation_graph() -> Result<Graph, ShapeError> {
    let mut g = Graph::new();
    let image = g.input("image", [BATCH, 1, SIDE, SIDE]);
    let logits = network(&mut Pass::new(&mut g, "network", Phase::Evaluation(Domain::Source)), image)?;
    let probability = g.sigmoid(logits)?;
    g.output("probability", probability);
    simplify(&mut g);
    Ok(g)
}

/// Trains from scratch: the first and the last loss, and the Dice on new images.
fn train(device: &Device) -> Result<(f32, f32, f64), Box<dyn Error>> {
    let (graph, tensors) = training_graph()?;
    let states: States = device.states();
    let step: Program = device.compile(&graph, &states)?;
    for tensor in &tensors {
        states.write(&format!("network.{}", tensor.name), &initial_values(tensor, 0))?;
    }
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut losses = Vec::new();
    step.write("lr", &[LEARNING_RATE])?;
    for t in 1..=STEPS {
        let (image, mask) = discs(&mut random);
        step.write("image", &image)?;
        step.write("mask", &mask)?;
        step.write("correction", &adam_correction(ADAM, t))?;
        step.run()?;
        losses.push(step.read(&["loss"])?[0][0]);
    }
    let evaluation = device.compile(&evaluation_graph()?, &states)?;
    let (image, mask) = discs(&mut random);
    evaluation.write("image", &image)?;
    evaluation.run()?;
    let probability = evaluation.read(&["probability"])?.remove(0);
    let found: Vec<bool> = probability.iter().map(|p| *p > 0.5).collect();
    let both = found.iter().zip(&mask).filter(|(f, m)| **f && **m == 1.0).count();
    let sizes = found.iter().filter(|f| **f).count() + mask.iter().filter(|m| **m == 1.0).count();
    Ok((losses[0], losses[losses.len() - 1], 2.0 * both as f64 / sizes as f64))
}

/// A batch of bright discs on a noisy ground, and their masks.
fn discs(random: &mut ChaCha8Rng) -> (Vec<f32>, Vec<f32>) {
    let (mut image, mut mask) = (Vec::new(), Vec::new());
    for _ in 0..BATCH {
        let [x0, y0] = [0, 1].map(|_| random.random_range(7.0..SIDE as f32 - 7.0));
        let radius: f32 = random.random_range(3.0..6.0);
        for pixel in 0..SIDE * SIDE {
            let (x, y) = ((pixel % SIDE) as f32, (pixel / SIDE) as f32);
            let inside = f32::from((x - x0).hypot(y - y0) < radius);
            mask.push(inside);
            image.push(0.6 * inside - 0.3 + random.random_range(-0.6..0.6));
        }
    }
    (image, mask)
}

#[test]
fn it_learns() {
    let device = Device::open(None, GpuOptions::default()).expect("there is an adapter");
    let (first, last, dice) = train(&device).expect("the example runs");
    assert!(last < 0.5 * first && dice > 0.8, "loss {first} → {last}, Dice {dice}");
}
