//! Shapes that do not fit are refused when the graph is built, and the message names the operator and the shapes.

use crate::graph::{Activation, Binary, ConvSpec, Graph, Op, PoolSpec, ResizeMode, Shape, ShapeError};

/// The error of pushing `op` on inputs of the given shapes.
fn error(op: Op, shapes: &[&[usize]]) -> String {
    let mut g = Graph::new();
    let inputs: Vec<_> = shapes.iter().enumerate().map(|(i, s)| g.input(&i.to_string(), *s)).collect();
    let result: Result<_, ShapeError> = g.push(op, &inputs);
    result.expect_err("the shapes do not fit").to_string()
}

const PLAIN: ConvSpec = ConvSpec { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 };

fn conv(spec: ConvSpec, bias: bool) -> Op {
    Op::Conv2d { spec, bias, activation: Activation::Identity }
}

#[test]
fn messages_name_operator_problem_and_shapes() {
    let cases = [
        (
            error(Op::Binary(Binary::Mul), &[&[2, 3], &[4, 3]]),
            "mul: shapes do not broadcast (inputs [2, 3] and [4, 3])",
        ),
        (error(Op::Binary(Binary::Add), &[&[2, 3]]), "add: takes 2 inputs, was given 1 (inputs [2, 3])"),
        (error(Op::Sum { axes: vec![0, 2] }, &[&[2, 3]]), "sum: there is no axis 2 (inputs [2, 3])"),
        (
            error(Op::Concat { axis: 1 }, &[&[2, 3, 4], &[2, 3, 5]]),
            "concat: shapes differ outside axis 1 (inputs [2, 3, 4] and [2, 3, 5])",
        ),
        (error(Op::Concat { axis: 0 }, &[]), "concat: nothing to join (inputs )"),
        (
            error(conv(PLAIN, false), &[&[1, 4, 8, 8], &[6, 3, 3, 3]]),
            "conv2d: weight [6, 3, 3, 3] with 1 groups does not fit 4 channels (inputs [1, 4, 8, 8] and [6, 3, 3, 3])",
        ),
        (
            error(conv(PLAIN, false), &[&[4, 8, 8], &[6, 4, 3, 3]]),
            "conv2d: [4, 8, 8] is not a feature map [N, C, H, W] (inputs [4, 8, 8] and [6, 4, 3, 3])",
        ),
        (
            error(conv(PLAIN, true), &[&[1, 4, 8, 8], &[6, 4, 3, 3], &[4]]),
            "conv2d: bias [4] does not fit 6 output channels (inputs [1, 4, 8, 8] and [6, 4, 3, 3] and [4])",
        ),
        (
            error(conv(ConvSpec { dilation: [4, 4], ..PLAIN }, false), &[&[1, 4, 8, 9], &[6, 4, 3, 3]]),
            "conv2d: a [3, 3] kernel with dilation [4, 4] does not fit [8, 9] (inputs [1, 4, 8, 9] and [6, 4, 3, 3])",
        ),
        (
            error(Op::BatchStats { domains: 2 }, &[&[3, 4, 5, 5]]),
            "batch_stats: a batch of 3 does not divide into 2 domains (inputs [3, 4, 5, 5])",
        ),
        (
            error(Op::WeightedSum, &[&[2, 8, 5, 5], &[2, 2, 5, 6]]),
            "weighted_sum: feature and weight maps differ in batch or size (inputs [2, 8, 5, 5] and [2, 2, 5, 6])",
        ),
        (
            error(Op::PrototypeDistance, &[&[2, 8, 5, 5], &[2, 7]]),
            "prototype_distance: expects a [M, 8] matrix for 8 channels (inputs [2, 8, 5, 5] and [2, 7])",
        ),
        (
            error(Op::Dropout { p: 1.0, stream: 1 }, &[&[2, 3], &[2]]),
            "dropout: p = 1 is not in [0, 1) (inputs [2, 3] and [2])",
        ),
        (
            error(Op::Resize { mode: ResizeMode::Nearest, size: [0, 4] }, &[&[1, 2, 3, 3]]),
            "resize: size [0, 4] is empty (inputs [1, 2, 3, 3])",
        ),
        (
            error(Op::Pad { before: vec![-2, 0], after: vec![-1, 0] }, &[&[3, 3]]),
            "pad: padding [-2, 0] and [-1, 0] leaves nothing (inputs [3, 3])",
        ),
        (
            error(Op::MaxPool { spec: PoolSpec { kernel: [4, 2], stride: [1, 1], padding: [0, 0] } }, &[&[1, 1, 3, 3]]),
            "max_pool2d: a [4, 2] window does not fit (inputs [1, 1, 3, 3])",
        ),
        (
            error(Op::MaxPool { spec: PoolSpec { kernel: [3, 2], stride: [1, 1], padding: [1, 2] } }, &[&[1, 1, 3, 3]]),
            "max_pool2d: a padding of [1, 2] is more than half of a [3, 2] window (inputs [1, 1, 3, 3])",
        ),
    ];
    for (got, want) in cases {
        assert_eq!(got, want);
    }
}

