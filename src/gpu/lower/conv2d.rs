//! Launches of the convolutions: which variant computes which direction, and how its work is divided.

use super::super::context::{ConvVariant, Tile};
use super::super::dispatch::{Dispatch, Target};
use super::super::error::Result;
use super::super::shader::Constant;
use super::conv2d_tiled::Product;
use super::{Lowering, Piece, activation_constants, storable};
use crate::graph::{Activation, ConvSpec, Graph, NodeId, Op};

/// Products that one invocation adds up at most; longer sums lose digits and are split.
pub(super) const MAX_TERMS: usize = 4096;

/// Extents of a convolution: `x [n,i,h,w]`, `w [o,i/groups,kh,kw]`, `y [n,o,oh,ow]`.
#[derive(Clone, Copy)]
pub(in crate::gpu) struct Geometry {
    pub n: usize,
    pub i: usize,
    pub h: usize,
    pub w: usize,
    pub o: usize,
    pub oh: usize,
    pub ow: usize,
    pub kernel: [usize; 2],
    pub spec: ConvSpec,
}

impl Geometry {
    /// Extents of a convolution of a graph, or of one of its gradients.
    pub fn of(graph: &Graph, id: NodeId) -> Geometry {
        let node = graph.node(id);
        let [first, second] = [node.inputs[0], node.inputs[1]];
        let (spec, x, y, w) = match node.op {
            Op::Conv2d { spec, .. } => (spec, first, id, second),
            Op::Conv2dInputGrad { spec, .. } => (spec, id, first, second),
            Op::Conv2dWeightGrad { spec, .. } => (spec, first, second, id),
            _ => unreachable!("called for convolutions only"),
        };
        let nchw = |id| graph.shape(id).nchw().expect("shape rules let only feature maps through");
        let ([n, i, h, w_], [_, o, oh, ow], [_, _, kh, kw]) = (nchw(x), nchw(y), nchw(w));
        Geometry { n, i, h, w: w_, o, oh, ow, kernel: [kh, kw], spec }
    }

    /// Name of the class of convolutions that one kernel suits alike; `op` tells the direction.
    pub fn class(&self, op: &Op) -> String {
        let [kh, kw] = self.kernel;
        let ConvSpec { stride, dilation, .. } = self.spec;
        let dilated = if dilation == [1, 1] { "" } else { " dilated" };
        let [i, o, pixels] = [self.i, self.o, self.n * self.oh * self.ow].map(usize::next_power_of_two);
        format!(
            "{} {kh}x{kw} stride {}x{}{dilated}, {i} to {o} channels, {pixels} pixels",
            op.name(),
            stride[0],
            stride[1]
        )
    }

    /// Operations, two for each product.
    pub fn operations(&self) -> f64 {
        2.0 * self.weights() as f64 * (self.n * self.oh * self.ow) as f64
    }

    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    pub fn weights(&self) -> usize {
        self.o * (self.i / self.spec.groups) * self.taps()
    }

    fn is_depthwise(&self) -> bool {
        self.spec.groups > 1 && self.spec.groups == self.i && self.o == self.i
    }

    /// Stride, padding and dilation, in the order of the uniform blocks.
    pub fn steps(&self) -> [usize; 6] {
        let ConvSpec { stride, padding, dilation, .. } = self.spec;
        [stride[0], stride[1], padding[0], padding[1], dilation[0], dilation[1]]
    }

    /// First and end of the taps along `axis` that reach a pixel of the map at some output.
    pub fn useful_taps(&self, axis: usize) -> [usize; 2] {
        let (extent_in, extent_out) = if axis == 0 { (self.h, self.oh) } else { (self.w, self.ow) };
        let (stride, padding, dilation) = (self.spec.stride[axis], self.spec.padding[axis], self.spec.dilation[axis]);
        let reaches = |tap: &usize| {
            (0..extent_out).any(|out| (padding..padding + extent_in).contains(&(out * stride + tap * dilation)))
        };
        let useful: Vec<usize> = (0..self.kernel[axis]).filter(reaches).collect();
        match (useful.first(), useful.last()) {
            (Some(first), Some(last)) => [*first, last + 1],
            _ => [0, 0],
        }
    }
}

/// Every `every`-th output row or column from `phase` on, and the taps `first, first + step, …` below `end` that reach it.
#[derive(Clone, Copy)]
pub(super) struct Phase {
    pub phase: usize,
    pub every: usize,
    pub first: usize,
    pub end: usize,
    pub step: usize,
}

impl Phase {
    /// Number of taps.
    pub fn taps(&self) -> usize {
        (self.end - self.first).div_ceil(self.step)
    }

    /// Number of rows or columns of `extent` that it takes.
    pub fn positions(&self, extent: usize) -> usize {
        (extent - self.phase).div_ceil(self.every)
    }
}

