//! Gradients in the middle of whole training steps, against central differences of the f64 reference; classes that a
//! batch lacks.

use std::collections::{HashMap, HashSet};

use super::prototypes::{self, Prototypes};
use super::step::{GENERATOR, LossWeights, StepSettings, Stochastic, TrainingStep, trace};
use crate::gpu::{Capabilities, Requirements};
use crate::graph::{
    AdamSettings, Binary, Graph, Node, NodeId, Op, SgdSettings, Shape, Unary, Update, vector_jacobian_product,
};
use crate::nn::deeplab::{Backbone, DeepLab};
use crate::nn::init::initial_values;
use crate::nn::{Norm, Role, TensorSpec};
use crate::reference::{self, Array};

const BATCH: usize = 2;
const SIZE: usize = 32;
/// Half the distances of the central differences that are tried, in units of the direction's values (between −1 and
/// 1): the short one for where the network bends sharply, the long one for where it hardly slopes.
const STEPS: [f64; 2] = [1e-9, 1e-7];
const TOLERANCE: f64 = 1e-4;

fn settings(weights: LossWeights, norm: Norm) -> StepSettings {
    StepSettings {
        network: DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm },
        batch: BATCH,
        size: [SIZE; 2],
        dropout: true,
        adam: AdamSettings { beta1: 0.9, beta2: 0.99, eps: 1e-8 },
        sgd: SgdSettings { momentum: 0.99, weight_decay: 5e-4 },
        weights,
        stochastic: Stochastic::Passes(3),
        recompute: false,
    }
}

/// Weights that make every loss matter, so that an error in the gradient of one shows in the total.
fn weights(adversarial: f32, align: f32, category: f32) -> LossWeights {
    LossWeights { adversarial, align, discriminative: category, consistency: category }
}

/// `count` values in [−1, 1), the same for the same seed.
fn noise(seed: u32, count: usize) -> Vec<f64> {
    let key = reference::dropout::key([seed, 1], 0);
    (0..count).map(|i| f64::from(reference::dropout::bits(i as u32, key)) / 2f64.powi(31) - 1.0).collect()
}

/// A graph's nodes that the roots need, copied with its states and inputs.
struct Copy {
    graph: Graph,
    /// nodes of the copy by those of the original
    nodes: HashMap<NodeId, NodeId>,
    /// detached values: nodes of the original
    detached: Vec<NodeId>,
}

/// Copies what `roots` need. With `moved`, that node has the input `direction` added to it, and detached values are
/// inputs, so that they stay when it moves.
fn copy(from: &Graph, roots: &[NodeId], moved: Option<NodeId>) -> Copy {
    let mut needed = vec![false; from.nodes().len()];
    for root in roots {
        needed[root.0] = true;
    }
    for index in (0..needed.len()).rev().filter(|&i| i < from.nodes().len()) {
        if needed[index] {
            from.nodes()[index].inputs.iter().for_each(|input| needed[input.0] = true);
        }
    }
    let mut c = Copy { graph: Graph::new(), nodes: HashMap::new(), detached: Vec::new() };
    for id in (0..needed.len()).filter(|&i| needed[i]).map(NodeId) {
        let node = from.node(id);
        let inputs: Vec<NodeId> = node.inputs.iter().map(|input| c.nodes[input]).collect();
        let (g, shape) = (&mut c.graph, node.shape.clone());
        let mut new = match &node.op {
            Op::Input { name } => g.input(name, shape),
            Op::State(state) => {
                let state = g.declare_state(&from.state_info(*state).name, shape).expect("states are declared once");
                g.read_state(state)
            }
            Op::Constant { value } => g.constant(*value, shape),
            Op::Reshape => g.reshape(inputs[0], shape).expect("the original fits"),
            Op::Broadcast => g.broadcast(inputs[0], &shape).expect("the original fits"),
            op if stops_gradient(op) => {
                c.detached.push(id);
                match moved {
                    Some(_) => g.input(&detached_name(id), shape),
                    None if *op == Op::Detach => g.detach(inputs[0]),
                    None => g.push(op.clone(), &inputs).expect("the original fits"),
                }
            }
            op => g.push(op.clone(), &inputs).expect("the original fits"),
        };
        if moved == Some(id) {
            let direction = g.input("direction", node.shape.clone());
            new = g.add(new, direction).expect("shapes are the same");
        }
        c.nodes.insert(id, new);
    }
    c
}

/// Smooth operators through which no gradient runs, so that their values stay where a node is moved.
fn stops_gradient(op: &Op) -> bool {
    matches!(op, Op::Detach | Op::TransNormScale { .. })
}

