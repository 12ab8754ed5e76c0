//! Gradients of convolutions, norms, dropout, resizing, pooling and the prototype operators.

use super::finite_differences::{any, check, fixed, positive};
use crate::graph::{Activation, ConvSpec, Graph, Op, PoolSpec, ResizeMode, vector_jacobian_product};

const ACTIVATIONS: [Activation; 4] =
    [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::LeakyRelu(0.2)];

/// Convolutions of every kind: spec, input, weight.
fn convolutions() -> Vec<(ConvSpec, [usize; 4], [usize; 4])> {
    let plain = ConvSpec::default();
    vec![
        (plain, [2, 3, 4, 3], [4, 3, 1, 1]),
        (plain, [1, 2, 5, 7], [3, 2, 3, 3]),
        (ConvSpec { padding: [1, 1], ..plain }, [2, 2, 5, 4], [3, 2, 3, 3]),
        (ConvSpec { padding: [2, 2], ..plain }, [1, 2, 3, 3], [2, 2, 4, 4]),
        (ConvSpec { stride: [2, 2], padding: [1, 1], ..plain }, [1, 3, 7, 6], [2, 3, 3, 3]),
        (ConvSpec { stride: [2, 2], padding: [2, 2], ..plain }, [1, 2, 9, 7], [2, 2, 4, 4]),
        (ConvSpec { stride: [3, 1], padding: [0, 2], ..plain }, [1, 2, 8, 5], [2, 2, 2, 5]),
        (ConvSpec { stride: [1, 2], dilation: [2, 3], padding: [2, 1], ..plain }, [1, 2, 5, 9], [2, 2, 3, 2]),
        (ConvSpec { dilation: [2, 2], padding: [2, 2], ..plain }, [1, 2, 5, 5], [2, 2, 3, 3]),
        // Only the middle of the kernel meets the map.
        (ConvSpec { dilation: [18, 18], padding: [18, 18], ..plain }, [1, 2, 4, 5], [2, 2, 3, 3]),
        (ConvSpec { dilation: [3, 3], padding: [3, 3], ..plain }, [1, 2, 4, 5], [2, 2, 3, 3]),
        (ConvSpec { groups: 2, padding: [1, 1], ..plain }, [2, 4, 3, 4], [6, 2, 3, 3]),
        (ConvSpec { groups: 4, padding: [1, 1], stride: [2, 2], ..plain }, [2, 4, 5, 4], [4, 1, 3, 3]),
        (ConvSpec { groups: 3, dilation: [2, 2], ..plain }, [1, 3, 6, 7], [6, 1, 3, 3]),
    ]
}

#[test]
fn conv2d_of_every_kind() {
    for (spec, x, w) in convolutions() {
        check(&[any(x), any(w)], |g, x| g.conv2d(x[0], x[1], None, spec));
    }
}

#[test]
fn conv2d_with_bias_and_activation() {
    let spec = ConvSpec { padding: [1, 1], stride: [2, 2], ..Default::default() };
    for activation in ACTIVATIONS {
        let op = Op::Conv2d { spec, bias: true, activation };
        let y = check(&[any([2, 3, 5, 4]), any([4, 3, 3, 3]), any([4])], |g, x| {
            let wide = g.affine(x[2], 3.0, 2.0)?;
            g.push(op.clone(), &[x[0], x[1], wide])
        });
        assert_reaches(&y.data, activation);
    }
}

#[test]
fn gradients_of_conv2d_are_differentiable_themselves() {
    for (spec, input, weight) in convolutions() {
        let output = [0, 1].map(|axis| spec.output_extent(axis, input[2 + axis], weight[2 + axis]).unwrap());
        let dy = [input[0], weight[0], output[0], output[1]];
        let op = Op::Conv2dInputGrad { spec, input: [input[2], input[3]] };
        check(&[any(dy), any(weight)], |g, x| g.push(op.clone(), x));
        let op = Op::Conv2dWeightGrad { spec, kernel: [weight[2], weight[3]] };
        check(&[any(input), any(dy)], |g, x| g.push(op.clone(), x));
    }
}

#[test]
fn batch_norm_in_training_goes_through_the_statistics() {
    for activation in ACTIVATIONS {
        for domains in [1, 2] {
            let y = check(&[any([4, 3, 3, 2]), any([3]), any([3])], |g, x| {
                let stats = g.batch_stats(x[0], domains)?;
                let (weight, bias) = (g.affine(x[1], 3.0, 0.5)?, g.affine(x[2], 2.0, 2.0)?);
                let op = Op::BatchNorm { eps: 1e-2, activation, training: true };
                g.push(op, &[x[0], stats, weight, bias])
            });
            assert_reaches(&y.data, activation);
        }
    }
}

#[test]
fn batch_norm_in_evaluation_takes_the_statistics_as_given() {
    let one = [0.3, -0.2, 0.1, 0.5, 1.5, 0.8];
    let two = [0.3, -0.2, 0.1, 0.5, 1.5, 0.8, -0.4, 0.6, 0.0, 1.1, 0.4, 2.0];
    for activation in ACTIVATIONS {
        for stats in [fixed([1, 2, 3], &one), fixed([2, 2, 3], &two)] {
            let operands = [any([4, 3, 3, 2]), stats, any([3]), any([3])];
            let y = check(&operands, |g, x| {
                let (weight, bias) = (g.affine(x[2], 3.0, 0.5)?, g.affine(x[3], 2.0, 2.0)?);
                let op = Op::BatchNorm { eps: 1e-2, activation, training: false };
                g.push(op, &[x[0], x[1], weight, bias])
            });
            assert_reaches(&y.data, activation);
        }
    }
}

