//! Whole steps of the adaptation as they are trained (dropouts, stochastic passes, either normalisation, with and without
//! values made again in the backward pass) on the adapter against the f64 reference.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use kernels_tests::{adapter_with, half_adapter};
use papilla::gpu::{ConvVariant, Gpu, GpuOptions, Program, States};
use papilla::graph::{AdamSettings, Op, Precision, SgdSettings, Shape};
use papilla::method::step::{
    AVERAGE, GENERATOR, LossWeights, OPTIMISER, StepSettings, Stochastic, TeacherSettings, TrainingStep, loss_scale,
    trace,
};
use papilla::nn::deeplab::{Backbone, DeepLab};
use papilla::nn::init::initial_values;
use papilla::nn::{Norm, Role, TensorSpec};
use papilla::reference::{Array, run};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BATCH: usize = 2;
const SIZE: usize = 32;
/// Relative change of all weights and images that a second run of the reference is given: what it does to a result tells
/// how well that is determined in f32. Behind a normalisation, the gradient of a shift is a difference of almost equals.
const PERTURBATION: f64 = 1e-7;
/// Times that change, and share of its own length and of the longest gradient's, by which a result may be off.
const CHANGES: f64 = 60.0;
const SHARE: f64 = 1e-5;
const SHARE_OF_LONGEST: f64 = 1e-6;
/// Half of the gradients must be determined at least as well as this, or the comparison would show nothing.
const LOOSEST_MEDIAN: f64 = 0.1;

fn settings(norm: Norm, recompute: bool) -> StepSettings {
    StepSettings {
        network: DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm },
        batch: BATCH,
        size: [SIZE; 2],
        dropout: true,
        adam: AdamSettings { beta1: 0.9, beta2: 0.99, eps: 1e-3, loss_scale: 1.0 },
        sgd: SgdSettings { momentum: 0.99, weight_decay: 5e-4, loss_scale: 1.0 },
        ema_decay: Some(0.99),
        weights: LossWeights { adversarial: 1.0, align: 1.0, discriminative: 10.0, consistency: 10.0, teacher: 0.0 },
        stochastic: Stochastic::Passes(3),
        teacher: TeacherSettings::default(),
        recompute,
        precision: Precision::F32,
    }
}

/// Inputs and states of a step, the same for every step of the same tensors.
fn values(step: &TrainingStep, norm: Norm) -> [HashMap<String, Array>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut noise = |shape: &Shape, low: f32, high: f32| -> Vec<f32> {
        (0..shape.elements()).map(|_| rng.random_range(low..high)).collect()
    };
    let mut inputs = HashMap::new();
    for node in step.graph.nodes() {
        let Op::Input { name } = &node.op else { continue };
        if name == "steps_done" {
            inputs.insert(name.clone(), Array::filled(node.shape.clone(), 50.0));
            continue;
        }
        let random = noise(&node.shape, -1.0, 1.0);
        let data: Vec<f32> = match name.as_str() {
            "mask" => random.iter().map(|v| if *v > 0.3 { 1.0 } else { 0.0 }).collect(),
            "boundary" => random.iter().map(|v| v.abs()).collect(),
            "seed" => vec![12345.0, 678.0],
            "consistency_threshold" => vec![0.62],
            "lr" | "lr_dis" => vec![1e-3],
            "adam_correction" => vec![10.0, 100.0],
            _ => random,
        };
        inputs.insert(name.clone(), Array::from_f32(node.shape.clone(), &data));
    }
    let mut states = HashMap::new();
    for state in step.graph.states() {
        let data = match state.name.as_str() {
            name if name.starts_with(OPTIMISER) => vec![0.0; state.shape.elements()],
            name if name.starts_with(AVERAGE) => vec![0.5; state.shape.elements()],
            name if name.ends_with(".seen") => vec![1.0; state.shape.elements()],
            _ => noise(&state.shape, -1.0, 1.0),
        };
        states.insert(state.name.clone(), Array::from_f32(state.shape.clone(), &data));
    }
    let mut networks = vec![(GENERATOR, &step.tensors)];
    networks.extend(step.discriminators.iter().map(|(prefix, tensors)| (*prefix, tensors)));
    for (prefix, tensors) in networks {
        for spec in tensors {
            let named = TensorSpec { name: format!("{prefix}.{}", spec.name), ..spec.clone() };
            let mut data = initial_values(&named, 5);
            match spec.name.as_str() {
                // Some pixels of the target become pseudo-labelled, and reliably so.
                "decoder.last_conv.3.weight" => data.iter_mut().for_each(|v| *v *= 0.1),
                "decoder.last_conv.3.bias" => data = vec![1.0, 1.2],
                // In the middle of their ReLU6s few values lie near a kink, and no result hangs on the last digit of
                // another. TransNorm doubles them on average.
                _ if spec.role == Role::NormBias && norm == Norm::Batch => data = noise(&spec.shape, 2.5, 3.5),
                _ if spec.role == Role::NormBias => data = noise(&spec.shape, 1.25, 1.75),
                _ => {}
            }
            states.insert(named.name, Array::from_f32(spec.shape.clone(), &data));
        }
    }
    [inputs, states]
}

