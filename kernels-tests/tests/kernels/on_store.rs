//! Statistics, and sums of a normalisation's gradient, that convolutions leave of the maps they write, against the twin.

use std::sync::Arc;

use kernels_tests::{ACTIVATIONS, Case, adapter, half_adapter};
use papilla::gpu::{ConvVariant, Gpu, Tile, Variant};
use papilla::graph::{Activation, ConvSpec, NodeId, Op, Precision, Unary};

/// A convolution between two normalisations: how it goes over its map, the extent of its kernel, and whether it is depthwise.
type Middle = (ConvSpec, usize, bool);

const MIDDLES: [Middle; 6] = [
    (spec(1, 1, 1), 1, false),
    (spec(1, 1, 1), 3, false),
    (spec(2, 1, 1), 3, false),
    (spec(1, 2, 2), 3, true),
    (spec(2, 1, 1), 3, true),
    (spec(2, 2, 3), 3, true),
];

const fn spec(stride: usize, padding: usize, dilation: usize) -> ConvSpec {
    ConvSpec { stride: [stride; 2], padding: [padding; 2], dilation: [dilation; 2], groups: 1 }
}

/// A layer: convolution without bias, statistics of its own, normalisation.
fn layer(case: &mut Case, x: NodeId, out: usize, (spec, kernel, depthwise): Middle, activation: Activation) -> NodeId {
    let inputs = case.graph.shape(x)[1];
    let groups = if depthwise { inputs } else { 1 };
    let w = case.input_in([out, inputs / groups, kernel, kernel], -0.5, 0.5);
    let y = case.graph.conv2d(x, w, None, ConvSpec { groups, ..spec }).expect("shapes fit");
    let (weight, bias) = (case.input_in([out], 0.5, 2.0), case.input_in([out], -1.0, 4.0));
    let stats = case.graph.batch_stats(y, 1).expect("one domain");
    let op = Op::BatchNorm { eps: 1e-5, activation, training: true };
    case.graph.push(op, &[y, stats, weight, bias]).expect("shapes fit")
}

/// Two layers, perhaps a dropout, and a head; gradients of the image go through all of them. Those that few filters pass on are made as
/// they are loaded.
fn build(seed: u64, extents: [usize; 3], middle: Middle, activation: Activation, drops: bool) -> Case {
    let filters = if (seed / 2).is_multiple_of(2) { 2 } else { 6 };
    let (mut case, y, [image, ..]) = layers(seed, extents, (middle, filters), activation, drops);
    case.output_with_gradients(y, &[image]).expect("shapes fit");
    case
}

/// The same of any number of filters, before gradients; the result, and image and weights.
fn layers(
    seed: u64,
    [n, h, w]: [usize; 3],
    (middle, filters): (Middle, usize),
    activation: Activation,
    drops: bool,
) -> (Case, NodeId, [NodeId; 3]) {
    let mut case = Case::new(seed);
    let image = case.input([n, 3, h, w]);
    let x = layer(&mut case, image, 10, (spec(1, 0, 1), 1, false), activation);
    let mut x = layer(&mut case, x, 10, middle, activation);
    let convolved = case.graph.node(x).inputs[0];
    let weights = case.graph.node(convolved).inputs[1];
    if drops {
        let random = case.input_of([2], &[11.0, 13.0]);
        x = case.graph.dropout(x, random, 0.3).expect("any shape");
    }
    let head = case.input_in([filters, 10, 1, 1], -0.5, 0.5);
    let y = case.graph.conv2d(x, head, None, ConvSpec::default()).expect("shapes fit");
    (case, y, [image, weights, head])
}

/// The same with gradients of the weights.
fn build_with_weights(
    seed: u64,
    extents: [usize; 3],
    (middle, filters): (Middle, usize),
    activation: Activation,
    drops: bool,
) -> Case {
    let (mut case, y, all) = layers(seed, extents, (middle, filters), activation, drops);
    case.output_with_gradients(y, &all).expect("shapes fit");
    case
}

fn tiled() -> Arc<Gpu> {
    adapter(Some(ConvVariant::Tiled), None)
}

