//! `batch_stats_texture`, `batch_norm_texture`, `batch_norm_grad_sums_texture` and `batch_norm_grad_input_texture` against
//! the twin: normalisations between convolutions, whose results they read from a texture.

use kernels_tests::{ACTIVATIONS, Case, adapter};
use papilla::gpu::ConvVariant;
use papilla::graph::{Activation, ConvSpec, NodeId, Op};

const EPS: f32 = 1e-5;
const PADDED: ConvSpec = ConvSpec { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };

/// A convolution, a normalisation, and another convolution.
struct Between {
    /// samples, channels before, between and after, rows and columns
    extents: [usize; 6],
    domains: usize,
    activation: Activation,
    training: bool,
    depthwise: bool,
}

impl Between {
    fn check(&self, seed: u64) {
        let [n, before, c, after, h, w] = self.extents;
        let mut case = Case::new(seed);
        let (x, first) = (case.input([n, before, h, w]), case.input([c, before, 3, 3]));
        // Wide enough for Relu6 to cut on both sides.
        let (weight, bias) = (case.input_in([c], -4.0, 4.0), case.input_in([c], -2.0, 5.0));
        let groups = if self.depthwise { c } else { 1 };
        let second = case.input([if self.depthwise { c } else { after }, c / groups, 3, 3]);
        let middle = case.graph.conv2d(x, first, None, PADDED).expect("shapes fit");
        let stats = self.stats(&mut case, middle, c);
        let op = Op::BatchNorm { eps: EPS, activation: self.activation, training: self.training };
        let y = case.graph.push(op, &[middle, stats, weight, bias]).expect("shapes fit");
        let y = case.graph.conv2d(y, second, None, ConvSpec { groups, ..PADDED }).expect("shapes fit");
        case.output_with_gradients(y, &[x, first, weight, bias, second]).expect("rules exist");
        case.check_on(&adapter(Some(ConvVariant::Texture), None));
    }

    fn stats(&self, case: &mut Case, x: NodeId, channels: usize) -> NodeId {
        if self.training {
            return case.graph.batch_stats(x, self.domains).expect("the batch divides");
        }
        let (mean, var) = (case.input([channels]), case.input_in([channels], 0.1, 1.0));
        case.graph.pack_stats(mean, var).expect("same shapes")
    }
}

#[test]
fn every_activation_between_convolutions() {
    for (index, activation) in ACTIVATIONS.into_iter().enumerate() {
        for (domains, training, depthwise) in [(1, true, false), (2, true, true), (1, false, false), (1, false, true)] {
            for extents in [[4, 3, 5, 6, 7, 9], [2, 2, 8, 3, 5, 4], [2, 1, 3, 1, 6, 5]] {
                Between { extents, domains, activation, training, depthwise }.check(index as u64);
            }
        }
    }
}

/// Planes of more than one chunk, rows of texels that begin anywhere, channels beyond one workgroup.
#[test]
fn large_and_small_extents() {
    for (domains, extents) in [(1, [2, 2, 3, 5, 67, 71]), (2, [4, 1, 70, 2, 3, 2]), (3, [3, 3, 6, 2, 1, 1])] {
        let between = Between { extents, domains, activation: Activation::Relu, training: true, depthwise: false };
        between.check(30);
    }
}

/// The value between is read elsewhere too: it must be in its buffer as well.
#[test]
fn values_that_are_read_elsewhere_too() {
    let mut case = Case::new(40);
    let (x, first, second) = (case.input([2, 3, 6, 5]), case.input([6, 3, 3, 3]), case.input([6, 6, 3, 3]));
    let (weight, bias) = (case.input([6]), case.input([6]));
    let middle = case.graph.conv2d(x, first, None, PADDED).expect("shapes fit");
    let stats = case.graph.batch_stats(middle, 1).expect("one domain");
    let normal = case.graph.batch_norm_training(middle, stats, weight, bias, EPS).expect("shapes fit");
    let y = case.graph.conv2d(normal, second, None, PADDED).expect("shapes fit");
    let y = case.graph.add(y, normal).expect("same shapes");
    let y = case.graph.mul(y, middle).expect("same shapes");
    case.graph.output("normal", normal);
    case.output_with_gradients(y, &[x, first, second, weight, bias]).expect("rules exist");
    case.check_on(&adapter(Some(ConvVariant::Texture), None));
}

/// A result too large for one binding is read from its buffer, in pieces.
#[test]
fn results_larger_than_a_binding() {
    let gpu = adapter(Some(ConvVariant::Texture), Some(8192));
    let mut case = Case::new(41);
    let (x, first, second) = (case.input([7, 5, 17, 21]), case.input([5, 5, 3, 3]), case.input([3, 5, 3, 3]));
    let (weight, bias) = (case.input([5]), case.input([5]));
    let middle = case.graph.conv2d(x, first, None, PADDED).expect("shapes fit");
    let stats = case.graph.batch_stats(middle, 1).expect("one domain");
    let y = case.graph.batch_norm_training(middle, stats, weight, bias, EPS).expect("shapes fit");
    let y = case.graph.conv2d(y, second, None, PADDED).expect("shapes fit");
    case.output_with_gradients(y, &[x, first, weight, bias, second]).expect("rules exist");
    case.check_on(&gpu);
}
