//! `conv2d_cooperative` against the twin, where the adapter has cooperative matrices: all three directions. Factors are such
//! that f16 holds them, so that the sums must agree as closely as those of any other kernel.

use std::sync::Arc;

use kernels_tests::{Case, adapter_with};
use papilla::gpu::{ConvVariant, Gpu, GpuOptions, Program, States, adapters};
use papilla::graph::{Activation, ConvSpec, Graph, NodeId, Op, Precision, Shape, vector_jacobian_product};
use papilla::method::step::loss_scale;

/// The adapter under test with its cooperative matrices, or none with a word of why.
fn adapter() -> Option<Arc<Gpu>> {
    let plain = kernels_tests::adapter(None, None);
    let name = plain.name();
    if !adapters().iter().any(|(found, _)| found.info.name == name && found.matrices.is_some()) {
        harness::skip(format_args!("`{name}` reports no cooperative matrices"));
        return None;
    }
    let conv = Some(ConvVariant::Cooperative);
    Some(adapter_with(GpuOptions { checked_shaders: true, matrices: true, conv, ..GpuOptions::default() }))
}

/// Multiples of 1/1024 in [−1, 1).
fn input(case: &mut Case, shape: impl Into<Shape>) -> NodeId {
    let shape = shape.into();
    let values: Vec<f32> = (0..shape.elements()).map(|_| (case.extent(0, 2047) as f32 - 1024.0) / 1024.0).collect();
    case.input_of(shape, &values)
}

fn check(gpu: &Arc<Gpu>, seed: u64, x: [usize; 4], w: [usize; 4], spec: ConvSpec) {
    let mut case = Case::new(seed);
    let (x, w) = (input(&mut case, x), input(&mut case, w));
    let y = case.graph.conv2d(x, w, None, spec).expect("shapes fit");
    case.graph.output("y", y);
    let shape = case.graph.shape(y).clone();
    let dy = input(&mut case, shape);
    let gradients = vector_jacobian_product(&mut case.graph, &[(y, dy)], &[x, w]).expect("rules exist");
    for (name, gradient) in ["dx", "dw"].into_iter().zip(gradients) {
        case.graph.output(name, gradient.expect("the output depends on both"));
    }
    case.check_on(gpu);
}

fn spec(stride: usize, padding: usize, dilation: usize) -> ConvSpec {
    ConvSpec { stride: [stride; 2], padding: [padding; 2], dilation: [dilation; 2], groups: 1 }
}

#[test]
fn any_convolution() {
    let Some(gpu) = adapter() else { return };
    let cases = [
        ([2, 5, 11, 13], [7, 5, 3, 3], spec(1, 1, 1)),
        ([1, 37, 9, 6], [70, 37, 3, 3], spec(1, 1, 1)),
        ([2, 90, 7, 5], [33, 90, 1, 1], spec(1, 0, 1)),
        ([3, 8, 1, 1], [6, 8, 1, 1], spec(1, 0, 1)),
        ([1, 9, 8, 8], [5, 9, 3, 3], spec(1, 18, 18)),
        ([2, 6, 14, 9], [5, 6, 3, 3], spec(1, 6, 6)),
        ([2, 3, 17, 16], [9, 3, 3, 3], spec(2, 1, 1)),
        ([2, 2, 21, 19], [10, 2, 4, 4], spec(2, 2, 1)),
        ([2, 4, 11, 11], [6, 4, 3, 3], spec(3, 2, 2)),
    ];
    for (seed, (x, w, spec)) in cases.into_iter().enumerate() {
        check(&gpu, seed as u64, x, w, spec);
    }
}

/// Gradients as small as a mean over eight images of 512x512 gives them: what f16 leaves of them, with and without the loss
/// scale of such a step.
#[test]
fn small_gradients_keep_their_digits_when_scaled() {
    let Some(gpu) = adapter() else { return };
    let pixels = 8.0 * 512.0 * 512.0;
    let gradient = |index: usize| (index % 97 + 1) as f32 / 97.0 / pixels;
    let mut g = Graph::new();
    let [x, w, dy] =
        [("x", [1, 16, 16, 16]), ("w", [16, 16, 1, 1]), ("dy", [1, 16, 16, 16])].map(|(n, s)| g.input(n, s));
    let y = g.conv2d(x, w, None, ConvSpec::default()).expect("shapes fit");
    let dw = vector_jacobian_product(&mut g, &[(y, dy)], &[w]).expect("rules exist")[0].expect("it depends on w");
    g.output("dw", dw);
    let program = Program::new(&gpu, &g, &States::new(gpu.clone())).expect("the graph compiles");
    program.write("x", &[1.0; 4096]).expect("as many");
    let expected: f64 = (0..256).map(|pixel| f64::from(gradient(pixel))).sum();
    let error = |scale: f32| {
        let dy: Vec<f32> = (0..4096).map(|index| scale * gradient(index)).collect();
        program.write("dy", &dy).expect("as many");
        program.run().expect("it runs");
        let first = program.read(&["dw"]).expect("it ran")[0][0];
        (f64::from(first / scale) / expected - 1.0).abs()
    };
    let scaled = error(loss_scale(Precision::F16, pixels as usize));
    assert!(scaled < 5e-4 && error(1.0) > 4.0 * scaled, "{scaled} scaled, {} as they are", error(1.0));
}

/// Maps in 16 bits need no rounding any more; the result has one.
#[test]
fn maps_in_16_bits() {
    let Some(gpu) = adapter() else { return };
    let mut case = Case::new(20);
    let (x, w, bias) = (input(&mut case, [2, 16, 9, 7]), input(&mut case, [24, 16, 3, 3]), case.input([24]));
    let read = case.graph.unary(papilla::graph::Unary::Relu, x).expect("shapes fit");
    let op = Op::Conv2d { spec: spec(1, 1, 1), bias: true, activation: Activation::Relu6 };
    let y = case.graph.push(op, &[read, w, bias]).expect("shapes fit");
    let out = case.graph.unary(papilla::graph::Unary::Relu, y).expect("shapes fit");
    case.graph.output("y", out);
    case.graph.set_precision(Precision::F16);
    assert!(case.graph.half_nodes()[y.0]);
    case.check_on(&gpu);
}