fn detached_name(id: NodeId) -> String {
    format!("detached.{}", id.0)
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
    let mut networks = vec![(GENERATOR, &step.tensors)];
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
                _ if prefix != GENERATOR => data.iter_mut().for_each(|v| *v *= 4.0),
                _ => {}
            }
            states.insert(named.name, Array { shape: spec.shape.clone(), data });
        }
    }
    (inputs, states)
}

/// Compares the gradient of the summed outputs `losses` by `mid` with the difference along a direction.
fn check_node(
    step: &TrainingStep,
    losses: &[&str],
    mid: NodeId,
    given: &(HashMap<String, Array>, HashMap<String, Array>),
) {
    let (inputs, states) = given;
    let output = |name: &&str| step.graph.outputs().iter().find(|(n, _)| n == name).expect("the step has the loss").1;
    let roots: Vec<NodeId> = losses.iter().map(output).collect();

    let mut base = copy(&step.graph, &roots, None);
    let one = base.graph.constant(1.0, Shape::scalar());
    let seeds: Vec<_> = roots.iter().map(|root| (base.nodes[root], one)).collect();
    let gradient = vector_jacobian_product(&mut base.graph, &seeds, &[base.nodes[&mid]]).expect("shapes fit");
    let described =
        || format!("{losses:?} by {} {} of {}", step.graph.node(mid).op.name(), mid.0, step.graph.shape(mid));
    base.graph.output("gradient", gradient[0].unwrap_or_else(|| panic!("no gradient of {}", described())));
    for id in &base.detached {
        base.graph.output(&detached_name(*id), base.nodes[id]);
    }
    let mut found = reference::run(&base.graph, inputs, &mut states.clone()).expect("everything is given");
    let gradient = found.remove("gradient").expect("an output");

    let moved = copy(&step.graph, &roots, Some(mid));
    let mut graph = moved.graph;
    for root in &roots {
        graph.output(&format!("loss.{}", root.0), moved.nodes[root]);
    }
    let mut inputs = inputs.clone();
    inputs.extend(found);
    let direction = noise(77, gradient.data.len());
    let mut loss_at = |distance: f64| -> f64 {
        let data = direction.iter().map(|v| v * distance).collect();
        inputs.insert("direction".to_string(), Array { shape: gradient.shape.clone(), data });
        let losses = reference::run(&graph, &inputs, &mut states.clone()).expect("everything is given");
        losses.values().map(|loss| loss.data[0]).sum()
    };
    let product: f64 = gradient.data.iter().zip(&direction).map(|(g, v)| g * v).sum();
    // A direction almost at right angles to the gradient leaves only the error of the difference.
    let scale = product.abs().max(0.05 * gradient.data.iter().map(|g| g * g).sum::<f64>().sqrt());
    let what = format!("{losses:?} by {} {} of shape {}", step.graph.node(mid).op.name(), mid.0, gradient.shape);
    assert!(scale > 1e-7, "{what}: the gradient is {product:e}");
    let mut tried = Vec::new();
    let close = STEPS.iter().any(|step| {
        let difference = (loss_at(*step) - loss_at(-step)) / (2.0 * step);
        tried.push(difference);
        (difference - product).abs() / scale < TOLERANCE
    });
    assert!(close, "{what}: gradient {product:e} is none of the differences {tried:?}");
}

/// Checks `count` nodes spread over what the losses depend on beyond the parameters.
fn check_step(weights: LossWeights, norm: Norm, losses: &[&str], prefix: &str, count: usize) -> HashMap<String, Array> {
    let step = trace(&settings(weights, norm)).expect("shapes fit");
    let given = values(&step);
    let nodes = step.graph.nodes();
    // Depends on the parameters of `prefix`, and the losses depend on it.
    let mut after = vec![false; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let own = matches!(node.op, Op::State(s) if step.graph.state_info(s).name.starts_with(prefix));
        after[index] = own || !stops_gradient(&node.op) && node.inputs.iter().any(|input| after[input.0]);
    }
    let mut before = vec![false; nodes.len()];
    for (name, id) in step.graph.outputs() {
        before[id.0] |= losses.contains(&name.as_str());
    }
    for index in (0..nodes.len()).rev() {
        let flat = matches!(nodes[index].op, Op::Unary(Unary::Above(_)) | Op::Binary(Binary::Greater));
        if before[index] && !flat && !stops_gradient(&nodes[index].op) {
            nodes[index].inputs.iter().for_each(|input| before[input.0] = true);
        }
    }
    // The gradient of a batch norm by its input has that of the statistics in it; these have none of their own.
    let whole = |node: &Node| !matches!(node.op, Op::State(_) | Op::BatchStats { .. }) && node.shape.elements() > 1;
    let between: Vec<NodeId> =
        (0..nodes.len()).filter(|&i| after[i] && before[i] && whole(&nodes[i])).map(NodeId).collect();
    for k in 0..count {
        check_node(&step, losses, between[(2 * k + 1) * between.len() / (2 * count)], &given);
    }
    let (inputs, mut states) = given;
    reference::run(&step.graph, &inputs, &mut states).expect("everything is given")
}

