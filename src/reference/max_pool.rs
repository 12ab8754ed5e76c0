//! max_pool2d and max_pool2d_grad. Twin of `shaders/max_pool.wgsl`.

use rayon::prelude::*;

use super::Array;
use crate::graph::{PoolSpec, Shape};

/// Maximum of each window of each map `[N,C,H,W]`; NaN where the window holds one.
pub(super) fn max_pool(x: &Array, spec: &PoolSpec, shape: &Shape) -> Array {
    let mut y = Array::zeros(shape.clone());
    let ([_, _, h, w], [_, _, oh, ow]) = (x.nchw(), y.nchw());
    y.data.par_chunks_mut(oh * ow).enumerate().for_each(|(plane, y)| {
        let x = x.plane(plane);
        for (index, y) in y.iter_mut().enumerate() {
            *y = maximum(x, spec, [h, w], [index / ow, index % ow]).map_or(f64::NEG_INFINITY, |at| x[at]);
        }
    });
    y
}

/// Gradient of the maps before the pooling; the first maximum of a window takes its gradient.
pub(super) fn max_pool_grad(x: &Array, dy: &Array, spec: &PoolSpec) -> Array {
    let mut dx = Array::zeros(x.shape.clone());
    let ([_, _, h, w], [_, _, _, ow]) = (x.nchw(), dy.nchw());
    dx.data.par_chunks_mut(h * w).enumerate().for_each(|(plane, dx)| {
        let x = x.plane(plane);
        for (index, dy) in dy.plane(plane).iter().enumerate() {
            if let Some(at) = maximum(x, spec, [h, w], [index / ow, index % ow]) {
                dx[at] += dy;
            }
        }
    });
    dx
}

/// Calls `visit` with each output whose window holds elements, the one that it takes, and all of them.
pub(super) fn for_each_window(
    x: &Array,
    output: &Shape,
    spec: &PoolSpec,
    mut visit: impl FnMut(usize, usize, &[usize]),
) {
    let ([samples, channels, h, w], out) = (x.nchw(), &output[2..]);
    for plane in 0..samples * channels {
        for index in 0..out[0] * out[1] {
            let position = [index / out[1], index % out[1]];
            if let Some(best) = maximum(x.plane(plane), spec, [h, w], position) {
                let all: Vec<usize> = window(spec, [h, w], position).map(|at| plane * h * w + at).collect();
                visit(plane * out[0] * out[1] + index, plane * h * w + best, &all);
            }
        }
    }
}

/// Where in the map the window of output `[row, column]` has its first maximum in row-major order, or its last NaN,
/// as in PyTorch. `None` if the window lies wholly in the padding.
fn maximum(x: &[f64], spec: &PoolSpec, size: [usize; 2], output: [usize; 2]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for at in window(spec, size, output) {
        if best.is_none_or(|best| x[at] > x[best] || x[at].is_nan()) {
            best = Some(at);
        }
    }
    best
}

/// Where in the map the elements of a window are, in row-major order.
fn window(spec: &PoolSpec, size: [usize; 2], output: [usize; 2]) -> impl Iterator<Item = usize> {
    let along = |axis: usize| {
        let start = output[axis] * spec.stride[axis];
        let end = (start + spec.kernel[axis]).saturating_sub(spec.padding[axis]).min(size[axis]);
        start.saturating_sub(spec.padding[axis])..end
    };
    let (rows, columns, width) = (along(0), along(1), size[1]);
    rows.flat_map(move |row| columns.clone().map(move |column| row * width + column))
}
