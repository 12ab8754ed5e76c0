//! `weighted_sum` and `weighted_sum_grad` against the twin.

use kernels_tests::{Case, adapter};
use papilla::gpu::Variant;
use papilla::graph::{Binary, NodeId, Op};

/// `f [N,C,H,W]` weighted by `maps` maps, with both gradients.
fn build(seed: u64, [n, c, h, w]: [usize; 4], maps: usize) -> Case {
    let mut case = Case::new(seed);
    let (f, weights) = (case.input([n, c, h, w]), case.input_in([n, maps, h, w], 0.0, 1.0));
    let y = case.graph.push(Op::WeightedSum, &[f, weights]).expect("shapes fit");
    case.output_with_gradients(y, &[f, weights]).expect("shapes fit");
    case
}

#[test]
fn any_number_of_maps() {
    for maps in 1..=9 {
        build(maps as u64, [2, 5, 7, 9], maps).check();
    }
}

#[test]
fn large_and_small_planes() {
    build(20, [1, 1, 1, 1], 1).check();
    build(21, [9, 70, 1, 1], 3).check();
    build(22, [5, 3, 67, 71], 2).check();
    build(23, [3, 305, 8, 8], 4).check();
    build(24, [7, 3, 33, 31], 5).check();
}

#[test]
fn random_shapes() {
    for seed in 30..50 {
        let mut draw = Case::new(seed);
        let shape = [draw.extent(1, 5), draw.extent(1, 21), draw.extent(1, 40), draw.extent(1, 40)];
        build(seed, shape, draw.extent(1, 6)).check();
    }
}

/// The gradients are operators with gradients of their own.
#[test]
fn gradients_of_the_gradients() {
    let check = |op: Op, first: &[usize], second: &[usize]| {
        let mut case = Case::new(60);
        let inputs: [NodeId; 2] = [case.input(first), case.input(second)];
        let y = case.graph.push(op, &inputs).expect("shapes fit");
        case.output_with_gradients(y, &inputs).expect("shapes fit");
        case.check();
    };
    check(Op::WeightedSumGradFeature, &[3, 7], &[2, 3, 9, 5]);
    check(Op::WeightedSumGradWeight, &[3, 7], &[2, 7, 9, 5]);
}

#[test]
fn tensors_larger_than_a_binding() {
    build(70, [9, 5, 7, 11], 2).check_in_pieces(640);
    build(71, [9, 2, 7, 11], 5).check_in_pieces(640);
    // Several splits in each piece.
    build(72, [7, 3, 33, 31], 2).check_in_pieces(8192);
}

/// Gradients of the feature that are added to another map, or taken from it, or from which it is taken, before they are written.
#[test]
fn combined_with_another_map() {
    for (seed, function) in [(80, Binary::Add), (81, Binary::Sub)] {
        for turned in [false, true] {
            let build = |n: usize| {
                let mut case = Case::new(seed);
                let (d, w, other) = (case.input([3, 5]), case.input([n, 3, 7, 9]), case.input([n, 5, 7, 9]));
                let df = case.graph.push(Op::WeightedSumGradFeature, &[d, w]).expect("shapes fit");
                let [a, b] = if turned { [df, other] } else { [other, df] };
                let y = case.graph.binary(function, a, b).expect("the same shape");
                case.graph.output("y", y);
                case
            };
            let case = build(2);
            let variants =
                Variant::of_graph(&case.graph, &adapter(None, None).capabilities()).expect("it can be planned");
            assert!(variants.iter().any(|variant| variant.entry == "feature_combined") && variants.len() == 1);
            case.check();
            build(9).check_in_pieces(640);
        }
    }
}
