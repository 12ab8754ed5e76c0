//! `resize` and `resize_texture` against the twin: every mode, larger and smaller, whole and shifted, with the gradient.

use kernels_tests::{Case, adapter, half_adapter};
use papilla::gpu::{ConvVariant, Variant};
use papilla::graph::{ConvSpec, Op, Precision, ResizeMode, Unary};

const MODES: [ResizeMode; 3] = [ResizeMode::BilinearAlignCorners, ResizeMode::BilinearHalfPixel, ResizeMode::Nearest];

/// From buffers, and as software adapters do it: those put small maps that are enlarged into textures.
fn check(case: &Case) {
    for conv in [ConvVariant::Tiled, ConvVariant::Texture] {
        case.check_on(&adapter(Some(conv), None));
    }
}

fn build(mode: ResizeMode, maps: [usize; 2], from: [usize; 2], to: [usize; 2]) -> Case {
    let mut case = Case::new((from[0] * to[1]) as u64);
    let x = case.input([maps[0], maps[1], from[0], from[1]]);
    // Pushed as it is: a resize to the same size would otherwise be left out.
    let y = case.graph.push(Op::Resize { mode, size: to }, &[x]).expect("a feature map");
    case.output_with_gradients(y, &[x]).expect("shapes fit");
    case
}

#[test]
fn every_small_extent_to_every_other() {
    for mode in MODES {
        for from in 1..=8 {
            for to in 1..=9 {
                check(&build(mode, [1, 2], [from, 9 - from], [to, 10 - to]));
            }
        }
    }
}

#[test]
fn sizes_of_the_networks() {
    for mode in MODES {
        check(&build(mode, [2, 3], [1, 1], [33, 32]));
        check(&build(mode, [1, 5], [32, 32], [128, 128]));
        check(&build(mode, [1, 3], [33, 31], [129, 127]));
        check(&build(mode, [2, 2], [127, 129], [16, 31]));
        check(&build(mode, [1, 1], [3, 5], [200, 301]));
    }
}

fn shifted(mode: ResizeMode, axis: usize, taps: usize, maps: [usize; 4], size: usize) -> Case {
    let mut case = Case::new((axis + taps * size) as u64);
    let x = case.input(maps);
    let y = case.graph.push(Op::ResizeShifted { mode, axis, taps, size }, &[x]).expect("a feature map");
    case.output_with_gradients(y, &[x]).expect("shapes fit");
    case
}

#[test]
fn shifted_along_either_axis() {
    for mode in MODES {
        for axis in [2, 3] {
            for (taps, maps, size) in [
                (3, [2, 6, 4, 5], 11),
                (3, [1, 9, 1, 1], 7),
                (3, [2, 12, 8, 8], 32),
                (1, [3, 2, 3, 4], 5),
                (2, [1, 4, 9, 6], 3),
                (5, [2, 15, 5, 7], 20),
                (3, [1, 3, 16, 33], 129),
            ] {
                check(&shifted(mode, axis, taps, maps, size));
            }
        }
    }
}

#[test]
fn shifted_in_pieces() {
    for axis in [2, 3] {
        shifted(MODES[0], axis, 3, [19, 6, 4, 5], 9).check_in_pieces(1024);
    }
}

/// The gradient of the gradient is the resize again.
#[test]
fn gradient_of_the_gradient() {
    for mode in MODES {
        let mut case = Case::new(1);
        let dy = case.input([2, 3, 17, 13]);
        let dx = case.graph.push(Op::ResizeGrad { mode, input: [7, 9] }, &[dy]).expect("a feature map");
        case.output_with_gradients(dx, &[dy]).expect("shapes fit");
        check(&case);
    }
}

#[test]
fn tensors_larger_than_a_binding() {
    for mode in MODES {
        build(mode, [3, 7], [7, 5], [15, 13]).check_in_pieces(512);
        build(mode, [3, 5], [17, 19], [5, 7]).check_in_pieces(512);
    }
}

