//! `depthwise_texture` against the twin: windows that slide, and the strides at which they do not.

use kernels_tests::{Case, adapter};
use papilla::gpu::ConvVariant;
use papilla::graph::ConvSpec;

/// Forward and both gradients of `c` channels in maps of `size`.
fn check(c: usize, size: [usize; 2], kernel: [usize; 2], spec: ConvSpec) {
    let spec = ConvSpec { groups: c, ..spec };
    let mut case = Case::new(c as u64);
    let (x, w) = (case.input([2, c, size[0], size[1]]), case.input([c, 1, kernel[0], kernel[1]]));
    let bias = case.input([c]);
    let y = case.graph.conv2d(x, w, Some(bias), spec).expect("shapes fit");
    let y = case.graph.relu(y).expect("any shape");
    case.output_with_gradients(y, &[x, w, bias]).expect("rules exist");
    case.check_on(&adapter(Some(ConvVariant::Texture), None));
}

fn spec(stride: [usize; 2], padding: [usize; 2], dilation: [usize; 2]) -> ConvSpec {
    ConvSpec { stride, padding, dilation, groups: 1 }
}

/// Blocks of channels that do not fill their lanes, and more than one workgroup of them.
#[test]
fn channels() {
    for c in [2, 3, 4, 5, 31, 32, 33, 66] {
        check(c, [7, 6], [3, 3], spec([1, 1], [1, 1], [1, 1]));
    }
}

/// Columns a dilation apart, of maps narrower and wider than the window.
#[test]
fn dilations() {
    for dilation in [[1, 1], [2, 2], [1, 3], [4, 2], [6, 6]] {
        for size in [[13, 13], [14, 15], [25, 9]] {
            check(5, size, [3, 3], spec([1, 1], dilation, dilation));
        }
    }
}

/// Paddings short of the filter's reach and beyond it: that of the gradient is then below zero.
#[test]
fn paddings() {
    for padding in [[0, 0], [1, 0], [2, 2], [3, 4]] {
        check(6, [5, 7], [3, 3], spec([1, 1], padding, [1, 1]));
    }
}

#[test]
fn filters_of_other_extents() {
    for kernel in [[1, 1], [1, 3], [3, 1], [2, 4], [5, 5]] {
        check(7, [8, 9], kernel, spec([1, 1], [kernel[0] / 2, kernel[1] / 2], [1, 1]));
    }
}

/// Rows may be skipped while the window still slides along the columns, and the other way round.
#[test]
fn strides() {
    for stride in [[2, 2], [2, 1], [1, 2], [3, 2]] {
        for (size, dilation) in [([9, 8], [1, 1]), ([11, 12], [2, 2])] {
            check(6, size, [3, 3], spec(stride, [1, 1], dilation));
        }
    }
}

/// Rows of many samples in one strip, and single rows longer than a run of lanes.
#[test]
fn strips() {
    check(36, [70, 3], [3, 3], spec([1, 1], [1, 1], [1, 1]));
    check(3, [2, 300], [3, 3], spec([1, 1], [1, 1], [1, 1]));
}