fn length(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

/// Results of the reference, and how far each may be off.
struct Expected {
    values: HashMap<String, Array>,
    allowed: HashMap<String, f64>,
}

/// What the reference makes of the step, once for all tests of a normalisation.
fn expected(norm: Norm) -> &'static Expected {
    static BATCH: LazyLock<Expected> = LazyLock::new(|| computed(Norm::Batch));
    static TRANS: LazyLock<Expected> = LazyLock::new(|| computed(Norm::Trans));
    match norm {
        Norm::Batch => &BATCH,
        Norm::Trans => &TRANS,
    }
}

/// Losses, first moments of the optimiser (after one step from nothing the gradients times a constant) and running
/// statistics.
fn computed(norm: Norm) -> Expected {
    let step = trace(&settings(norm, false)).expect("the step traces");
    let results = |change: f64| {
        let [mut inputs, mut states] = values(&step, norm);
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let numbers = inputs.iter_mut().filter(|(name, _)| name.starts_with("image")).chain(states.iter_mut());
        let mut numbers: Vec<_> =
            numbers.filter(|(name, _)| !name.ends_with(".seen") && !name.starts_with(AVERAGE)).collect();
        numbers.sort_by_key(|(name, _)| (*name).clone());
        for v in numbers.into_iter().flat_map(|(_, array)| &mut array.data) {
            *v *= 1.0 + change * rng.random_range(-1.0..1.0);
        }
        let outputs = run(&step.graph, &inputs, &mut states).expect("everything is given");
        let losses = outputs.into_iter().filter(|(name, _)| step.losses.contains(&name.as_str()));
        let wanted = |name: &str| name.starts_with("optimiser.first.") || name.contains("running_");
        losses.chain(states.into_iter().filter(|(name, _)| wanted(name))).collect::<HashMap<_, _>>()
    };
    let (values, changed) = rayon::join(|| results(0.0), || results(PERTURBATION));
    let gradients = values.iter().filter(|(name, _)| name.starts_with("optimiser.first."));
    let longest = gradients.map(|(_, value)| length(value.data.iter().copied())).fold(0.0, f64::max);
    let allow = |(name, value): (&String, &Array)| {
        let moved = length(value.data.iter().zip(&changed[name].data).map(|(a, b)| a - b));
        (name.clone(), CHANGES * moved + SHARE * length(value.data.iter().copied()) + SHARE_OF_LONGEST * longest)
    };
    let allowed = values.iter().map(allow).collect();
    Expected { values, allowed }
}

fn check(gpu: &Arc<Gpu>, norm: Norm, expected: &Expected, recompute: bool) {
    let step = trace(&settings(norm, recompute)).expect("the step traces");
    for (name, got) in results(gpu, &step, norm, expected.values.keys()) {
        let want = &expected.values[&name];
        let distance = length(got.iter().zip(&want.data).map(|(g, w)| f64::from(*g) - w));
        let (size, allowed) = (length(want.data.iter().copied()), expected.allowed[&name]);
        assert!(
            distance <= allowed,
            "{norm:?}, recompute {recompute}: `{name}` is off by {distance:e} of {size:e}, allowed {allowed:e}"
        );
    }
}

