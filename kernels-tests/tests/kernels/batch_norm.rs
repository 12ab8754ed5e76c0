//! `batch_norm`, `batch_norm_grad_sums` and `batch_norm_grad_input` against the twin; statistics with them.

use kernels_tests::{ACTIVATIONS, Case};
use papilla::graph::{Activation, NodeId, Op};

const EPS: f32 = 1e-5;

/// The batch normalised with its own statistics, and all gradients.
fn training(seed: u64, shape: [usize; 4], domains: usize, activation: Activation) -> Case {
    let mut case = Case::new(seed);
    // Wide enough for Relu6 to cut on both sides.
    let (x, weight) = (case.input(shape), case.input_in([shape[1]], -4.0, 4.0));
    let bias = case.input_in([shape[1]], -2.0, 5.0);
    let stats = case.graph.batch_stats(x, domains).expect("the batch divides");
    case.graph.output("stats", stats);
    normalise(&mut case, [x, stats, weight, bias], activation, true);
    case
}

/// The same with given statistics.
fn evaluation(seed: u64, shape: [usize; 4], activation: Activation) -> Case {
    let mut case = Case::new(seed);
    let (x, weight) = (case.input(shape), case.input_in([shape[1]], -4.0, 4.0));
    let bias = case.input_in([shape[1]], -2.0, 5.0);
    let (mean, var) = (case.input([shape[1]]), case.input_in([shape[1]], 0.1, 1.0));
    let stats = case.graph.pack_stats(mean, var).expect("same shapes");
    normalise(&mut case, [x, stats, weight, bias], activation, false);
    case
}

fn normalise(case: &mut Case, inputs: [NodeId; 4], activation: Activation, training: bool) {
    let y = case.graph.push(Op::BatchNorm { eps: EPS, activation, training }, &inputs).expect("shapes fit");
    let [x, _, weight, bias] = inputs;
    case.output_with_gradients(y, &[x, weight, bias]).expect("shapes fit");
}

#[test]
fn every_activation_in_training() {
    for activation in ACTIVATIONS {
        for (domains, shape) in [(1, [3, 5, 7, 9]), (2, [4, 6, 5, 3]), (3, [3, 7, 4, 4])] {
            training(1, shape, domains, activation).check();
        }
    }
}

#[test]
fn every_activation_in_evaluation() {
    for activation in ACTIVATIONS {
        for shape in [[3, 5, 7, 9], [1, 1, 1, 1], [2, 67, 1, 1], [1, 3, 70, 71]] {
            evaluation(2, shape, activation).check();
        }
    }
}

/// Planes of more than one chunk, batches of more than one split, channels beyond a workgroup.
#[test]
fn large_and_small_extents() {
    for (domains, shape) in
        [(1, [2, 3, 67, 71]), (2, [2, 2, 91, 93]), (2, [10, 3, 17, 19]), (1, [64, 5, 1, 1]), (2, [6, 305, 1, 3])]
    {
        training(3, shape, domains, Activation::Relu).check();
    }
}

#[test]
fn random_shapes() {
    for seed in 20..40 {
        let mut draw = Case::new(seed);
        let domains = draw.extent(1, 2);
        let shape = [domains * draw.extent(2, 4), draw.extent(1, 40), draw.extent(1, 30), draw.extent(1, 30)];
        let activation = ACTIVATIONS[draw.extent(0, 3)];
        training(seed, shape, domains, activation).check();
        evaluation(seed, shape, activation).check();
    }
}

/// One value for each channel: no variance, and no gradient but the bias's.
#[test]
fn a_single_pixel_for_each_domain() {
    training(4, [1, 5, 1, 1], 1, Activation::Identity).check();
    training(5, [2, 5, 1, 1], 2, Activation::Relu).check();
}

/// Exactly on the kinks: z = x, of which 0 and 6 lie on the flat side.
#[test]
fn pre_activations_of_exactly_0_and_6() {
    for activation in ACTIVATIONS {
        let mut case = Case::new(6);
        let x = case.input_of([1, 1, 2, 4], &[0.0, 6.0, -0.0, 3.0, -1.0, 7.0, 0.0, 6.0]);
        let stats = case.input_of([1, 2, 1], &[0.0, 1.0]);
        let (weight, bias) = (case.input_of([1], &[1.0]), case.input_of([1], &[0.0]));
        let op = Op::BatchNorm { eps: 0.0, activation, training: false };
        let y = case.graph.push(op, &[x, stats, weight, bias]).expect("shapes fit");
        case.output_with_gradients(y, &[x, weight, bias]).expect("shapes fit");
        case.check();
    }
}

/// Two domains far apart: each is normalised by its own statistics.
#[test]
fn domains_are_apart() {
    let mut case = Case::new(7);
    let (source, target) = (case.input([2, 3, 5, 7]), case.input_in([2, 3, 5, 7], 4.0, 9.0));
    let x = case.graph.concat(&[source, target], 0).expect("shapes fit");
    let stats = case.graph.batch_stats(x, 2).expect("four samples divide into two domains");
    let (weight, bias) = (case.input([3]), case.input([3]));
    normalise(&mut case, [x, stats, weight, bias], Activation::LeakyRelu(0.1), true);
    case.check();
}

#[test]
fn batches_larger_than_a_binding() {
    for activation in ACTIVATIONS {
        for domains in [1, 2] {
            training(8, [10, 5, 7, 11], domains, activation).check_in_pieces(640);
        }
        evaluation(9, [10, 5, 7, 11], activation).check_in_pieces(640);
    }
    // Several splits in each piece, and pieces that reach into the next domain.
    training(10, [14, 3, 33, 31], 2, Activation::Relu6).check_in_pieces(16_384);
}

/// More workgroups than one axis of the grid may have.
#[test]
fn many_planes() {
    training(11, [34, 2001, 1, 3], 2, Activation::Relu).check();
}
