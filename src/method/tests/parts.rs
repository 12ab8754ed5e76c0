//! Parts of a step: which passes share what, running statistics and prototypes, classes that a batch lacks, weights of 0.

use std::collections::{HashMap, HashSet};

use super::{BATCH, SIZE, noise, settings, values, weights};
use crate::gpu::{Capabilities, ConvVariant, Requirements};
use crate::graph::{Graph, Node, Op, Shape, Update};
use crate::method::prototypes::{self, Prototypes};
use crate::method::step::{AVERAGE, GENERATOR, LossWeights, StepSettings, Stochastic, TOTAL, trace};
use crate::nn::Norm;
use crate::reference::{self, Array};

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

#[test]
fn stochastic_passes_share_everything_before_the_first_dropout() {
    // Convolutions that no dropout reaches, and those that one does.
    let convolutions = |passes: usize| {
        let settings =
            StepSettings { stochastic: Stochastic::Passes(passes), ..settings(weights(0.01, 0.1, 0.1), Norm::Batch) };
        let graph = trace(&settings).expect("shapes fit").graph;
        let mut dropped = vec![false; graph.nodes().len()];
        for (index, node) in graph.nodes().iter().enumerate() {
            dropped[index] = matches!(node.op, Op::Dropout { .. }) || node.inputs.iter().any(|input| dropped[input.0]);
        }
        let live = graph.live_nodes().into_iter().filter(|id| matches!(graph.node(*id).op, Op::Conv2d { .. }));
        let (after, before): (Vec<_>, Vec<_>) = live.partition(|id| dropped[id.0]);
        [before.len(), after.len()]
    };
    let ([before, after], [before_eight, after_eight]) = (convolutions(2), convolutions(8));
    assert_eq!(before, before_eight);
    // The decoder's convolution over the upsampled maps, its second one, and the two heads.
    assert_eq!(after_eight - after, 6 * 4);
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
fn a_target_without_pseudo_labels_keeps_its_prototypes() {
    let step = trace(&settings(weights(0.0, 1.0, 1.0), Norm::Batch)).expect("shapes fit");
    let (inputs, mut states) = values(&step);
    // No pixel comes near the threshold: everything is background.
    let bias = states.get_mut("generator.decoder.last_conv.3.bias").expect("the head has a bias");
    bias.data.fill(-30.0);
    let before = states["prototypes.target"].clone();
    let found = reference::run(&step.graph, &inputs, &mut states).expect("everything is given");
    assert!(found.values().flat_map(|v| &v.data).all(|v| v.is_finite()));
    let channels = before.shape[1];
    let (objects, backgrounds) = (0..2 * channels, 2 * channels..4 * channels);
    let after = &states["prototypes.target"];
    assert_eq!(after.data[objects.clone()], before.data[objects], "cup and disc stay");
    assert_ne!(after.data[backgrounds.clone()], before.data[backgrounds], "their backgrounds run on");
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
    let hardware = Capabilities::typical_hardware();
    // Of these kernels none makes a normalisation as it loads it, so that what is kept is written.
    let direct = Capabilities { conv: ConvVariant::Direct, ..hardware.clone() };
    for (norm, category) in [(Norm::Batch, 0.0), (Norm::Batch, 0.1), (Norm::Trans, 0.1)] {
        let kept = settings(weights(0.01, category, category), norm);
        let again = StepSettings { recompute: true, ..kept };
        let bytes = |settings: &StepSettings, capabilities: &Capabilities| {
            let step = trace(&StepSettings { size: [128; 2], ..*settings }).expect("the step traces");
            Requirements::of(&step.graph, capabilities).expect("the step fits").arena_bytes
        };
        let [kept_bytes, again_bytes] = [&kept, &again].map(|settings| bytes(settings, &direct));
        assert!(again_bytes * 4 < kept_bytes * 3, "{again_bytes} bytes and {kept_bytes}");
        let [kept_bytes, again_bytes] = [&kept, &again].map(|settings| bytes(settings, &hardware));
        assert!(again_bytes < kept_bytes, "{again_bytes} bytes and {kept_bytes} where normalisations are made on load");
        assert!(one_step(&kept) == one_step(&again), "{norm:?} with weight {category}");
    }
}

#[test]
fn averages_follow_every_tensor_of_the_network_and_change_nothing_else() {
    let plain = settings(weights(0.0, 0.0, 0.0), Norm::Batch);
    let [plain, averaged] =
        [None, Some(0.5)].map(|ema_decay| trace(&StepSettings { ema_decay, ..plain }).expect("the step traces"));
    let (mut inputs, mut before) = values(&averaged);
    inputs.insert("steps_done".into(), Array::filled(Shape::scalar(), 100.0));
    inputs.insert("adam_correction".into(), Array::filled([2], 0.1));
    // Second moments are squares.
    before.values_mut().for_each(|state| state.data.iter_mut().for_each(|value| *value = value.abs()));
    let [(without, outputs), (after, own_outputs)] = [&plain, &averaged].map(|step| {
        let mut states = before.clone();
        let outputs = reference::run(&step.graph, &inputs, &mut states).expect("everything is given");
        (states, outputs)
    });
    assert_eq!(outputs[TOTAL], own_outputs[TOTAL]);
    let average = |states: &HashMap<String, Array>, name: &str| states[&format!("{AVERAGE}.{name}")].data.clone();
    for spec in &averaged.tensors {
        let state = &after[&format!("{GENERATOR}.{}", spec.name)].data;
        assert!(*state == without[&format!("{GENERATOR}.{}", spec.name)].data, "{}", spec.name);
        let half: Vec<f64> =
            average(&before, &spec.name).iter().zip(state).map(|(old, new)| 0.5 * old + 0.5 * new).collect();
        assert_eq!(average(&after, &spec.name), half, "{}", spec.name);
    }
    let averages = averaged.graph.states().iter().filter(|state| state.name.starts_with(AVERAGE)).count();
    assert_eq!(averages, averaged.tensors.len());
    assert_eq!(plain.graph.states().len() + averages, averaged.graph.states().len());
}
