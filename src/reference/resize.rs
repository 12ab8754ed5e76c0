//! resize, resize_shifted and their gradients. Twin of `shaders/resize.wgsl`.
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
pub(super) fn resize(x: &Array, mode: ResizeMode, shape: &Shape) -> Array {
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
pub(super) fn resize_grad(dy: &Array, mode: ResizeMode, shape: &Shape) -> Array {
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

/// Parts `[N,t·C..,H,W]` of maps, resized along `axis`, moved by `⌊T/2⌋ − t` and added up.
pub(super) fn resize_shifted(x: &Array, mode: ResizeMode, axis: usize, taps: usize, shape: &Shape) -> Array {
    let mut y = Array::zeros(shape.clone());
    shifted_pairs(mode, axis, taps, x.nchw(), y.nchw(), |from, to, weight| y.data[to] += weight * x.data[from]);
    y
}

/// Gradient of the maps before `resize_shifted`, of the size of `shape`.
pub(super) fn resize_shifted_grad(dy: &Array, mode: ResizeMode, axis: usize, taps: usize, shape: &Shape) -> Array {
    let mut dx = Array::zeros(shape.clone());
    shifted_pairs(mode, axis, taps, dx.nchw(), dy.nchw(), |to, from, weight| dx.data[to] += weight * dy.data[from]);
    dx
}

/// Calls `visit` with each element of the input, each of the output that it is part of, and its weight there.
fn shifted_pairs(
    mode: ResizeMode,
    axis: usize,
    taps: usize,
    [n, c, h, w]: [usize; 4],
    output: [usize; 4],
    mut visit: impl FnMut(usize, usize, f64),
) {
    let (extent, size) = ([n, c, h, w][axis], output[axis]);
    let (inner, channels) = if axis == 2 { (w, c / taps) } else { (1, c / taps * h) };
    let sources = sources(mode, extent, size);
    for part in 0..n * taps * channels {
        let (sample, tap, channel) = (part / (taps * channels), part / channels % taps, part % channels);
        for to in 0..size {
            let Some(source) = (to + tap).checked_sub(taps / 2).and_then(|i| sources.get(i)) else { continue };
            for (from, weight) in [(source.low, 1.0 - source.fraction), (source.high, source.fraction)] {
                for i in 0..inner {
                    let to = ((sample * channels + channel) * size + to) * inner + i;
                    visit((part * extent + from) * inner + i, to, weight);
                }
            }
        }
    }
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
