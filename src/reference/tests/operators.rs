//! Operators at their edges, against values worked out by hand.

use crate::graph::{Activation, Binary, Op, PoolSpec, ResizeMode, Shape, Unary};
use crate::reference::{Array, dropout, evaluate};

fn array(shape: impl Into<Shape>, data: &[f64]) -> Array {
    Array::new(shape, data.to_vec())
}

fn unary(function: Unary, x: &[f64]) -> Vec<f64> {
    evaluate(&Op::Unary(function), &[&array([x.len()], x)], &[x.len()].into()).data
}

fn slopes(function: Unary, x: &[f64]) -> Vec<f64> {
    let dy = Array::filled([x.len()], 1.0);
    evaluate(&Op::UnaryGrad(function), &[&array([x.len()], x), &dy], &[x.len()].into()).data
}

fn binary(function: Binary, a: &[f64], b: &[f64]) -> Vec<f64> {
    let (a, b) = (array([a.len()], a), array([b.len()], b));
    evaluate(&Op::Binary(function), &[&a, &b], &a.shape).data
}

#[test]
fn activations_at_their_kinks() {
    let x = [-1.0, 0.0, 2.0, 6.0, 7.0];
    assert_eq!(unary(Unary::Relu, &x), [0.0, 0.0, 2.0, 6.0, 7.0]);
    assert_eq!(slopes(Unary::Relu, &x), [0.0, 0.0, 1.0, 1.0, 1.0]);
    assert_eq!(unary(Unary::Relu6, &x), [0.0, 0.0, 2.0, 6.0, 6.0]);
    assert_eq!(slopes(Unary::Relu6, &x), [0.0, 0.0, 1.0, 0.0, 0.0]);
    assert_eq!(unary(Unary::LeakyRelu(0.5), &x), [-0.5, 0.0, 2.0, 6.0, 7.0]);
    assert_eq!(slopes(Unary::LeakyRelu(0.5), &x), [0.5, 0.5, 1.0, 1.0, 1.0]);
    assert_eq!(unary(Unary::Above(2.0), &x), [0.0, 0.0, 0.0, 1.0, 1.0]);
    assert_eq!(slopes(Unary::Sqrt, &[0.0, 4.0]), [0.0, 0.25]);
}

#[test]
fn not_a_number_is_passed_on() {
    for function in [Unary::Relu, Unary::Relu6, Unary::LeakyRelu(0.2), Unary::Sigmoid, Unary::Entropy { smooth: 0.1 }] {
        assert!(unary(function, &[f64::NAN])[0].is_nan(), "{function:?}");
    }
    for function in [Binary::Bce, Binary::BceWithLogits, Binary::DivOrZero] {
        assert!(binary(function, &[f64::NAN], &[0.5])[0].is_nan(), "{function:?}");
    }
}

#[test]
fn saturated_probabilities_stay_finite() {
    assert_eq!(unary(Unary::Sigmoid, &[-1000.0, 0.0, 1000.0]), [0.0, 0.5, 1.0]);
    assert_eq!(slopes(Unary::Sigmoid, &[-1000.0, 0.0, 1000.0]), [0.0, 0.25, 0.0]);
    assert_eq!(unary(Unary::Entropy { smooth: 0.0 }, &[0.0]), [0.5 * 2f64.ln()]);
    assert_eq!(unary(Unary::Entropy { smooth: 0.5 }, &[-1000.0, 1000.0]), [0.0, -(1.5f64.ln())]);
    assert_eq!(binary(Binary::Bce, &[0.0, 0.0, 1.0, 1.0], &[0.0, 1.0, 0.0, 1.0]), [0.0, 100.0, 100.0, 0.0]);
    assert_eq!(binary(Binary::BceGrad, &[0.0, 0.5, 1.0], &[1.0, 1.0, 0.0]), [-1e12, -2.0, 1e12]);
    assert_eq!(
        binary(Binary::BceWithLogits, &[1000.0, 1000.0, -1000.0, 0.0], &[0.0, 1.0, 1.0, 0.3]),
        [1000.0, 0.0, 1000.0, 2f64.ln()]
    );
    // ln(1 + e^-40) is far below the spacing of numbers at 1.
    assert_eq!(binary(Binary::BceWithLogits, &[-40.0], &[0.0]), [(-40f64).exp()]);
}

#[test]
fn comparisons_and_division() {
    assert_eq!(binary(Binary::Greater, &[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0]), [0.0, 0.0, 1.0]);
    assert_eq!(binary(Binary::DivOrZero, &[1.0, 0.0, 3.0], &[0.0, 0.0, 2.0]), [0.0, 0.0, 1.5]);
    assert_eq!(binary(Binary::Div, &[1.0], &[0.0]), [f64::INFINITY]);
}