/// Losses and states of these names after one run on the adapter.
fn results<'n>(
    gpu: &Arc<Gpu>,
    step: &TrainingStep,
    norm: Norm,
    names: impl Iterator<Item = &'n String>,
) -> Vec<(String, Vec<f32>)> {
    let [inputs, before] = values(step, norm);
    let states = States::new(gpu.clone());
    let program = Program::new(gpu, &step.graph, &states).expect("the step compiles");
    for (name, value) in &before {
        states.write(name, &value.to_f32()).expect("states are declared");
    }
    program.poison();
    for (name, value) in inputs.iter().filter(|(name, _)| program.has_input(name)) {
        program.write(name, &value.to_f32()).expect("inputs have their shape");
    }
    program.run().expect("the step runs");
    let read = |name: &String| match step.losses.contains(&name.as_str()) {
        true => program.read(&[name]).expect("a loss").remove(0),
        false => states.read(&[name]).expect("a state").remove(0),
    };
    names.map(|name| (name.clone(), read(name))).collect()
}

/// Every two of normalisation, kernels and recomputing meet in one of the two tests.
fn check_norm(norm: Norm, recomputing: ConvVariant) {
    let expected = expected(norm);
    let averages = expected.values.keys().filter(|name| name.starts_with(AVERAGE)).count();
    assert!(averages > 100, "{averages} averages of running statistics");
    for name in ["adv", "align", "discriminative", "consistency"] {
        assert!(expected.values[name].data[0] > 1e-4, "{name} is {}", expected.values[name].data[0]);
    }
    let gradients = expected.values.iter().filter(|(name, _)| name.starts_with("optimiser.first."));
    let share = |(name, value): (&String, &Array)| expected.allowed[name] / length(value.data.iter().copied());
    let mut shares: Vec<f64> = gradients.map(share).collect();
    shares.sort_by(f64::total_cmp);
    let median = shares[shares.len() / 2];
    assert!(shares.len() > 150 && median < LOOSEST_MEDIAN, "{} gradients, known to {median:e}", shares.len());
    for conv in [ConvVariant::Texture, ConvVariant::Tiled] {
        let gpu = adapter_with(GpuOptions { conv: Some(conv), ..GpuOptions::default() });
        check(&gpu, norm, expected, conv == recomputing);
    }
}

#[test]
fn clr_with_batch_norm() {
    check_norm(Norm::Batch, ConvVariant::Texture);
}

#[test]
fn clr_with_trans_norm() {
    check_norm(Norm::Trans, ConvVariant::Tiled);
}

/// With feature maps in 16 bits losses are nearly those of f32, and so are the gradients next to them: further down every
/// value of a ReLU that changes its side turns the gradient. The optimiser has undone the scale of the loss.
#[test]
fn clr_in_16_bits() {
    let Some(gpu) = half_adapter(None) else { return };
    let plain = settings(Norm::Batch, false);
    let scale = loss_scale(Precision::F16, BATCH * SIZE * SIZE);
    assert!(scale > 1.0);
    let half = StepSettings {
        precision: Precision::F16,
        adam: AdamSettings { loss_scale: scale, ..plain.adam },
        sgd: SgdSettings { loss_scale: scale, ..plain.sgd },
        ..plain
    };
    let [whole, half] = [plain, half].map(|settings| trace(&settings).expect("the step traces"));
    let expected = expected(Norm::Batch);
    let last = ["optimiser.first.decoder.last_conv.3.weight", "optimiser.first.decoder.last_conv_boundary.8.weight"];
    let names = whole.losses.iter().chain(&last).map(|name| name.to_string()).collect::<Vec<_>>();
    for (name, got) in results(&gpu, &half, Norm::Batch, names.iter()) {
        let want = &expected.values[&name];
        let distance = length(got.iter().zip(&want.data).map(|(g, w)| f64::from(*g) - w));
        let size = length(want.data.iter().copied());
        assert!(distance <= 0.03 * size, "`{name}` is off by {distance:e} of {size:e}");
    }
}
