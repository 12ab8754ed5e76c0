//! `prototype_distance` against the twin.

use kernels_tests::Case;
use papilla::graph::Op;

/// Distances of `f [N,C,H,W]` to `maps` prototypes, with both gradients.
fn build(seed: u64, [n, c, h, w]: [usize; 4], maps: usize) -> Case {
    let mut case = Case::new(seed);
    let (f, prototypes) = (case.input([n, c, h, w]), case.input([maps, c]));
    let y = case.graph.push(Op::PrototypeDistance, &[f, prototypes]).expect("shapes fit");
    case.output_with_gradients(y, &[f, prototypes]).expect("shapes fit");
    case
}

#[test]
fn any_number_of_prototypes() {
    for maps in 1..=5 {
        build(maps as u64, [2, 7, 5, 9], maps).check();
    }
}

#[test]
fn large_and_small_features() {
    build(10, [1, 1, 1, 1], 1).check();
    build(11, [3, 305, 1, 1], 2).check();
    build(12, [2, 305, 17, 19], 4).check();
    build(13, [4, 3, 65, 67], 2).check();
}

#[test]
fn a_prototype_that_is_the_feature() {
    let mut case = Case::new(14);
    let values: Vec<f32> = (0..11).map(|c| c as f32 - 5.5).collect();
    let (f, prototypes) = (case.input_of([1, 11, 1, 1], &values), case.input_of([1, 11], &values));
    let y = case.graph.push(Op::PrototypeDistance, &[f, prototypes]).expect("shapes fit");
    case.output_with_gradients(y, &[f, prototypes]).expect("shapes fit");
    case.check();
}

#[test]
fn tensors_larger_than_a_binding() {
    build(20, [9, 5, 7, 11], 2).check_in_pieces(640);
    build(21, [9, 3, 7, 11], 5).check_in_pieces(640);
}