#[test]
fn every_operand_is_checked() {
    let norm = Op::BatchNorm { eps: 1e-5, activation: Activation::Identity, training: true };
    for shapes in [
        [&[4, 3, 2, 2][..], &[3, 2, 3], &[3], &[3]],
        [&[4, 3, 2, 2], &[2, 2, 4], &[3], &[3]],
        [&[4, 3, 2, 2], &[2, 3], &[3], &[3]],
        [&[4, 3, 2, 2], &[1, 2, 3], &[1, 3], &[3]],
        [&[4, 3, 2, 2], &[1, 2, 3], &[3], &[4]],
        [&[4, 3, 2], &[1, 2, 3], &[3], &[3]],
    ] {
        assert!(error(norm.clone(), &shapes).starts_with("batch_norm: "));
    }
    let input_grad = Op::Conv2dInputGrad { spec: PLAIN, input: [8, 8] };
    assert!(error(input_grad.clone(), &[&[1, 6, 7, 6], &[6, 4, 3, 3]]).starts_with("conv2d_input_grad: "));
    assert!(error(input_grad, &[&[1, 5, 6, 6], &[6, 4, 3, 3]]).starts_with("conv2d_input_grad: "));
    let weight_grad = Op::Conv2dWeightGrad { spec: PLAIN, kernel: [3, 3] };
    assert!(error(weight_grad.clone(), &[&[1, 4, 8, 8], &[2, 6, 6, 6]]).starts_with("conv2d_weight_grad: "));
    assert!(error(weight_grad, &[&[1, 4, 8, 8], &[1, 6, 6, 7]]).starts_with("conv2d_weight_grad: "));
    let pool = PoolSpec { kernel: [2, 2], stride: [2, 2], padding: [0, 0] };
    assert!(error(Op::MaxPoolGrad { spec: pool }, &[&[1, 1, 4, 4], &[1, 1, 2, 3]]).starts_with("max_pool2d_grad: "));
    assert!(error(Op::TransNormScale { eps: 1e-5, unbias: 1.0 }, &[&[1, 2, 3]]).starts_with("trans_norm_scale: "));
    assert!(error(Op::Dropout { p: 0.5, stream: 1 }, &[&[2], &[3]]).starts_with("dropout: "));
}

#[test]
fn kernels_and_strides_of_nothing_are_refused() {
    for spec in
        [ConvSpec { stride: [0, 1], ..PLAIN }, ConvSpec { dilation: [1, 0], ..PLAIN }, ConvSpec { groups: 0, ..PLAIN }]
    {
        assert!(error(conv(spec, false), &[&[1, 4, 8, 8], &[6, 4, 3, 3]]).starts_with("conv2d: "));
    }
    assert!(error(conv(PLAIN, false), &[&[1, 4, 8, 8], &[6, 4, 0, 3]]).starts_with("conv2d: "));
    let none = Op::Conv2dWeightGrad { spec: PLAIN, kernel: [0, 3] };
    assert!(error(none, &[&[1, 4, 8, 8], &[1, 6, 8, 6]]).starts_with("conv2d_weight_grad: "));
    let still = Op::Conv2dWeightGrad { spec: ConvSpec { stride: [1, 0], ..PLAIN }, kernel: [3, 3] };
    assert!(error(still, &[&[1, 4, 8, 8], &[1, 6, 6, 6]]).starts_with("conv2d_weight_grad: "));
    for (kernel, stride) in [([0, 2], [1, 1]), ([2, 2], [1, 0])] {
        let spec = PoolSpec { kernel, stride, padding: [0, 0] };
        assert!(error(Op::MaxPool { spec }, &[&[1, 1, 4, 4]]).starts_with("max_pool2d: "));
    }
}

#[test]
fn the_builder_refuses_what_has_no_operator() {
    let mut g = Graph::new();
    let x = g.input("x", [2, 3]);
    let text = |result: Result<_, ShapeError>| result.map(|_: crate::graph::NodeId| ()).unwrap_err().to_string();
    assert_eq!(text(g.reshape(x, [4])), "reshape: numbers of elements differ (inputs [2, 3] and [4])");
    assert_eq!(
        text(g.broadcast(x, &Shape::from([3, 3]))),
        "broadcast: shapes do not broadcast (inputs [2, 3] and [3, 3])"
    );
    assert_eq!(text(g.slice(x, 1, 2, 2)), "slice: elements 2..4 of axis 1 do not exist (inputs [2, 3])");
    assert_eq!(text(g.global_avg_pool(x)), "sum: there is no axis 2 (inputs [2, 3])");
    g.declare_state("w", [2, 3]).unwrap();
    assert_eq!(
        g.declare_state("w", [3, 2]).unwrap_err().to_string(),
        "state: `w` is declared twice with different shapes (inputs [2, 3] and [3, 2])"
    );
}
