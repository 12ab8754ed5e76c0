//! `copy` against the twin: broadcasts, permutations, concatenations, assignments of states.

use kernels_tests::Case;
use papilla::graph::{NodeId, Shape, Unary, Update};

fn broadcast(seed: u64, from: &[usize], to: &[usize]) -> Case {
    let mut case = Case::new(seed);
    let x = case.input(Shape::from(from));
    let y = case.graph.broadcast(x, &Shape::from(to)).expect("shapes broadcast");
    case.output_with_gradients(y, &[x]).expect("shapes fit");
    case
}

/// Tensors of `shape` but for their extents along `axis`, joined there.
fn concat(seed: u64, shape: &[usize], axis: usize, extents: &[usize]) -> Case {
    let mut case = Case::new(seed);
    let parts: Vec<NodeId> = extents
        .iter()
        .map(|&extent| {
            let mut shape = shape.to_vec();
            shape[axis] = extent;
            case.input(shape)
        })
        .collect();
    let y = case.graph.concat(&parts, axis).expect("shapes fit");
    case.output_with_gradients(y, &parts).expect("shapes fit");
    case
}

#[test]
fn permutations() {
    let orders: [(&[usize], &[usize]); 6] = [
        (&[7], &[0]),
        (&[5, 9], &[1, 0]),
        (&[3, 4, 5], &[2, 0, 1]),
        (&[8, 6, 3, 3], &[2, 3, 0, 1]),
        (&[2, 3, 4, 5], &[3, 1, 2, 0]),
        (&[2, 3, 1, 4, 5], &[4, 2, 0, 1, 3]),
    ];
    for (seed, (shape, order)) in orders.into_iter().enumerate() {
        let mut case = Case::new(seed as u64);
        let x = case.input(Shape::from(shape));
        let y = case.graph.permute(x, order).expect("an order of the axes");
        case.output_with_gradients(y, &[x]).expect("shapes fit");
        case.check();
    }
}

#[test]
fn broadcasts() {
    let pairs: [(&[usize], &[usize]); 13] = [
        (&[], &[1]),
        (&[], &[67]),
        (&[], &[2, 3, 5, 7]),
        (&[1], &[3, 5]),
        (&[7], &[3, 5, 7]),
        (&[5, 1], &[5, 7]),
        (&[3, 1, 1], &[2, 3, 5, 7]),
        (&[1, 3, 1, 1], &[2, 3, 5, 7]),
        (&[2, 1, 5, 7], &[2, 3, 5, 7]),
        (&[1, 3, 1, 7], &[2, 3, 5, 7]),
        (&[2, 1, 5, 1], &[2, 3, 5, 7]),
        (&[2, 1, 1, 3, 4], &[2, 5, 6, 3, 4]),
        (&[1, 2, 1, 1, 7], &[3, 2, 4, 5, 7]),
    ];
    for (seed, (from, to)) in pairs.into_iter().enumerate() {
        broadcast(seed as u64, from, to).check();
    }
}

#[test]
fn broadcasts_larger_than_a_binding() {
    let pairs: [(&[usize], &[usize]); 8] = [
        (&[], &[1999]),
        (&[131], &[17, 131]),
        (&[17, 1], &[17, 131]),
        (&[1999, 1], &[1999, 3]),
        (&[1, 3, 1, 1], &[7, 3, 9, 11]),
        (&[7, 1, 9, 11], &[7, 3, 9, 11]),
        (&[1, 3, 1, 11], &[7, 3, 9, 11]),
        (&[1, 37, 1, 1], &[1, 37, 9, 11]),
    ];
    for (seed, (from, to)) in pairs.into_iter().enumerate() {
        broadcast(20 + seed as u64, from, to).check_in_pieces(640);
    }
}

#[test]
fn concatenation_along_every_axis() {
    for rank in 1..=5usize {
        for axis in 0..rank {
            let mut draw = Case::new((10 * rank + axis) as u64);
            let shape: Vec<usize> = (0..rank).map(|_| draw.extent(1, 5)).collect();
            let extents: Vec<usize> = (0..draw.extent(1, 5)).map(|_| draw.extent(1, 5)).collect();
            concat(40, &shape, axis, &extents).check();
        }
    }
}

#[test]
fn concatenation_larger_than_a_binding() {
    concat(50, &[0], 0, &[1001, 3, 777]).check_in_pieces(640);
    concat(51, &[0, 7], 0, &[101, 1, 50]).check_in_pieces(640);
    concat(52, &[19, 0], 1, &[31, 1, 17]).check_in_pieces(640);
    concat(53, &[9, 0, 3, 7], 1, &[5, 1, 13]).check_in_pieces(640);
    concat(54, &[11, 3, 0, 7], 2, &[5, 4]).check_in_pieces(640);
    concat(55, &[11, 3, 5, 0], 3, &[1, 2, 4]).check_in_pieces(640);
    concat(56, &[1, 0, 9, 11], 1, &[8, 5]).check_in_pieces(640);
}

#[test]
fn statistics_from_mean_and_variance() {
    let mut case = Case::new(60);
    let (mean, var) = (case.input([37]), case.input([37]));
    let stats = case.graph.pack_stats(mean, var).expect("same shapes");
    case.output_with_gradients(stats, &[mean, var]).expect("shapes fit");
    case.check();
}

fn assignment(shape: &[usize]) -> Case {
    let mut case = Case::new(70);
    let state = case.state_in("prototypes", Shape::from(shape), -1.0, 1.0);
    let old = case.graph.read_state(state);
    let x = case.input(Shape::from(shape));
    let value = case.graph.add(old, x).expect("same shapes");
    case.update(Update::Assign { state, value });
    case
}

#[test]
fn assignment_of_a_state() {
    for shape in [&[][..], &[1], &[67], &[3, 5, 7], &[2, 3, 1, 5, 7]] {
        assignment(shape).check();
    }
    assignment(&[7, 11, 23]).check_in_pieces(640);
}

/// Everything in a run reads the states as they were before it: outputs, and updates after the first.
#[test]
fn states_are_read_before_they_change() {
    let mut case = Case::new(71);
    let (a, b) = (case.state_in("a", [701], -1.0, 1.0), case.state_in("b", [701], 2.0, 3.0));
    let (old_a, old_b) = (case.graph.read_state(a), case.graph.read_state(b));
    let viewed = case.graph.reshape(old_a, [1, 701]).expect("as many elements");
    let square = case.graph.unary(Unary::Square, viewed).expect("takes any shape");
    case.graph.output("old a", viewed);
    case.graph.output("square", square);
    case.update(Update::Assign { state: a, value: old_b });
    case.update(Update::Assign { state: b, value: old_a });
    case.check_in_pieces(640);
}
