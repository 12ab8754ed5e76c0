//! Operators that are linear in each of their inputs.

use super::bounded::Bounded;
use crate::graph::{Activation, ConvSpec, Shape};
use crate::reference::{Array, conv2d};

use super::ball::Ball;
use super::elementwise;

/// Elements that are moved, repeated or left out.
pub(super) fn moved(x: &Bounded, f: impl Fn(&Array) -> Array) -> Option<Array> {
    x.radius.as_ref().map(f)
}

/// Sums of elements with coefficients that are not negative: `f(r + u·|x|)`.
pub(super) fn summed(x: &Bounded, u: f64, f: impl Fn(&Array) -> Array) -> Array {
    f(&with_rounding(x, u))
}

/// Sums of products of an element of each: `f(|a|, r_b + u·|b|) + f(r_a, |b| + r_b)`.
pub(super) fn multiplied(a: &Bounded, b: &Bounded, u: f64, f: impl Fn(&Array, &Array) -> Array) -> Array {
    let mut radius = f(&a.magnitude(), &with_rounding(b, u));
    if let Some(of_a) = &a.radius {
        let largest = with_rounding(b, 1.0);
        add(&mut radius, &f(of_a, &largest));
    }
    radius
}

pub(super) fn convolution(
    [x, w]: [&Bounded; 2],
    bias: Option<&Bounded>,
    spec: &ConvSpec,
    activation: Activation,
    shape: &Shape,
    u: f64,
) -> Array {
    let plain = |x: &Array, w: &Array| conv2d::conv2d(x, w, None, spec, Activation::Identity, shape);
    let mut radius = multiplied(x, w, u, plain);
    let plane = shape[2] * shape[3];
    if let Some(bias) = bias {
        let of_bias = with_rounding(bias, u);
        for (index, plane) in radius.data.chunks_mut(plane).enumerate() {
            plane.iter_mut().for_each(|radius| *radius += of_bias.data[index % shape[1]]);
        }
    }
    if activation != Activation::Identity {
        let z = conv2d::conv2d(&x.value, &w.value, bias.map(|b| &b.value), spec, Activation::Identity, shape);
        for (radius, &centre) in radius.data.iter_mut().zip(&z.data) {
            *radius = elementwise::activate(activation, Ball { centre, radius: *radius }, u).radius;
        }
    }
    radius
}

/// `r + u·|x|`
pub(super) fn with_rounding(x: &Bounded, u: f64) -> Array {
    let data = (0..x.value.data.len()).map(|i| x.radius_at(i) + u * x.value.data[i].abs()).collect();
    Array::new(x.shape().clone(), data)
}

fn add(to: &mut Array, more: &Array) {
    to.data.iter_mut().zip(&more.data).for_each(|(to, more)| *to += more);
}
