//! conv2d, conv2d_input_grad, conv2d_weight_grad: any stride, padding, dilation and groups.
//! Twin of the `shaders/conv2d_*.wgsl` family.
//!
//! All three visit the same products `y[oh, ow] ↔ w[kh, kw] · x[oh·stride + kh·dilation − padding, …]`. What an output reads of the
//! map, channel by channel, is its patch. Patches are laid out like weights, so that sums go over contiguous elements however small a
//! map is; those of [`PATCH_ELEMENTS`] are held at once.

use std::borrow::Cow;
use std::ops::Range;

use rayon::prelude::*;

use super::vector::{add_scaled, dot};
use super::{Array, elementwise};
use crate::graph::{Activation, ConvSpec, Shape};

/// Elements of patches that are held at once: 8 MiB, if one row of outputs has not more.
const PATCH_ELEMENTS: usize = 1 << 20;

/// Convolution `x [N,I,H,W]` with `w [O,I/groups,KH,KW]`, plus `bias [O]`, then the activation: `[N,O,OH,OW]`.
pub(super) fn conv2d(
    x: &Array,
    w: &Array,
    bias: Option<&Array>,
    spec: &ConvSpec,
    activation: Activation,
    shape: &Shape,
) -> Array {
    let mut y = Array::zeros(shape.clone());
    let patches = Patches::new(spec, x, w, &y);
    let (maps, weights) = (patches.maps(x, spec.groups), patches.met(&w.data));
    let [_, outputs, oh, ow] = y.nchw();
    let group_outputs = outputs / spec.groups;
    y.data.par_chunks_mut(group_outputs * oh * ow).enumerate().for_each(|(index, y)| {
        let first = index % spec.groups * group_outputs;
        for rows in patches.blocks() {
            let block = patches.gather(maps[index], &rows);
            y.par_chunks_mut(oh * ow).enumerate().for_each(|(o, y)| {
                let (o, y) = (first + o, &mut y[rows.start * ow..rows.end * ow]);
                for (y, patch) in y.iter_mut().zip(patches.each(&block)) {
                    *y = dot(patch, patches.of(&weights, o)) + bias.map_or(0.0, |b| b.data[o]);
                    if activation != Activation::Identity {
                        *y = elementwise::activate(activation, *y);
                    }
                }
            });
        }
    });
    y
}

/// Gradient of the input `[N,I,H,W]`, given `dy [N,O,OH,OW]` and the weight.
pub(super) fn conv2d_input_grad(dy: &Array, w: &Array, spec: &ConvSpec, shape: &Shape) -> Array {
    let mut dx = Array::zeros(shape.clone());
    let patches = Patches::new(spec, &dx, w, dy);
    let weights = patches.met(&w.data);
    let ([_, channels, h, width], [_, outputs, oh, ow]) = (dx.nchw(), dy.nchw());
    let group_outputs = outputs / spec.groups;
    dx.data.par_chunks_mut(channels / spec.groups * h * width).enumerate().for_each(|(index, dx)| {
        let (sample, first) = (index / spec.groups, index % spec.groups * group_outputs);
        for rows in patches.blocks() {
            let mut block = vec![0.0; rows.len() * ow * patches.length];
            block.par_chunks_mut(patches.length.max(1)).enumerate().for_each(|(output, patch)| {
                for o in first..first + group_outputs {
                    let dy = dy.data[((sample * outputs + o) * oh + rows.start) * ow + output];
                    add_scaled(patch, dy, patches.of(&weights, o));
                }
            });
            patches.for_each(&rows, |element, source| dx[source] += block[element]);
        }
    });
    dx
}

/// Gradient of the weight `[O,I/groups,KH,KW]`, given `x` and `dy`.
pub(super) fn conv2d_weight_grad(x: &Array, dy: &Array, spec: &ConvSpec, shape: &Shape) -> Array {
    let mut dw = Array::zeros(shape.clone());
    let patches = Patches::new(spec, x, &dw, dy);
    let maps = patches.maps(x, spec.groups);
    let ([samples, outputs, oh, ow], taken) = (dy.nchw(), dw.data.len() / dw.shape[0]);
    let group_outputs = outputs / spec.groups;
    dw.data.par_chunks_mut(group_outputs * taken).enumerate().for_each(|(group, dw)| {
        let mut met = vec![0.0; group_outputs * patches.length];
        for (sample, rows) in (0..samples).flat_map(|sample| patches.blocks().map(move |rows| (sample, rows))) {
            let block = patches.gather(maps[sample * spec.groups + group], &rows);
            met.par_chunks_mut(patches.length.max(1)).enumerate().for_each(|(o, met)| {
                let plane = (sample * outputs + group * group_outputs + o) * oh;
                let dy = &dy.data[(plane + rows.start) * ow..(plane + rows.end) * ow];
                for (&dy, patch) in dy.iter().zip(patches.each(&block)) {
                    add_scaled(met, dy, patch);
                }
            });
        }
        patches.spread(&met, dw);
    });
    dw
}