#[test]
fn source_only() {
    check_step(LossWeights::default(), Norm::Batch, &["total"], GENERATOR, 4);
}

#[test]
fn beal() {
    let found = check_step(weights(1.0, 0.0, 0.0), Norm::Batch, &["total"], GENERATOR, 4);
    assert!(found["adv"].data[0] > 0.1);
}

#[test]
fn discriminators() {
    check_step(weights(1.0, 0.0, 0.0), Norm::Batch, &["d_same", "d_diff"], "entropy_discriminator", 2);
    check_step(weights(1.0, 0.0, 0.0), Norm::Batch, &["d_same", "d_diff"], "boundary_discriminator", 2);
}

#[test]
fn align() {
    let found = check_step(weights(0.0, 1.0, 0.0), Norm::Batch, &["align"], GENERATOR, 5);
    assert!(found["align"].data[0] > 1e-3);
}

#[test]
fn clr() {
    let found = check_step(weights(1.0, 1.0, 10.0), Norm::Batch, &["total"], GENERATOR, 8);
    for name in ["align", "discriminative", "consistency"] {
        assert!(found[name].data[0] > 1e-4, "{name} is {}", found[name].data[0]);
    }
}

#[test]
fn clr_with_trans_norm() {
    check_step(weights(1.0, 1.0, 10.0), Norm::Trans, &["total"], GENERATOR, 4);
}

#[test]
fn each_pass_changes_the_running_statistics_it_should() {
    let changes = |norm: Norm, category: f32| {
        let step = trace(&settings(weights(0.01, 0.1, category), norm)).expect("shapes fit");
        let mut changes: HashMap<String, usize> = HashMap::new();
        for update in step.graph.updates() {
            if let Update::RunningStats { mean, .. } = update {
                *changes.entry(step.graph.state_info(*mean).name.clone()).or_default() += 1;
            }
        }
        assert!(changes.len() > 50, "{norm:?} changes {} means", changes.len());
        changes.into_values().collect::<HashSet<_>>()
    };
    // The target, the source and the augmented target; a stochastic pass never.
    assert_eq!(changes(Norm::Batch, 0.0), HashSet::from([2]));
    assert_eq!(changes(Norm::Batch, 0.1), HashSet::from([3]));
    // One pass over both domains, each with statistics of its own, which the augmented images leave alone.
    assert_eq!(changes(Norm::Trans, 0.1), HashSet::from([1]));
}

/// A running prototype from a state, a flag and a batch, all of one channel.
fn run_prototypes(state: &[f64], seen: &[f64], batch: &[f64], weight: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut g = Graph::new();
    let rows = state.len();
    let (all, weights) = (g.input("batch", [rows, 1]), g.input("weight", [rows, 1]));
    let batch_prototypes = Prototypes { object: all, background: all, all, weight: weights };
    let running = prototypes::running(&mut g, "source", &batch_prototypes, 0.9).expect("shapes fit");
    g.output("value", running.value);
    let column = |data: &[f64]| Array { shape: [rows, 1].into(), data: data.to_vec() };
    let inputs = HashMap::from([("batch".to_string(), column(batch)), ("weight".to_string(), column(weight))]);
    let mut states = HashMap::from([
        ("prototypes.source".to_string(), column(state)),
        ("prototypes.source.seen".to_string(), column(seen)),
    ]);
    let found = reference::run(&g, &inputs, &mut states).expect("everything is given");
    (
        found["value"].data.clone(),
        states["prototypes.source"].data.clone(),
        states["prototypes.source.seen"].data.clone(),
    )
}

#[test]
fn a_class_that_the_batch_lacks_keeps_its_prototype() {
    // Never seen and present; seen and present; seen and absent; never seen and absent.
    let (value, state, seen) =
        run_prototypes(&[7.0, 2.0, 3.0, 0.0], &[0.0, 1.0, 1.0, 0.0], &[5.0, 4.0, 0.0, 0.0], &[2.0, 1.0, 0.0, 0.0]);
    let expected = [5.0, 0.1 * 2.0 + 0.9 * 4.0, 3.0, 0.0];
    for (got, want) in value.iter().zip(expected) {
        assert!((got - want).abs() < 1e-6, "{value:?}");
    }
    assert_eq!(state, value);
    assert_eq!(seen, [1.0, 1.0, 1.0, 0.0]);
}

