//! Elementwise functions, and activations within other operators.

use rayon::prelude::*;

use super::ball::Ball;
use super::bounded::Bounded;
use crate::graph::{Activation, Binary, Shape, Unary};
use crate::reference::Array;
use crate::reference::elementwise::{broadcast, combined, slope, value};

/// Results too small for an f32 of full precision may become 0.
const UNDERFLOW: f64 = f32::MIN_POSITIVE as f64;

pub(super) fn unary(function: Unary, x: &Bounded, u: f64) -> Array {
    each(x.shape(), |i| {
        let x = x.ball(i);
        x.image(|v| value(function, v)).radius + own(u, value_terms(function, x.centre))
    })
}

pub(super) fn unary_grad(function: Unary, x: &Bounded, dy: &Bounded, u: f64) -> Array {
    each(x.shape(), |i| {
        let (x, dy) = (x.ball(i), dy.ball(i));
        (slope_ball(function, x) * dy).radius + own(u, slope_terms(function, x.centre) * dy.abs())
    })
}

pub(super) fn binary(function: Binary, a: &Bounded, b: &Bounded, shape: &Shape, u: f64) -> Array {
    let repeated = |x: &Bounded| match x.shape() == shape {
        true => x.clone(),
        false => Bounded {
            value: broadcast(&x.value, shape),
            radius: x.radius.as_ref().map(|radius| broadcast(radius, shape)),
        },
    };
    let (a, b) = (repeated(a), repeated(b));
    each(shape, |i| {
        let (a, b) = (a.ball(i), b.ball(i));
        let propagated = match function {
            Binary::Add | Binary::Sub => a.radius + b.radius,
            Binary::Mul => (a * b).radius,
            Binary::Div => (a / b).radius,
            Binary::DivOrZero if b == Ball::exact(0.0) => 0.0,
            Binary::DivOrZero => (a / b).radius,
            Binary::Greater => f64::from(a.radius + b.radius > 0.0 && (a - b).abs() <= a.radius + b.radius),
            Binary::Bce | Binary::BceGrad | Binary::BceWithLogits => corners(function, a, b),
        };
        propagated + own(u, combined_terms(function, a.centre, b.centre))
    })
}

/// The activation of a ball, with its own rounding.
pub(super) fn activate(activation: Activation, z: Ball, u: f64) -> Ball {
    let Some(function) = Option::<Unary>::from(activation) else { return z };
    z.image(|v| value(function, v)).widened(own(u, value_terms(function, z.centre)))
}

/// Its derivative where `z` lies.
pub(super) fn activation_slope(activation: Activation, z: Ball) -> Ball {
    Option::<Unary>::from(activation).map_or(Ball::exact(1.0), |function| slope_ball(function, z))
}

/// Rounding of a value with these terms.
pub(super) fn own(u: f64, terms: f64) -> f64 {
    if terms == 0.0 { 0.0 } else { u * terms + UNDERFLOW }
}

fn each(shape: &Shape, radius: impl Fn(usize) -> f64 + Sync) -> Array {
    let data = (0..shape.elements()).into_par_iter().with_min_len(1 << 12).map(|i| {
        let radius = radius(i);
        if radius.is_nan() { f64::INFINITY } else { radius }
    });
    Array::new(shape.clone(), data.collect())
}

fn slope_ball(function: Unary, x: Ball) -> Ball {
    let ball = x.image(|v| slope(function, v));
    match function {
        // Infinitely steep at 0.
        Unary::Sqrt if x.radius > 0.0 && x.centre <= x.radius => ball.widened(f64::INFINITY),
        _ => ball,
    }
}

/// All three are linear in `b`, and convex in `a` or the derivative of what is.
fn corners(function: Binary, a: Ball, b: Ball) -> f64 {
    let centre = combined(function, a.centre, b.centre);
    let corner = |sides: [f64; 2]| {
        (combined(function, a.centre + sides[0] * a.radius, b.centre + sides[1] * b.radius) - centre).abs()
    };
    let all = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]].map(corner);
    if all.iter().any(|c| c.is_nan()) { f64::INFINITY } else { all.into_iter().fold(0.0, f64::max) }
}

/// An exponential may be off by 3 + 2|x| ulp of itself.
fn exponential(x: f64) -> f64 {
    1.0 + x.abs()
}

/// A logarithm may be off by 3 ulp of itself, and near 1 by as many of 1.
fn logarithm(ln: f64) -> f64 {
    1.0 + ln.abs()
}

fn sigmoid(x: f64) -> f64 {
    value(Unary::Sigmoid, x)
}

/// Terms of the sigmoid `1/(1 + e)` or `e/(1 + e)`, in units of itself.
fn sigmoid_terms(x: f64) -> f64 {
    1.0 + sigmoid(-x) * exponential(x)
}

fn value_terms(function: Unary, x: f64) -> f64 {
    match function {
        Unary::Relu | Unary::Relu6 | Unary::Above(_) => 0.0,
        Unary::LeakyRelu(_) if x > 0.0 => 0.0,
        Unary::LeakyRelu(_) | Unary::Square | Unary::Sqrt => value(function, x).abs(),
        Unary::Sigmoid => sigmoid(x) * sigmoid_terms(x),
        Unary::Affine { mul, add } => (f64::from(mul) * x).abs() + f64::from(add).abs(),
        Unary::Entropy { smooth } => {
            let s = sigmoid(x);
            let smoothed = s + f64::from(smooth);
            let ln = smoothed.ln();
            s * (ln.abs() * (1.0 + sigmoid_terms(x)) + logarithm(ln) + 1.0 + s / smoothed * sigmoid_terms(x))
        }
    }
}

fn slope_terms(function: Unary, x: f64) -> f64 {
    match function {
        Unary::Relu | Unary::Relu6 | Unary::Above(_) => 0.0,
        Unary::LeakyRelu(_) if x > 0.0 => 0.0,
        Unary::LeakyRelu(_) | Unary::Square | Unary::Sqrt | Unary::Affine { .. } => slope(function, x).abs(),
        // `e/(1 + e)²`, in which nothing cancels
        Unary::Sigmoid => slope(function, x) * (1.0 + exponential(x)),
        Unary::Entropy { smooth } => {
            let (s, bell) = (sigmoid(x), slope(Unary::Sigmoid, x));
            let smoothed = s + f64::from(smooth);
            let (ln, share) = (smoothed.ln(), s / smoothed);
            let sum = (ln + share).abs() * (2.0 + exponential(x));
            let parts = logarithm(ln) + 1.0 + share * (2.0 + 2.0 * sigmoid_terms(x));
            bell * (sum + parts)
        }
    }
}

fn combined_terms(function: Binary, a: f64, b: f64) -> f64 {
    let result = combined(function, a, b).abs();
    match function {
        Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::DivOrZero | Binary::BceGrad => result,
        Binary::Greater => 0.0,
        Binary::Bce => {
            let clamped = |p: f64| p.ln().max(-100.0);
            let [of_p, of_q] = [a, 1.0 - a].map(|p| if p > 0.0 { logarithm(clamped(p)) } else { 100.0 });
            b.abs() * of_p + (1.0 - b).abs() * of_q
        }
        Binary::BceWithLogits => {
            // Targets of 0 and 1 are multiplied and subtracted without rounding.
            let product = if b == 0.0 || b == 1.0 { 0.0 } else { (a * b).abs() };
            product + result + (-a.abs()).exp().ln_1p() * exponential(a)
        }
    }
}
