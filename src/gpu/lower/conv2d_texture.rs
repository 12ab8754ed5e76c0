//! Launches of the convolutions from storage textures, for software adapters: packing, then the kernels.

use super::super::dispatch::{Dispatch, MAX_GROUPS, TextureSlot, View};
use super::super::error::Result;
use super::super::shader::Constant;
use super::conv2d::{Geometry, MAX_TERMS, Operands};
use super::{Lowering, Packed, Piece, activation_constants};
use crate::graph::NodeId;

/// Lanes × pixels of a workgroup of `conv2d_texture`.
pub(super) const TEXTURE_BLOCK: usize = 32 * 8;
/// Lanes × pixels of a workgroup of `depthwise_texture`.
const DEPTHWISE_BLOCK: usize = 16 * 4;
/// Lanes of a workgroup of the gradients of weights.
const GRAD_LANES: usize = 8;

/// Eights of filters that an invocation of `conv2d_texture` takes, and the groups that makes.
pub(super) fn filter_groups(filters: usize) -> (usize, usize) {
    let eights = filters.div_ceil(8);
    let each = if eights.is_multiple_of(2) || eights > 4 { 2 } else { 1 };
    (each, eights.div_ceil(each))
}

/// How the channels of a product over pixels are divided among lanes and workgroups of `conv2d_texture_weight_grad`.
pub(super) struct Lanes {
    /// lanes run along the channels of dy
    swapped: bool,
    /// blocks of four channels of each lane
    across: usize,
    /// blocks of four channels that all lanes share
    groups: usize,
    pub grid: [usize; 2],
}

impl Lanes {
    /// The division that loads and multiplies least.
    pub fn for_channels(inputs: usize, outputs: usize) -> Lanes {
        let [x, dy] = [inputs, outputs].map(|channels| channels.div_ceil(4));
        let divisions = [false, true].into_iter().flat_map(|swapped| {
            let (lanes, shared) = if swapped { (dy, x) } else { (x, dy) };
            let groups = shared.min(4);
            [1, 2].map(|across| {
                let grid = [lanes.div_ceil(GRAD_LANES * across), shared.div_ceil(groups)];
                Lanes { swapped, across, groups, grid }
            })
        });
        divisions.min_by_key(Lanes::cost).expect("there are four")
    }

    /// Constants of the shader.
    pub fn constants(&self) -> [(&'static str, Constant); 3] {
        [
            ("SWAPPED", Constant::Bool(self.swapped)),
            ("ACROSS", Constant::U32(self.across as u32)),
            ("GROUPS", Constant::U32(self.groups as u32)),
        ]
    }

    /// Loads and multiply-adds of one pixel, over all workgroups.
    fn cost(&self) -> usize {
        self.grid[0] * self.grid[1] * (self.across + self.groups + 2 * self.across * self.groups)
    }
}

impl Lowering<'_> {
    pub(super) fn texture(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let transposed = self.entry(operands) == "input_grad";
        let (maps, outputs) = match transposed {
            false => ([g.n, g.i, g.h, g.w], [g.o, g.oh, g.ow]),
            true => ([g.n, g.o, g.oh, g.ow], [g.i, g.h, g.w]),
        };
        self.pack_maps(TextureSlot::Activations, operands.first, maps)?;
        let first_weight = self.pack_weights(operands.second, maps[1], outputs[0], g.taps(), transposed)?;
        let keep = self.keep_result(operands.out);
        let sample: usize = outputs.iter().product();
        let (eights, groups) = filter_groups(outputs[0]);
        let columns = g.phases(1, transposed);
        let phases: Vec<_> =
            g.phases(0, transposed).iter().flat_map(|h| columns.iter().map(move |w| (*h, *w))).collect();
        for piece in self.pieces_of(g.n, sample, TEXTURE_BLOCK * MAX_GROUPS / (outputs[1] * outputs[2]))? {
            for (h, w) in &phases {
                let (rows, columns) =
                    ((outputs[1] - h.phase).div_ceil(h.every), (outputs[2] - w.phase).div_ceil(w.every));
                let (vy, by) = self.rows(operands.out, piece, sample);
                let pixels = piece.count * rows * columns;
                let dispatch = Dispatch::new("conv2d_texture", "main")
                    .constants(activation_constants(operands.activation))
                    .constant("EIGHTS", Constant::U32(eights as u32))
                    .constant("TRANSPOSED", Constant::Bool(transposed))
                    .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                    .constant("KEEP", Constant::Bool(keep))
                    .params([by, piece.first, piece.count, maps[1], maps[2], maps[3]])
                    .params(outputs)
                    .params(g.kernel)
                    .params(g.steps())
                    .params([h.first, h.end, h.step, w.first, w.end, w.step])
                    .params([h.phase, w.phase, h.every, w.every, rows, columns, first_weight, 0])
                    .store(vy)
                    .bind(self.whole(operands.bias.unwrap_or(operands.second))?)
                    .texture(TextureSlot::Activations, false)
                    .texture(TextureSlot::Weights, false)
                    .texture(TextureSlot::Results, true)
                    .grid(groups, pixels.div_ceil(TEXTURE_BLOCK), 1);
                self.push(dispatch);
            }
        }
        Ok(())
    }