/// What the outputs of a convolution read of one group of channels.
struct Patches {
    /// those elements of the kernel that meet the map at all
    taps: Vec<Tap>,
    /// elements of the kernel
    kernel: usize,
    /// channels of a group
    channels: usize,
    /// elements of a patch: channels by taps
    length: usize,
    /// rows and columns of the map
    map: [usize; 2],
    /// rows and columns of the output
    output: [usize; 2],
    stride: [usize; 2],
}

/// One element of the kernel and where it meets the map.
struct Tap {
    /// its place in the kernel, row-major
    index: usize,
    /// output rows and columns at which it reads inside the map
    rows: Range<usize>,
    columns: Range<usize>,
    /// position in the map that it reads at the first of these
    source: [usize; 2],
}

impl Patches {
    /// Of a convolution of `x` with `w` to `y`, by their shapes.
    fn new(spec: &ConvSpec, x: &Array, w: &Array, y: &Array) -> Self {
        let ([_, _, h, width], [_, channels, kh, kw], [_, _, oh, ow]) = (x.nchw(), w.nchw(), y.nchw());
        let tap = |index| {
            let (rows, row) = inside(spec, 0, index / kw, h, oh);
            let (columns, column) = inside(spec, 1, index % kw, width, ow);
            Tap { index, rows, columns, source: [row, column] }
        };
        let meets = |tap: &Tap| !tap.rows.is_empty() && !tap.columns.is_empty();
        let taps: Vec<Tap> = (0..kh * kw).map(tap).filter(meets).collect();
        let length = channels * taps.len();
        Patches { taps, kernel: kh * kw, channels, length, map: [h, width], output: [oh, ow], stride: spec.stride }
    }

    /// The maps of each group of channels of each sample.
    fn maps<'a>(&self, x: &'a Array, groups: usize) -> Vec<&'a [f64]> {
        debug_assert_eq!(x.shape[1], groups * self.channels);
        x.data.chunks_exact(self.channels * self.map[0] * self.map[1]).collect()
    }

    /// Ranges of output rows whose patches are held at once.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let [rows, columns] = self.output;
        let step = (PATCH_ELEMENTS / (columns * self.length).max(1)).max(1);
        (0..rows).step_by(step).map(move |start| start..(start + step).min(rows))
    }

    /// Calls `visit` with each element of the patches of some output rows and the element of the map that it is.
    #[inline]
    fn for_each(&self, rows: &Range<usize>, mut visit: impl FnMut(usize, usize)) {
        let [[h, width], [_, ow], [row_stride, stride]] = [self.map, self.output, self.stride];
        for (t, tap) in self.taps.iter().enumerate() {
            for row in rows.start.max(tap.rows.start)..rows.end.min(tap.rows.end) {
                let line = (tap.source[0] + (row - tap.rows.start) * row_stride) * width + tap.source[1];
                for (step, column) in tap.columns.clone().enumerate() {
                    let (patch, source) = ((row - rows.start) * ow + column, line + step * stride);
                    for channel in 0..self.channels {
                        visit(patch * self.length + channel * self.taps.len() + t, channel * h * width + source);
                    }
                }
            }
        }
    }

    /// The patches of some output rows, 0 beside the map.
    fn gather(&self, map: &[f64], rows: &Range<usize>) -> Vec<f64> {
        let mut patches = vec![0.0; rows.len() * self.output[1] * self.length];
        self.for_each(rows, |element, source| patches[element] = map[source]);
        patches
    }

    /// The patches among elements, in the order of outputs, whose number is not looked at: a patch may be empty.
    fn each<'a>(&self, patches: &'a [f64]) -> impl Iterator<Item = &'a [f64]> {
        let length = self.length;
        (0..).map(move |index| &patches[index * length..(index + 1) * length])
    }

    /// Weights without those that meet no map, laid out like patches.
    fn met<'a>(&self, w: &'a [f64]) -> Cow<'a, [f64]> {
        if self.taps.len() == self.kernel {
            return Cow::Borrowed(w);
        }
        Cow::Owned(w.chunks_exact(self.kernel).flat_map(|w| self.taps.iter().map(|tap| w[tap.index])).collect())
    }

    /// Those of [`met`](Patches::met) of one output.
    fn of<'a>(&self, met: &'a [f64], output: usize) -> &'a [f64] {
        &met[output * self.length..(output + 1) * self.length]
    }

    /// Puts weights laid out like patches where they belong among all.
    fn spread(&self, met: &[f64], w: &mut [f64]) {
        for (met, w) in met.chunks_exact(self.taps.len().max(1)).zip(w.chunks_exact_mut(self.kernel)) {
            self.taps.iter().zip(met).for_each(|(tap, met)| w[tap.index] = *met);
        }
    }
}

/// Outputs along `axis` at which element `k` of the kernel reads inside the map, and what the first of them reads.
fn inside(spec: &ConvSpec, axis: usize, k: usize, input: usize, output: usize) -> (Range<usize>, usize) {
    let (stride, padding, offset) = (spec.stride[axis], spec.padding[axis], k * spec.dilation[axis]);
    let start = padding.saturating_sub(offset).div_ceil(stride);
    let end = (input + padding).saturating_sub(offset).div_ceil(stride).min(output);
    if start >= end { (0..0, 0) } else { (start..end, start * stride + offset - padding) }
}
