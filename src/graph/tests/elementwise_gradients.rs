//! Gradients of elementwise operators, reductions and layout.

use super::finite_differences::{any, check, evaluate, fixed, noise, positive, unit};
use crate::graph::{Binary, Graph, Op, Shape, Unary, vector_jacobian_product};
use crate::reference::Array;

#[test]
fn unary_functions() {
    for function in [
        Unary::Relu,
        Unary::LeakyRelu(0.2),
        Unary::LeakyRelu(-0.5),
        Unary::Sigmoid,
        Unary::Square,
        Unary::Affine { mul: -1.5, add: 0.25 },
        Unary::Entropy { smooth: 1e-7 },
        Unary::Entropy { smooth: 0.1 },
    ] {
        check(&[any([2, 3, 5])], |g, x| g.unary(function, x[0]));
    }
    check(&[positive([2, 3, 5])], |g, x| g.unary(Unary::Sqrt, x[0]));
}

#[test]
fn relu6_in_all_three_pieces() {
    let y = check(&[any([40])], |g, x| {
        let wide = g.affine(x[0], 5.0, 2.0)?;
        g.unary(Unary::Relu6, wide)
    });
    assert!(y.data.contains(&0.0) && y.data.contains(&6.0) && y.data.iter().any(|v| *v > 0.0 && *v < 6.0));
}

#[test]
fn binary_functions_broadcast_either_side() {
    let shapes: [(&[usize], &[usize]); 8] = [
        (&[2, 3, 4], &[2, 3, 4]),
        (&[2, 3, 4], &[]),
        (&[], &[2, 3, 4]),
        (&[2, 3, 4], &[4]),
        (&[3, 1], &[2, 3, 4]),
        (&[2, 1, 4], &[1, 3, 1]),
        (&[1, 3, 1, 1], &[2, 3, 2, 3]),
        (&[1, 1], &[1]),
    ];
    for (a, b) in shapes {
        for function in [Binary::Add, Binary::Sub, Binary::Mul] {
            check(&[any(a), any(b)], |g, x| g.binary(function, x[0], x[1]));
        }
        for function in [Binary::Div, Binary::DivOrZero] {
            check(&[any(a), positive(b)], |g, x| g.binary(function, x[0], x[1]));
        }
    }
}

#[test]
fn division_by_zero_gives_zero_and_no_gradient() {
    let y = check(&[any([4]), fixed([4], &[0.0, 2.0, 0.0, -0.5])], |g, x| g.binary(Binary::DivOrZero, x[0], x[1]));
    assert_eq!((y.data[0], y.data[2]), (0.0, 0.0));
}

#[test]
fn one_value_read_twice() {
    check(&[any([2, 3])], |g, x| g.mul(x[0], x[0]));
    check(&[any([2, 3])], |g, x| g.concat(&[x[0], x[0]], 1));
}

#[test]
fn binary_cross_entropies() {
    let hard = |count: usize| -> Vec<f64> { noise(7, count).iter().map(|v| f64::from(*v > 0.0)).collect() };
    let soft = |count: usize| -> Vec<f64> { noise(8, count).iter().map(|v| 0.5 + 0.5 * v).collect() };
    for target in [hard(12), soft(12)] {
        check(&[unit([3, 4]), fixed([3, 4], &target)], |g, x| g.binary(Binary::Bce, x[0], x[1]));
        check(&[any([3, 4]), fixed([3, 4], &target)], |g, x| g.binary(Binary::BceWithLogits, x[0], x[1]));
    }
    for target in [0.0, 1.0, 0.3] {
        check(&[unit([3, 4]), fixed([], &[target])], |g, x| g.binary(Binary::Bce, x[0], x[1]));
        check(&[any([3, 4]), fixed([], &[target])], |g, x| g.binary(Binary::BceWithLogits, x[0], x[1]));
    }
}

#[test]
fn sums_and_means_over_any_axes() {
    let axes: [&[usize]; 8] = [&[0], &[1], &[3], &[0, 1], &[0, 2, 3], &[1, 3], &[2, 3], &[0, 1, 2, 3]];
    for axes in axes {
        check(&[any([2, 3, 2, 5])], |g, x| g.sum(x[0], axes));
        check(&[any([2, 3, 2, 5])], |g, x| g.mean(x[0], axes));
    }
    check(&[any([2, 3, 5])], |g, x| g.sum_all(x[0]));
    check(&[any([2, 3, 5])], |g, x| g.mean_all(x[0]));
    check(&[any([2, 3, 4, 5])], |g, x| g.global_avg_pool(x[0]));
}

