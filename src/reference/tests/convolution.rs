//! Convolutions against their definition.

use crate::graph::{Activation, ConvSpec, Op, Shape};
use crate::reference::dropout::{bits, key};
use crate::reference::{Array, evaluate};

fn noise(seed: u32, shape: impl Into<Shape>) -> Array {
    let shape = shape.into();
    let key = key([seed, 0], 0);
    let data = (0..shape.elements()).map(|i| f64::from(bits(i as u32, key)) / 2f64.powi(31) - 1.0).collect();
    Array::new(shape, data)
}

struct Case {
    spec: ConvSpec,
    x: Array,
    w: Array,
    output: Shape,
}

fn case(spec: ConvSpec, x: [usize; 4], w: [usize; 4]) -> Case {
    let extent = |axis: usize| spec.output_extent(axis, x[2 + axis], w[2 + axis]).unwrap();
    let output = [x[0], w[0], extent(0), extent(1)].into();
    Case { spec, x: noise(1, x), w: noise(2, w), output }
}

fn cases() -> Vec<Case> {
    let plain = ConvSpec::default();
    let mut cases = vec![
        case(plain, [2, 3, 5, 17], [4, 3, 1, 1]),
        case(ConvSpec { stride: [2, 2], ..plain }, [2, 3, 5, 8], [4, 3, 1, 1]),
        case(ConvSpec { padding: [1, 1], ..plain }, [2, 2, 6, 19], [3, 2, 3, 3]),
        case(ConvSpec { padding: [3, 4], ..plain }, [1, 2, 2, 2], [3, 2, 3, 4]),
        // One stride covers the width: rows follow each other in the output but not in the map.
        case(ConvSpec { stride: [2, 1], ..plain }, [1, 2, 7, 4], [3, 2, 1, 1]),
        case(ConvSpec { dilation: [18, 18], padding: [18, 18], ..plain }, [1, 4, 8, 8], [3, 4, 3, 3]),
        case(ConvSpec { groups: 33, padding: [1, 1], ..plain }, [2, 33, 5, 4], [33, 1, 3, 3]),
    ];
    for stride in [[1, 1], [2, 1], [1, 3], [2, 2]] {
        for padding in [[0, 0], [1, 2], [2, 2]] {
            for dilation in [[1, 1], [2, 1], [3, 4]] {
                let spec = ConvSpec { stride, padding, dilation, groups: 2 };
                cases.push(case(spec, [2, 4, 8, 9], [6, 2, 3, 2]));
            }
        }
    }
    cases
}

/// Every product of the convolution: indices into the output, the map and the weight.
fn products(case: &Case, mut visit: impl FnMut(usize, usize, usize)) {
    let ([n, outputs, oh, ow], [_, channels, h, w]) = (case.output.nchw().unwrap(), case.x.shape.nchw().unwrap());
    let [_, group_inputs, kh, kw] = case.w.shape.nchw().unwrap();
    let ConvSpec { stride, padding, dilation, groups } = case.spec;
    let flat = |index: [usize; 4], shape: [usize; 4]| {
        ((index[0] * shape[1] + index[1]) * shape[2] + index[2]) * shape[3] + index[3]
    };
    for index in 0..case.output.elements() * group_inputs * kh * kw {
        let (tap, output) = (index % (group_inputs * kh * kw), index / (group_inputs * kh * kw));
        let (sample, o) = (output / (outputs * oh * ow), output / (oh * ow) % outputs);
        let (row, column) = (output / ow % oh, output % ow);
        let (i, k_row, k_column) = (tap / (kh * kw), tap / kw % kh, tap % kw);
        let y = (row * stride[0] + k_row * dilation[0]).checked_sub(padding[0]).filter(|&y| y < h);
        let x = (column * stride[1] + k_column * dilation[1]).checked_sub(padding[1]).filter(|&x| x < w);
        if let (Some(y), Some(x)) = (y, x) {
            let channel = o / (outputs / groups) * group_inputs + i;
            let source = flat([sample, channel, y, x], [n, channels, h, w]);
            visit(output, source, flat([o, i, k_row, k_column], [outputs, group_inputs, kh, kw]));
        }
    }
}

#[track_caller]
fn assert_equal(got: &Array, want: &Array) {
    assert_eq!(got.shape, want.shape);
    for (index, (got, want)) in got.data.iter().zip(&want.data).enumerate() {
        assert!((got - want).abs() < 1e-12, "element {index}: {got} instead of {want}");
    }
}

#[test]
fn forward_sums_the_products() {
    for case in cases() {
        let bias = noise(3, [case.w.shape[0]]);
        let plane: usize = case.output[2..].iter().product();
        let mut want = Array::zeros(case.output.clone());
        for (index, want) in want.data.iter_mut().enumerate() {
            *want = bias.data[index / plane % case.output[1]];
        }
        products(&case, |output, source, weight| want.data[output] += case.x.data[source] * case.w.data[weight]);
        for activation in [Activation::Identity, Activation::Relu] {
            let op = Op::Conv2d { spec: case.spec, bias: true, activation };
            let got = evaluate(&op, &[&case.x, &case.w, &bias], &case.output);
            if activation == Activation::Relu {
                want.data.iter_mut().for_each(|v| *v = v.max(0.0));
            }
            assert_equal(&got, &want);
        }
    }
}

#[test]
fn gradients_sum_the_same_products() {
    for case in cases() {
        let dy = noise(4, case.output.clone());
        let (mut dx, mut dw) = (Array::zeros(case.x.shape.clone()), Array::zeros(case.w.shape.clone()));
        products(&case, |output, source, weight| {
            dx.data[source] += dy.data[output] * case.w.data[weight];
            dw.data[weight] += dy.data[output] * case.x.data[source];
        });
        let op = Op::Conv2dInputGrad { spec: case.spec, input: [dx.shape[2], dx.shape[3]] };
        assert_equal(&evaluate(&op, &[&dy, &case.w], &dx.shape), &dx);
        let op = Op::Conv2dWeightGrad { spec: case.spec, kernel: [dw.shape[2], dw.shape[3]] };
        assert_equal(&evaluate(&op, &[&case.x, &dy], &dw.shape), &dw);
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let case = case(ConvSpec { padding: [1, 1], ..Default::default() }, [3, 5, 40, 37], [7, 5, 3, 3]);
    let dy = noise(4, case.output.clone());
    let ops = [
        (Op::Conv2dInputGrad { spec: case.spec, input: [40, 37] }, vec![&dy, &case.w], case.x.shape.clone()),
        (Op::Conv2dWeightGrad { spec: case.spec, kernel: [3, 3] }, vec![&case.x, &dy], case.w.shape.clone()),
        (Op::BatchStats { domains: 3 }, vec![&dy], [3, 2, 7].into()),
        (Op::Sum { axes: vec![0, 1, 2, 3] }, vec![&dy], [1, 1, 1, 1].into()),
        (Op::WeightedSum, vec![&case.x, &dy], [7, 5].into()),
    ];
    for (op, inputs, shape) in &ops {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| evaluate(op, inputs, shape))
        };
        assert_eq!(on(1), on(5), "{}", op.name());
    }
}