    pub(super) fn texture_weight_grad(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        self.pack_maps(TextureSlot::Operand, operands.first, [g.n, g.i, g.h, g.w])?;
        self.pack_maps(TextureSlot::Activations, operands.second, [g.n, g.o, g.oh, g.ow])?;
        let lanes = Lanes::for_channels(g.i, g.o);
        let grid = lanes.grid;
        let rows = g.n * g.oh;
        let wanted = 32usize.div_ceil(grid[0] * grid[1] * g.taps()).max((rows * g.ow).div_ceil(MAX_TERMS));
        let each = rows.div_ceil(wanted.min(rows).min(self.most_splits(g)));
        let splits = rows.div_ceil(each);
        let parts = self.parts(splits * g.weights(), operands.out, splits);
        let dispatch = Dispatch::new("conv2d_texture_weight_grad", "main")
            .constants(lanes.constants())
            .params([g.n, g.i, g.h, g.w, g.o, g.oh, g.ow, g.kernel[0], g.kernel[1]])
            .params(g.steps())
            .params([each, 0, 0, 0])
            .bind(self.whole_target(parts, splits * g.weights())?)
            .texture(TextureSlot::Operand, false)
            .texture(TextureSlot::Activations, false)
            .grid(grid[0], grid[1], g.taps() * splits);
        self.push(dispatch);
        self.finish_parts(parts, splits, g.weights(), operands.out)
    }

