//! Launches of elementwise operators and of dropout on packed feature maps.

use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Shader, uniform};
use crate::gpu::lower::lowering::{Lowering, activation_constants};
use crate::gpu::lower::on_load::MaskNumbers;
use crate::gpu::machine::Result;
use crate::graph::{Binary, NodeId, Unary};

/// Texels of a workgroup.
const BLOCK: usize = 64 * 4;

uniform! {
    TexelsBlock { end: usize }
}

uniform! {
    PackedDropoutBlock { channels: usize, plane: usize, stream: u32, threshold: u32, scale: f32 }
}

impl Lowering<'_> {
    pub(in crate::gpu::lower) fn binary_texture(&mut self, function: Binary, id: NodeId) -> Result<()> {
        let (a, b) = (self.maps(self.input(id, 0)), self.maps(self.input(id, 1)));
        let kernel = Dispatch::new(Shader::BinaryTexture, "main").constant("KIND", Constant::Kind(function.into()));
        self.each_texel(kernel.read(a).read(b), id);
        Ok(())
    }

    /// `entry` is `main` or `gradient`.
    pub(in crate::gpu::lower) fn unary_texture(
        &mut self,
        entry: &'static str,
        function: Unary,
        id: NodeId,
    ) -> Result<()> {
        let operands = &self.graph.node(id).inputs;
        let (x, last) = (self.maps(operands[0]), self.maps(operands[operands.len() - 1]));
        let activation = function.activation().expect("only activations compute from textures");
        let kernel = Dispatch::new(Shader::UnaryTexture, entry).constants(activation_constants(activation));
        self.each_texel(kernel.read(x).read(last), id);
        Ok(())
    }

    pub(in crate::gpu::lower) fn dropout_texture(&mut self, p: f32, stream: u32, id: NodeId) -> Result<()> {
        let seed = self.input(id, 1);
        let MaskNumbers { stream, threshold, scale } = MaskNumbers::of(p, stream);
        let x = self.maps(self.input(id, 0));
        let y = self.new_maps(id);
        let [n, c, h, w] = self.nchw(id);
        let dispatch = Dispatch::new(Shader::DropoutTexture, "main_texture")
            .uniform(&PackedDropoutBlock { channels: c, plane: h * w, stream, threshold, scale })
            .bind(self.whole(seed)?)
            .read(x)
            .write(y)
            .grid((h * w).div_ceil(BLOCK), n * c.div_ceil(4), 1);
        self.push(dispatch);
        Ok(())
    }

    fn each_texel(&mut self, kernel: Dispatch, id: NodeId) {
        let end = self.texels_of(id);
        let y = self.new_maps(id);
        self.push(kernel.uniform(&TexelsBlock { end }).write(y).groups(end.div_ceil(BLOCK)));
    }
}
