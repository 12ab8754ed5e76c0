//! Radii hold what inputs within theirs can make of a value, and little more.

use strum::IntoEnumIterator;

use crate::graph::tests::every_operator::sample;
use crate::graph::tests::finite_differences::noise;
use crate::graph::{Activation, Binary, Memory, Op, OpKind, Shape, Unary, UnaryKind};
use crate::reference::bounds::radius;
use crate::reference::{Array, Bounded, evaluate};

/// How far inputs are moved: far enough that some values cross kinks, thresholds and each other.
const MOVED: f64 = 0.02;

/// Largest share of its radius that an element moves when its inputs do.
fn largest_share(op: &Op, shapes: &[Shape], shape: &Shape, centre: f64) -> f64 {
    let inputs: Vec<Bounded> = shapes
        .iter()
        .enumerate()
        .map(|(slot, shape)| {
            let of = |seed: u32, centre: f64, width: f64| {
                let data = noise(seed, shape.elements()).iter().map(|v| centre + width * v).collect();
                Array::new(shape.clone(), data)
            };
            // The seed of a dropout is exact.
            let exact = matches!(op, Op::Dropout { .. }) && slot == 1;
            Bounded {
                value: of(slot as u32, centre, 0.4),
                radius: (!exact).then(|| of(7 + slot as u32, MOVED, 0.5 * MOVED)),
            }
        })
        .collect();
    let values: Vec<&Array> = inputs.iter().map(|input| &input.value).collect();
    let centre = evaluate(op, &values, shape);
    let radius = radius(op, &inputs.iter().collect::<Vec<_>>(), &centre, 0.0).expect("the inputs are not exact");
    let mut largest = 0.0f64;
    for draw in 0..200 {
        let moved = inputs.iter().enumerate().map(|(slot, input)| {
            let shift = noise(100 + draw * 10 + slot as u32, input.value.data.len());
            // Mostly to the very ends.
            let at = |(i, v): (usize, &f64)| v + input.radius_at(i) * (4.0 * shift[i]).clamp(-1.0, 1.0);
            Array::new(input.value.shape.clone(), input.value.data.iter().enumerate().map(at).collect())
        });
        let moved: Vec<Array> = moved.collect();
        let found = evaluate(op, &moved.iter().collect::<Vec<_>>(), shape);
        for ((found, centre), radius) in found.data.iter().zip(&centre.data).zip(&radius.data) {
            let distance = (found - centre).abs();
            if distance > 1e-12 {
                largest = largest.max(distance / radius);
            }
        }
    }
    largest
}

/// With inputs above zero, because among them are variances and probabilities.
#[track_caller]
fn holds(op: &Op, shapes: &[Shape], shape: &Shape) {
    holds_around(op, shapes, shape, 0.5);
}

#[track_caller]
fn holds_around(op: &Op, shapes: &[Shape], shape: &Shape, centre: f64) {
    let share = largest_share(op, shapes, shape, centre);
    assert!((0.05..1.0 + 1e-9).contains(&share), "{op:?}: {share} of the radius");
}

#[test]
fn every_operator_hands_on_the_errors_of_its_inputs() {
    for kind in OpKind::iter() {
        let (op, inputs, shape) = sample(kind);
        if !matches!(op.traits().memory, Memory::Given | Memory::State) {
            holds(&op, &inputs, &shape);
        }
    }
}

