//! Statistics, and sums of a normalisation's gradient, that convolutions leave of the maps they write, against the twin.

use std::sync::Arc;

use kernels_tests::{ACTIVATIONS, Case, adapter, half_adapter};
use papilla::gpu::{ConvVariant, Gpu, Tile, Variant};
use papilla::graph::{Activation, ConvSpec, NodeId, Op, Precision};

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

/// Two layers, perhaps a dropout, and a head; gradients of the image go through all of them.
fn build(seed: u64, [n, h, w]: [usize; 3], middle: Middle, activation: Activation, drops: bool) -> Case {
    let mut case = Case::new(seed);
    let image = case.input([n, 3, h, w]);
    let x = layer(&mut case, image, 10, (spec(1, 0, 1), 1, false), activation);
    let mut x = layer(&mut case, x, 10, middle, activation);
    if drops {
        let random = case.input_of([2], &[11.0, 13.0]);
        x = case.graph.dropout(x, random, 0.3).expect("any shape");
    }
    let head = case.input_in([2, 10, 1, 1], -0.5, 0.5);
    let y = case.graph.conv2d(x, head, None, ConvSpec::default()).expect("shapes fit");
    case.output_with_gradients(y, &[image]).expect("shapes fit");
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
        build(9, [9, 7, 8], middle, Activation::Relu6, index % 2 == 1).check_in_pieces(1280);
    }
}

/// What is reduced is what the map keeps, rounded.
#[test]
fn maps_in_16_bits() {
    let Some(gpu) = half_adapter(Some(ConvVariant::Tiled)) else { return };
    for middle in MIDDLES {
        let mut case = build(10, [3, 9, 11], middle, Activation::Relu, true);
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