#[test]
fn broadcasting_repeats_along_any_axis() {
    let (column, row) = (array([2, 1], &[10.0, 20.0]), array([3], &[1.0, 2.0, 3.0]));
    let shape = Shape::from([2, 3]);
    let y = evaluate(&Op::Binary(Binary::Sub), &[&column, &row], &shape);
    assert_eq!(y.data, [9.0, 8.0, 7.0, 19.0, 18.0, 17.0]);
    let y = evaluate(&Op::Binary(Binary::Sub), &[&array([], &[1.0]), &row], &[3].into());
    assert_eq!(y.data, [0.0, -1.0, -2.0]);
    let y = evaluate(&Op::Broadcast, &[&column], &[2, 2, 3].into());
    assert_eq!(y.data, [10.0, 10.0, 10.0, 20.0, 20.0, 20.0, 10.0, 10.0, 10.0, 20.0, 20.0, 20.0]);
}

#[test]
fn sums_over_separate_axes() {
    let x = array([2, 3, 2], &(0..12).map(f64::from).collect::<Vec<_>>());
    let sum = |axes: &[usize], shape: &[usize]| evaluate(&Op::Sum { axes: axes.to_vec() }, &[&x], &shape.into()).data;
    assert_eq!(sum(&[0, 2], &[1, 3, 1]), [14.0, 22.0, 30.0]);
    assert_eq!(sum(&[1], &[2, 1, 2]), [6.0, 9.0, 24.0, 27.0]);
    assert_eq!(sum(&[0, 1, 2], &[1, 1, 1]), [66.0]);
}

