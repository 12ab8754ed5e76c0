//! Launches that only move packed feature maps: concatenation along the channels, slices and paddings.

use crate::gpu::kernel::{Dispatch, Shader, TextureId, uniform};
use crate::gpu::lower::lowering::Lowering;
use crate::gpu::machine::Result;
use crate::graph::NodeId;

uniform! {
    PackedCopyBlock {
        texels: usize,
        blocks: usize,
        first_y: usize,
        first_x: u32,
        blocks_y: usize,
        blocks_x: usize,
        height_y: usize,
        width_y: usize,
        height_x: usize,
        width_x: usize,
        before_h: u32,
        before_w: u32,
    }
}

/// Blocks of four channels: how many are copied, and the first of them in the result and in the operand.
struct Blocks {
    count: usize,
    to: usize,
    from: isize,
}

impl Lowering<'_> {
    pub(in crate::gpu::lower) fn concat_texture(&mut self, id: NodeId) -> Result<()> {
        let operands = self.graph.node(id).inputs.clone();
        let packed: Vec<TextureId> = operands.iter().map(|&x| self.maps(x)).collect();
        let y = self.new_maps(id);
        let mut to = 0;
        for (&x, texture) in operands.iter().zip(packed) {
            let count = self.nchw(x)[1].div_ceil(4);
            self.copy_texture([x, id], [texture, y], Blocks { count, to, from: 0 }, [0, 0]);
            to += count;
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn pad_texture(&mut self, before: &[isize], id: NodeId) -> Result<()> {
        let x = self.input(id, 0);
        let from = self.maps(x);
        let y = self.new_maps(id);
        let count = self.nchw(id)[1].div_ceil(4);
        let blocks = Blocks { count, to: 0, from: -before[1] / 4 };
        self.copy_texture([x, id], [from, y], blocks, [before[2], before[3]]);
        Ok(())
    }

    fn copy_texture(&mut self, [x, y]: [NodeId; 2], textures: [TextureId; 2], blocks: Blocks, before: [isize; 2]) {
        let ([_, cx, hx, wx], [n, cy, hy, wy]) = (self.nchw(x), self.nchw(y));
        let texels = n * blocks.count * hy * wy;
        // Below zero the shader's sums wrap round.
        let wrapping = |value: isize| value as i32 as u32;
        let dispatch = Dispatch::new(Shader::CopyTexture, "main").uniform(&PackedCopyBlock {
            texels,
            blocks: blocks.count,
            first_y: blocks.to,
            first_x: wrapping(blocks.from),
            blocks_y: cy.div_ceil(4),
            blocks_x: cx.div_ceil(4),
            height_y: hy,
            width_y: wy,
            height_x: hx,
            width_x: wx,
            before_h: wrapping(before[0]),
            before_w: wrapping(before[1]),
        });
        // Of a slice's operand no more is read than is written.
        let read = texels.min(n * cx.div_ceil(4) * hx * wx);
        self.push(dispatch.read_part(textures[0], read).write(textures[1]).groups(texels.div_ceil(64)));
    }
}