/// Entry points that a graph launches.
fn entries(case: &Case, gpu: &Gpu) -> Vec<String> {
    let variants = Variant::of_graph(&case.graph, &gpu.capabilities()).expect("it can be planned");
    variants.into_iter().map(|variant| format!("{}.{}", variant.shader, variant.entry)).collect()
}

#[test]
fn every_convolution_leaves_what_launches_would_have_read_its_map_for() {
    let gpu = tiled();
    for (index, middle) in MIDDLES.into_iter().enumerate() {
        let case = build(index as u64, [3, 9, 11], middle, ACTIVATIONS[index % ACTIVATIONS.len()], index % 2 == 0);
        let entries = entries(&case, &gpu);
        for launch in ["batch_stats.partial", "batch_norm_grad_sums.main"] {
            assert!(!entries.iter().any(|entry| entry == launch), "{middle:?}: {launch}");
        }
        let of_product = entries.iter().any(|entry| entry == "batch_norm_grad_of_product.grad_input");
        assert_eq!(of_product, (index / 2).is_multiple_of(2), "{middle:?}");
        assert!(entries.iter().any(|entry| entry.ends_with("with_stats")));
        assert!(entries.iter().any(|entry| entry.ends_with("with_grad_sums")));
        case.check_on(&gpu);
    }
}

/// Maps of more than one tile and workgroup, in every tile.
#[test]
fn every_tile() {
    let gpu = tiled();
    for tile in Tile::ALL {
        let capabilities = papilla::gpu::Capabilities { tile: Some(tile), ..gpu.capabilities() };
        let case = build(7, [2, 13, 23], MIDDLES[1], Activation::Relu6, true);
        case.check_with(&gpu, &capabilities, papilla::conformance::ROUNDING);
    }
    build(8, [3, 33, 37], MIDDLES[3], Activation::Relu, false).check_on(&gpu);
}

/// With a dropout where the test of whole maps has none, and without one where it has.
#[test]
fn batches_larger_than_a_binding() {
    for (index, middle) in MIDDLES.into_iter().enumerate() {
        build(8 + index as u64, [9, 7, 8], middle, Activation::Relu6, index % 2 == 1).check_in_pieces(1280);
    }
}

/// What is reduced is what the map keeps, rounded.
#[test]
fn maps_in_16_bits() {
    let Some(gpu) = half_adapter(Some(ConvVariant::Tiled)) else { return };
    for (index, middle) in MIDDLES.into_iter().enumerate() {
        let mut case = build(10 + index as u64, [3, 9, 11], middle, Activation::Relu, true);
        case.graph.set_precision(Precision::F16);
        case.check_on(&gpu);
    }
}

/// Values far from zero: no digits cancel.
#[test]
fn means_that_are_large_beside_the_deviation() {
    let mut case = Case::new(11);
    let x = case.input_in([3, 4, 17, 19], 100.0, 101.0);
    let y = layer(&mut case, x, 6, (spec(1, 0, 1), 1, false), Activation::Identity);
    let stats = case.graph.node(y).inputs[1];
    case.graph.output("stats", stats);
    case.check_on(&tiled());
}

/// A map that is normalised on its way to few filters, and read by another function as well: gradients of both are added.
#[test]
fn gradients_through_few_filters_are_added_to_others() {
    for (filters, drops) in [(1, false), (4, true)] {
        let mut case = Case::new(12);
        let (x, w) = (case.input([3, 4, 6, 8]), case.input([filters, 4, 1, 1]));
        let map = case.graph.affine(x, 2.0, 0.5).expect("any shape");
        let (weight, bias) = (case.input_in([4], 0.5, 2.0), case.input_in([4], -1.0, 4.0));
        let stats = case.graph.batch_stats(map, 1).expect("one domain");
        let op = Op::BatchNorm { eps: 1e-5, activation: Activation::Relu, training: true };
        let mut norm = case.graph.push(op, &[map, stats, weight, bias]).expect("shapes fit");
        if drops {
            let random = case.input_of([2], &[11.0, 13.0]);
            norm = case.graph.dropout(norm, random, 0.3).expect("any shape");
        }
        let head = case.graph.conv2d(norm, w, None, ConvSpec::default()).expect("shapes fit");
        let square = case.graph.unary(Unary::Square, map).expect("any shape");
        let sum = case.graph.sum(square, &[1]).expect("an axis");
        let y = case.graph.add(head, sum).expect("one channel is repeated");
        case.output_with_gradients(y, &[x, weight, bias]).expect("shapes fit");
        let gpu = tiled();
        let variants = Variant::of_graph(&case.graph, &gpu.capabilities()).expect("it can be planned");
        assert!(variants.iter().any(|variant| variant.name().contains("grad_of_product.grad_input.")
            && variant.text().contains("const ADDS: bool = true;")));
        case.check_on(&gpu);
    }
}

