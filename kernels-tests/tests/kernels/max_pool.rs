//! `max_pool` against the twin: windows of any size, ties, NaN.

use kernels_tests::Case;
use papilla::graph::{NodeId, PoolSpec};

fn spec(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> PoolSpec {
    PoolSpec { kernel, stride, padding }
}

fn trace(case: &mut Case, x: NodeId, spec: PoolSpec) {
    let y = case.graph.max_pool2d(x, spec).expect("the window fits");
    case.output_with_gradients(y, &[x]).expect("shapes fit");
}

const SPECS: [([usize; 2], [usize; 2], [usize; 2]); 9] = [
    ([3, 3], [2, 2], [1, 1]),
    ([2, 2], [2, 2], [0, 0]),
    ([3, 3], [1, 1], [1, 1]),
    ([2, 2], [1, 1], [1, 1]),
    ([1, 1], [1, 1], [0, 0]),
    ([1, 1], [2, 3], [0, 0]),
    ([2, 3], [3, 1], [1, 0]),
    ([5, 4], [2, 3], [2, 2]),
    ([2, 2], [4, 4], [0, 1]),
];

#[test]
fn windows_of_any_size() {
    for (kernel, stride, padding) in SPECS {
        for shape in [[2, 3, 12, 12], [1, 5, 7, 9], [3, 1, 5, 13], [1, 2, 5, 4]] {
            let mut case = Case::new(1);
            let x = case.input(shape);
            trace(&mut case, x, spec(kernel, stride, padding));
            case.check();
        }
    }
}

#[test]
fn a_single_pixel() {
    for (kernel, padding) in [([1, 1], [0, 0]), ([3, 3], [1, 1]), ([2, 2], [1, 1])] {
        let mut case = Case::new(2);
        let x = case.input([3, 5, 1, 1]);
        trace(&mut case, x, spec(kernel, [1, 1], padding));
        case.check();
    }
}

/// A maximum that a window holds twice: its first place takes the gradient.
#[test]
fn ties() {
    for (kernel, stride, padding) in SPECS {
        let mut case = Case::new(3);
        let values: Vec<f32> = (0..2 * 3 * 11 * 9).map(|_| case.extent(0, 2) as f32 - 2.0).collect();
        let x = case.input_of([2, 3, 11, 9], &values);
        trace(&mut case, x, spec(kernel, stride, padding));
        case.check();
    }
}

/// A window that holds NaN gives NaN, and its gradient goes to the last of them.
#[test]
fn not_a_number_spreads() {
    for (kernel, stride, padding) in SPECS {
        let mut case = Case::new(4);
        let mut values: Vec<f32> = (0..11 * 9).map(|_| case.extent(0, 5) as f32).collect();
        for index in [7, 8, 40, 51, 98] {
            values[index] = f32::NAN;
        }
        let x = case.input_of([1, 1, 11, 9], &values);
        trace(&mut case, x, spec(kernel, stride, padding));
        case.check();
    }
}

#[test]
fn tensors_larger_than_a_binding() {
    for (kernel, stride, padding) in SPECS {
        let mut case = Case::new(5);
        let x = case.input([3, 7, 11, 9]);
        trace(&mut case, x, spec(kernel, stride, padding));
        case.check_in_pieces(512);
    }
}