/// Maps that are resized into the place where they are joined with others, in pieces too.
#[test]
fn resized_and_joined() {
    let joined = |n: usize| {
        let mut case = Case::new(31);
        let (a, b) = (case.input([n, 3, 4, 5]), case.input([n, 2, 7, 9]));
        let a = case.graph.affine(a, 2.0, 0.1).expect("any shape");
        let resized = case.graph.resize(a, ResizeMode::BilinearAlignCorners, [7, 9]).expect("feature maps");
        let y = case.graph.concat(&[b, resized, b], 1).expect("one size");
        case.output_with_gradients(y, &[a, b]).expect("shapes fit");
        case
    };
    check(&joined(3));
    joined(7).check_in_pieces(1024);
}

/// Sums with another map that are added before they are written.
#[test]
fn shifted_and_added() {
    for activation in [None, Some(0.2)] {
        let mut case = Case::new(32);
        let (x, w) = (case.input([2, 6, 3, 4]), case.input([6, 6, 3, 3]));
        let other = case.input([2, 2, 5, 4]);
        let spec = ConvSpec { padding: [1, 1], ..ConvSpec::default() };
        let mut x = case.graph.conv2d(x, w, None, spec).expect("shapes fit");
        if let Some(slope) = activation {
            x = case.graph.unary(Unary::LeakyRelu(slope), x).expect("any shape");
        }
        let op = Op::ResizeShifted { mode: ResizeMode::BilinearAlignCorners, axis: 2, taps: 3, size: 5 };
        let shifted = case.graph.push(op, &[x]).expect("three parts");
        let y = case.graph.add(other, shifted).expect("the same shape");
        case.output_with_gradients(y, &[w, other]).expect("shapes fit");
        check(&case);
    }
}

/// Parts resized along both axes, perhaps with another map added, and with statistics of the sum.
fn crossed(mode: ResizeMode, n: usize, [from, to]: [[usize; 2]; 2], added: bool, statistics: bool) -> Case {
    const TAPS: usize = 3;
    const MAPS: usize = 2;
    let mut case = Case::new((from[0] * to[1]) as u64);
    let (x, other) = (case.input([n, TAPS * TAPS * MAPS, from[0], from[1]]), case.input([n, MAPS, to[0], to[1]]));
    let parts = case.graph.affine(x, 2.0, 0.1).expect("any shape");
    let parts = case.graph.reshape(parts, [n * TAPS, TAPS * MAPS, from[0], from[1]]).expect("as many elements");
    let along = |axis, size| Op::ResizeShifted { mode, axis, taps: TAPS, size };
    let columns = case.graph.push(along(3, to[1]), &[parts]).expect("three parts");
    let columns = case.graph.reshape(columns, [n, TAPS * MAPS, from[0], to[1]]).expect("as many elements");
    let mut y = case.graph.push(along(2, to[0]), &[columns]).expect("three parts");
    if added {
        y = case.graph.add(y, other).expect("the same shape");
    }
    if statistics {
        let stats = case.graph.batch_stats(y, 1).expect("one domain");
        case.graph.output("stats", stats);
    }
    case.output_with_gradients(y, &[x]).expect("shapes fit");
    case
}

#[test]
fn shifted_along_both_axes_in_one_launch() {
    let gpu = adapter(Some(ConvVariant::Tiled), None);
    for (index, mode) in MODES.into_iter().enumerate() {
        for (added, statistics) in [(false, false), (true, true)] {
            let extents = [[[4, 5], [19, 23]], [[9, 8], [5, 3]], [[1, 3], [12, 70]]][index];
            let case = crossed(mode, 2, extents, added, statistics);
            let variants = Variant::of_graph(&case.graph, &gpu.capabilities()).expect("it can be planned");
            let has = |shader: &str, entry: &str| variants.iter().any(|v| v.shader == shader && v.entry == entry);
            assert!(has("resize_crossed", if statistics { "with_stats" } else { "main" }) && !has("resize", "shifted"));
            assert!(!has("batch_stats", "partial"));
            case.check_on(&gpu);
        }
    }
    crossed(MODES[0], 19, [[4, 5], [9, 11]], true, true).check_in_pieces(2048);
}

#[test]
fn shifted_along_both_axes_in_16_bits() {
    let Some(gpu) = half_adapter(Some(ConvVariant::Tiled)) else { return };
    let mut case = crossed(MODES[0], 2, [[3, 4], [9, 13]], true, true);
    case.graph.set_precision(Precision::F16);
    case.check_on(&gpu);
}
