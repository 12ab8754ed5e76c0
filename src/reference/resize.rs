//! resize and resize_grad. Twin of `shaders/resize.wgsl`.
//!
//! Source positions are exact ratios of integers, so that no rounding moves a pixel across a boundary.

use rayon::prelude::*;

use super::Array;
use crate::graph::{ResizeMode, Shape};

/// The two source indices between which an output lies, and the weight of the second.
struct Source {
    low: usize,
    high: usize,
    fraction: f64,
}

/// Maps `[N,C,H,W]` interpolated to the size of `shape`.
pub fn resize(x: &Array, mode: ResizeMode, shape: &Shape) -> Array {
    let mut y = Array::zeros(shape.clone());
    let ([_, _, h, w], [_, _, oh, ow]) = (x.nchw(), y.nchw());
    let (rows, columns) = (sources(mode, h, oh), sources(mode, w, ow));
    y.data.par_chunks_mut(oh * ow).enumerate().for_each(|(plane, y)| {
        let x = x.plane(plane);
        for (row, y) in rows.iter().zip(y.chunks_mut(ow)) {
            let (upper, lower) = (&x[row.low * w..(row.low + 1) * w], &x[row.high * w..(row.high + 1) * w]);
            for (column, y) in columns.iter().zip(y) {
                let along = |x: &[f64]| (1.0 - column.fraction) * x[column.low] + column.fraction * x[column.high];
                *y = (1.0 - row.fraction) * along(upper) + row.fraction * along(lower);
            }
        }
    });
    y
}

/// Gradient of the maps before the resize, of the size of `shape`.
pub fn resize_grad(dy: &Array, mode: ResizeMode, shape: &Shape) -> Array {
    let mut dx = Array::zeros(shape.clone());
    let ([_, _, h, w], [_, _, oh, ow]) = (dx.nchw(), dy.nchw());
    let (rows, columns) = (sources(mode, h, oh), sources(mode, w, ow));
    dx.data.par_chunks_mut(h * w).enumerate().for_each(|(plane, dx)| {
        for (row, dy) in rows.iter().zip(dy.plane(plane).chunks(ow)) {
            for (column, dy) in columns.iter().zip(dy) {
                for (r, row_weight) in [(row.low, 1.0 - row.fraction), (row.high, row.fraction)] {
                    dx[r * w + column.low] += row_weight * (1.0 - column.fraction) * dy;
                    dx[r * w + column.high] += row_weight * column.fraction * dy;
                }
            }
        }
    });
    dx
}

fn sources(mode: ResizeMode, input: usize, output: usize) -> Vec<Source> {
    (0..output).map(|i| source(mode, i, input, output)).collect()
}

/// Where output `i` lies along an axis of the given extents.
fn source(mode: ResizeMode, i: usize, input: usize, output: usize) -> Source {
    let (numerator, denominator) = match mode {
        ResizeMode::BilinearAlignCorners => (i * (input - 1), (output - 1).max(1)),
        ResizeMode::BilinearHalfPixel => (((2 * i + 1) * input).saturating_sub(output), 2 * output),
        ResizeMode::Nearest => {
            let nearest = i * input / output;
            return Source { low: nearest, high: nearest, fraction: 0.0 };
        }
    };
    let low = numerator / denominator;
    let fraction = (numerator % denominator) as f64 / denominator as f64;
    Source { low, high: (low + 1).min(input - 1), fraction }
}
