//! max_pool2d and max_pool2d_grad. Twin of `shaders/max_pool.wgsl`.

use rayon::prelude::*;

use super::Array;
use crate::graph::{PoolSpec, Shape};

/// Maximum of each window of each map `[N,C,H,W]`; NaN where the window holds one.
pub fn max_pool(x: &Array, spec: &PoolSpec, shape: &Shape) -> Array {
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
pub fn max_pool_grad(x: &Array, dy: &Array, spec: &PoolSpec) -> Array {
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

/// Where in the map the window of output `[row, column]` has its first maximum in row-major order, or its last NaN,
/// as in PyTorch. `None` if the window lies wholly in the padding.
fn maximum(x: &[f64], spec: &PoolSpec, size: [usize; 2], output: [usize; 2]) -> Option<usize> {
    let window = |axis: usize| {
        let start = output[axis] * spec.stride[axis];
        let end = (start + spec.kernel[axis]).saturating_sub(spec.padding[axis]).min(size[axis]);
        start.saturating_sub(spec.padding[axis])..end
    };
    let mut best: Option<usize> = None;
    for row in window(0) {
        for at in window(1).map(|column| row * size[1] + column) {
            if best.is_none_or(|best| x[at] > x[best] || x[at].is_nan()) {
                best = Some(at);
            }
        }
    }
    best
}
