//! `sum` against the twin: every set of axes, short and long sums, sums in parts.

use kernels_tests::Case;
use papilla::graph::Shape;

fn build(seed: u64, shape: &[usize], axes: &[usize]) -> Case {
    let mut case = Case::new(seed);
    let x = case.input(Shape::from(shape));
    let y = case.graph.sum(x, axes).expect("the axes exist");
    // Five axes in turn kept and summed are more than a broadcast back can tell apart.
    match axes {
        [0, 2, 4] | [1, 3] if shape.len() == 5 => case.graph.output("y", y),
        _ => case.output_with_gradients(y, &[x]).expect("shapes fit"),
    }
    case
}

#[test]
fn every_set_of_axes() {
    for rank in 1..=5usize {
        for set in 1..1usize << rank {
            let mut draw = Case::new(set as u64);
            let shape: Vec<usize> = (0..rank).map(|_| draw.extent(1, 7)).collect();
            let axes: Vec<usize> = (0..rank).filter(|a| set >> a & 1 == 1).collect();
            build(set as u64, &shape, &axes).check();
        }
    }
}

/// From 64 terms on a workgroup shares a sum, from 8192 on several do.
#[test]
fn long_sums() {
    for terms in [63, 64, 65, 127, 4095, 4097, 8191, 8192, 8193, 20_011, 300_007] {
        build(1, &[terms], &[0]).check();
        build(2, &[3, terms], &[1]).check();
        build(3, &[terms, 3], &[0]).check();
    }
}

#[test]
fn long_sums_over_scattered_axes() {
    build(4, &[2, 3, 101, 103], &[0, 2, 3]).check();
    build(5, &[2, 3, 101, 103], &[2, 3]).check();
    build(6, &[19, 3, 31, 5, 23], &[0, 2, 4]).check();
    build(7, &[5, 19, 3, 31, 2], &[1, 3]).check();
    build(8, &[300, 71], &[1]).check();
    build(9, &[71, 300], &[0]).check();
    build(10, &[9001, 257], &[0]).check();
}

#[test]
fn sums_of_one_sign_keep_their_digits() {
    let mut case = Case::new(11);
    let x = case.input_in([3, 200_003], 0.5, 1.5);
    let y = case.graph.sum(x, &[1]).expect("the axis exists");
    case.graph.output("y", y);
    case.check();
}

#[test]
fn means_and_sums_of_everything() {
    for shape in [&[][..], &[1], &[7, 5], &[2, 3, 33, 35], &[2, 2, 3, 5, 7]] {
        let mut case = Case::new(12);
        let x = case.input(Shape::from(shape));
        let (total, mean) = (case.graph.sum_all(x).expect("any shape"), case.graph.mean_all(x).expect("any shape"));
        case.graph.output("total", total);
        case.output_with_gradients(mean, &[x]).expect("shapes fit");
        case.check();
    }
}

#[test]
fn global_average_pooling() {
    for shape in [[2, 5, 1, 1], [2, 7, 9, 11], [1, 3, 33, 64]] {
        let mut case = Case::new(13);
        let x = case.input(shape);
        let y = case.graph.global_avg_pool(x).expect("a feature map");
        case.output_with_gradients(y, &[x]).expect("shapes fit");
        case.check();
    }
}

#[test]
fn tensors_larger_than_a_binding() {
    let cases: [(&[usize], &[usize]); 8] = [
        (&[1999], &[0]),
        (&[13, 131], &[0]),
        (&[13, 131], &[1]),
        (&[13, 131], &[0, 1]),
        (&[11, 5, 7, 9], &[0, 2, 3]),
        (&[11, 5, 7, 9], &[2, 3]),
        (&[11, 5, 7, 9], &[1]),
        (&[11, 3, 5, 2, 7], &[0, 2, 4]),
    ];
    for (seed, (shape, axes)) in cases.into_iter().enumerate() {
        build(20 + seed as u64, shape, axes).check_in_pieces(512);
    }
}

/// Pieces so large that the sum of each is itself split.
#[test]
fn splits_within_pieces() {
    build(30, &[70_001], &[0]).check_in_pieces(16_384);
    build(31, &[9, 8209], &[1]).check_in_pieces(16_384);
    build(32, &[9, 8209], &[0, 1]).check_in_pieces(16_384);
    build(33, &[20_011, 3], &[0]).check_in_pieces(32_768);
}

/// More workgroups than one axis of the grid may have, in both kernels.
#[test]
fn many_outputs() {
    for shape in [[70_001, 64], [65_535 * 64 + 5, 2]] {
        let mut case = Case::new(34);
        let x = case.input(shape);
        let y = case.graph.sum(x, &[1]).expect("the axis exists");
        case.graph.output("y", y);
        case.check();
    }
}
