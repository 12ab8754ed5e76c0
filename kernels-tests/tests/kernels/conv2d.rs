//! `conv2d_direct`, `conv2d_tiled`, `conv2d_tiled_weight_grad`, `pack_weights`, `conv2d_texture`, `conv2d_broadcast`, their
//! weight gradients, `pack_texture`, `depthwise` and `depthwise_texture` against the twin: all three directions of every
//! variant.

use std::sync::Arc;

use kernels_tests::{Case, WINOGRAD_ROUNDING, adapter, adapter_with, texture_adapters};
use papilla::conformance::ROUNDING;
use papilla::gpu::{ConvVariant, Gpu, GpuOptions, Tile};
use papilla::graph::{Activation, ConvSpec, Op};

/// The adapter with every variant.
fn adapters(binding_limit: Option<u64>) -> Vec<Arc<Gpu>> {
    buffer_adapters(binding_limit).into_iter().chain(texture_adapters(binding_limit)).collect()
}

fn buffer_adapters(binding_limit: Option<u64>) -> [Arc<Gpu>; 2] {
    [ConvVariant::Direct, ConvVariant::Tiled].map(|variant| adapter(Some(variant), binding_limit))
}

fn adapter_of_tile(tile: Tile) -> Arc<Gpu> {
    let conv = Some(ConvVariant::Tiled);
    adapter_with(GpuOptions { checked_shaders: true, conv, tile: Some(tile), ..GpuOptions::default() })
}

/// One convolution: shapes `x` and `w`, forward and both gradients.
fn check(seed: u64, x: [usize; 4], w: [usize; 4], spec: ConvSpec, binding_limit: Option<u64>) {
    check_on(seed, x, w, spec, &buffer_adapters(binding_limit), &texture_adapters(binding_limit));
}

/// The same on the adapters that compute from buffers, and those that compute from textures.
fn check_on(seed: u64, x: [usize; 4], w: [usize; 4], spec: ConvSpec, buffers: &[Arc<Gpu>], textures: &[Arc<Gpu>]) {
    let build = || {
        let mut case = Case::new(seed);
        let (x, w) = (case.input(x), case.input(w));
        let y = case.graph.conv2d(x, w, None, spec).expect("shapes fit");
        case.output_with_gradients(y, &[x, w]).expect("shapes fit");
        case
    };
    for gpu in buffers {
        build().check_on(gpu);
    }
    let dense = ConvSpec { padding: spec.padding, ..ConvSpec::default() } == spec;
    let winograd = dense && w[2..] == [3, 3] && w[0].min(w[1]) >= 16;
    for gpu in textures {
        build().check_to(gpu, if winograd { WINOGRAD_ROUNDING } else { ROUNDING });
    }
}

fn spec(stride: usize, padding: usize, dilation: usize, groups: usize) -> ConvSpec {
    ConvSpec { stride: [stride; 2], padding: [padding; 2], dilation: [dilation; 2], groups }
}

#[test]
fn dense_3x3() {
    check(1, [2, 5, 11, 13], [7, 5, 3, 3], spec(1, 1, 1, 1), None);
    check(2, [1, 37, 9, 6], [21, 37, 3, 3], spec(1, 1, 1, 1), None);
}

/// Filters in groups of one to four eights, full and not; rows that end within a step of the gradient of the weights.
#[test]
fn groups_of_filters() {
    for (seed, filters) in [8, 16, 24, 32, 52, 72].into_iter().enumerate() {
        check(60 + seed as u64, [2, 36, 5, 7], [filters, 36, 1, 1], spec(1, 0, 1, 1), None);
        check(70 + seed as u64, [1, filters, 9, 5], [12, filters, 3, 3], spec(2, 1, 1, 1), None);
    }
    check(80, [2, 36, 15, 17], [52, 36, 1, 1], spec(1, 0, 1, 1), None);
    check(81, [2, 36, 20, 7], [24, 36, 1, 1], spec(1, 0, 1, 1), None);
}

