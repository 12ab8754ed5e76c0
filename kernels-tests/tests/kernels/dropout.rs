//! `dropout` against the twin. Values are at least ½, so that an element dropped on one side only is an error
//! far beyond the tolerance: the masks agree in every element.

use kernels_tests::Case;
use papilla::graph::Shape;

/// Two dropouts of one graph, each with a mask of its own, and their gradient.
fn build(p: f32, seed: [f32; 2], shape: &[usize]) -> Case {
    let mut case = Case::new(1);
    let x = case.input_in(Shape::from(shape), 0.5, 1.0);
    let seed = case.input_of([2], &seed);
    let first = case.graph.dropout(x, seed, p).expect("shapes fit");
    let second = case.graph.dropout(first, seed, p / 2.0).expect("shapes fit");
    case.graph.output("first", first);
    case.output_with_gradients(second, &[x]).expect("shapes fit");
    case
}

#[test]
fn masks_agree() {
    for p in [1e-4, 0.1, 0.3, 0.5, 0.9, 0.999] {
        for shape in [&[1][..], &[67], &[511], &[513], &[2, 3, 17, 19], &[3, 2, 5, 7, 11]] {
            build(p, [3.0, 5.0], shape).check();
        }
    }
}

#[test]
fn masks_agree_for_every_seed() {
    let largest = ((1 << 24) - 1) as f32;
    for seed in [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [largest, 12_345.0], [54_321.0, largest], [largest, largest]] {
        build(0.5, seed, &[5, 401]).check();
    }
}

/// The mask of a piece goes on where the last one ended.
#[test]
fn tensors_larger_than_a_binding() {
    build(0.4, [7.0, 9.0], &[3, 5, 11, 13]).check_in_pieces(512);
}
