//! Launches of sums, and of the parts that other reductions leave to be added up.

use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Shader, Target, View, uniform};
use crate::gpu::layout::OverPasses;
use crate::gpu::lower::lowering::{Lowering, Piece};
use crate::gpu::machine::Result;
use crate::graph::{NodeId, ResizeMode, Shape};

/// Terms from which a whole workgroup shares one sum.
const SHARED_TERMS: usize = 64;
/// Terms that one workgroup adds up at least, before the sum is split over several.
const SPLIT_TERMS: usize = 4096;

uniform! {
    SumBlock {
        base_x: usize,
        base_y: usize,
        outputs: usize,
        terms: usize,
        terms_per_split: usize,
        kept_1: usize,
        kept_2: usize,
        kept_stride_0: usize,
        kept_stride_1: usize,
        kept_stride_2: usize,
        reduced_1: usize,
        reduced_2: usize,
        reduced_stride_0: usize,
        reduced_stride_1: usize,
        reduced_stride_2: usize,
    }
}

uniform! {
    OverPassesBlock {
        count: usize,
        passes: usize,
        in_h: usize,
        in_w: usize,
        out_h: usize,
        out_w: usize,
        taps: usize,
        channels: usize,
        inner: usize,
        mul: f32,
        add: f32,
        share: f32,
    }
}

/// Axes of a sum, merged: kept and reduced, each as extents and strides of three axes.
struct Axes {
    kept: [(usize, usize); 3],
    reduced: [(usize, usize); 3],
}

/// Where sums go.
#[derive(Clone, Copy)]
struct Output {
    target: Target,
    /// first element written
    start: usize,
    /// add to what is there already
    accumulate: bool,
}

impl Output {
    fn new(target: Target) -> Self {
        Output { target, start: 0, accumulate: false }
    }
}

impl Lowering<'_> {
    pub(super) fn sum(&mut self, axes: &[usize], id: NodeId) -> Result<()> {
        if let Some(&sum) = self.over_passes.get(&id) {
            return self.sum_over_passes(sum, id);
        }
        let (x, target) = (self.input(id, 0), self.target(id));
        // Pieces run along the first axis of more than one element.
        let skipped = self.shape(x).iter().take_while(|e| **e == 1).count();
        let shape = match &self.shape(x)[skipped..] {
            [] => Shape::from([1]),
            rest => Shape::from(rest),
        };
        let axes: Vec<usize> = axes.iter().filter_map(|a| a.checked_sub(skipped)).collect();
        let per_row = shape.elements() / shape[0].max(1);
        let outputs_per_row = if axes.contains(&0) { 0 } else { self.shape(id).elements() / shape[0] };
        for piece in self.pieces(shape[0], per_row)? {
            let (view, base) = self.rows(x, piece, per_row);
            let out = Output {
                target,
                start: piece.first * outputs_per_row,
                accumulate: piece.first > 0 && outputs_per_row == 0,
            };
            self.sum_view(view, base, &shape, piece.count, &axes, out)?;
        }
        Ok(())
    }

    /// A sum over passes that is made of their logits.
    fn sum_over_passes(&mut self, sum: OverPasses, id: NodeId) -> Result<()> {
        let (count, passes) = (self.shape(id).elements(), self.shape(self.input(id, 0))[0]);
        let OverPasses { logits, resized, affine: [mul, add], mean_of } = sum;
        let [in_h, in_w] = resized.map_or([0; 2], |_| [2, 3].map(|axis| self.shape(logits)[axis]));
        let (mode, [out_h, out_w]) = resized.unwrap_or((ResizeMode::Nearest, [0; 2]));
        let dispatch = Dispatch::new(Shader::OverPasses, "main")
            .constant("MODE", Constant::Kind(mode.into()))
            .constant("RESIZED", Constant::Bool(resized.is_some()))
            .constant("DEVIATION", Constant::Bool(mean_of.is_some()))
            .uniform(&OverPassesBlock {
                count,
                passes,
                in_h,
                in_w,
                out_h,
                out_w,
                taps: 0,
                channels: 0,
                inner: 0,
                mul,
                add,
                share: mean_of.unwrap_or(0.0),
            })
            .bind(self.whole(logits)?)
            .bind_written(self.whole(id)?)
            .groups(count.div_ceil(64));
        self.push(dispatch);
        Ok(())
    }

    /// Sums `rows` rows of a tensor of `shape` found at `base` of `view`.
    fn sum_view(
        &mut self,
        view: View,
        base: usize,
        shape: &Shape,
        rows: usize,
        reduced: &[usize],
        out: Output,
    ) -> Result<()> {
        let mut extents = shape.to_vec();
        extents[0] = rows;
        let shape = Shape::from(extents);
        let axes = split_axes(&shape, reduced).ok_or_else(|| self.unsupported("too many axes to sum over"))?;
        let outputs: usize = axes.kept.iter().map(|a| a.0).product();
        let terms: usize = axes.reduced.iter().map(|a| a.0).product();
        if terms < SHARED_TERMS {
            let (vy, by) = View::range(out.target, out.start, outputs);
            let dispatch =
                sum_kernel("columns", Extents { base_x: base, base_y: by, outputs, terms, per_split: terms }, &axes)
                    .constant("ACCUMULATE", Constant::Bool(out.accumulate));
            self.push(dispatch.bind(view).bind_written(vy).groups(outputs.div_ceil(64)));
            return Ok(());
        }
        let splits = (terms / SPLIT_TERMS).min(256 / outputs.min(256)).max(1);
        let each = terms.div_ceil(splits);
        let splits = terms.div_ceil(each);
        let parts = match splits {
            1 => out,
            _ => Output::new(self.temporary(splits * outputs)),
        };
        let (vy, by) = View::range(parts.target, parts.start, splits * outputs);
        let dispatch = sum_kernel("rows", Extents { base_x: base, base_y: by, outputs, terms, per_split: each }, &axes)
            .constant("LANES", self.lanes_constant())
            .constant("ACCUMULATE", Constant::Bool(parts.accumulate))
            .bind(view)
            .bind_written(vy)
            .groups(splits * outputs);
        self.push(dispatch);
        if splits > 1 {
            self.add_parts_to(parts.target, splits, outputs, out)?;
        }
        Ok(())
    }

    /// `out[i] = Σ parts[s, i]`, in the order of the parts.
    pub(super) fn add_parts(&mut self, parts: Target, splits: usize, outputs: usize, out: Target) -> Result<()> {
        self.add_parts_to(parts, splits, outputs, Output::new(out))
    }

    /// The same of few outputs and perhaps many parts, in one view.
    pub(super) fn sum_of_parts(&mut self, parts: View, splits: usize, outputs: usize, out: Target) -> Result<()> {
        self.sum_view(parts, 0, &Shape::from([splits, outputs]), splits, &[0], Output::new(out))
    }

    fn add_parts_to(&mut self, parts: Target, splits: usize, outputs: usize, out: Output) -> Result<()> {
        let axes = Axes { kept: [(1, 0), (1, 0), (outputs, 1)], reduced: [(1, 0), (1, 0), (splits, outputs)] };
        let from = self.whole_target(parts, splits * outputs)?;
        let (to, base) = View::range(out.target, out.start, outputs);
        let dispatch = sum_kernel(
            "columns",
            Extents { base_x: 0, base_y: base, outputs, terms: splits, per_split: splits },
            &axes,
        )
        .constant("ACCUMULATE", Constant::Bool(out.accumulate));
        self.push(dispatch.bind(from).bind_written(to).groups(outputs.div_ceil(64)));
        Ok(())
    }

    /// How many samples of `plane` pixels each part of a reduction takes, so that launching it is worth while.
    pub(super) fn samples_per_split(&self, piece: Piece, plane: usize) -> usize {
        2048usize.div_ceil(plane.max(1)).clamp(1, piece.count)
    }
}

