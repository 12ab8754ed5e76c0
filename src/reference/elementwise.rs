//! unary, unary_grad, binary, broadcast. Twin of `shaders/unary.wgsl` and `shaders/binary.wgsl`.

use rayon::prelude::*;

use super::Array;
use crate::graph::{Activation, Binary, Shape, Unary};

/// Elements that one task computes at least.
const GRAIN: usize = 1 << 14;

/// `f(x)`
pub(super) fn unary(function: Unary, x: &Array) -> Array {
    let data = x.data.par_iter().with_min_len(GRAIN).map(|&v| value(function, v)).collect();
    Array { shape: x.shape.clone(), data }
}

/// `f′(x)·dy`
pub(super) fn unary_grad(function: Unary, x: &Array, dy: &Array) -> Array {
    let pairs = x.data.par_iter().zip(&dy.data).with_min_len(GRAIN);
    let data = pairs.map(|(&x, &dy)| slope(function, x) * dy).collect();
    Array { shape: x.shape.clone(), data }
}

/// `f(a, b)` with both operands repeated to `shape`.
pub(super) fn binary(function: Binary, a: &Array, b: &Array, shape: &Shape) -> Array {
    let f = |a: f64, b: f64| combined(function, a, b);
    let data = if a.shape == b.shape {
        a.data.par_iter().zip(&b.data).with_min_len(GRAIN).map(|(&a, &b)| f(a, b)).collect()
    } else if let (true, [b]) = (a.shape == *shape, b.data.as_slice()) {
        a.data.par_iter().with_min_len(GRAIN).map(|&a| f(a, *b)).collect()
    } else if let ([a], true) = (a.data.as_slice(), b.shape == *shape) {
        b.data.par_iter().with_min_len(GRAIN).map(|&b| f(*a, b)).collect()
    } else {
        let (a, b) = (broadcast(a, shape), broadcast(b, shape));
        a.data.par_iter().zip(&b.data).with_min_len(GRAIN).map(|(&a, &b)| f(a, b)).collect()
    };
    Array { shape: shape.clone(), data }
}

/// `x` repeated to `shape` along its axes of extent 1 and along axes that it lacks.
pub(super) fn broadcast(x: &Array, shape: &Shape) -> Array {
    let mut y = Array::zeros(shape.clone());
    if y.data.is_empty() {
        return y;
    }
    let strides = x.shape.broadcast_strides(shape);
    let columns = shape.last().copied().unwrap_or(1);
    let column_stride = strides.last().copied().unwrap_or(0);
    let leading = shape.len().saturating_sub(1);
    y.data.par_chunks_mut(columns).with_min_len(GRAIN.div_ceil(columns)).enumerate().for_each(|(row, y)| {
        let (mut rest, mut offset) = (row, 0);
        for axis in (0..leading).rev() {
            offset += rest % shape[axis] * strides[axis];
            rest /= shape[axis];
        }
        match column_stride {
            0 => y.fill(x.data[offset]),
            _ => y.copy_from_slice(&x.data[offset..offset + columns]),
        }
    });
    y
}

/// The activation applied to one value.
pub(super) fn activate(activation: Activation, z: f64) -> f64 {
    Option::<Unary>::from(activation).map_or(z, |function| value(function, z))
}

/// The activation's derivative at `z`, the value that it is applied to.
pub(super) fn activation_slope(activation: Activation, z: f64) -> f64 {
    Option::<Unary>::from(activation).map_or(1.0, |function| slope(function, z))
}

fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    (if x >= 0.0 { 1.0 } else { e }) / (1.0 + e)
}

/// NaN stays NaN in every function but `Above`.
pub(super) fn value(function: Unary, x: f64) -> f64 {
    match function {
        Unary::Relu => floored(x, 0.0),
        Unary::Relu6 => x.clamp(0.0, 6.0),
        Unary::LeakyRelu(negative) => x * if x > 0.0 { 1.0 } else { f64::from(negative) },
        Unary::Sigmoid => sigmoid(x),
        Unary::Square => x * x,
        Unary::Sqrt => x.sqrt(),
        Unary::Affine { mul, add } => f64::from(mul) * x + f64::from(add),
        Unary::Entropy { smooth } => {
            let s = sigmoid(x);
            -s * (s + f64::from(smooth)).ln()
        }
        Unary::Above(threshold) => f64::from(x > f64::from(threshold)),
    }
}

/// At 0 the slope of an activation is that of the lower side, at 6 that of the upper; that of the square root at 0 is taken as 0.
pub(super) fn slope(function: Unary, x: f64) -> f64 {
    match function {
        Unary::Relu => f64::from(x > 0.0),
        Unary::Relu6 => f64::from(x > 0.0 && x < 6.0),
        Unary::LeakyRelu(negative) => {
            if x > 0.0 {
                1.0
            } else {
                f64::from(negative)
            }
        }
        Unary::Sigmoid => {
            let s = sigmoid(x);
            s * (1.0 - s)
        }
        Unary::Square => 2.0 * x,
        Unary::Sqrt => {
            if x == 0.0 {
                0.0
            } else {
                0.5 / x.sqrt()
            }
        }
        Unary::Affine { mul, .. } => f64::from(mul),
        Unary::Entropy { smooth } => {
            let (s, smooth) = (sigmoid(x), f64::from(smooth));
            -s * (1.0 - s) * ((s + smooth).ln() + s / (s + smooth))
        }
        Unary::Above(_) => 0.0,
    }
}

pub(super) fn combined(function: Binary, a: f64, b: f64) -> f64 {
    match function {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::DivOrZero => {
            if b == 0.0 {
                0.0
            } else {
                a / b
            }
        }
        Binary::Greater => f64::from(a > b),
        Binary::Bce => -(b * clamped_ln(a) + (1.0 - b) * clamped_ln(1.0 - a)),
        Binary::BceGrad => (a - b) / floored(a * (1.0 - a), 1e-12),
        Binary::BceWithLogits => floored(a, 0.0) - a * b + (-a.abs()).exp().ln_1p(),
    }
}

/// The logarithm of the binary cross-entropy, no less than −100.
fn clamped_ln(p: f64) -> f64 {
    floored(p.ln(), -100.0)
}

/// The greater of the two; unlike `f64::max`, NaN stays NaN.
fn floored(x: f64, least: f64) -> f64 {
    if x < least { least } else { x }
}
