//! `binary` against the twin: every function, every way to broadcast, gradients.

use kernels_tests::{Case, adapter};
use papilla::gpu::{GpuError, Program, States};
use papilla::graph::{Binary, NodeId, Shape};

/// Every function with the ranges of its two arguments here.
const FUNCTIONS: [(Binary, [f32; 2], [f32; 2]); 9] = [
    (Binary::Add, [-1.0, 1.0], [-1.0, 1.0]),
    (Binary::Sub, [-1.0, 1.0], [-1.0, 1.0]),
    (Binary::Mul, [-1.0, 1.0], [-1.0, 1.0]),
    (Binary::Div, [-1.0, 1.0], [0.5, 2.0]),
    (Binary::DivOrZero, [-1.0, 1.0], [-2.0, -0.5]),
    (Binary::Greater, [-1.0, 1.0], [-1.0, 1.0]),
    (Binary::Bce, [0.02, 0.98], [0.0, 1.0]),
    (Binary::BceGrad, [0.02, 0.98], [0.0, 1.0]),
    (Binary::BceWithLogits, [-9.0, 9.0], [0.0, 1.0]),
];

/// Shapes that broadcast together; exchanged they do too.
const PAIRS: [(&[usize], &[usize]); 16] = [
    (&[], &[]),
    (&[1], &[]),
    (&[71], &[71]),
    (&[2, 3, 5, 7], &[2, 3, 5, 7]),
    (&[2, 3, 5, 7], &[]),
    (&[2, 3, 5, 7], &[1, 1, 1, 1]),
    (&[2, 3, 5, 7], &[1, 3, 1, 1]),
    (&[2, 3, 5, 7], &[2, 1, 5, 7]),
    (&[2, 3, 5, 7], &[2, 3, 1, 1]),
    (&[2, 3, 5, 7], &[3, 1, 1]),
    (&[2, 3, 5, 7], &[7]),
    (&[2, 1, 5, 1], &[1, 3, 1, 7]),
    (&[4, 1], &[9]),
    (&[5, 1, 1, 1], &[1, 6, 1, 1]),
    (&[2, 3, 4, 5, 6], &[2, 3, 1, 1, 6]),
    (&[2, 1, 4, 5, 1], &[1, 3, 1, 1, 6]),
];

/// `f(a, b)`, and the gradients that `f` has.
fn trace(case: &mut Case, function: Binary, a: NodeId, b: NodeId) {
    let y = case.graph.binary(function, a, b).expect("shapes broadcast");
    let wrt: &[NodeId] = match function {
        Binary::Greater | Binary::BceGrad => return case.graph.output("y", y),
        Binary::Bce | Binary::BceWithLogits => &[a],
        _ => &[a, b],
    };
    case.output_with_gradients(y, wrt).expect("shapes fit");
}

fn build(seed: u64, (function, of_a, of_b): (Binary, [f32; 2], [f32; 2]), a: &[usize], b: &[usize]) -> Case {
    let mut case = Case::new(seed);
    let a = case.input_in(Shape::from(a), of_a[0], of_a[1]);
    let b = case.input_in(Shape::from(b), of_b[0], of_b[1]);
    trace(&mut case, function, a, b);
    case
}

#[test]
fn every_function_with_every_broadcast() {
    for (index, function) in FUNCTIONS.into_iter().enumerate() {
        for (a, b) in PAIRS {
            build(index as u64, function, a, b).check();
            build(index as u64, function, b, a).check();
        }
    }
}

/// Up to four axes, each repeated in `a`, in `b` or in neither.
#[test]
fn random_broadcasts() {
    for seed in 100..140 {
        let mut draw = Case::new(seed);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..draw.extent(1, 4) {
            let extent = draw.extent(1, 6);
            let repeated = draw.extent(0, 2);
            a.push(if repeated == 1 { 1 } else { extent });
            b.push(if repeated == 2 { 1 } else { extent });
        }
        build(seed, FUNCTIONS[draw.extent(0, FUNCTIONS.len() - 1)], &a, &b).check();
    }
}

#[test]
fn five_alternating_axes_are_refused() {
    let case = build(1, FUNCTIONS[0], &[2, 1, 3, 1, 2], &[1, 3, 1, 2, 1]);
    let gpu = adapter(None, None);
    let result = Program::new(&gpu, &case.graph, &States::new(gpu.clone()));
    assert!(matches!(result, Err(GpuError::Unsupported { op: "add", .. })));
}

