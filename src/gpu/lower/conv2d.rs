//! Launches of the convolutions: which variant computes which direction, and how its work is divided.

use super::super::context::ConvVariant;
use super::super::dispatch::{Dispatch, Target, TextureSlot, View};
use super::super::error::Result;
use super::super::shader::Constant;
use super::{Lowering, Piece, activation_constants};
use crate::graph::{Activation, ConvSpec, NodeId, Op};

/// Lanes × pixels of a workgroup of `conv2d_texture`.
const TEXTURE_BLOCK: usize = 32 * 8;
/// Lanes × pixels of a workgroup of `depthwise_texture`.
const DEPTHWISE_BLOCK: usize = 16 * 4;
/// Lanes of a workgroup of `conv2d_texture_weight_grad`.
const GRAD_LANES: usize = 8;
/// Products that one invocation adds up at most; longer sums lose digits and are split.
const MAX_TERMS: usize = 4096;

/// Extents of a convolution: `x [n,i,h,w]`, `w [o,i/groups,kh,kw]`, `y [n,o,oh,ow]`.
#[derive(Clone, Copy)]
struct Geometry {
    n: usize,
    i: usize,
    h: usize,
    w: usize,
    o: usize,
    oh: usize,
    ow: usize,
    kernel: [usize; 2],
    spec: ConvSpec,
}

impl Geometry {
    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    fn weights(&self) -> usize {
        self.o * (self.i / self.spec.groups) * self.taps()
    }

    fn is_depthwise(&self) -> bool {
        self.spec.groups > 1 && self.spec.groups == self.i && self.o == self.i
    }

    /// Stride, padding and dilation, in the order of the uniform blocks.
    fn steps(&self) -> [usize; 6] {
        let ConvSpec { stride, padding, dilation, .. } = self.spec;
        [stride[0], stride[1], padding[0], padding[1], dilation[0], dilation[1]]
    }

