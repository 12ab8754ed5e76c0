//! `winograd_maps`, `winograd_weights`, `winograd_output` and `winograd_weight_grad` against the twin: dense 3x3
//! convolutions of stride 1, all three directions.

use kernels_tests::{ACTIVATIONS, Case, WINOGRAD_ROUNDING, adapter, texture_adapters};
use papilla::gpu::ConvVariant;
use papilla::graph::{ConvSpec, Op};

fn padded(padding: [usize; 2]) -> ConvSpec {
    ConvSpec { padding, ..ConvSpec::default() }
}

fn check(seed: u64, x: [usize; 4], outputs: usize, padding: [usize; 2], binding_limit: Option<u64>) {
    for gpu in texture_adapters(binding_limit) {
        let mut case = Case::new(seed);
        let (x, w) = (case.input(x), case.input([outputs, x[1], 3, 3]));
        let y = case.graph.conv2d(x, w, None, padded(padding)).expect("shapes fit");
        case.output_with_gradients(y, &[x, w]).expect("rules exist");
        case.check_to(&gpu, WINOGRAD_ROUNDING);
    }
}

/// Tiles that end within the maps and beyond them; channels not in fours, not in eights.
#[test]
fn every_padding_and_odd_extents() {
    for padding in [[0, 0], [1, 1], [2, 2], [0, 2], [2, 1]] {
        check(1, [2, 17, 5, 8], 22, padding, None);
        check(2, [1, 16, 3, 4], 16, padding, None);
    }
    check(3, [3, 19, 1, 1], 16, [1, 1], None);
}

#[test]
fn bias_and_every_activation() {
    for (seed, activation) in ACTIVATIONS.into_iter().enumerate() {
        let mut case = Case::new(10 + seed as u64);
        let (x, w, b) = (case.input([2, 18, 7, 6]), case.input([21, 18, 3, 3]), case.input([21]));
        let op = Op::Conv2d { spec: padded([1, 1]), bias: true, activation };
        let y = case.graph.push(op, &[x, w, b]).expect("shapes fit");
        case.output_with_gradients(y, &[x, w, b]).expect("rules exist");
        case.check_to(&adapter(Some(ConvVariant::Texture), None), WINOGRAD_ROUNDING);
    }
}

/// More tiles than are transformed at once: samples go in pieces, each of which packs its maps anew.
#[test]
fn more_tiles_than_are_transformed_at_once() {
    check(20, [5, 16, 62, 90], 17, [1, 1], None);
}

/// A binding that holds three samples, or one part of the gradient of the weights.
#[test]
fn tensors_larger_than_a_binding() {
    check(21, [5, 16, 62, 90], 17, [1, 1], Some(4 * 3 * 17 * 62 * 90));
    check(22, [40, 16, 24, 23], 16, [1, 1], Some(4 * 36 * 16 * 16));
}