#[test]
fn pointwise() {
    check(3, [2, 19, 7, 5], [33, 19, 1, 1], spec(1, 0, 1, 1), None);
    check(4, [3, 8, 1, 1], [6, 8, 1, 1], spec(1, 0, 1, 1), None);
    check(5, [2, 70, 6, 6], [1, 70, 1, 1], spec(1, 0, 1, 1), None);
    check(29, [2, 9, 5, 6], [13, 9, 1, 1], spec(1, 2, 1, 1), None);
    // Blocks of pixels around the map alone, in both kernels.
    check(82, [3, 10, 9, 7], [36, 10, 1, 1], spec(1, 3, 1, 1), None);
    let columns = ConvSpec { padding: [0, 4], ..ConvSpec::default() };
    check(83, [4, 6, 8, 5], [20, 6, 1, 1], columns, None);
    let rows = ConvSpec { padding: [5, 0], ..ConvSpec::default() };
    check(84, [4, 6, 4, 9], [20, 6, 1, 1], rows, None);
}

#[test]
fn atrous_wider_than_the_map() {
    check(6, [1, 9, 8, 8], [5, 9, 3, 3], spec(1, 18, 18, 1), None);
    check(7, [2, 6, 14, 9], [5, 6, 3, 3], spec(1, 6, 6, 1), None);
}

#[test]
fn strides_and_odd_kernels() {
    check(8, [2, 3, 17, 16], [9, 3, 3, 3], spec(2, 1, 1, 1), None);
    check(9, [2, 2, 21, 19], [10, 2, 4, 4], spec(2, 2, 1, 1), None);
    check(10, [1, 3, 15, 15], [4, 3, 7, 7], spec(2, 3, 1, 1), None);
    let rectangle = ConvSpec { padding: [0, 2], ..ConvSpec::default() };
    check(11, [1, 6, 10, 12], [5, 6, 1, 5], rectangle, None);
    check(12, [2, 4, 11, 11], [6, 4, 3, 3], spec(3, 2, 2, 1), None);
}

#[test]
fn groups_and_depthwise() {
    check(13, [2, 12, 9, 7], [18, 4, 3, 3], spec(1, 1, 1, 3), None);
    check(14, [2, 33, 12, 10], [33, 1, 3, 3], spec(1, 0, 1, 33), None);
    check(15, [1, 24, 12, 12], [24, 1, 3, 3], spec(1, 0, 2, 24), None);
    check(16, [2, 16, 13, 15], [16, 1, 3, 3], spec(2, 1, 1, 16), None);
}

/// Outputs of a column that share rows of the map, or too few to; strides and paddings that leave elements of the map to no
/// tap; samples in parts; taps of which the sums do not fit a workgroup.
#[test]
fn depthwise_from_buffers() {
    let spec = |stride, padding, dilation| ConvSpec { stride, padding, dilation, groups: 1 };
    for (seed, x, kernel, spec) in [
        (90, [2, 3, 11, 12], [3, 3], spec([3, 2], [1, 1], [2, 2])),
        (91, [1, 2, 21, 6], [2, 4], spec([1, 1], [9, 4], [9, 1])),
        (92, [3, 2, 40, 70], [3, 3], spec([1, 1], [1, 1], [1, 1])),
        (93, [1, 2, 9, 9], [8, 9], spec([1, 1], [4, 4], [1, 1])),
    ] {
        let mut case = Case::new(seed);
        let (x, w) = (case.input(x), case.input([x[1], 1, kernel[0], kernel[1]]));
        let groups = case.graph.shape(x)[1];
        let y = case.graph.conv2d(x, w, None, ConvSpec { groups, ..spec }).expect("shapes fit");
        case.output_with_gradients(y, &[x, w]).expect("shapes fit");
        case.check_on(&adapter(Some(ConvVariant::Tiled), None));
    }
}