#[test]
fn broadcast_and_sum_to() {
    let full = Shape::from([2, 3, 4]);
    for shape in [&[3, 1][..], &[2, 1, 1], &[4], &[], &[1, 3, 4]] {
        check(&[any(shape)], |g, x| g.broadcast(x[0], &full));
        check(&[any([2, 3, 4])], |g, x| g.sum_to(x[0], &shape.into()));
    }
}

#[test]
fn reshape_concat_and_slice() {
    check(&[any([2, 3, 4])], |g, x| g.reshape(x[0], [4, 6]));
    check(&[any([2, 5, 4, 3]), any([2, 1, 4, 3]), any([2, 2, 4, 3])], |g, x| g.concat(x, 1));
    check(&[any([2, 3]), any([1, 3])], |g, x| g.concat(x, 0));
    check(&[any([2, 3, 2]), any([2, 3, 4])], |g, x| g.concat(x, 2));
    check(&[any([2, 5, 3])], |g, x| g.slice(x[0], 1, 1, 3));
}

#[test]
fn padding_adds_and_removes() {
    check(&[any([2, 3, 5, 4])], |g, x| g.pad2d(x[0], 2, 1, 0, 3));
    check(&[any([2, 3, 5, 4])], |g, x| g.pad(x[0], &[0, -1, -2, 1], &[0, 0, -1, -2]));
    check(&[any([2, 3])], |g, x| g.pad(x[0], &[1, -2], &[-1, 4]));
    // Nothing of a row remains but zeros; other axes go on.
    check(&[any([3, 2])], |g, x| g.pad(x[0], &[-1, 2], &[2, 1]));
}

#[test]
fn detach_stops_the_gradient() {
    let mut g = Graph::new();
    let x = g.input("x", [3]);
    let stopped = g.detach(x);
    let y = g.unary(Unary::Square, stopped).unwrap();
    let dy = g.constant(1.0, [3]);
    assert_eq!(vector_jacobian_product(&mut g, &[(y, dy)], &[x]).unwrap(), [None]);
    // The value that was detached is a leaf like any other.
    assert!(vector_jacobian_product(&mut g, &[(y, dy)], &[stopped]).unwrap()[0].is_some());
    // x·detach(x) has the gradient detach(x), not 2x: the other path alone counts.
    check(&[any([3]), fixed([3], &[0.5, -2.0, 3.0])], |g, x| {
        let stopped = g.detach(x[1]);
        g.mul(x[0], stopped)
    });
}

#[test]
fn comparisons_have_no_gradient() {
    let mut g = Graph::new();
    let (a, b) = (g.input("a", [3]), g.input("b", [3]));
    let above = g.unary(Unary::Above(0.5), a).unwrap();
    let greater = g.binary(Binary::Greater, a, b).unwrap();
    let dy = g.constant(1.0, [3]);
    assert_eq!(vector_jacobian_product(&mut g, &[(above, dy), (greater, dy)], &[a, b]).unwrap(), [None, None]);
}

#[test]
fn several_seeds_add_up() {
    let mut g = Graph::new();
    let x = g.input("x", [2]);
    let (double, triple) = (g.affine(x, 2.0, 0.0).unwrap(), g.affine(x, 3.0, 0.0).unwrap());
    let (one, ten) = (g.constant(1.0, [2]), g.constant(10.0, [2]));
    let dx = vector_jacobian_product(&mut g, &[(double, one), (triple, ten), (x, one)], &[x]).unwrap()[0].unwrap();
    g.output("dx", dx);
    let inputs = [("x".to_string(), Array::zeros([2]))].into();
    assert_eq!(evaluate(&g, &inputs)["dx"].data, [33.0, 33.0]);
}

#[test]
fn operators_without_a_derivative_say_so_only_where_one_is_needed() {
    let mut g = Graph::new();
    let (x, dy) = (g.input("x", [3]), g.constant(1.0, [3]));
    let slope = g.push(Op::UnaryGrad(Unary::Sigmoid), &[x, dy]).unwrap();
    let error = vector_jacobian_product(&mut g, &[(slope, dy)], &[x]).unwrap_err();
    assert_eq!(error.to_string(), "unary_grad: has no derivative of its own (inputs [3])");
    assert_eq!(vector_jacobian_product(&mut g, &[(slope, dy)], &[slope]).unwrap(), [Some(dy)]);
}