#[test]
fn trans_norm_takes_its_scale_as_given() {
    let held = [0.3, -0.2, 0.1, 0.5, 1.5, 0.8, -0.4, 0.6, 0.0, 1.1, 0.4, 2.0];
    check(&[any([4, 3, 2, 3]), any([3]), any([3]), fixed([2, 2, 3], &held)], |g, x| {
        let stats = g.batch_stats(x[0], 2)?;
        let y = g.batch_norm_training(x[0], stats, x[1], x[2], 1e-2)?;
        let scale = g.push(Op::TransNormScale { eps: 1e-5, unbias: 1.25 }, &[x[3]])?;
        let scale = g.reshape(scale, [1, 3, 1, 1])?;
        g.mul(y, scale)
    });
    let mut g = Graph::new();
    let x = g.input("x", [4, 3, 2, 3]);
    let stats = g.batch_stats(x, 2).unwrap();
    let scale = g.push(Op::TransNormScale { eps: 1e-5, unbias: 1.0 }, &[stats]).unwrap();
    let dy = g.constant(1.0, [3]);
    assert_eq!(vector_jacobian_product(&mut g, &[(scale, dy)], &[x]).unwrap(), [None]);
}

#[test]
fn dropout_masks_the_gradient_alike() {
    let y = check(&[any([2, 3, 4, 5]), fixed([2], &[12.0, 3456.0])], |g, x| g.dropout(x[0], x[1], 0.4));
    let dropped = y.data.iter().filter(|v| **v == 0.0).count();
    assert!((24..=72).contains(&dropped), "{dropped} of 120 dropped");
}

#[test]
fn resize_up_down_and_from_one_pixel() {
    let sizes = [
        ([3, 4], [7, 9]),
        ([5, 6], [20, 24]),
        ([6, 7], [4, 3]),
        ([1, 1], [4, 3]),
        ([4, 5], [1, 1]),
        ([1, 5], [3, 2]),
        ([3, 3], [3, 8]),
    ];
    for mode in [ResizeMode::BilinearAlignCorners, ResizeMode::BilinearHalfPixel, ResizeMode::Nearest] {
        for ([h, w], size) in sizes {
            check(&[any([1, 2, h, w])], |g, x| g.resize(x[0], mode, size));
            let op = Op::ResizeGrad { mode, input: [h, w] };
            check(&[any([1, 2, size[0], size[1]])], |g, x| g.push(op.clone(), x));
        }
    }
}

#[test]
fn shifted_resizes() {
    for mode in [ResizeMode::BilinearAlignCorners, ResizeMode::BilinearHalfPixel, ResizeMode::Nearest] {
        for (axis, taps, input, size) in [(2, 3, 4, 9), (3, 3, 2, 8), (2, 1, 1, 5), (3, 2, 6, 4), (3, 5, 3, 2)] {
            let (mut small, mut large) = ([2, 2 * taps, 3, 4], [2, 2, 3, 4]);
            (small[axis], large[axis]) = (input, size);
            check(&[any(small)], |g, x| g.push(Op::ResizeShifted { mode, axis, taps, size }, x));
            check(&[any(large)], |g, x| g.push(Op::ResizeShiftedGrad { mode, axis, taps, input }, x));
        }
    }
}

#[test]
fn permutations() {
    check(&[any([2, 3, 4, 5])], |g, x| g.permute(x[0], &[2, 3, 0, 1]));
    check(&[any([2, 3, 4])], |g, x| g.permute(x[0], &[1, 2, 0]));
}

#[test]
fn max_pool_of_overlapping_and_padded_windows() {
    for (kernel, stride, padding) in
        [([3, 3], [2, 2], [1, 1]), ([2, 2], [2, 2], [0, 0]), ([3, 2], [1, 3], [1, 0]), ([5, 5], [1, 1], [2, 2])]
    {
        let spec = PoolSpec { kernel, stride, padding };
        check(&[any([2, 2, 7, 6])], |g, x| g.max_pool2d(x[0], spec));
    }
}

#[test]
fn weighted_sums_and_their_gradients() {
    check(&[any([2, 5, 3, 4]), any([2, 3, 3, 4])], |g, x| g.push(Op::WeightedSum, x));
    check(&[any([3, 5]), any([2, 3, 3, 4])], |g, x| g.push(Op::WeightedSumGradFeature, x));
    check(&[any([3, 5]), any([2, 5, 3, 4])], |g, x| g.push(Op::WeightedSumGradWeight, x));
}

#[test]
fn prototype_distances() {
    check(&[any([2, 5, 3, 4]), any([3, 5])], |g, x| g.push(Op::PrototypeDistance, x));
    check(&[positive([1, 1, 2, 2]), any([1, 1])], |g, x| g.push(Op::PrototypeDistance, x));
}

/// Values on each piece of the activation.
#[track_caller]
fn assert_reaches(values: &[f64], activation: Activation) {
    let any = |piece: fn(f64) -> bool| values.iter().any(|v| piece(*v));
    let reached = match activation {
        Activation::Identity | Activation::LeakyRelu(_) => any(|v| v < 0.0) && any(|v| v > 0.0),
        Activation::Relu => any(|v| v == 0.0) && any(|v| v > 0.0),
        Activation::Relu6 => any(|v| v == 0.0) && any(|v| v > 0.0 && v < 6.0) && any(|v| v == 6.0),
    };
    assert!(reached, "{activation:?} is not reached on all pieces: {values:?}");
}
