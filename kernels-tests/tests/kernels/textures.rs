//! `binary_texture`, `unary_texture`, `dropout_texture`, `copy_texture`, `resize_texture` and `unpack_texture` against the
//! twin: operators between convolutions, whose values stay packed in textures.

use kernels_tests::{Case, adapter};
use papilla::gpu::ConvVariant;
use papilla::graph::{ConvSpec, NodeId, Op, ResizeMode, ShapeError, Unary};

const PADDED: ConvSpec = ConvSpec { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
const MODES: [ResizeMode; 3] = [ResizeMode::BilinearAlignCorners, ResizeMode::BilinearHalfPixel, ResizeMode::Nearest];

/// A graph between two convolutions: of the values of two of them, `channels` maps of `size` each.
type Middle<'a> = &'a dyn Fn(&mut Case, [NodeId; 2]) -> Result<NodeId, ShapeError>;

/// `middle` of two convolved values, convolved again; the value between is read from its buffer too where `spilled`.
fn check(seed: u64, channels: usize, size: [usize; 2], spilled: bool, middle: Middle) {
    let mut case = Case::new(seed);
    let x = case.input([2, 3, size[0], size[1]]);
    let (u, v) = (case.input([channels, 3, 3, 3]), case.input([channels, 3, 3, 3]));
    let a = case.graph.conv2d(x, u, None, PADDED).expect("shapes fit");
    let b = case.graph.conv2d(x, v, None, PADDED).expect("shapes fit");
    let y = middle(&mut case, [a, b]).expect("shapes fit");
    let outputs = case.graph.shape(y)[1];
    let w = case.input([2, outputs, 1, 1]);
    let z = case.graph.conv2d(y, w, None, ConvSpec::default()).expect("shapes fit");
    if spilled {
        case.graph.output("between", y);
    }
    // Not every graph reads the second; where one does, its gradient is part of that of `x`.
    case.output_with_gradients(z, &[x, u, w]).expect("rules exist");
    case.check_on(&adapter(Some(ConvVariant::Texture), None));
}

/// The same for channels that fill texels and that do not, on planes of one and of several workgroups.
fn check_all(middle: Middle) {
    for (seed, (channels, size)) in [(4, [5, 7]), (6, [6, 5]), (3, [1, 1]), (8, [19, 23])].into_iter().enumerate() {
        check(seed as u64, channels, size, seed % 2 == 1, middle);
    }
}

#[test]
fn sums_differences_and_products() {
    check_all(&|case, [a, b]| case.graph.add(a, b));
    check_all(&|case, [a, b]| case.graph.sub(a, b));
    check_all(&|case, [a, b]| case.graph.mul(a, b));
}

/// One operand comes from a buffer: it is packed. One is a vector: the other is unpacked.
#[test]
fn operands_from_buffers() {
    check_all(&|case, [a, _]| {
        let shape = case.graph.shape(a).clone();
        let other = case.input(shape);
        case.graph.mul(a, other)
    });
    check_all(&|case, [a, _]| {
        let channels = case.graph.shape(a)[1];
        let other = case.input([1, channels, 1, 1]);
        case.graph.mul(a, other)
    });
}

/// A vector that a packed kernel made under another shape: the kernel that reads it finds it in its buffer.
#[test]
fn biases_from_textures() {
    check_all(&|case, [a, _]| {
        let channels = case.graph.shape(a)[1];
        let (pixel, w) = (case.input([1, 3, 1, 1]), case.input([channels, 3, 1, 1]));
        let bias = case.graph.conv2d(pixel, w, None, ConvSpec::default())?;
        let bias = case.graph.reshape(bias, [channels])?;
        let weights = case.input([channels, channels, 1, 1]);
        case.graph.conv2d(a, weights, Some(bias), ConvSpec::default())
    });
}

#[test]
fn activations() {
    for function in [Unary::Relu, Unary::Relu6, Unary::LeakyRelu(0.2), Unary::Sigmoid] {
        check_all(&|case, [a, b]| {
            // Read twice, so that no convolution takes the activation in.
            let sum = case.graph.add(a, b)?;
            let y = case.graph.push(Op::Unary(function), &[sum])?;
            case.graph.mul(y, sum)
        });
    }
}

#[test]
fn dropouts_have_the_mask_of_the_unpacked_value() {
    for p in [0.1, 0.5] {
        check_all(&|case, [a, _]| {
            let seed = case.input_of([2], &[17.0, 4_000_001.0]);
            case.graph.push(Op::Dropout { p, stream: 3 }, &[a, seed])
        });
    }
}

#[test]
fn concatenations_and_slices_along_channels() {
    check_all(&|case, [a, b]| case.graph.concat(&[a, b], 1));
    check_all(&|case, [a, b]| {
        let joined = case.graph.concat(&[a, b, a], 1)?;
        let channels = case.graph.shape(a)[1];
        let part = case.graph.slice(joined, 1, channels, channels)?;
        let first = case.graph.slice(joined, 1, 0, channels)?;
        case.graph.mul(part, first)
    });
}

#[test]
fn paddings_and_crops_of_rows_and_columns() {
    for (before, after) in [([0, 0, 1, 2], [0, 0, 3, 0]), ([0, 0, 0, -1], [0, 0, 0, 1]), ([0, 4, 1, 0], [0, 3, -1, 0])]
    {
        check(7, 4, [6, 5], false, &|case, [a, b]| {
            let sum = case.graph.add(a, b)?;
            // A product keeps the convolution that follows from taking the padding in.
            let padded = case.graph.push(Op::Pad { before: before.to_vec(), after: after.to_vec() }, &[sum])?;
            case.graph.mul(padded, padded)
        });
    }
}

#[test]
fn resizes_in_every_mode() {
    for mode in MODES {
        for (size, to) in [([3, 4], [9, 13]), ([6, 5], [2, 3]), ([5, 4], [5, 4]), ([1, 1], [4, 5]), ([4, 3], [1, 6])] {
            for channels in [4, 6] {
                check(8, channels, size, false, &|case, [a, _]| case.graph.resize(a, mode, to));
            }
        }
    }
}

#[test]
fn resizes_of_shifted_parts() {
    for mode in MODES {
        for (axis, size) in [(2, 9), (3, 8), (2, 1), (3, 3)] {
            // Twelve channels of three taps fill their texels, six do not.
            for channels in [12, 6] {
                let op = Op::ResizeShifted { mode, axis, taps: 3, size };
                check(9, channels, [4, 3], false, &|case, [a, _]| case.graph.push(op.clone(), &[a]));
            }
        }
    }
}

/// A reshaping that keeps texels as they are keeps their texture; another brings the value back into its buffer.
#[test]
fn reshaped_maps() {
    for (channels, shape) in [(8, [4, 4, 5, 6]), (6, [4, 3, 5, 6]), (8, [2, 8, 6, 5]), (4, [2, 2, 10, 6])] {
        check(10, channels, [5, 6], false, &|case, [a, b]| {
            let sum = case.graph.add(a, b)?;
            let other = case.graph.reshape(sum, shape)?;
            case.graph.mul(other, other)
        });
    }
}
