//! conv2d, conv2d_input_grad, conv2d_weight_grad: any stride, padding, dilation and groups.
//! Twin of the `shaders/conv2d_*.wgsl` family.
//!
//! All three visit the same products `y[oh, ow] ↔ w[kh, kw] · x[oh·stride + kh·dilation − padding, …]`. A `Tap` is
//! one element of the kernel with the outputs at which it meets the map, so that nothing is tested within loops.

use std::ops::Range;

use rayon::prelude::*;

use super::vector::{add_scaled, dot};
use super::{Array, elementwise};
use crate::graph::{Activation, ConvSpec, Shape};

/// Convolution `x [N,I,H,W]` with `w [O,I/groups,KH,KW]`, plus `bias [O]`, then the activation: `[N,O,OH,OW]`.
pub(super) fn conv2d(
    x: &Array,
    w: &Array,
    bias: Option<&Array>,
    spec: &ConvSpec,
    activation: Activation,
    shape: &Shape,
) -> Array {
    let ([_, channels, h, width], [outputs, group_inputs, kh, kw]) = (x.nchw(), w.nchw());
    let mut y = Array::zeros(shape.clone());
    let [_, _, oh, ow] = y.nchw();
    let taps = taps(spec, [h, width], [oh, ow], [kh, kw]);
    let group_outputs = outputs / spec.groups;
    y.data.par_chunks_mut(oh * ow).enumerate().for_each(|(index, y)| {
        let (sample, o) = (index / outputs, index % outputs);
        y.fill(bias.map_or(0.0, |b| b.data[o]));
        for i in 0..group_inputs {
            let x = x.plane(sample * channels + o / group_outputs * group_inputs + i);
            let w = w.plane(o * group_inputs + i);
            for (tap, &w) in taps.iter().zip(w) {
                tap.for_each_run(|out, source| match tap.stride {
                    1 => add_scaled(&mut y[out], w, &x[source..]),
                    stride => y[out].iter_mut().zip(x[source..].iter().step_by(stride)).for_each(|(y, x)| *y += w * x),
                });
            }
        }
        if activation != Activation::Identity {
            y.iter_mut().for_each(|y| *y = elementwise::activate(activation, *y));
        }
    });
    y
}

/// Gradient of the input `[N,I,H,W]`, given `dy [N,O,OH,OW]` and the weight.
pub(super) fn conv2d_input_grad(dy: &Array, w: &Array, spec: &ConvSpec, shape: &Shape) -> Array {
    let ([_, outputs, oh, ow], [_, group_inputs, kh, kw]) = (dy.nchw(), w.nchw());
    let mut dx = Array::zeros(shape.clone());
    let [_, channels, h, width] = dx.nchw();
    let taps = taps(spec, [h, width], [oh, ow], [kh, kw]);
    let group_outputs = outputs / spec.groups;
    dx.data.par_chunks_mut(h * width).enumerate().for_each(|(index, dx)| {
        let (sample, channel) = (index / channels, index % channels);
        let (group, i) = (channel / group_inputs, channel % group_inputs);
        for o in group * group_outputs..(group + 1) * group_outputs {
            let dy = dy.plane(sample * outputs + o);
            let w = w.plane(o * group_inputs + i);
            for (tap, &w) in taps.iter().zip(w) {
                tap.for_each_run(|out, source| match tap.stride {
                    1 => add_scaled(&mut dx[source..], w, &dy[out]),
                    stride => dx[source..].iter_mut().step_by(stride).zip(&dy[out]).for_each(|(dx, dy)| *dx += w * dy),
                });
            }
        }
    });
    dx
}

/// Gradient of the weight `[O,I/groups,KH,KW]`, given `x` and `dy`.
pub(super) fn conv2d_weight_grad(x: &Array, dy: &Array, spec: &ConvSpec, shape: &Shape) -> Array {
    let ([samples, channels, h, width], [_, outputs, oh, ow]) = (x.nchw(), dy.nchw());
    let mut dw = Array::zeros(shape.clone());
    let [_, group_inputs, kh, kw] = dw.nchw();
    let taps = taps(spec, [h, width], [oh, ow], [kh, kw]);
    let group_outputs = outputs / spec.groups;
    dw.data.par_chunks_mut(kh * kw).enumerate().for_each(|(index, dw)| {
        let (o, i) = (index / group_inputs, index % group_inputs);
        for sample in 0..samples {
            let x = x.plane(sample * channels + o / group_outputs * group_inputs + i);
            let dy = dy.plane(sample * outputs + o);
            for (tap, dw) in taps.iter().zip(&mut *dw) {
                tap.for_each_run(|out, source| {
                    *dw += match tap.stride {
                        1 => dot(&x[source..source + out.len()], &dy[out]),
                        stride => x[source..].iter().step_by(stride).zip(&dy[out]).map(|(x, dy)| x * dy).sum(),
                    }
                });
            }
        }
    });
    dw
}

/// One element of the kernel and where it meets the map.
struct Tap {
    /// Output rows and columns at which it reads inside the map.
    rows: Range<usize>,
    columns: Range<usize>,
    /// Position in the map that it reads at the first of these.
    source: [usize; 2],
    /// Steps in the map from one output to the next: rows (in elements) and columns.
    row_step: usize,
    stride: usize,
    /// Output columns in a row.
    output_width: usize,
    /// Columns of a row of the map.
    width: usize,
}

impl Tap {
    /// Calls `run` with each range of contiguous outputs and the first element of the map that it reads. Rows that
    /// follow each other without a gap both in output and map are one range.
    fn for_each_run(&self, mut run: impl FnMut(Range<usize>, usize)) {
        let (rows, columns) = (&self.rows, &self.columns);
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let first = self.source[0] * self.width + self.source[1];
        if columns.len() == self.output_width && self.row_step == self.output_width && self.stride == 1 {
            return run(rows.start * self.output_width..rows.end * self.output_width, first);
        }
        for (step, row) in rows.clone().enumerate() {
            let start = row * self.output_width;
            run(start + columns.start..start + columns.end, first + step * self.row_step);
        }
    }
}

/// The taps of a kernel, row-major.
fn taps(spec: &ConvSpec, input: [usize; 2], output: [usize; 2], kernel: [usize; 2]) -> Vec<Tap> {
    let mut taps = Vec::with_capacity(kernel[0] * kernel[1]);
    for kh in 0..kernel[0] {
        for kw in 0..kernel[1] {
            let (rows, source_row) = inside(spec, 0, kh, input[0], output[0]);
            let (columns, source_column) = inside(spec, 1, kw, input[1], output[1]);
            taps.push(Tap {
                rows,
                columns,
                source: [source_row, source_column],
                row_step: spec.stride[0] * input[1],
                stride: spec.stride[1],
                output_width: output[1],
                width: input[1],
            });
        }
    }
    taps
}

/// Outputs along `axis` at which element `k` of the kernel reads inside the map, and what the first of them reads.
fn inside(spec: &ConvSpec, axis: usize, k: usize, input: usize, output: usize) -> (Range<usize>, usize) {
    let (stride, padding, offset) = (spec.stride[axis], spec.padding[axis], k * spec.dilation[axis]);
    let start = padding.saturating_sub(offset).div_ceil(stride);
    let end = (input + padding).saturating_sub(offset).div_ceil(stride).min(output);
    if start >= end { (0..0, 0) } else { (start..end, start * stride + offset - padding) }
}