#[test]
fn division_by_zero_gives_zero() {
    let mut case = Case::new(2);
    let a = case.input_of([6], &[1.0, -2.0, 0.0, 3.0, 0.0, -4.0]);
    let b = case.input_of([6], &[0.0, -0.0, 0.0, 2.0, 5.0, -0.5]);
    trace(&mut case, Binary::DivOrZero, a, b);
    case.check();
}

/// Probabilities of 0 and 1, and next to them: logarithms are clamped.
#[test]
fn certain_probabilities() {
    let probabilities = [0.0, 1.0, 1e-20, 1e-6, 1.0f32.next_down(), 1.0 - 1e-6, 0.5];
    for target in [0.0, 0.3, 1.0] {
        let mut case = Case::new(3);
        let p = case.input_of([7], &probabilities);
        let t = case.input_of([1], &[target]);
        let y = case.graph.binary(Binary::Bce, p, t).expect("shapes broadcast");
        case.graph.output("y", y);
        case.check();
    }
}

/// The derivative is as large as 1e12 beside 1.
#[test]
fn slope_at_certain_probabilities() {
    for target in [0.0, 1.0] {
        let mut case = Case::new(4);
        let p = case.input_of([6], &[0.0, 1.0, 1e-6, 1.0 - 1e-6, 1e-20, 0.5]);
        let t = case.input_of([6], &[target; 6]);
        trace(&mut case, Binary::Bce, p, t);
        case.check();
    }
}

#[test]
fn large_logits() {
    let logits = [-100.0, -20.0, -17.0, -1e-3, -0.0, 0.0, 1e-3, 17.0, 20.0, 100.0];
    for target in [0.0, 0.4, 1.0] {
        let mut case = Case::new(5);
        let x = case.input_of([10], &logits);
        let t = case.input_of([1], &[target]);
        trace(&mut case, Binary::BceWithLogits, x, t);
        case.check();
    }
}

/// The loss of a certain and right logit is tiny, and still has its digits.
#[test]
fn small_losses_keep_their_digits() {
    let mut case = Case::new(6);
    let (x, t) = (case.input_of([4], &[5.0, 10.0, 18.0, 40.0]), case.input_of([4], &[1.0; 4]));
    let y = case.graph.binary(Binary::BceWithLogits, x, t).expect("same shapes");
    case.graph.output("y", y);
    case.check();
}

#[test]
fn equal_values_are_not_greater() {
    let mut case = Case::new(7);
    let a = case.input_of([5], &[1.0, -0.0, 0.0, 2.0, 1.0f32.next_up()]);
    let b = case.input_of([5], &[1.0, 0.0, -0.0, 3.0, 1.0]);
    trace(&mut case, Binary::Greater, a, b);
    case.check();
}

#[test]
fn tensors_larger_than_a_binding() {
    let pairs: [(&[usize], &[usize]); 10] = [
        (&[1999], &[1999]),
        (&[1999], &[1]),
        (&[9, 5, 7, 11], &[1, 5, 1, 1]),
        (&[9, 5, 7, 11], &[9, 1, 7, 11]),
        (&[9, 5, 7, 11], &[9, 5, 1, 1]),
        (&[9, 5, 7, 11], &[7, 1]),
        (&[1, 601, 1, 3], &[1, 601, 1, 1]),
        (&[40, 5, 7, 1], &[1, 5, 7, 9]),
        (&[37, 1, 1, 13], &[1, 5, 3, 1]),
        (&[9, 5, 7, 1, 3], &[1, 1, 1, 4, 3]),
    ];
    for (seed, (a, b)) in pairs.into_iter().enumerate() {
        for function in [FUNCTIONS[1], FUNCTIONS[3]] {
            build(200 + seed as u64, function, a, b).check_in_pieces(640);
            build(200 + seed as u64, (function.0, function.1, [0.5, 2.0]), b, a).check_in_pieces(640);
        }
    }
}

/// More workgroups than one axis of the grid may have.
#[test]
fn four_million_elements() {
    let mut case = Case::new(8);
    let (a, b) = (case.input([2047, 2051]), case.input([2047, 1]));
    let y = case.graph.mul(a, b).expect("shapes broadcast");
    case.graph.output("y", y);
    case.check();
}
