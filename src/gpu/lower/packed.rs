//! Values in textures, for software adapters: feature maps and weights brought there, and feature maps brought back.

use super::lowering::Lowering;
use super::packed_values::{Maps, WeightLayout};
use crate::gpu::family::texels_of;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Shader, TextureId, View, uniform};
use crate::gpu::layout::Move;
use crate::gpu::machine::Result;
use crate::graph::NodeId;

uniform! {
    PackBlock {
        texels: usize,
        base_x: usize,
        first_texel: usize,
        channels: usize,
        plane: usize,
        out_channels: usize,
        taps: usize,
    }
}

uniform! {
    UnpackBlock { texels: usize, base_x: usize, first_texel: usize, channels: usize, plane: usize }
}

/// Texels of the weights of a dense convolution.
pub(super) fn dense_texels(inputs: usize, outputs: usize, taps: usize) -> usize {
    outputs.div_ceil(8) * taps * inputs.next_multiple_of(4) * 2
}

/// Texels of the filters of a depthwise convolution.
pub(super) fn filter_texels(channels: usize, taps: usize) -> usize {
    channels.div_ceil(4) * taps
}

impl Lowering<'_> {
    /// Brings a value from one layout into the other.
    pub(super) fn move_value(&mut self, value: Move) -> Result<()> {
        match value {
            Move::Pack(x) => self.pack(x),
            Move::Unpack(x) => self.unpack(x),
        }
    }

    /// Texels of packed feature maps, with the zero before them.
    pub(super) fn texels_of(&self, x: NodeId) -> usize {
        texels_of(self.graph, x).expect("only feature maps are packed")
    }

    /// A texture of its own for values of one step.
    pub(super) fn temporary_texture(&mut self, texels: usize) -> TextureId {
        self.texels.push(texels);
        TextureId(self.texels.len() - 1)
    }

    /// A texture for the feature maps that a kernel makes.
    pub(super) fn new_maps(&mut self, out: NodeId) -> TextureId {
        let texture = self.temporary_texture(self.texels_of(out));
        let [_, channels, h, w] = self.nchw(out);
        self.packed.maps.insert(self.target(out), Maps { texture, channels, plane: h * w });
        texture
    }

    /// The texture that holds feature maps.
    pub(super) fn maps(&self, x: NodeId) -> TextureId {
        self.packed.maps.get(&self.target(x)).expect("what kernels read from textures was packed").texture
    }

    fn pack(&mut self, x: NodeId) -> Result<()> {
        let texture = self.new_maps(x);
        let [n, c, h, w] = self.nchw(x);
        let (plane, blocks) = (h * w, c.div_ceil(4));
        for piece in self.pieces(n, c * plane)? {
            let (view, base) = self.rows(x, piece, c * plane);
            let texels = piece.count * blocks * plane;
            let first = 1 + piece.first * blocks * plane;
            let block =
                PackBlock { texels, base_x: base, first_texel: first, channels: c, plane, out_channels: 0, taps: 0 };
            self.push_pack("maps", texture, view, block, None);
        }
        Ok(())
    }

    fn unpack(&mut self, x: NodeId) -> Result<()> {
        let known = self.packed.maps.get(&self.target(x));
        let Maps { texture, channels, plane } = *known.expect("what is unpacked is in a texture");
        let sample = channels * plane;
        for piece in self.pieces(self.shape(x).elements() / sample, sample)? {
            let (view, base) = self.rows(x, piece, sample);
            let blocks = channels.div_ceil(4) * plane;
            let texels = piece.count * blocks;
            let dispatch = Dispatch::new(Shader::UnpackTexture, "main")
                .uniform(&UnpackBlock { texels, base_x: base, first_texel: 1 + piece.first * blocks, channels, plane })
                .bind_written(view)
                .read_part(texture, texels)
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
        let texels = dense_texels(inputs, outputs, taps);
        let (first, new) = self.claim_weights(w, WeightLayout::Dense { transposed }, texels);
        if new {
            let block = PackBlock {
                texels,
                base_x: 0,
                first_texel: first,
                channels: inputs,
                plane: 0,
                out_channels: outputs,
                taps,
            };
            let texture = self.weights_texture();
            self.push_pack("weights", texture, self.whole(w)?, block, Some(transposed));
        }
        Ok(first)
    }

    /// The same for the filters of a depthwise convolution.
    pub(super) fn pack_filters(&mut self, w: NodeId, channels: usize, taps: usize) -> Result<usize> {
        let texels = filter_texels(channels, taps);
        let (first, new) = self.claim_weights(w, WeightLayout::Filters, texels);
        if new {
            let block = PackBlock { texels, base_x: 0, first_texel: first, channels, plane: 0, out_channels: 0, taps };
            let texture = self.weights_texture();
            self.push_pack("depthwise", texture, self.whole(w)?, block, None);
        }
        Ok(first)
    }

    /// Where weights lie in their texture, and whether they are yet to be packed. When it is full it is filled anew.
    pub(super) fn claim_weights(&mut self, w: NodeId, layout: WeightLayout, texels: usize) -> (usize, bool) {
        let target = self.target(w);
        let texture = self.weights_texture();
        if let Some(&first) = self.packed.weights.get(&(target, layout)) {
            return (first, false);
        }
        if self.packed.weights_end + texels > self.machine.texture_capacity() {
            self.packed.weights.clear();
            self.packed.weights_end = 1;
        }
        let first = self.packed.weights_end;
        self.packed.weights_end += texels;
        self.packed.weights.insert((target, layout), first);
        let size = &mut self.texels[texture.0];
        *size = self.packed.weights_end.max(*size);
        (first, true)
    }

    pub(super) fn weights_texture(&mut self) -> TextureId {
        if let Some(texture) = self.packed.weights_texture {
            return texture;
        }
        let texture = self.temporary_texture(1);
        (self.packed.weights_texture, self.packed.weights_end) = (Some(texture), 1);
        texture
    }

    pub(super) fn push_pack(
        &mut self,
        entry: &'static str,
        texture: TextureId,
        view: View,
        block: PackBlock,
        transposed: Option<bool>,
    ) {
        let mut dispatch = Dispatch::new(Shader::PackTexture, entry)
            .uniform(&block)
            .bind(view)
            .write_part(texture, block.texels)
            .groups(block.texels.div_ceil(64));
        if let Some(transposed) = transposed {
            dispatch = dispatch.constant("TRANSPOSED", Constant::Bool(transposed));
        }
        self.push(dispatch);
    }
}