/// What a sum reads and writes.
struct Extents {
    base_x: usize,
    base_y: usize,
    outputs: usize,
    terms: usize,
    /// terms that one workgroup adds up
    per_split: usize,
}

fn sum_kernel(entry: &'static str, extents: Extents, axes: &Axes) -> Dispatch {
    let Extents { base_x, base_y, outputs, terms, per_split } = extents;
    Dispatch::new(Shader::Sum, entry).uniform(&SumBlock {
        base_x,
        base_y,
        outputs,
        terms,
        terms_per_split: per_split,
        kept_1: axes.kept[1].0,
        kept_2: axes.kept[2].0,
        kept_stride_0: axes.kept[0].1,
        kept_stride_1: axes.kept[1].1,
        kept_stride_2: axes.kept[2].1,
        reduced_1: axes.reduced[1].0,
        reduced_2: axes.reduced[2].0,
        reduced_stride_0: axes.reduced[0].1,
        reduced_stride_1: axes.reduced[1].1,
        reduced_stride_2: axes.reduced[2].1,
    })
}

/// Kept and reduced axes of a row-major tensor, neighbours of a kind joined; `None` if more than three remain.
fn split_axes(shape: &Shape, reduced: &[usize]) -> Option<Axes> {
    let strides = shape.strides();
    let mut groups: Vec<(bool, usize, usize)> = Vec::new();
    for axis in (0..shape.len()).filter(|&a| shape[a] != 1) {
        let is_reduced = reduced.contains(&axis);
        match groups.last_mut() {
            Some(last) if last.0 == is_reduced => *last = (is_reduced, last.1 * shape[axis], strides[axis]),
            _ => groups.push((is_reduced, shape[axis], strides[axis])),
        }
    }
    let three = |wanted: bool| {
        let own: Vec<_> = groups.iter().filter(|g| g.0 == wanted).map(|g| (g.1, g.2)).collect();
        let missing = 3usize.checked_sub(own.len())?;
        let all: Vec<_> = std::iter::repeat_n((1, 0), missing).chain(own).collect();
        <[(usize, usize); 3]>::try_from(all).ok()
    };
    Some(Axes { kept: three(false)?, reduced: three(true)? })
}
