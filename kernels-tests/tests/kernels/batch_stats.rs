//! `batch_stats` against the twin, alone: the test of `batch_norm` has it with the normalisation.

use kernels_tests::Case;

fn check_in(seed: u64, shape: [usize; 4], domains: usize, low: f32, high: f32) {
    let mut case = Case::new(seed);
    let x = case.input_in(shape, low, high);
    let stats = case.graph.batch_stats(x, domains).expect("the batch divides");
    case.graph.output("stats", stats);
    case.check();
}

#[test]
fn any_shape() {
    check_in(1, [1, 1, 1, 1], 1, -1.0, 1.0);
    check_in(2, [6, 5, 1, 1], 3, -1.0, 1.0);
    check_in(3, [2, 3, 1, 2049], 1, -1.0, 1.0);
    check_in(4, [12, 2, 104, 103], 2, -1.0, 1.0);
    check_in(5, [40, 67, 3, 5], 2, -1.0, 1.0);
}

/// A mean a thousand times the deviation takes no digits from the variance.
#[test]
fn variance_far_from_zero() {
    let mut case = Case::new(6);
    let x = case.input_in([4, 3, 31, 33], 1000.0, 1001.0);
    let stats = case.graph.batch_stats(x, 2).expect("four samples divide into two domains");
    case.graph.output("stats", stats);
    case.check();
}

#[test]
fn a_constant_has_no_variance() {
    let mut case = Case::new(7);
    let x = case.input_of([3, 1, 5, 7], &[0.1; 105]);
    let stats = case.graph.batch_stats(x, 1).expect("one domain");
    case.graph.output("stats", stats);
    case.check();
}

#[test]
fn batches_larger_than_a_binding() {
    for (shape, domains, elements) in [([10, 5, 7, 11], 1, 640), ([10, 5, 7, 11], 2, 640), ([14, 3, 33, 31], 2, 16_384)]
    {
        let mut case = Case::new(8);
        let x = case.input_in(shape, 0.0, 3.0);
        let stats = case.graph.batch_stats(x, domains).expect("the batch divides");
        case.graph.output("stats", stats);
        case.check_in_pieces(elements);
    }
}
