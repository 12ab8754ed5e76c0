//! Sums and gradients of activations that convolutions compute of what they write, against the twin.

use kernels_tests::{ACTIVATIONS, Case, adapter, half_adapter};
use papilla::gpu::{ConvVariant, Variant};
use papilla::graph::{Activation, ConvSpec, NodeId, Op, Precision};

/// Two convolutions, the first with an activation; the input is also added to the result, and the result of the first to that
/// of a third.
fn build(seed: u64, n: usize, stride: usize, activation: Activation) -> Case {
    let mut case = Case::new(seed);
    let x = case.input([n, 10, 6, 7]);
    let spec = ConvSpec { stride: [stride; 2], padding: [1, 1], ..ConvSpec::default() };
    let [v, w, u] = [1, 3, 1].map(|kernel| case.input_in([10, 10, kernel, kernel], -0.5, 0.5));
    let y = case.graph.push(Op::Conv2d { spec: ConvSpec::default(), bias: false, activation }, &[x, v]);
    let y = y.expect("shapes fit");
    let z = case.graph.conv2d(y, w, None, spec).expect("shapes fit");
    let again = case.graph.conv2d(z, u, None, ConvSpec::default()).expect("shapes fit");
    let sum = case.graph.add(z, again).expect("the same shape");
    case.output_with_gradients(sum, &[x, v, w, u]).expect("shapes fit");
    case
}

fn combines(case: &Case) -> usize {
    let gpu = adapter(Some(ConvVariant::Tiled), None);
    let variants = Variant::of_graph(&case.graph, &gpu.capabilities()).expect("it can be planned");
    variants.iter().filter(|variant| variant.entry == "combined").count()
}

#[test]
fn sums_and_slopes() {
    for (seed, activation) in ACTIVATIONS.into_iter().enumerate() {
        let case = build(seed as u64, 3, 1 + seed % 2, activation);
        // The sum forward, the sum of gradients, and the slope.
        let least = if activation == Activation::Identity { 2 } else { 3 };
        assert!(combines(&case) >= least, "{activation:?}");
        case.check_on(&adapter(Some(ConvVariant::Tiled), None));
    }
}

#[test]
fn batches_larger_than_a_binding() {
    build(7, 25, 2, Activation::LeakyRelu(0.2)).check_in_pieces(6144);
}

#[test]
fn maps_in_16_bits() {
    let Some(gpu) = half_adapter(Some(ConvVariant::Tiled)) else { return };
    let mut case = build(8, 3, 1, Activation::Relu);
    case.graph.set_precision(Precision::F16);
    case.check_on(&gpu);
}

/// A map that others read as well is written as it is.
#[test]
fn what_others_read_is_not_combined() {
    let mut case = Case::new(9);
    let (x, w) = (case.input([2, 4, 5, 5]), case.input([4, 4, 1, 1]));
    let y: NodeId = case.graph.conv2d(x, w, None, ConvSpec::default()).expect("shapes fit");
    let sum = case.graph.add(x, y).expect("the same shape");
    case.graph.output("y", y);
    case.graph.output("sum", sum);
    assert_eq!(combines(&case), 0);
    case.check_on(&adapter(Some(ConvVariant::Tiled), None));
}
