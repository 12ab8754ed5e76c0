//! `pad` against the twin: zeros added and elements removed on any side of any axis, slices.

use kernels_tests::Case;
use papilla::graph::Shape;

fn build(seed: u64, shape: &[usize], before: &[isize], after: &[isize]) -> Case {
    let mut case = Case::new(seed);
    let x = case.input(Shape::from(shape));
    let y = case.graph.pad(x, before, after).expect("something is left");
    case.output_with_gradients(y, &[x]).expect("shapes fit");
    case
}

#[test]
fn added_and_removed_on_every_axis() {
    build(1, &[7], &[3], &[0]).check();
    build(2, &[67], &[-30], &[9]).check();
    build(3, &[4, 9], &[1, -2], &[-2, 5]).check();
    build(4, &[3, 4, 9], &[0, 1, -8], &[2, -1, 0]).check();
    build(5, &[2, 3, 5, 7], &[1, 1, 1, 1], &[2, 2, 2, 2]).check();
    build(6, &[4, 5, 6, 7], &[-1, -2, -3, -4], &[-2, -1, -1, -1]).check();
    build(7, &[1, 1, 1, 1], &[0, 0, 9, 11], &[0, 0, 3, 2]).check();
}

/// Nothing of `x` is left where as much is removed as there is.
#[test]
fn only_zeros_are_left() {
    build(8, &[3, 5], &[-3, 0], &[4, 0]).check();
    build(9, &[3, 5], &[0, 6], &[0, -5]).check();
    build(10, &[3, 2, 5, 5], &[0, 0, 0, -7], &[0, 0, 0, 9]).check();
}

#[test]
fn random_paddings() {
    for seed in 20..50 {
        let mut draw = Case::new(seed);
        let shape: Vec<usize> = (0..draw.extent(1, 4)).map(|_| draw.extent(1, 8)).collect();
        let sides: Vec<[isize; 2]> = shape
            .iter()
            .map(|&extent| {
                let before = draw.extent(0, 8) as isize - (extent as isize - 1).min(4);
                let after = draw.extent(0, 8) as isize - (extent as isize - 1).min(4);
                // At least one element is left.
                [before, after.max(1 - extent as isize - before)]
            })
            .collect();
        let (before, after): (Vec<isize>, Vec<isize>) = sides.iter().map(|&[b, a]| (b, a)).unzip();
        build(seed, &shape, &before, &after).check();
    }
}

#[test]
fn slices_and_borders_of_maps() {
    for axis in 0..4 {
        let mut case = Case::new(60);
        let x = case.input([5, 7, 6, 9]);
        let y = case.graph.slice(x, axis, 2, 3).expect("the elements exist");
        case.output_with_gradients(y, &[x]).expect("shapes fit");
        case.check();
    }
    let mut case = Case::new(61);
    let x = case.input([2, 3, 7, 9]);
    let y = case.graph.pad2d(x, 1, 2, 3, 4).expect("a feature map");
    case.output_with_gradients(y, &[x]).expect("shapes fit");
    case.check();
}

#[test]
fn tensors_larger_than_a_binding() {
    build(70, &[9, 5, 7, 11], &[0, 0, 1, 1], &[0, 0, 0, 0]).check_in_pieces(640);
    build(71, &[9, 5, 7, 11], &[0, 0, -1, -3], &[0, 0, -2, 0]).check_in_pieces(640);
    build(72, &[9, 5, 7, 11], &[-2, -1, 0, 0], &[-3, 0, 0, 0]).check_in_pieces(640);
    // Whole pieces of y lie before or behind x.
    build(73, &[3, 5, 7, 11], &[4, 0, 0, 0], &[5, 0, 0, 0]).check_in_pieces(640);
    build(74, &[9, 5, 7, 11], &[-9, 0, 0, 0], &[5, 0, 0, 0]).check_in_pieces(640);
}