#[test]
fn padding_and_joining() {
    let x = array([2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let pad = |before: [isize; 2], after: [isize; 2], shape: [usize; 2]| {
        evaluate(&Op::Pad { before: before.to_vec(), after: after.to_vec() }, &[&x], &shape.into()).data
    };
    assert_eq!(pad([1, 0], [0, 1], [3, 3]), [0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 4.0, 0.0]);
    assert_eq!(pad([-1, -1], [0, 1], [1, 2]), [4.0, 0.0]);
    assert_eq!(pad([0, -3], [0, 2], [2, 1]), [0.0, 0.0], "nothing is left but zeros");
    let y = evaluate(&Op::Concat { axis: 1 }, &[&x, &array([2, 1], &[5.0, 6.0])], &[2, 3].into());
    assert_eq!(y.data, [1.0, 2.0, 5.0, 3.0, 4.0, 6.0]);
}

#[test]
fn statistics_of_two_domains() {
    let x = array([2, 2, 1, 2], &[1.0, 3.0, 5.0, 5.0, 0.0, 4.0, -1.0, 1.0]);
    let stats = evaluate(&Op::BatchStats { domains: 2 }, &[&x], &[2, 2, 2].into());
    assert_eq!(stats.data, [2.0, 5.0, 1.0, 0.0, 2.0, 0.0, 4.0, 1.0]);
    let (weight, bias) = (array([2], &[2.0, 1.0]), array([2], &[1.0, -0.5]));
    let op = Op::BatchNorm { eps: 0.0, activation: Activation::Relu, training: false };
    // Channel 1 of the first sample has variance 0; an eps of 0 makes 0/0 of it.
    let y = evaluate(&op, &[&x, &stats, &weight, &bias], &x.shape).data;
    assert_eq!((&y[..2], &y[4..]), (&[0.0, 3.0][..], &[0.0, 3.0, 0.0, 0.5][..]));
    assert!(y[2].is_nan() && y[3].is_nan());
    let op = Op::TransNormScale { eps: 0.0, unbias: 4.0 };
    let stats = array([2, 2, 2], &[4.0, 2.0, 1.0, 1.0, 0.0, 2.0, 1.0, 1.0]);
    // d = [|4/2 − 0/2|, 0], p = [1/3, 1], α = 2·p/(4/3).
    let scale = evaluate(&op, &[&stats], &[2].into()).data;
    assert!((scale[0] - 1.5).abs() < 1e-15 && (scale[1] - 2.5).abs() < 1e-15, "{scale:?}");
}

#[test]
fn dropout_draws_known_bits() {
    assert_eq!([0, 1, 2, u32::MAX].map(dropout::mix), [0, 0x6889_90c0, 0xd113_2181, 0x6768_824a]);
    let key = dropout::key([12, 3456], 2);
    assert_eq!(key, 0x9665_17f4);
    let bits = [0, 1, 2, 3, 1 << 31].map(|i| dropout::bits(i, key));
    assert_eq!(bits, [0x2ff9_4bdf, 0x5fba_e663, 0x2075_6fc1, 0x1c19_67c5, 0xda0e_78e0]);
    assert_eq!([0.0, 0.25, 0.5, 0.1].map(dropout::threshold), [0, 1 << 30, 1 << 31, 429_496_736]);
    let (x, seed) = (Array::filled([16], 3.0), array([2], &[12.0, 3456.0]));
    let y = evaluate(&Op::Dropout { p: 0.5, stream: 2 }, &[&x, &seed], &[16].into());
    let kept = [0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1, 0, 0];
    assert_eq!(y.data, kept.map(|kept| f64::from(kept) * 6.0));
    let x = Array::filled([100_000], 1.0);
    let y = evaluate(&Op::Dropout { p: 0.1, stream: 1 }, &[&x, &seed], &x.shape);
    let dropped = y.data.iter().filter(|v| **v == 0.0).count();
    assert!((9_700..10_300).contains(&dropped), "{dropped} of 100000 dropped at p = 0.1");
}

#[test]
fn resize_positions_are_exact() {
    let x = array([1, 1, 1, 3], &[0.0, 1.0, 4.0]);
    let resize = |mode, w: usize| evaluate(&Op::Resize { mode, size: [1, w] }, &[&x], &[1, 1, 1, w].into()).data;
    assert_eq!(resize(ResizeMode::BilinearAlignCorners, 5), [0.0, 0.5, 1.0, 2.5, 4.0]);
    assert_eq!(resize(ResizeMode::BilinearAlignCorners, 1), [0.0]);
    assert_eq!(resize(ResizeMode::BilinearAlignCorners, 2), [0.0, 4.0]);
    assert_eq!(resize(ResizeMode::BilinearHalfPixel, 6), [0.0, 0.25, 0.75, 1.75, 3.25, 4.0]);
    assert_eq!(resize(ResizeMode::BilinearHalfPixel, 1), [1.0]);
    assert_eq!(resize(ResizeMode::Nearest, 7), [0.0, 0.0, 0.0, 1.0, 1.0, 4.0, 4.0]);
    assert_eq!(resize(ResizeMode::Nearest, 2), [0.0, 1.0]);
    // In floating point, 49·(i/98) is not i/2 for every i.
    let ramp = array([1, 1, 50, 1], &(0..50).map(f64::from).collect::<Vec<_>>());
    let op = Op::Resize { mode: ResizeMode::BilinearAlignCorners, size: [99, 1] };
    let y = evaluate(&op, &[&ramp], &[1, 1, 99, 1].into()).data;
    assert!(y.iter().enumerate().all(|(i, v)| *v == i as f64 / 2.0), "{y:?}");
}

#[test]
fn resize_gradients_are_adjoint() {
    let op = Op::ResizeGrad { mode: ResizeMode::BilinearAlignCorners, input: [1, 3] };
    let dy = array([1, 1, 1, 5], &[1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(evaluate(&op, &[&dy], &[1, 1, 1, 3].into()).data, [2.0, 6.0, 7.0]);
}

#[test]
fn the_first_maximum_and_any_nan_win() {
    let spec = PoolSpec { kernel: [1, 2], stride: [1, 1], padding: [0, 1] };
    let x = array([1, 1, 1, 4], &[-2.0, 5.0, 5.0, f64::NAN]);
    let y = evaluate(&Op::MaxPool { spec }, &[&x], &[1, 1, 1, 5].into());
    assert_eq!(y.data[..3], [-2.0, 5.0, 5.0], "padding is less than any number");
    assert!(y.data[3].is_nan() && y.data[4].is_nan());
    let dy = array([1, 1, 1, 5], &[1.0, 10.0, 100.0, 1000.0, 10000.0]);
    assert_eq!(evaluate(&Op::MaxPoolGrad { spec }, &[&x, &dy], &x.shape).data, [1.0, 110.0, 0.0, 11000.0]);
}

#[test]
fn prototypes_by_hand() {
    let f = array([1, 2, 1, 2], &[1.0, 2.0, 3.0, 4.0]);
    let w = array([1, 3, 1, 2], &[1.0, 0.0, 0.5, 0.5, 0.0, 2.0]);
    let sums = evaluate(&Op::WeightedSum, &[&f, &w], &[3, 2].into());
    assert_eq!(sums.data, [1.0, 3.0, 1.5, 3.5, 4.0, 8.0]);
    let df = evaluate(&Op::WeightedSumGradFeature, &[&sums, &w], &[1, 2, 1, 2].into());
    assert_eq!(df.data, [1.75, 8.75, 4.75, 17.75]);
    let dw = evaluate(&Op::WeightedSumGradWeight, &[&sums, &f], &[1, 3, 1, 2].into());
    assert_eq!(dw.data, [10.0, 14.0, 12.0, 17.0, 28.0, 40.0]);
    let p = array([1, 2], &[1.0, 1.0]);
    let distance = evaluate(&Op::PrototypeDistance, &[&f, &p], &[1, 1, 1, 2].into());
    assert_eq!(distance.data, [2.0, 5.0]);
}

#[test]
fn arrays_round_to_f32() {
    assert_eq!(array([2], &[0.1, -1.0]).to_f32(), [0.1f32, -1.0]);
    assert_eq!(Array::from_f32([1], &[0.1]).data, [f64::from(0.1f32)]);
}
