//! Values in textures, for software adapters: a value that a kernel leaves packed stays there as long as kernels read it
//! packed, and goes to its buffer only if one reads it there.

use std::collections::{HashMap, HashSet};

use super::super::context::ConvVariant;
use super::super::dispatch::{Dispatch, Target, TextureId, View};
use super::super::error::Result;
use super::super::shader::Constant;
use super::Lowering;
use crate::graph::{Binary, NodeId, Op};

/// What is packed, and where.
#[derive(Default)]
pub(super) struct Packed {
    /// feature maps of values
    maps: HashMap<Target, Maps>,
    /// values that are packed and in their buffers as well
    in_buffer: HashSet<Target>,
    /// where weights in some layout begin in their texture: each is packed once in a run, at its first use
    weights: HashMap<(Target, &'static str), usize>,
    weights_texture: Option<TextureId>,
    weights_end: usize,
}

/// Feature maps four channels to a texel: texel `1 + (sample·⌈channels/4⌉ + block)·plane + pixel`. Channels beyond the
/// last are zero.
#[derive(Clone, Copy)]
struct Maps {
    texture: TextureId,
    channels: usize,
    plane: usize,
}

impl Lowering<'_> {
    /// Launches kernels that compute from textures, if there are such for a node and it pays; false if there are not.
    pub(super) fn by_textures(&mut self, id: NodeId) -> Result<bool> {
        let graph = self.graph;
        let node = graph.node(id);
        let inputs = &node.inputs[..];
        match &node.op {
            Op::BatchStats { domains } if self.stays_packed(&inputs[..1], id) => {
                self.batch_stats_texture(*domains, id)?
            }
            Op::BatchNorm { eps, activation, .. } if self.stays_packed(&inputs[..1], id) => {
                self.batch_norm_texture(*eps, *activation, id)?;
            }
            Op::BatchNormGradSums { eps, activation } if self.stays_packed(&inputs[..2], id) => {
                self.batch_norm_grad_sums_texture(*eps, *activation, id)?;
            }
            Op::BatchNormGradInput { eps, activation, training } if self.stays_packed(&inputs[..2], id) => {
                self.batch_norm_grad_input_texture(*eps, *activation, *training, id)?;
            }
            // Activations leave channels beyond the last zero; other functions need not.
            Op::Unary(function) if function.activation().is_some() && self.stays_packed(inputs, id) => {
                self.unary_texture("main", *function, id)?;
            }
            Op::UnaryGrad(function) if function.activation().is_some() && self.stays_packed(inputs, id) => {
                self.unary_texture("gradient", *function, id)?;
            }
            Op::Binary(function @ (Binary::Add | Binary::Sub | Binary::Mul))
                if inputs.iter().all(|&input| self.shape(input) == self.shape(id)) && self.stays_packed(inputs, id) =>
            {
                self.binary_texture(*function, id)?;
            }
            Op::Dropout { p, stream } if self.stays_packed(&inputs[..1], id) && self.fits_grid(id) => {
                self.dropout_texture(*p, *stream, id)?
            }
            Op::Concat { axis: 1 } if self.joins_blocks(inputs) && self.stays_packed(inputs, id) => {
                self.concat_texture(id)?
            }
            Op::Pad { before, .. }
                if !self.in_place.contains_key(&id)
                    && self.moves_blocks(before, id)
                    && self.stays_packed(inputs, id) =>
            {
                self.pad_texture(before, id)?;
            }
            Op::Resize { mode, .. } if self.stays_packed(inputs, id) || self.grows_in_textures(inputs[0], id) => {
                self.resize_texture(*mode, id, "main_texture")?
            }
            Op::ResizeGrad { mode, .. } if self.stays_packed(inputs, id) => {
                self.resize_texture(*mode, id, "gradient_texture")?;
            }
            Op::ResizeShifted { mode, axis, taps, .. } if self.in_blocks(id) && self.stays_packed(inputs, id) => {
                self.resize_shifted_texture(*mode, *axis, *taps, id, "shifted_texture")?;
            }
            Op::ResizeShiftedGrad { mode, axis, taps, .. }
                if self.in_blocks(inputs[0]) && self.stays_packed(inputs, id) =>
            {
                self.resize_shifted_texture(*mode, *axis, *taps, id, "shifted_gradient_texture")?;
            }
            Op::Conv2d { .. } | Op::Conv2dInputGrad { .. } | Op::Conv2dWeightGrad { .. } => {
                return self.convolution_by_textures(id);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether one of the feature maps that a node reads is in a texture, so that the others are worth packing, and all
    /// of them, and those it makes, fit one.
    fn stays_packed(&self, maps: &[NodeId], id: NodeId) -> bool {
        let are_maps = |id: NodeId| self.shape(id).nchw().is_some();
        maps.iter().all(|&x| self.fits_texture(x))
            && (!are_maps(id) || self.fits_texture(id))
            && maps.iter().any(|&x| self.held(x).is_some())
    }

    /// Whether a node makes so many more elements than it reads that packing these is worth it.
    fn grows_in_textures(&self, x: NodeId, id: NodeId) -> bool {
        let conv_by_textures = self.conv == ConvVariant::Texture;
        let grows = self.shape(id).elements() >= 4 * self.shape(x).elements();
        conv_by_textures && grows && self.fits_texture(x) && self.fits_texture(id)
    }

    fn fits_texture(&self, x: NodeId) -> bool {
        self.shape(x).nchw().is_some() && self.texels_of(x) <= self.texture_capacity
    }

    /// Whether the channels of a value fill their texels.
    fn in_blocks(&self, id: NodeId) -> bool {
        self.shape(id).nchw().is_some_and(|[_, c, _, _]| c.is_multiple_of(4))
    }

    fn joins_blocks(&self, inputs: &[NodeId]) -> bool {
        inputs.split_last().is_some_and(|(_, rest)| rest.iter().all(|&input| self.in_blocks(input)))
    }

    /// Whether a padding or a slice moves whole texels.
    fn moves_blocks(&self, before: &[isize], id: NodeId) -> bool {
        let x = self.input(id, 0);
        let (Some([n, c, ..]), Some([samples, channels, ..])) = (self.shape(x).nchw(), self.shape(id).nchw()) else {
            return false;
        };
        let ends_alike = channels.is_multiple_of(4) || channels as isize == c as isize + before[1];
        before[0] == 0 && n == samples && before[1] % 4 == 0 && ends_alike
    }

    /// Texels of packed feature maps, with the zero before them.
    pub(super) fn texels_of(&self, x: NodeId) -> usize {
        let [n, c, h, w] = self.nchw(x);
        1 + n * c.div_ceil(4) * h * w
    }

    /// A texture of its own for values of one step.
    pub(super) fn temporary_texture(&mut self, texels: usize) -> TextureId {
        self.texels.push(texels);
        TextureId(self.texels.len() - 1)
    }

    /// The texture that holds feature maps, if one does; a reshaping that keeps texels as they are keeps the texture.
    fn held(&self, x: NodeId) -> Option<TextureId> {
        let [_, c, h, w] = self.shape(x).nchw()?;
        let maps = self.packed.maps.get(&self.target(x))?;
        let same = maps.channels == c || (maps.channels.is_multiple_of(4) && c.is_multiple_of(4));
        (maps.plane == h * w && same).then_some(maps.texture)
    }

    /// A texture for the feature maps that a kernel makes.
    pub(super) fn new_maps(&mut self, out: NodeId) -> TextureId {
        let texture = self.temporary_texture(self.texels_of(out));
        let [_, channels, h, w] = self.nchw(out);
        self.packed.maps.insert(self.target(out), Maps { texture, channels, plane: h * w });
        texture
    }

    /// The texture that holds feature maps; they are packed first if none does.
    pub(super) fn maps_of(&mut self, x: NodeId) -> Result<TextureId> {
        if let Some(texture) = self.held(x) {
            return Ok(texture);
        }
        self.unpack(x)?;
        let texture = self.new_maps(x);
        let target = self.target(x);
        self.packed.in_buffer.insert(target);
        let [n, c, h, w] = self.nchw(x);
        let (plane, blocks) = (h * w, c.div_ceil(4));
        for piece in self.pieces(n, c * plane)? {
            let (view, base) = self.rows(x, piece, c * plane);
            let texels = piece.count * blocks * plane;
            let first = 1 + piece.first * blocks * plane;
            self.push_pack("maps", texture, view, [texels, base, first, c, plane, 0, 0], None);
        }
        Ok(texture)
    }

    /// Brings a value that is in a texture alone into its buffer.
    pub(super) fn unpack(&mut self, x: NodeId) -> Result<()> {
        let target = self.target(x);
        let Some(&Maps { texture, channels, plane }) = self.packed.maps.get(&target) else { return Ok(()) };
        if !self.packed.in_buffer.insert(target) {
            return Ok(());
        }
        let sample = channels * plane;
        for piece in self.pieces(self.shape(x).elements() / sample, sample)? {
            let (view, base) = self.rows(x, piece, sample);
            let blocks = channels.div_ceil(4) * plane;
            let texels = piece.count * blocks;
            let dispatch = Dispatch::new("unpack_texture", "main")
                .params([texels, base, 1 + piece.first * blocks, channels, plane])
                .bind(view)
                .read(texture)
                .groups(texels.div_ceil(64));
            self.push(dispatch);
        }
        Ok(())
    }

    /// Brings the weights of a convolution into their texture; returns the first texel.
    pub(super) fn pack_weights(
        &mut self,
        w: NodeId,
        inputs: usize,
        outputs: usize,
        taps: usize,
        transposed: bool,
    ) -> Result<usize> {
        let texels = outputs.div_ceil(8) * taps * inputs.next_multiple_of(4) * 2;
        let layout = if transposed { "transposed weights" } else { "weights" };
        let (first, new) = self.claim_weights(w, layout, texels)?;
        if new {
            let params = [texels, 0, first, inputs, 0, outputs, taps];
            let texture = self.weights_texture();
            self.push_pack("weights", texture, self.whole(w)?, params, Some(transposed));
        }
        Ok(first)
    }

    /// The same for the filters of a depthwise convolution.
    pub(super) fn pack_filters(&mut self, w: NodeId, channels: usize, taps: usize) -> Result<usize> {
        let texels = channels.div_ceil(4) * taps;
        let (first, new) = self.claim_weights(w, "filters", texels)?;
        if new {
            let params = [texels, 0, first, channels, 0, 0, taps];
            let texture = self.weights_texture();
            self.push_pack("depthwise", texture, self.whole(w)?, params, None);
        }
        Ok(first)
    }

    /// Where weights lie in their texture, and whether they are yet to be packed. When it is full it is filled anew.
    pub(super) fn claim_weights(&mut self, w: NodeId, layout: &'static str, texels: usize) -> Result<(usize, bool)> {
        let target = self.target(w);
        let texture = self.weights_texture();
        if let Some(&first) = self.packed.weights.get(&(target, layout)) {
            return Ok((first, false));
        }
        self.unpack(w)?;
        if self.packed.weights_end + texels > self.texture_capacity {
            self.packed.weights.clear();
            self.packed.weights_end = 1;
        }
        let first = self.packed.weights_end;
        self.packed.weights_end += texels;
        self.packed.weights.insert((target, layout), first);
        let size = &mut self.texels[texture.0];
        *size = self.packed.weights_end.max(*size);
        Ok((first, true))
    }

    pub(super) fn weights_texture(&mut self) -> TextureId {
        if let Some(texture) = self.packed.weights_texture {
            return texture;
        }
        let texture = self.temporary_texture(1);
        (self.packed.weights_texture, self.packed.weights_end) = (Some(texture), 1);
        texture
    }

    fn push_pack(
        &mut self,
        entry: &'static str,
        texture: TextureId,
        view: View,
        params: [usize; 7],
        transposed: Option<bool>,
    ) {
        let mut dispatch = Dispatch::new("pack_texture", entry)
            .params(params)
            .bind(view)
            .write(texture)
            .groups(params[0].div_ceil(64));
        if let Some(transposed) = transposed {
            dispatch = dispatch.constant("TRANSPOSED", Constant::Bool(transposed));
        }
        self.push(dispatch);
    }
}
