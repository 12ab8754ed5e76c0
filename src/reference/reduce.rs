//! sum. Twin of `shaders/sum.wgsl`.

use rayon::prelude::*;

use super::Array;
use crate::graph::Shape;

/// Terms that one task adds up at least.
const GRAIN: usize = 1 << 14;

/// Sums over `axes`, which keep extent 1. Each sum runs in row-major order.
pub(super) fn sum(x: &Array, axes: &[usize], shape: &Shape) -> Array {
    let strides = x.shape.strides();
    let (summed, kept): (Vec<usize>, Vec<usize>) = (0..x.shape.len()).partition(|axis| axes.contains(axis));
    let extents: Vec<(usize, usize)> = summed.iter().map(|&axis| (x.shape[axis], strides[axis])).collect();
    let terms: usize = extents.iter().map(|(extent, _)| extent).product();
    let mut y = Array::zeros(shape.clone());
    y.data.par_iter_mut().with_min_len(GRAIN.div_ceil(terms.max(1))).enumerate().for_each(|(index, y)| {
        let (mut rest, mut offset) = (index, 0);
        for &axis in kept.iter().rev() {
            offset += rest % x.shape[axis] * strides[axis];
            rest /= x.shape[axis];
        }
        *y = sum_from(&x.data, offset, &extents);
    });
    y
}

/// Sum over the given `(extent, stride)` axes of the elements that start at `offset`.
fn sum_from(data: &[f64], offset: usize, axes: &[(usize, usize)]) -> f64 {
    match axes {
        [] => data[offset],
        [(extent, stride)] => (0..*extent).map(|i| data[offset + i * stride]).sum(),
        [(extent, stride), inner @ ..] => (0..*extent).map(|i| sum_from(data, offset + i * stride, inner)).sum(),
    }
}
