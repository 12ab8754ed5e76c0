//! `unary` against the twin: every function and its gradient.

use kernels_tests::Case;
use papilla::graph::{NodeId, Op, Shape, Unary};

/// Every function with the range of its arguments here.
const FUNCTIONS: [(Unary, f32, f32); 12] = [
    (Unary::Relu, -2.0, 2.0),
    (Unary::Relu6, -3.0, 9.0),
    (Unary::LeakyRelu(0.2), -2.0, 2.0),
    (Unary::LeakyRelu(-0.5), -2.0, 2.0),
    (Unary::Sigmoid, -8.0, 8.0),
    (Unary::Square, -3.0, 3.0),
    (Unary::Sqrt, 0.05, 4.0),
    (Unary::Affine { mul: -1.75, add: 0.3 }, -5.0, 5.0),
    (Unary::Affine { mul: 1.0, add: 1e-5 }, -1.0, 1.0),
    (Unary::Entropy { smooth: 1e-12 }, -8.0, 8.0),
    (Unary::Entropy { smooth: 0.1 }, -8.0, 8.0),
    (Unary::Above(0.3), -1.0, 1.0),
];

/// `f(x)`, and its gradient unless `f` has none.
fn trace(case: &mut Case, function: Unary, x: NodeId) {
    let y = case.graph.unary(function, x).expect("takes any shape");
    match function {
        Unary::Above(_) => case.graph.output("y", y),
        _ => case.output_with_gradients(y, &[x]).expect("shapes fit"),
    }
}

#[test]
fn every_function_on_every_rank() {
    let shapes: [&[usize]; 7] = [&[], &[1], &[67], &[5, 13], &[3, 1, 43], &[2, 3, 7, 9], &[2, 3, 1, 5, 7]];
    for (seed, (function, low, high)) in FUNCTIONS.into_iter().enumerate() {
        for shape in shapes {
            let mut case = Case::new(seed as u64);
            let x = case.input_in(Shape::from(shape), low, high);
            trace(&mut case, function, x);
            case.check();
        }
    }
}

#[test]
fn kinks_and_saturation() {
    let six = 6.0f32;
    let values = [
        -100.0,
        -6.0,
        -1.0,
        -f32::MIN_POSITIVE,
        -0.0,
        0.0,
        f32::MIN_POSITIVE,
        0.5,
        six.next_down(),
        six,
        six.next_up(),
        7.0,
        100.0,
    ];
    for function in [
        Unary::Relu,
        Unary::Relu6,
        Unary::LeakyRelu(0.2),
        Unary::LeakyRelu(-0.2),
        Unary::Sigmoid,
        Unary::Entropy { smooth: 1e-12 },
        Unary::Above(0.0),
        Unary::Above(6.0),
    ] {
        let mut case = Case::new(20);
        let x = case.input_of([values.len()], &values);
        trace(&mut case, function, x);
        case.check();
    }
}

#[test]
fn square_root_at_zero() {
    let mut case = Case::new(21);
    let x = case.input_of([5], &[0.0, 1e-8, 0.25, 1.0, 1e6]);
    trace(&mut case, Unary::Sqrt, x);
    case.check();
}

/// The gradients of the activations need only the output; given the input they are the same.
#[test]
fn activation_gradients_from_the_input() {
    for function in [Unary::Relu, Unary::Relu6, Unary::LeakyRelu(0.2)] {
        let mut case = Case::new(22);
        let (x, dy) = (case.input_in([3, 41], -9.0, 9.0), case.input([3, 41]));
        let dx = case.graph.push(Op::UnaryGrad(function), &[x, dy]).expect("shapes fit");
        case.graph.output("dx", dx);
        case.check();
    }
}

#[test]
fn tensors_larger_than_a_binding() {
    for (seed, (function, low, high)) in FUNCTIONS.into_iter().enumerate() {
        let mut case = Case::new(30 + seed as u64);
        let x = case.input_in([7, 11, 19], low, high);
        trace(&mut case, function, x);
        case.check_in_pieces(512);
    }
}

/// More workgroups than one axis of the grid may have.
#[test]
fn four_million_elements() {
    let mut case = Case::new(50);
    let x = case.input([65535 * 64 + 77]);
    trace(&mut case, Unary::Square, x);
    case.check();
}