impl Geometry {
    /// Phases along `axis` of a forward convolution (one), or of the gradient of its input (one for each remainder of
    /// a position by the stride).
    pub(super) fn phases(&self, axis: usize, transposed: bool) -> Vec<Phase> {
        let [first, end] = self.useful_taps(axis);
        if !transposed {
            return vec![Phase { phase: 0, every: 1, first, end, step: 1 }];
        }
        let (stride, padding, dilation) = (self.spec.stride[axis], self.spec.padding[axis], self.spec.dilation[axis]);
        let extent = if axis == 0 { self.h } else { self.w };
        let of = |phase: usize| {
            // Congruences, so that nothing becomes negative.
            let divides = |tap: &usize| (phase + padding + (stride - 1) * tap * dilation).is_multiple_of(stride);
            let taps: Vec<usize> = (first..end).filter(divides).collect();
            let step = if taps.len() > 1 { taps[1] - taps[0] } else { 1 };
            let (first, end) = taps.first().zip(taps.last()).map_or((0, 0), |(first, last)| (*first, last + 1));
            Phase { phase, every: stride, first, end, step }
        };
        (0..stride.min(extent)).map(of).collect()
    }
}

/// The values that a convolution reads and writes.
pub(super) struct Operands {
    pub first: NodeId,
    pub second: NodeId,
    pub bias: Option<NodeId>,
    pub out: NodeId,
    pub activation: Activation,
}

