//! `pack_texture`, through the convolutions that read what it packs: channels not in fours, textures used in turn.

use kernels_tests::{Case, adapter};
use papilla::gpu::ConvVariant;
use papilla::graph::ConvSpec;

const PADDED: ConvSpec = ConvSpec { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };

#[test]
fn channels_not_in_fours() {
    for inputs in [1, 2, 3, 5, 6] {
        for outputs in [1, 3, 7, 9] {
            let mut case = Case::new((10 * inputs + outputs) as u64);
            let (x, w) = (case.input([2, inputs, 5, 7]), case.input([outputs, inputs, 3, 3]));
            let y = case.graph.conv2d(x, w, None, PADDED).expect("shapes fit");
            case.output_with_gradients(y, &[x, w]).expect("shapes fit");
            case.check_on(&adapter(Some(ConvVariant::Texture), None));
        }
    }
}

/// Two convolutions of one map share its texture; the third, of another map, takes it over, and the gradients
/// bring the first back.
#[test]
fn textures_are_packed_anew_when_taken_over() {
    let mut case = Case::new(1);
    let x = case.input([2, 5, 9, 8]);
    let (u, v, w) = (case.input([6, 5, 3, 3]), case.input([6, 5, 3, 3]), case.input([5, 6, 3, 3]));
    let first = case.graph.conv2d(x, u, None, PADDED).expect("shapes fit");
    let second = case.graph.conv2d(x, v, None, PADDED).expect("shapes fit");
    let product = case.graph.mul(first, second).expect("same shapes");
    let third = case.graph.conv2d(product, w, None, PADDED).expect("shapes fit");
    let fourth = case.graph.conv2d(x, v, None, PADDED).expect("shapes fit");
    case.graph.output("fourth", fourth);
    case.output_with_gradients(third, &[x, u, v, w]).expect("shapes fit");
    // Values of up to a few hundred products; the tolerance is relative to them.
    case.check_on(&adapter(Some(ConvVariant::Texture), None));
}

/// Maps beyond a row of the texture, packed in pieces that start at no texel row.
#[test]
fn maps_larger_than_a_binding() {
    let gpu = adapter(Some(ConvVariant::Texture), Some(8192));
    let mut case = Case::new(2);
    let (x, w) = (case.input([7, 5, 17, 21]), case.input([3, 5, 3, 3]));
    let y = case.graph.conv2d(x, w, None, PADDED).expect("shapes fit");
    case.output_with_gradients(y, &[x, w]).expect("shapes fit");
    case.check_on(&gpu);
}
