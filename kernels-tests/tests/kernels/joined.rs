//! `resize_stats` and `joined_head` against the twin: statistics of joined maps from those of their parts, and heads that read maps
//! which are never joined.

use std::sync::Arc;

use kernels_tests::{ACTIVATIONS, Case, adapter, half_adapter};
use papilla::gpu::{ConvVariant, Gpu, Variant};
use papilla::graph::{ConvSpec, Op, Precision, ResizeMode};

const MODES: [ResizeMode; 3] = [ResizeMode::BilinearAlignCorners, ResizeMode::BilinearHalfPixel, ResizeMode::Nearest];

/// A resized map and two others, joined, normalised, perhaps dropped, and convolved with a few filters.
fn build(seed: u64, n: usize, [h, w]: [usize; 2], (filters, drops): (usize, bool), gradients: bool) -> Case {
    let mut case = Case::new(seed);
    let (x, other, w_head) = (case.input([n, 6, 4, 5]), case.input([n, 3, h, w]), case.input([filters, 11, 1, 1]));
    let [small, second] = [x, other].map(|map| case.graph.affine(map, 2.0, 0.5).expect("any shape"));
    let third = case.graph.slice(second, 1, 1, 2).expect("there are three channels");
    let (mode, activation) = (MODES[seed as usize % 3], ACTIVATIONS[seed as usize % 4]);
    let resized = case.graph.resize(small, mode, [h, w]).expect("feature maps");
    let joined = case.graph.concat(&[resized, second, third], 1).expect("one size");
    let (weight, bias) = (case.input_in([11], 0.5, 2.0), case.input_in([11], -1.0, 4.0));
    let stats = case.graph.batch_stats(joined, 1).expect("one domain");
    let op = Op::BatchNorm { eps: 1e-5, activation, training: true };
    let mut norm = case.graph.push(op, &[joined, stats, weight, bias]).expect("shapes fit");
    if drops {
        let random = case.input_of([2], &[7.0, 5.0]);
        norm = case.graph.dropout(norm, random, 0.3).expect("any shape");
    }
    let shift = case.input([filters]);
    let y = case.graph.conv2d(norm, w_head, Some(shift), ConvSpec::default()).expect("shapes fit");
    if gradients {
        case.output_with_gradients(y, &[x, weight, w_head]).expect("shapes fit");
    } else {
        case.graph.output("y", y);
    }
    case.graph.output("stats", stats);
    case
}

fn tiled() -> Arc<Gpu> {
    adapter(Some(ConvVariant::Tiled), None)
}

#[test]
fn maps_are_joined_only_where_others_read_them() {
    let gpu = tiled();
    for (seed, extents, filters, drops, gradients) in [
        (0, [7, 9], 2, true, false),
        (1, [37, 31], 4, true, false),
        (2, [3, 2], 1, false, false),
        (3, [40, 33], 2, true, true),
        (5, [5, 8], 2, false, true),
    ] {
        let case = build(seed, 2, extents, (filters, drops), gradients);
        let variants = Variant::of_graph(&case.graph, &gpu.capabilities()).expect("it can be planned");
        let has = |shader: &str, entry: &str| variants.iter().any(|v| v.shader == shader && v.entry == entry);
        assert!(has("resize_stats", if gradients { "main" } else { "alone" }) && !has("resize", "main"), "{seed}");
        assert_eq!(has("joined_head", "main"), !gradients, "{seed}");
        case.check_on(&gpu);
    }
}

#[test]
fn batches_larger_than_a_binding() {
    for gradients in [false, true] {
        build(6, 9, [7, 9], (2, true), gradients).check_in_pieces(1280);
    }
}

#[test]
fn maps_in_16_bits() {
    let Some(gpu) = half_adapter(Some(ConvVariant::Tiled)) else { return };
    for gradients in [false, true] {
        let mut case = build(9, 2, [7, 9], (2, true), gradients);
        case.graph.set_precision(Precision::F16);
        case.check_on(&gpu);
    }
}