    pub(super) fn depthwise_texture(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let entry = self.entry(operands);
        let [stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w] = g.steps();
        let kernel = |entry: &'static str, lanes: u32| {
            Dispatch::new("depthwise_texture", entry)
                .constant("LANES", Constant::U32(lanes))
                .constant("KERNEL_H", Constant::U32(g.kernel[0] as u32))
                .constant("KERNEL_W", Constant::U32(g.kernel[1] as u32))
                .constant("STRIDE_H", Constant::U32(stride_h as u32))
                .constant("STRIDE_W", Constant::U32(stride_w as u32))
        };
        let (x_maps, y_maps) = ([g.n, g.i, g.h, g.w], [g.n, g.o, g.oh, g.ow]);
        let steps = [pad_h, pad_w, dilation_h, dilation_w];
        if entry == "weight_grad" {
            self.pack_maps(TextureSlot::Operand, operands.first, x_maps)?;
            self.pack_maps(TextureSlot::Activations, operands.second, y_maps)?;
            let each = self.samples_per_split(Piece { first: 0, count: g.n }, g.oh * g.ow);
            let splits = g.n.div_ceil(each);
            let parts = self.parts(splits * g.weights(), operands.out, splits);
            let dispatch = kernel(entry, GRAD_LANES as u32)
                .params([0, 0, g.n, g.i, g.h, g.w, g.oh, g.ow])
                .params(steps)
                .params([each, 1])
                .bind(self.whole_target(parts, splits * g.weights())?)
                .bind(self.whole_target(parts, splits * g.weights())?)
                .texture(TextureSlot::Operand, false)
                .texture(TextureSlot::Activations, false)
                .grid(g.i.div_ceil(4), splits, 1);
            self.push(dispatch);
            return self.finish_parts(parts, splits, g.weights(), operands.out);
        }
        let transposed = entry == "input_grad";
        let (read, written) = if transposed { (y_maps, x_maps) } else { (x_maps, y_maps) };
        self.pack_maps(TextureSlot::Activations, operands.first, read)?;
        let first_weight = self.pack_filters(operands.second, g.i, g.taps())?;
        let sample = written[1] * written[2] * written[3];
        let keep = self.keep_result(operands.out);
        for piece in self.pieces(g.n, sample)? {
            let (vy, by) = self.rows(operands.out, piece, sample);
            let dispatch = kernel("gather", 16)
                .constants(activation_constants(operands.activation))
                .constant("TRANSPOSED", Constant::Bool(transposed))
                .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                .constant("KEEP", Constant::Bool(keep))
                .params([by, piece.first, piece.count, g.i, read[2], read[3], written[2], written[3]])
                .params(steps)
                .params([0, first_weight])
                .store(vy)
                .bind(self.whole(operands.bias.unwrap_or(operands.second))?)
                .texture(TextureSlot::Activations, false)
                .texture(TextureSlot::Weights, false)
                .texture(TextureSlot::Results, true)
                .grid((written[2] * written[3]).div_ceil(DEPTHWISE_BLOCK), piece.count * g.i.div_ceil(4), 1);
            self.push(dispatch);
        }
        Ok(())
    }

    /// Whether a convolution leaves its result in a texture too: if a normalisation reads it.
    pub(super) fn keep_result(&mut self, out: NodeId) -> bool {
        let target = self.target(out);
        let keep = self.normalised.contains(&target);
        if keep {
            self.claim(TextureSlot::Results, (target, "maps"), self.texels_of(out));
        }
        // Bound even where it is not written.
        self.reserve(TextureSlot::Results, 1);
        keep
    }

    /// Texels of packed feature maps, with the zero before them.
    pub(super) fn texels_of(&self, x: NodeId) -> usize {
        let [n, c, h, w] = self.nchw(x);
        1 + n * c.div_ceil(4) * h * w
    }

    /// Whether a texture holds feature maps.
    pub(super) fn holds(&self, slot: TextureSlot, x: NodeId) -> bool {
        self.held[slot as usize] == Some((self.target(x), "maps"))
    }

    /// Brings feature maps `[n,c,h,w]` into a texture, unless it holds them already.
    pub(super) fn pack_maps(&mut self, slot: TextureSlot, x: NodeId, [n, c, h, w]: [usize; 4]) -> Result<()> {
        let (plane, blocks) = (h * w, c.div_ceil(4));
        if !self.claim(slot, (self.target(x), "maps"), self.texels_of(x)) {
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

    /// Brings the weights of a convolution into their texture; returns the first texel.
    fn pack_weights(
        &mut self,
        w: NodeId,
        inputs: usize,
        outputs: usize,
        taps: usize,
        transposed: bool,
    ) -> Result<usize> {
        let texels = outputs.div_ceil(8) * taps * inputs.next_multiple_of(4) * 2;
        let layout = if transposed { "transposed weights" } else { "weights" };
        let (first, new) = self.claim_weights((self.target(w), layout), texels);
        if new {
            let params = [texels, 0, first, inputs, 0, outputs, taps];
            self.push_pack("weights", TextureSlot::Weights, self.whole(w)?, params, Some(transposed));
        }
        Ok(first)
    }

    /// The same for the filters of a depthwise convolution.
    fn pack_filters(&mut self, w: NodeId, channels: usize, taps: usize) -> Result<usize> {
        let texels = channels.div_ceil(4) * taps;
        let (first, new) = self.claim_weights((self.target(w), "filters"), texels);
        if new {
            let params = [texels, 0, first, channels, 0, 0, taps];
            self.push_pack("depthwise", TextureSlot::Weights, self.whole(w)?, params, None);
        }
        Ok(first)
    }

    /// Where weights lie in their texture, and whether they are yet to be packed. When it is full it is filled anew.
    pub(super) fn claim_weights(&mut self, packed: Packed, texels: usize) -> (usize, bool) {
        if let Some(&first) = self.packed_weights.get(&packed) {
            return (first, false);
        }
        if self.weights_end + texels > self.texture_capacity {
            self.packed_weights.clear();
            self.weights_end = 1;
        }
        let first = self.weights_end;
        self.weights_end += texels;
        self.packed_weights.insert(packed, first);
        self.reserve(TextureSlot::Weights, self.weights_end);
        (first, true)
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

    /// Takes a texture for values of this step alone.
    pub(super) fn occupy(&mut self, slot: TextureSlot, texels: usize) {
        self.held[slot as usize] = None;
        self.reserve(slot, texels);
    }

    /// Notes what a texture is about to hold; false if it holds it already.
    pub(super) fn claim(&mut self, slot: TextureSlot, packed: Packed, texels: usize) -> bool {
        let held = &mut self.held[slot as usize];
        if *held == Some(packed) {
            return false;
        }
        *held = Some(packed);
        self.reserve(slot, texels);
        true
    }

    /// Makes a texture large enough.
    fn reserve(&mut self, slot: TextureSlot, texels: usize) {
        let size = &mut self.texels[slot as usize];
        *size = texels.max(*size);
    }
}
