//! Kernels that read and write feature maps in 16-bit floats, against the reference, which rounds the same values. Each
//! operator stands between two resizes to the same size, so that it reads and writes maps that are kept in 16 bits.

use kernels_tests::{ACTIVATIONS, Case, half_adapter};
use papilla::gpu::ConvVariant;
use papilla::graph::{Binary, ConvSpec, NodeId, Op, PoolSpec, Precision, ResizeMode, Unary};

const SHAPE: [usize; 4] = [3, 9, 7, 6];

/// A copy of a map that is kept in 16 bits.
fn kept(case: &mut Case, x: NodeId) -> NodeId {
    let shape = case.graph.shape(x).clone();
    let resize = Op::Resize { mode: ResizeMode::Nearest, size: [shape[2], shape[3]] };
    case.graph.push(resize, &[x]).expect("maps can be resized")
}

/// Checks an operator and its gradients; it must have read and written maps in 16 bits.
fn check(seed: u64, build: impl Fn(&mut Case, NodeId) -> NodeId) {
    check_with(seed, None, build);
}

fn check_with(seed: u64, conv: Option<ConvVariant>, build: impl Fn(&mut Case, NodeId) -> NodeId) {
    let mut case = Case::new(seed);
    let x = case.input(SHAPE);
    let read = kept(&mut case, x);
    let y = build(&mut case, read);
    let out = kept(&mut case, y);
    case.output_with_gradients(out, &[x]).expect("the operator has a gradient");
    case.graph.set_precision(Precision::F16);
    let half = case.graph.half_nodes();
    assert!(half[read.0] && half[y.0] && half.iter().filter(|half| **half).count() >= 3);
    check_on_adapter(&case, conv);
}

fn check_on_adapter(case: &Case, conv: Option<ConvVariant>) {
    if let Some(gpu) = half_adapter(conv) {
        case.check_on(&gpu);
    }
}

#[test]
fn convolutions() {
    let specs =
        [([11, 9, 3, 3], [1, 1], [2, 2], 1), ([8, 9, 3, 3], [2, 2], [1, 1], 1), ([9, 1, 3, 3], [1, 1], [1, 1], 9)];
    for conv in [ConvVariant::Direct, ConvVariant::Tiled, ConvVariant::Texture] {
        for (seed, (weights, stride, dilation, groups)) in specs.into_iter().enumerate() {
            check_with(seed as u64, Some(conv), |case, x| {
                let w = case.input_in(weights, -0.3, 0.3);
                let bias = case.input([weights[0]]);
                let spec = ConvSpec { stride, padding: dilation, dilation, groups };
                case.graph.conv2d(x, w, Some(bias), spec).expect("shapes fit")
            });
        }
    }
}

#[test]
fn gradients_of_weights() {
    for conv in [ConvVariant::Direct, ConvVariant::Tiled] {
        for weights in [[11, 9, 3, 3], [9, 1, 3, 3]] {
            let mut case = Case::new(3);
            let x = case.input(SHAPE);
            let (w, bias) = (case.input_in(weights, -0.3, 0.3), case.input([weights[0]]));
            let x = kept(&mut case, x);
            let groups = SHAPE[1] / weights[1];
            let spec = ConvSpec { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups };
            let y = case.graph.conv2d(x, w, Some(bias), spec).expect("shapes fit");
            let y = kept(&mut case, y);
            case.output_with_gradients(y, &[w, bias]).expect("the operator has a gradient");
            case.graph.set_precision(Precision::F16);
            check_on_adapter(&case, Some(conv));
        }
    }
}

#[test]
fn normalisation() {
    check(5, |case, x| {
        let (weight, bias) = (case.input_in([SHAPE[1]], 0.5, 1.5), case.input([SHAPE[1]]));
        let stats = case.graph.batch_stats(x, 3).expect("shapes fit");
        case.graph.batch_norm_training(x, stats, weight, bias, 1e-5).expect("shapes fit")
    });
}

#[test]
fn elementwise() {
    for (seed, activation) in ACTIVATIONS.into_iter().enumerate() {
        let Some(function) = Option::<Unary>::from(activation) else { continue };
        check(seed as u64, |case, x| case.graph.unary(function, x).expect("shapes fit"));
    }
    check(9, |case, x| case.graph.unary(Unary::Square, x).expect("shapes fit"));
    check(10, |case, x| {
        let plane = case.input([1, SHAPE[1], 1, 1]);
        let product = case.graph.mul(x, plane).expect("shapes fit");
        case.graph.binary(Binary::Sub, x, product).expect("shapes fit")
    });
    check(11, |case, x| {
        let seed = case.input_of([2], &[12.0, 7.0]);
        case.graph.dropout(x, seed, 0.5).expect("shapes fit")
    });
}

#[test]
fn layout() {
    check(12, |case, x| case.graph.pad2d(x, 1, 2, 0, 3).expect("shapes fit"));
    check(13, |case, x| case.graph.permute(x, &[0, 1, 3, 2]).expect("shapes fit"));
    check(14, |case, x| {
        let square = case.graph.mul(x, x).expect("shapes fit");
        case.graph.concat(&[x, square], 1).expect("shapes fit")
    });
    check(15, |case, x| {
        let pooled = case.graph.sum(x, &[2, 3]).expect("shapes fit");
        case.graph.mul(x, pooled).expect("shapes fit")
    });
}

#[test]
fn windows_and_sizes() {
    check(16, |case, x| {
        let spec = PoolSpec { kernel: [3, 3], stride: [2, 2], padding: [1, 1] };
        case.graph.max_pool2d(x, spec).expect("shapes fit")
    });
    for mode in [ResizeMode::Nearest, ResizeMode::BilinearAlignCorners, ResizeMode::BilinearHalfPixel] {
        check(17, |case, x| case.graph.resize(x, mode, [13, 5]).expect("shapes fit"));
    }
}

#[test]
fn sums_weighted_by_maps() {
    let mut case = Case::new(18);
    let (x, weights) = (case.input(SHAPE), case.input([SHAPE[0], 2, SHAPE[2], SHAPE[3]]));
    let feature = kept(&mut case, x);
    let sums = case.graph.push(Op::WeightedSum, &[feature, weights]).expect("shapes fit");
    case.output_with_gradients(sums, &[x, weights]).expect("the operator has a gradient");
    case.graph.set_precision(Precision::F16);
    check_on_adapter(&case, None);
}

#[test]
fn distances_to_prototypes() {
    let mut case = Case::new(20);
    let (x, prototypes) = (case.input(SHAPE), case.input([2, SHAPE[1]]));
    let feature = kept(&mut case, x);
    let distances = case.graph.push(Op::PrototypeDistance, &[feature, prototypes]).expect("shapes fit");
    case.graph.output("distances", distances);
    case.graph.set_precision(Precision::F16);
    check_on_adapter(&case, None);
}

/// Launches divided along the batch begin at elements that two-byte values align differently.
#[test]
fn divided_launches() {
    let mut case = Case::new(19);
    let x = case.input([7, 9, 7, 6]);
    let read = kept(&mut case, x);
    let y = case.graph.unary(Unary::Relu, read).expect("shapes fit");
    let y = kept(&mut case, y);
    case.output_with_gradients(y, &[x]).expect("the operator has a gradient");
    case.graph.set_precision(Precision::F16);
    if half_adapter(None).is_some() {
        case.check_in_pieces(1024);
    }
}