#[test]
fn every_function_does() {
    let shape = Shape::from([3, 40]);
    let functions = [
        Unary::Relu,
        Unary::Relu6,
        Unary::LeakyRelu(0.2),
        Unary::LeakyRelu(-0.5),
        Unary::Sigmoid,
        Unary::Square,
        Unary::Sqrt,
        Unary::Affine { mul: -2.0, add: 0.5 },
        Unary::Entropy { smooth: 0.1 },
        Unary::Above(0.5),
    ];
    assert!(UnaryKind::iter().all(|kind| functions.iter().any(|function| UnaryKind::from(function) == kind)));
    for function in [Unary::Relu, Unary::LeakyRelu(0.2), Unary::LeakyRelu(-0.5)] {
        holds_around(&Op::Unary(function), std::slice::from_ref(&shape), &shape, 0.0);
        holds_around(&Op::UnaryGrad(function), &[shape.clone(), shape.clone()], &shape, 0.0);
    }
    for function in [Unary::Relu6, Unary::Above(6.0)] {
        holds_around(&Op::Unary(function), std::slice::from_ref(&shape), &shape, 6.0);
    }
    for function in functions {
        holds(&Op::Unary(function), std::slice::from_ref(&shape), &shape);
        if !matches!(function, Unary::Above(_)) {
            holds(&Op::UnaryGrad(function), &[shape.clone(), shape.clone()], &shape);
        }
    }
    for function in Binary::iter() {
        holds(&Op::Binary(function), &[shape.clone(), shape.clone()], &shape);
    }
    for activation in [Activation::Identity, Activation::Relu6, Activation::LeakyRelu(0.2)] {
        for kind in [OpKind::Conv2d, OpKind::BatchNorm, OpKind::BatchNormGradSums, OpKind::BatchNormGradInput] {
            let (op, inputs, shape) = sample(kind);
            // Sums of many products would all be beyond 6.
            let centre = if kind == OpKind::Conv2d { 0.0 } else { 0.5 };
            holds_around(&with(op, activation), &inputs, &shape, centre);
        }
    }
}

/// The operator with another activation.
fn with(mut op: Op, other: Activation) -> Op {
    match &mut op {
        Op::Conv2d { activation, .. }
        | Op::BatchNorm { activation, .. }
        | Op::BatchNormGradSums { activation, .. }
        | Op::BatchNormGradInput { activation, .. } => *activation = other,
        _ => panic!("{op:?} has no activation"),
    }
    op
}

#[test]
fn exact_values_stay_exact_where_nothing_is_computed() {
    let x = Bounded::exact(Array::new([3], vec![-1.0, 0.0, 2.0]));
    for op in [Op::Unary(Unary::Relu), Op::Unary(Unary::Above(0.0)), Op::Detach] {
        let value = evaluate(&op, &[&x.value], &x.value.shape);
        let radius = radius(&op, &[&x], &value, 1e-6);
        assert!(radius.is_none_or(|radius| radius.data == [0.0; 3]), "{op:?}");
    }
}

/// A sum whose terms cancel may be off by their size, its neighbour without cancellation by its own.
#[test]
fn cancellation_is_allowed_where_it_happens() {
    let x = Bounded::exact(Array::new([2, 2], vec![1000.0, -999.0, 1e-3, 2e-3]));
    let op = Op::Sum { axes: vec![1] };
    let value = evaluate(&op, &[&x.value], &[2, 1].into());
    let radius = radius(&op, &[&x], &value, 1e-6).expect("sums are rounded");
    assert!((radius.data[0] - 1999e-6).abs() < 1e-12 && (radius.data[1] - 3e-9).abs() < 1e-15, "{radius:?}");
}

#[test]
fn a_wrong_value_and_a_nan_are_seen() {
    let value = Array::new([4], vec![1.0, -3.0, f64::NAN, 5.0]);
    let bounded = Bounded { value, radius: Some(Array::new([4], vec![0.5, 0.0, 0.0, f64::INFINITY])) };
    let found: Vec<f64> =
        [2.0, -3.0, f32::NAN, 9.0].iter().enumerate().map(|(i, v)| bounded.deviation(i, *v)).collect();
    assert_eq!(found, [2.0, 0.0, 0.0, 0.0]);
    for (index, got) in [(0, f32::NAN), (1, -3.000_001), (2, 0.0), (3, f32::NAN)] {
        assert_eq!(bounded.deviation(index, got), f64::INFINITY, "element {index}");
    }
}