    /// First and end of the taps along `axis` that reach a pixel of the map at some output.
    fn useful_taps(&self, axis: usize) -> [usize; 2] {
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

/// The values that a convolution reads and writes.
struct Operands {
    first: NodeId,
    second: NodeId,
    bias: Option<NodeId>,
    out: NodeId,
    activation: Activation,
}

impl Lowering<'_> {
    pub(super) fn convolution(&mut self, id: NodeId) -> Result<()> {
        let node = self.graph.node(id);
        let [first, second] = [node.inputs[0], node.inputs[1]];
        let (spec, x, y, w) = match node.op {
            Op::Conv2d { spec, .. } => (spec, first, id, second),
            Op::Conv2dInputGrad { spec, .. } => (spec, id, first, second),
            Op::Conv2dWeightGrad { spec, .. } => (spec, first, second, id),
            _ => unreachable!("called for convolutions only"),
        };
        let ([n, i, h, width], [_, o, oh, ow], [_, _, kh, kw]) = (self.nchw(x), self.nchw(y), self.nchw(w));
        let geometry = Geometry { n, i, h, w: width, o, oh, ow, kernel: [kh, kw], spec };
        let activation = match node.op {
            Op::Conv2d { activation, .. } => activation,
            _ => Activation::Identity,
        };
        let operands = Operands { first, second, bias: node.inputs.get(2).copied(), out: id, activation };
        let texels = (n * i.div_ceil(4) * h * width).max(n * o.div_ceil(4) * oh * ow);
        let weight_texels = o.next_multiple_of(8) * i.next_multiple_of(8) * geometry.taps();
        let fits_texture = texels.max(weight_texels) < self.texture_capacity;
        let plain = activation == Activation::Identity && operands.bias.is_none();
        match self.conv {
            ConvVariant::Direct => self.direct(&geometry, &operands),
            ConvVariant::Texture if geometry.is_depthwise() && plain && fits_texture => {
                self.depthwise_texture(&geometry, &operands)
            }
            _ if geometry.is_depthwise() && plain => self.depthwise(&geometry, &operands),
            _ if spec.groups > 1 => self.direct(&geometry, &operands),
            ConvVariant::Texture if fits_texture => match self.graph.node(id).op {
                Op::Conv2dWeightGrad { .. } => self.texture_weight_grad(&geometry, &operands),
                _ => self.texture(&geometry, &operands),
            },
            _ => self.tiled(&geometry, &operands),
        }
    }

    fn entry(&self, operands: &Operands) -> &'static str {
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
            let parts = self.parts(g.n * g.weights(), operands.out, g.n);
            for piece in pieces {
                let (vx, bx) = self.rows(operands.first, piece, in_sample);
                let (vdy, bdy) = self.rows(operands.second, piece, out_sample);
                let dispatch = Dispatch::new("conv2d_direct", entry)
                    .params(params([bx, bdy], piece, [1, piece.first]))
                    .bind(vx)
                    .bind(vdy)
                    .bind(self.whole_target(parts, g.n * g.weights())?)
                    .groups((piece.count * g.weights()).div_ceil(64));
                self.push(dispatch);
            }
            return self.finish_parts(parts, g.n, g.weights(), operands.out);
        }
        let (read, written) = if entry == "forward" { (in_sample, out_sample) } else { (out_sample, in_sample) };
        for piece in pieces {
            let (vx, bx) = self.rows(operands.first, piece, read);
            let (vy, by) = self.rows(operands.out, piece, written);
            let name = if operands.bias.is_some() { "forward_bias" } else { entry };
            let mut dispatch = Dispatch::new("conv2d_direct", name)
                .params(params([bx, by], piece, [0, 0]))
                .bind(vx)
                .bind(self.whole(operands.second)?)
                .bind(vy)
                .groups((piece.count * written).div_ceil(64));
            for (constant, value) in activation_constants(operands.activation) {
                dispatch = dispatch.constant(constant, value);
            }
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
                .params(params([bx, by], piece, [0, 0]))
                .bind(vx)
                .bind(self.whole(operands.second)?)
                .bind(vy)
                .groups((piece.count * written).div_ceil(64));
            self.push(dispatch);
        }
        Ok(())
    }

    fn depthwise_texture(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let entry = self.entry(operands);
        let [stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w] = g.steps();
        let kernel = |entry: &'static str, lanes: u32| {
            Dispatch::new("depthwise_texture", entry)
                .constant("LANES", Constant::U32(lanes))
                .constant("STRIDE_H", Constant::U32(stride_h as u32))
                .constant("STRIDE_W", Constant::U32(stride_w as u32))
        };
        let (x_maps, y_maps) = ([g.n, g.i, g.h, g.w], [g.n, g.o, g.oh, g.ow]);
        let steps = [g.kernel[0], g.kernel[1], pad_h, pad_w, dilation_h, dilation_w];
        if entry == "weight_grad" {
            self.pack_maps(TextureSlot::Operand, operands.first, x_maps)?;
            self.pack_maps(TextureSlot::Activations, operands.second, y_maps)?;
            let each = self.samples_per_split(Piece { first: 0, count: g.n }, g.oh * g.ow);
            let splits = g.n.div_ceil(each);
            let parts = self.parts(splits * g.weights(), operands.out, splits);
            let dispatch = kernel(entry, 8)
                .params([0, 0, g.n, g.i, g.h, g.w, g.oh, g.ow])
                .params(steps)
                .params([each])
                .bind(self.whole_target(parts, splits * g.weights())?)
                .texture(TextureSlot::Operand, false)
                .texture(TextureSlot::Activations, false)
                .grid(g.i.div_ceil(4) * g.taps(), splits, 1);
            self.push(dispatch);
            return self.finish_parts(parts, splits, g.weights(), operands.out);
        }
        let transposed = entry == "input_grad";
        let (read, written) = if transposed { (y_maps, x_maps) } else { (x_maps, y_maps) };
        self.pack_maps(TextureSlot::Activations, operands.first, read)?;
        self.pack_filters(operands.second, g.i, g.taps())?;
        let sample = written[1] * written[2] * written[3];
        for piece in self.pieces(g.n, sample)? {
            let (vy, by) = self.rows(operands.out, piece, sample);
            let dispatch = kernel("gather", 16)
                .constant("TRANSPOSED", Constant::Bool(transposed))
                .params([by, piece.first, piece.count, g.i, read[2], read[3], written[2], written[3]])
                .params(steps)
                .params([0])
                .bind(vy)
                .texture(TextureSlot::Activations, false)
                .texture(TextureSlot::Weights, false)
                .grid((written[2] * written[3]).div_ceil(DEPTHWISE_BLOCK), piece.count * g.i.div_ceil(4), 1);
            self.push(dispatch);
        }
        Ok(())
    }

    fn tiled(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let entry = self.entry(operands);
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let pieces = self.pieces(g.n, in_sample.max(out_sample))?;
        let mode = ["forward", "input_grad", "weight_grad"].iter().position(|e| *e == entry).unwrap_or(0);
        let kernel = Dispatch::new("conv2d_tiled", "main").constant("MODE", Constant::U32(mode as u32));
        let params = |bases: [usize; 2], piece: Piece, split: [usize; 2]| {
            bases
                .into_iter()
                .chain([piece.count, g.i, g.h, g.w, g.o, g.oh, g.ow, g.kernel[0], g.kernel[1]])
                .chain(g.steps())
                .chain(split)
        };
        if entry == "weight_grad" {
            let grid = [(g.i * g.taps()).div_ceil(64), g.o.div_ceil(64)];
            let wanted = 256usize.div_ceil(grid[0] * grid[1]);
            let split = |piece: &Piece| {
                let terms = piece.count * g.oh * g.ow;
                let each = terms.div_ceil(wanted).next_multiple_of(16).clamp(128, MAX_TERMS);
                (each, terms.div_ceil(each))
            };
            let splits: usize = pieces.iter().map(|p| split(p).1).sum();
            let parts = self.parts(splits * g.weights(), operands.out, splits);
            let mut first_split = 0;
            for piece in pieces {
                let (each, own) = split(&piece);
                let (vx, bx) = self.rows(operands.first, piece, in_sample);
                let (vdy, bdy) = self.rows(operands.second, piece, out_sample);
                let dispatch = kernel
                    .clone()
                    .params(params([bx, bdy], piece, [each, first_split]))
                    .bind(vx)
                    .bind(vdy)
                    .bind(self.whole_target(parts, splits * g.weights())?)
                    .bind(vdy)
                    .grid(grid[0], grid[1], own);
                self.push(dispatch);
                first_split += own;
            }
            return self.finish_parts(parts, splits, g.weights(), operands.out);
        }
        let (read, written, rows, plane) = match entry {
            "forward" => (in_sample, out_sample, g.o, g.oh * g.ow),
            _ => (out_sample, in_sample, g.i, g.h * g.w),
        };
        for piece in pieces {
            let (vx, bx) = self.rows(operands.first, piece, read);
            let (vy, by) = self.rows(operands.out, piece, written);
            let mut dispatch = kernel
                .clone()
                .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                .params(params([bx, by], piece, [0, 0]))
                .bind(vx)
                .bind(self.whole(operands.second)?)
                .bind(vy)
                .bind(self.whole(operands.bias.unwrap_or(operands.second))?)
                .grid((piece.count * plane).div_ceil(64), rows.div_ceil(64), 1);
            for (constant, value) in activation_constants(operands.activation) {
                dispatch = dispatch.constant(constant, value);
            }
            self.push(dispatch);
        }
        Ok(())
    }

    fn texture(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let transposed = self.entry(operands) == "input_grad";
        let (maps, outputs) = match transposed {
            false => ([g.n, g.i, g.h, g.w], [g.o, g.oh, g.ow]),
            true => ([g.n, g.o, g.oh, g.ow], [g.i, g.h, g.w]),
        };
        self.pack_maps(TextureSlot::Activations, operands.first, maps)?;
        self.pack_weights(operands.second, maps[1], outputs[0], g.taps(), transposed)?;
        let sample: usize = outputs.iter().product();
        for piece in self.pieces(g.n, sample)? {
            let (vy, by) = self.rows(operands.out, piece, sample);
            let pixels = piece.count * outputs[1] * outputs[2];
            let mut dispatch = Dispatch::new("conv2d_texture", "main")
                .constant("TRANSPOSED", Constant::Bool(transposed))
                .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                .params([by, piece.first, piece.count, maps[1], maps[2], maps[3]])
                .params(outputs)
                .params(g.kernel)
                .params(g.steps())
                .params(g.useful_taps(0))
                .params(g.useful_taps(1))
                .bind(vy)
                .bind(self.whole(operands.bias.unwrap_or(operands.second))?)
                .texture(TextureSlot::Activations, false)
                .texture(TextureSlot::Weights, false)
                .grid(pixels.div_ceil(TEXTURE_BLOCK), outputs[0].div_ceil(8), 1);
            for (constant, value) in activation_constants(operands.activation) {
                dispatch = dispatch.constant(constant, value);
            }
            self.push(dispatch);
        }
        Ok(())
    }

    fn texture_weight_grad(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        self.pack_maps(TextureSlot::Operand, operands.first, [g.n, g.i, g.h, g.w])?;
        self.pack_maps(TextureSlot::Activations, operands.second, [g.n, g.o, g.oh, g.ow])?;
        let (x_blocks, dy_blocks) = (g.i.div_ceil(4), g.o.div_ceil(4));
        // Loads and multiply-adds of one pixel, over all workgroups.
        let cost = |across: usize, shared: usize| {
            let groups = shared.min(4);
            across.div_ceil(GRAD_LANES) * shared.div_ceil(groups) * (1 + 3 * groups)
        };
        let swapped = cost(dy_blocks, x_blocks) < cost(x_blocks, dy_blocks);
        let (across, shared) = if swapped { (dy_blocks, x_blocks) } else { (x_blocks, dy_blocks) };
        let groups = shared.min(4);
        let grid = [across.div_ceil(GRAD_LANES), shared.div_ceil(groups)];
        let rows = g.n * g.oh;
        let wanted = 32usize.div_ceil(grid[0] * grid[1] * g.taps()).max((rows * g.ow).div_ceil(MAX_TERMS));
        let each = rows.div_ceil(wanted.min(rows));
        let splits = rows.div_ceil(each);
        let parts = self.parts(splits * g.weights(), operands.out, splits);
        let dispatch = Dispatch::new("conv2d_texture_weight_grad", "main")
            .constant("GROUPS", Constant::U32(groups as u32))
            .constant("SWAPPED", Constant::Bool(swapped))
            .params([g.n, g.i, g.h, g.w, g.o, g.oh, g.ow, g.kernel[0], g.kernel[1]])
            .params(g.steps())
            .params([each])
            .bind(self.whole_target(parts, splits * g.weights())?)
            .texture(TextureSlot::Operand, false)
            .texture(TextureSlot::Activations, false)
            .grid(grid[0], grid[1], g.taps() * splits);
        self.push(dispatch);
        self.finish_parts(parts, splits, g.weights(), operands.out)
    }

    /// Memory for the parts of a reduction: the result itself if there is only one.
    fn parts(&mut self, elements: usize, out: NodeId, splits: usize) -> Target {
        if splits == 1 { self.target(out) } else { self.temporary(elements) }
    }

    fn finish_parts(&mut self, parts: Target, splits: usize, outputs: usize, out: NodeId) -> Result<()> {
        if splits == 1 {
            return Ok(());
        }
        let target = self.target(out);
        self.add_parts(parts, splits, outputs, target)
    }

    /// Brings feature maps `[n,c,h,w]` into a texture, unless it holds them already.
    fn pack_maps(&mut self, slot: TextureSlot, x: NodeId, [n, c, h, w]: [usize; 4]) -> Result<()> {
        let (plane, blocks) = (h * w, c.div_ceil(4));
        if !self.claim(slot, (self.target(x), "maps"), 1 + n * blocks * plane) {
            return Ok(());
        }
        for piece in self.pieces(n, c * plane)? {
            let (view, base) = self.rows(x, piece, c * plane);
            let texels = piece.count * blocks * plane;
            let first = 1 + piece.first * blocks * plane;
            self.push_pack("maps", slot, view, [texels, base, first, c, plane, 0, 0], None);
        }
        Ok(())
    }

    fn pack_weights(&mut self, w: NodeId, inputs: usize, outputs: usize, taps: usize, transposed: bool) -> Result<()> {
        let texels = outputs.div_ceil(8) * taps * inputs.next_multiple_of(4) * 2;
        let layout = if transposed { "transposed weights" } else { "weights" };
        if !self.claim(TextureSlot::Weights, (self.target(w), layout), 1 + texels) {
            return Ok(());
        }
        let view = self.whole(w)?;
        let params = [texels, 0, 1, inputs, 0, outputs, taps];
        self.push_pack("weights", TextureSlot::Weights, view, params, Some(transposed));
        Ok(())
    }

    fn pack_filters(&mut self, w: NodeId, channels: usize, taps: usize) -> Result<()> {
        let texels = channels.div_ceil(4) * taps;
        if self.claim(TextureSlot::Weights, (self.target(w), "filters"), 1 + texels) {
            let view = self.whole(w)?;
            self.push_pack("depthwise", TextureSlot::Weights, view, [texels, 0, 1, channels, 0, 0, taps], None);
        }
        Ok(())
    }

    fn push_pack(
        &mut self,
        entry: &'static str,
        slot: TextureSlot,
        view: View,
        params: [usize; 7],
        transposed: Option<bool>,
    ) {
        let mut dispatch = Dispatch::new("pack_texture", entry)
            .params(params)
            .bind(view)
            .texture(slot, true)
            .groups(params[0].div_ceil(64));
        if let Some(transposed) = transposed {
            dispatch = dispatch.constant("TRANSPOSED", Constant::Bool(transposed));
        }
        self.push(dispatch);
    }

    /// Notes what a texture is about to hold; false if it holds it already.
    fn claim(&mut self, slot: TextureSlot, packed: super::Packed, texels: usize) -> bool {
        let held = &mut self.held[slot as usize];
        if *held == Some(packed) {
            return false;
        }
        *held = Some(packed);
        let size = &mut self.texels[slot as usize];
        *size = texels.max(*size);
        true
    }
}