#[test]
fn an_empty_class_is_left_out_of_the_losses() {
    let step = trace(&settings(weights(0.0, 1.0, 1.0), Norm::Batch)).expect("shapes fit");
    let (mut inputs, mut states) = values(&step);
    // No cup anywhere in the source.
    let plane = SIZE * SIZE;
    let mask = inputs.get_mut("mask").expect("the step has labels");
    for sample in 0..BATCH {
        mask.data[sample * 2 * plane..][..plane].fill(0.0);
    }
    let before = states["prototypes.source"].clone();
    let found = reference::run(&step.graph, &inputs, &mut states).expect("everything is given");
    assert!(found.values().flat_map(|v| &v.data).all(|v| v.is_finite()));
    let channels = before.shape[1];
    let after = &states["prototypes.source"];
    assert_eq!(after.data[..channels], before.data[..channels], "the cup's prototype stays");
    assert_ne!(after.data[channels..2 * channels], before.data[channels..2 * channels], "the disc's runs on");
}

#[test]
fn a_weight_of_zero_costs_nothing() {
    let live = |weights: LossWeights| {
        let graph = trace(&settings(weights, Norm::Batch)).expect("shapes fit").graph;
        graph.live_nodes().len()
    };
    let inputs = |weights: LossWeights| {
        let graph = trace(&settings(weights, Norm::Batch)).expect("shapes fit").graph;
        let name = |node: &Node| match &node.op {
            Op::Input { name } => Some(name.clone()),
            _ => None,
        };
        let live = graph.live_nodes();
        live.into_iter().filter_map(|id| name(graph.node(id))).collect::<Vec<_>>()
    };
    assert!(!inputs(weights(0.0, 0.0, 0.0)).contains(&"image_t".to_string()));
    let discriminative = LossWeights { discriminative: 1.0, ..LossWeights::default() };
    assert!(!inputs(discriminative).contains(&"image_t".to_string()), "the source alone is needed");
    assert!(!inputs(weights(0.01, 0.1, 0.0)).contains(&"image_t_aug".to_string()));
    assert!(inputs(weights(0.01, 0.1, 0.1)).contains(&"image_t_aug".to_string()));
    let (source, adversarial, align, all) = (
        live(weights(0.0, 0.0, 0.0)),
        live(weights(0.01, 0.0, 0.0)),
        live(weights(0.01, 0.1, 0.0)),
        live(weights(0.01, 0.1, 0.1)),
    );
    assert!(source < adversarial && adversarial < align && align < all);
}

/// Losses and changed states of one step of the reference, as bits.
fn one_step(settings: &StepSettings) -> Vec<(String, Vec<u64>)> {
    let step = trace(settings).expect("the step traces");
    let mut states = HashMap::new();
    for (index, state) in step.graph.states().iter().enumerate() {
        let data = noise(index as u32, state.shape.elements()).into_iter().map(|v| 0.05 + 0.04 * v).collect();
        states.insert(state.name.clone(), Array { shape: state.shape.clone(), data });
    }
    let mut inputs = HashMap::new();
    for node in step.graph.nodes() {
        if let Op::Input { name } = &node.op {
            let values = noise(name.len() as u32, node.shape.elements()).into_iter();
            let data = values.map(|v| if name == "seed" { 7.0 } else { 0.5 + 0.5 * v }).collect();
            inputs.insert(name.clone(), Array { shape: node.shape.clone(), data });
        }
    }
    let outputs = reference::run(&step.graph, &inputs, &mut states).expect("the step runs");
    let bits = |array: &Array| array.data.iter().map(|v| v.to_bits()).collect();
    let mut all: Vec<_> = outputs.iter().chain(&states).map(|(name, array)| (name.clone(), bits(array))).collect();
    all.sort();
    all
}

#[test]
fn a_step_that_recomputes_needs_less_memory_and_gives_the_same_bits() {
    let capabilities = Capabilities::typical_hardware();
    for (norm, category) in [(Norm::Batch, 0.0), (Norm::Batch, 0.1), (Norm::Trans, 0.1)] {
        let kept = settings(weights(0.01, category, category), norm);
        let again = StepSettings { recompute: true, ..kept };
        let [kept_bytes, again_bytes] = [&kept, &again].map(|settings| {
            let step = trace(&StepSettings { size: [128; 2], ..*settings }).expect("the step traces");
            Requirements::of(&step.graph, &capabilities).expect("the step fits").arena_bytes
        });
        assert!(again_bytes * 4 < kept_bytes * 3, "{again_bytes} bytes and {kept_bytes}");
        assert!(one_step(&kept) == one_step(&again), "{norm:?} with weight {category}");
    }
}
