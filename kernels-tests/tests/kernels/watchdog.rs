//! Launches that take too long are divided, and what they compute stays.

use std::sync::Arc;

use kernels_tests::{Case, adapter, compare};
use papilla::conformance::ROUNDING;
use papilla::gpu::{ConvVariant, Divisions, Gpu, GpuOptions, Program, States};
use papilla::graph::{AdamSettings, ConvSpec, ResizeMode, Shape, Update};

/// The convolutions that hardware has: those of software adapters are not watched.
const CONV: Option<ConvVariant> = Some(ConvVariant::Tiled);
/// Samples of the case: most launches can be divided into as many.
const SAMPLES: usize = 6;

/// A convolution, a normalisation, a resize and a sum over samples, with gradients.
fn case() -> Case {
    let mut case = Case::new(11);
    let (x, w) = (case.input([SAMPLES, 8, 20, 18]), case.input([12, 8, 3, 3]));
    let (gamma, beta) = (case.input([12]), case.input([12]));
    let y = case.graph.conv2d(x, w, None, ConvSpec { padding: [1, 1], ..ConvSpec::default() }).expect("shapes fit");
    let stats = case.graph.batch_stats(y, 1).expect("a feature map");
    let y = case.graph.batch_norm_training(y, stats, gamma, beta, 1e-5).expect("shapes fit");
    let y = case.graph.resize(y, ResizeMode::BilinearHalfPixel, [40, 36]).expect("a feature map");
    let y = case.graph.sigmoid(y).expect("any shape");
    let y = case.graph.sum(y, &[0]).expect("an axis");
    case.output_with_gradients(y, &[x, w, gamma, beta]).expect("it is differentiable");
    case
}

fn open(watchdog: Option<f64>) -> Arc<Gpu> {
    let wanted = std::env::var("PAPILLA_DEVICE").ok();
    let options = GpuOptions { checked_shaders: true, conv: CONV, watchdog, ..GpuOptions::default() };
    Arc::new(Gpu::open(wanted.as_deref(), options).expect("tests need an adapter"))
}

#[test]
fn divided_launches_compute_the_same() {
    let case = case();
    let whole = case.check_on(&adapter(CONV, None));
    let gpu = open(None);
    let classes = ["conv2d", "conv2d_input_grad", "conv2d_weight_grad", "batch_norm", "resize", "sigmoid", "sum"];
    let shapes = |name: &str| {
        let live = case.graph.live_nodes().into_iter().map(|id| case.graph.node(id));
        let shape = |id| case.graph.shape(id).to_string();
        live.filter(|node| node.op.name() == name)
            .map(|node| format!("{name} {}", node.inputs.iter().map(|id| shape(*id)).collect::<Vec<_>>().join(" ")))
            .collect::<Vec<_>>()
    };
    let mut launches = whole;
    for class in classes {
        let found = shapes(class);
        assert!(!found.is_empty(), "the case has no {class}");
        for own in found {
            gpu.divide(Divisions::from([(own.parse().expect("a class of operators"), SAMPLES)]));
            let divided = case.check_on(&gpu);
            assert!(divided > launches, "{own} is not divided");
            launches = divided;
        }
    }
}

/// Nothing is as quick as this watchdog wants it, so everything is divided as far as it can be: once a step, inputs and
/// states kept, and then left alone.
#[test]
fn a_program_divides_what_it_measures_to_be_too_long() {
    let case = case();
    let gpu = open(Some(5e-5));
    let expected = case.expected(ROUNDING).expect("the case is complete");
    let program = Program::new(&gpu, &case.graph, &States::new(gpu.clone())).expect("the graph compiles");
    for (name, value) in case.inputs().filter(|(name, _)| program.has_input(name)) {
        program.write(name, &value.to_f32()).expect("inputs have their shape");
    }
    let mut launches = Vec::new();
    for _ in 0..4 {
        program.run().expect("the program runs");
        launches.push(program.dispatches());
        for (name, want) in &expected.outputs {
            let got = program.read(&[name]).expect("outputs can be read").remove(0);
            compare(name, &got, want);
        }
    }
    assert!(launches[0] == launches[1] && launches[2] > launches[1], "measured twice, then divided: {launches:?}");
    assert!(!gpu.divisions().is_empty());
}

/// Updates take many tensors at once, until that is too long.
#[test]
fn updates_are_divided_between_tensors() {
    let mut case = Case::new(12);
    let (lr, correction) = (case.input_of(Shape::scalar(), &[0.1]), case.input_of([2], &[0.1, 0.001]));
    let settings = AdamSettings { beta1: 0.9, beta2: 0.99, eps: 1e-8, loss_scale: 1.0 };
    for index in 0..SAMPLES {
        let grad = case.input([3000]);
        let [param, first, second] =
            ["", " first", " second"].map(|kind| case.state_in(&format!("{index}{kind}"), [3000], 0.1, 1.0));
        case.update(Update::Adam { param, first, second, grad, lr, correction, settings });
    }
    let whole = case.check_on(&adapter(CONV, None));
    let gpu = open(None);
    gpu.divide(Divisions::from([("adam".parse().expect("a kind of update"), 3)]));
    let divided = case.check_on(&gpu);
    assert!(whole < divided && divided <= SAMPLES, "{divided} launches of {whole}");
}