/// Both gradients of depthwise convolutions and of heads, by kernels that read what they share once; through many filters the depthwise
/// ones make of a normalisation's gradient what they read.
#[test]
fn gradients_of_inputs_and_weights_in_one_launch() {
    let gpu = tiled();
    for (index, (middle, filters, drops)) in
        [(3, 6, false), (4, 6, false), (5, 6, true), (3, 1, true), (4, 3, false)].into_iter().enumerate()
    {
        let activation = ACTIVATIONS[(index + 1) % ACTIVATIONS.len()];
        let case = build_with_weights(20, [3, 9, 11], (MIDDLES[middle], filters), activation, drops);
        let entries = entries(&case, &gpu);
        let has = |name: &str| entries.iter().any(|entry| entry == name);
        assert!(has("depthwise.slide_gradients") || has("depthwise.spread_gradients"), "{middle} {filters}");
        let passed = filters == 6 && !drops;
        assert!(!has("depthwise.weight_grad") && has("grad_terms.main") == passed, "{middle} {filters}");
        assert!(has("conv2d_tiled_weight_grad.main") == (filters == 6), "{middle} {filters}");
        case.check_on(&gpu);
    }
    build_with_weights(21, [2, 37, 41], (MIDDLES[3], 6), Activation::Relu6, false).check_on(&gpu);
    for (middle, filters, drops) in [(3, 6, false), (4, 2, true)] {
        build_with_weights(22, [9, 7, 8], (MIDDLES[middle], filters), Activation::Relu6, drops).check_in_pieces(1280);
    }
}

#[test]
fn both_gradients_in_16_bits() {
    let Some(gpu) = half_adapter(Some(ConvVariant::Tiled)) else { return };
    for (middle, filters) in [(3, 6), (4, 2)] {
        let mut case = build_with_weights(23, [3, 9, 11], (MIDDLES[middle], filters), Activation::Relu, filters == 2);
        case.graph.set_precision(Precision::F16);
        case.check_on(&gpu);
    }
}

/// Heads of the same weights, whose gradients are added before the sums of the second normalisation are needed.
#[test]
fn heads_that_share_their_weights() {
    let mut case = Case::new(24);
    let w = case.input([2, 4, 1, 1]);
    let (weight, bias) = (case.input_in([4], 0.5, 2.0), case.input_in([4], -1.0, 4.0));
    let images = [0; 2].map(|_| case.input([2, 4, 5, 7]));
    let heads = images.map(|image| {
        let map = case.graph.affine(image, 2.0, 0.5).expect("any shape");
        let stats = case.graph.batch_stats(map, 1).expect("one domain");
        let norm = case.graph.batch_norm_training(map, stats, weight, bias, 1e-5).expect("shapes fit");
        case.graph.conv2d(norm, w, None, ConvSpec::default()).expect("shapes fit")
    });
    let y = case.graph.add(heads[0], heads[1]).expect("the same shape");
    case.output_with_gradients(y, &[images[0], images[1], w, weight]).expect("shapes fit");
    assert!(entries(&case, &tiled()).iter().any(|entry| entry == "batch_norm_grad_of_product.both_gradients"));
    case.check_on(&tiled());
}