impl Lowering<'_> {
    /// Launches the kernels that compute from textures, if they suit; false if they do not.
    pub(super) fn convolution_by_textures(&mut self, id: NodeId) -> Result<bool> {
        let (g, op) = (Geometry::of(self.graph, id), &self.graph.node(id).op);
        let (variant, _) = self.conv_variant(&g, op);
        let texels = (g.n * g.i.div_ceil(4) * g.h * g.w).max(g.n * g.o.div_ceil(4) * g.oh * g.ow);
        let weight_texels = g.o.next_multiple_of(8) * g.i.next_multiple_of(8) * g.taps();
        let fits = texels.max(weight_texels) < self.texture_capacity;
        if variant != ConvVariant::Texture || !fits || (g.spec.groups > 1 && !g.is_depthwise()) {
            return Ok(false);
        }
        let operands = self.operands(id);
        let weights = matches!(op, Op::Conv2dWeightGrad { .. });
        match (weights, self.suits_winograd(&g, op)) {
            _ if g.is_depthwise() => self.depthwise_texture(&g, &operands)?,
            (true, true) => self.winograd_weight_grad(&g, &operands)?,
            (true, false) => self.texture_weight_grad(&g, &operands)?,
            (false, true) => self.winograd(&g, &operands)?,
            (false, false) => self.texture(&g, &operands)?,
        }
        Ok(true)
    }

    pub(super) fn convolution(&mut self, id: NodeId) -> Result<()> {
        let (geometry, operands) = (Geometry::of(self.graph, id), self.operands(id));
        match self.conv_variant(&geometry, &self.graph.node(id).op) {
            (ConvVariant::Direct, _) => self.direct(&geometry, &operands),
            _ if geometry.is_depthwise() => self.depthwise(&geometry, &operands),
            _ if geometry.spec.groups > 1 => self.direct(&geometry, &operands),
            (ConvVariant::Cooperative, _) => self.tiled(&geometry, &operands, Product::Matrices(self.matrices()?)),
            (_, tile) => self.tiled(&geometry, &operands, Product::Registers(tile)),
        }
    }

    fn operands(&self, id: NodeId) -> Operands {
        let node = self.graph.node(id);
        let activation = match node.op {
            Op::Conv2d { activation, .. } => activation,
            _ => Activation::Identity,
        };
        let [first, second] = [node.inputs[0], node.inputs[1]];
        Operands { first, second, bias: node.inputs.get(2).copied(), out: id, activation }
    }

    /// The kernel measured to be the fastest for such a convolution, or else the adapter's.
    fn conv_variant(&self, geometry: &Geometry, op: &Op) -> (ConvVariant, Option<Tile>) {
        let chosen = self.choices.get(&geometry.class(op)).map(|choice| choice.variant());
        let (variant, tile) = chosen.unwrap_or((self.conv, self.tile));
        (storable(self.graph, variant), tile)
    }

    pub(super) fn entry(&self, operands: &Operands) -> &'static str {
        match self.graph.node(operands.out).op {
            Op::Conv2d { .. } => "forward",
            Op::Conv2dInputGrad { .. } => "input_grad",
            _ => "weight_grad",
        }
    }

    fn direct(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let entry = self.entry(operands);
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let pieces = self.pieces(g.n, in_sample.max(out_sample))?;
        let params = |bases: [usize; 2], piece: Piece, split: [usize; 2]| {
            bases
                .into_iter()
                .chain([piece.count, g.i, g.h, g.w, g.o, g.oh, g.ow, g.spec.groups, g.kernel[0], g.kernel[1]])
                .chain(g.steps())
                .chain(split)
        };
        if entry == "weight_grad" {
            let each = g.n.div_ceil((self.most_splits(g) / pieces.len()).max(1));
            let splits: usize = pieces.iter().map(|p| p.count.div_ceil(each)).sum();
            let parts = self.parts(splits * g.weights(), operands.out, splits);
            let mut first_split = 0;
            for piece in pieces {
                let (vx, bx) = self.rows(operands.first, piece, in_sample);
                let (vdy, bdy) = self.rows(operands.second, piece, out_sample);
                let own = piece.count.div_ceil(each);
                let dispatch = Dispatch::new("conv2d_direct", entry)
                    .params(params([bx, bdy], piece, [each, first_split]))
                    .bind(vx)
                    .bind(vdy)
                    .bind(self.whole_target(parts, splits * g.weights())?)
                    .groups((own * g.weights()).div_ceil(64));
                self.push(dispatch);
                first_split += own;
            }
            return self.finish_parts(parts, splits, g.weights(), operands.out);
        }
        let (read, written) = if entry == "forward" { (in_sample, out_sample) } else { (out_sample, in_sample) };
        for piece in pieces {
            let (vx, bx) = self.rows(operands.first, piece, read);
            let (vy, by) = self.rows(operands.out, piece, written);
            let name = if operands.bias.is_some() { "forward_bias" } else { entry };
            let mut dispatch = Dispatch::new("conv2d_direct", name)
                .constants(activation_constants(operands.activation))
                .params(params([bx, by], piece, [0, 0]))
                .bind(vx)
                .bind(self.whole(operands.second)?)
                .bind(vy)
                .groups((piece.count * written).div_ceil(64));
            if let Some(bias) = operands.bias {
                dispatch = dispatch.bind(self.whole(bias)?);
            }
            self.push(dispatch);
        }
        Ok(())
    }

    fn depthwise(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let entry = self.entry(operands);
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let pieces = self.pieces(g.n, in_sample.max(out_sample))?;
        let params = |bases: [usize; 2], piece: Piece, split: [usize; 2]| {
            bases
                .into_iter()
                .chain([piece.count, g.i, g.h, g.w, g.oh, g.ow, g.kernel[0], g.kernel[1]])
                .chain(g.steps())
                .chain(split)
        };
        if entry == "weight_grad" {
            let each = self.samples_per_split(pieces[0], g.oh * g.ow);
            let splits: usize = pieces.iter().map(|p| p.count.div_ceil(each)).sum();
            let parts = self.parts(splits * g.weights(), operands.out, splits);
            let mut first_split = 0;
            for piece in pieces {
                let (vx, bx) = self.rows(operands.first, piece, in_sample);
                let (vdy, bdy) = self.rows(operands.second, piece, out_sample);
                let own = piece.count.div_ceil(each);
                let dispatch = Dispatch::new("depthwise", entry)
                    .constant("LANES", self.lanes_constant())
                    .params(params([bx, bdy], piece, [each, first_split]))
                    .bind(vx)
                    .bind(vdy)
                    .bind(self.whole_target(parts, splits * g.weights())?)
                    .grid(g.weights(), own, 1);
                self.push(dispatch);
                first_split += own;
            }
            return self.finish_parts(parts, splits, g.weights(), operands.out);
        }
        let (read, written) = if entry == "forward" { (in_sample, out_sample) } else { (out_sample, in_sample) };
        for piece in pieces {
            let (vx, bx) = self.rows(operands.first, piece, read);
            let (vy, by) = self.rows(operands.out, piece, written);
            let dispatch = Dispatch::new("depthwise", entry)
                .constants(activation_constants(operands.activation))
                .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                .params(params([bx, by], piece, [0, 0]))
                .bind(vx)
                .bind(self.whole(operands.second)?)
                .bind(vy)
                .bind(self.whole(operands.bias.unwrap_or(operands.second))?)
                .groups((piece.count * written).div_ceil(64));
            self.push(dispatch);
        }
        Ok(())
    }

    /// Parts of a gradient of weights that one binding holds.
    pub(super) fn most_splits(&self, g: &Geometry) -> usize {
        (self.limit / g.weights()).max(1)
    }

    /// Memory for the parts of a reduction: the result itself if there is only one.
    pub(super) fn parts(&mut self, elements: usize, out: NodeId, splits: usize) -> Target {
        if splits == 1 { self.target(out) } else { self.temporary(elements) }
    }

    pub(super) fn finish_parts(&mut self, parts: Target, splits: usize, outputs: usize, out: NodeId) -> Result<()> {
        if splits == 1 {
            return Ok(());
        }
        let target = self.target(out);
        self.add_parts(parts, splits, outputs, target)
    }
}
