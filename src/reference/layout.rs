//! concat, permute and pad. Twin of `shaders/copy.wgsl` and `shaders/pad.wgsl`.

use super::Array;
use crate::graph::Shape;

/// Tensors joined along `axis`.
pub(super) fn concat(inputs: &[&Array], axis: usize, shape: &Shape) -> Array {
    let outer: usize = shape[..axis].iter().product();
    let mut data = Vec::with_capacity(shape.elements());
    for row in 0..outer {
        for input in inputs {
            let len: usize = input.shape[axis..].iter().product();
            data.extend_from_slice(&input.data[row * len..(row + 1) * len]);
        }
    }
    Array { shape: shape.clone(), data }
}

/// Axes in another order.
pub(super) fn permute(x: &Array, axes: &[usize], shape: &Shape) -> Array {
    let strides = x.shape.strides();
    let strides: Vec<usize> = axes.iter().map(|&axis| strides[axis]).collect();
    let mut y = Array::zeros(shape.clone());
    for (index, y) in y.data.iter_mut().enumerate() {
        let (mut rest, mut from) = (index, 0);
        for axis in (0..shape.len()).rev() {
            from += rest % shape[axis] * strides[axis];
            rest /= shape[axis];
        }
        *y = x.data[from];
    }
    y
}

/// Zeros added (positive) or elements removed (negative) before each axis; `shape` tells what is after.
pub(super) fn pad(x: &Array, before: &[isize], shape: &Shape) -> Array {
    let Some((&columns, leading)) = shape.split_last() else { return x.clone() };
    let strides = x.shape.strides();
    let last = leading.len();
    // Columns of the output that come from the input, and the first one there.
    let first = before[last].max(0) as usize;
    let end = columns.min((x.shape[last] as isize + before[last]).max(0) as usize);
    let source_first = (-before[last]).max(0) as usize;
    let mut y = Array::zeros(shape.clone());
    for (row, y) in y.data.chunks_mut(columns).enumerate() {
        let mut rest = row;
        let mut offset = Some(source_first);
        for axis in (0..last).rev() {
            let source = (rest % leading[axis]) as isize - before[axis];
            let source = usize::try_from(source).ok().filter(|&i| i < x.shape[axis]);
            offset = offset.zip(source).map(|(offset, i)| offset + i * strides[axis]);
            rest /= leading[axis];
        }
        if let Some(offset) = offset.filter(|_| first < end) {
            y[first..end].copy_from_slice(&x.data[offset..offset + end - first]);
        }
    }
    y
}