#[test]
fn bias_and_activation() {
    for (seed, activation) in [Activation::Relu, Activation::Relu6, Activation::LeakyRelu(0.2)].into_iter().enumerate()
    {
        for gpu in adapters(None) {
            let mut case = Case::new(20 + seed as u64);
            let (x, w, b) = (case.input([2, 6, 7, 9]), case.input_in([11, 6, 3, 3], -2.0, 2.0), case.input([11]));
            let op = Op::Conv2d { spec: spec(1, 1, 1, 1), bias: true, activation };
            let y = case.graph.push(op, &[x, w, b]).expect("shapes fit");
            case.output_with_gradients(y, &[x, w, b]).expect("shapes fit");
            case.check_on(&gpu);

            let mut case = Case::new(50 + seed as u64);
            let (x, w, b) = (case.input([2, 11, 7, 9]), case.input_in([11, 1, 3, 3], -2.0, 2.0), case.input([11]));
            let op = Op::Conv2d { spec: spec(2, 1, 1, 11), bias: true, activation };
            let y = case.graph.push(op, &[x, w, b]).expect("shapes fit");
            case.output_with_gradients(y, &[x, w, b]).expect("shapes fit");
            case.check_on(&gpu);
        }
    }
}

/// Each tile has two of them.
#[test]
fn random_shapes() {
    for (seed, tile) in (100..112).zip(Tile::ALL.into_iter().cycle()) {
        let mut draw = Case::new(seed);
        let (kernel, stride, dilation) = (draw.extent(1, 4), draw.extent(1, 3), draw.extent(1, 4));
        let padding = draw.extent(0, 4);
        let least = dilation * (kernel - 1) + 1;
        let x = [draw.extent(1, 3), draw.extent(1, 40), draw.extent(least, least + 9), draw.extent(least, least + 9)];
        let w = [draw.extent(1, 40), x[1], kernel, kernel];
        let buffers = [adapter(Some(ConvVariant::Direct), None), adapter_of_tile(tile)];
        check_on(seed, x, w, spec(stride, padding, dilation, 1), &buffers, &texture_adapters(None));
    }
}

/// A binding limit of a few samples: every direction runs in pieces, none of which starts at an aligned element.
#[test]
fn tensors_larger_than_a_binding() {
    check(30, [5, 7, 9, 11], [6, 7, 3, 3], spec(1, 1, 1, 1), Some(8192));
    check(31, [5, 11, 9, 7], [11, 1, 3, 3], spec(1, 1, 1, 11), Some(8192));
    check(32, [4, 6, 9, 9], [4, 3, 3, 3], spec(2, 1, 1, 2), Some(8192));
}

/// Weights of which only few copies fit a binding, and so many pixels that more parts than that would be made.
#[test]
fn parts_of_a_weight_gradient_larger_than_a_binding() {
    check(34, [2, 16, 64, 64], [16, 16, 3, 3], spec(1, 1, 1, 1), Some(1 << 20));
    check(35, [8, 40, 12, 12], [40, 40, 3, 3], spec(1, 1, 1, 1), Some(1 << 18));
}

/// Every tile, on products that end within one and reach over several; more in [`random_shapes`].
#[test]
fn every_tile() {
    for (index, tile) in Tile::ALL.into_iter().enumerate() {
        let gpu = adapter_of_tile(tile);
        let products = [
            ([3, 20, 9, 11], [130, 20, 1, 1], spec(1, 0, 1, 1)),
            ([2, 130, 7, 6], [9, 130, 3, 3], spec(1, 1, 1, 1)),
            ([2, 21, 13, 12], [17, 21, 4, 4], spec(2, 2, 1, 1)),
            ([1, 18, 10, 10], [35, 18, 3, 3], spec(3, 6, 6, 1)),
        ];
        // Two of the four for each tile: compiling them is what takes the time.
        for (x, w, spec) in [0, 1].map(|further| products[(index + further) % products.len()]) {
            let mut case = Case::new(40 + index as u64);
            let (x, w) = (case.input(x), case.input(w));
            let y = case.graph.conv2d(x, w, None, spec).expect("shapes fit");
            case.output_with_gradients(y, &[x, w]).expect("shapes fit");
            case.check_on(&gpu);
        }
    }
}

#[test]
fn a_dilated_kernel_on_a_single_pixel() {
    check(33, [2, 5, 1, 1], [3, 5, 3, 3], spec(1, 12, 12, 1), None);
}
