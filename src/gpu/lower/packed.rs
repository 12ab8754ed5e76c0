//! Values in textures, for software adapters: a value that a kernel leaves packed stays there as long as kernels read it
//! packed, and goes to its buffer only if one reads it there.

use super::lowering::Lowering;
use super::packed_values::Maps;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, TextureId, View};
use crate::gpu::machine::{ConvVariant, Result};
use crate::graph::NodeId;

impl Lowering<'_> {
    /// Whether one of the feature maps that a node reads is in a texture, so that the others are worth packing, and all
    /// of them, and those it makes, fit one.
    pub(super) fn stays_packed(&self, maps: &[NodeId], id: NodeId) -> bool {
        let are_maps = |id: NodeId| self.shape(id).nchw().is_some();
        maps.iter().all(|&x| self.fits_texture(x))
            && (!are_maps(id) || self.fits_texture(id))
            && maps.iter().any(|&x| self.held(x).is_some())
    }

    /// Whether a node makes so many more elements than it reads that packing these is worth it.
    pub(super) fn grows_in_textures(&self, x: NodeId, id: NodeId) -> bool {
        let conv_by_textures = self.conv == ConvVariant::Texture;
        let grows = self.shape(id).elements() >= 4 * self.shape(x).elements();
        conv_by_textures && grows && self.fits_texture(x) && self.fits_texture(id)
    }

    pub(super) fn fits_texture(&self, x: NodeId) -> bool {
        self.shape(x).nchw().is_some() && self.texels_of(x) <= self.texture_capacity
    }

    /// Whether the channels of a value fill their texels.
    pub(super) fn in_blocks(&self, id: NodeId) -> bool {
        self.shape(id).nchw().is_some_and(|[_, c, _, _]| c.is_multiple_of(4))
    }

    pub(super) fn joins_blocks(&self, inputs: &[NodeId]) -> bool {
        inputs.split_last().is_some_and(|(_, rest)| rest.iter().all(|&input| self.in_blocks(input)))
    }

    /// Whether a padding or a slice moves whole texels.
    pub(super) fn moves_blocks(&self, before: &[isize], id: NodeId) -> bool {
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
    pub(super) fn held(&self, x: NodeId) -> Option<TextureId> {
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

    pub(super) fn push_pack(
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
