//! Launches of resizes of packed feature maps.

use super::block::ResizeBlock;
use super::pass::{Pass, Shifted};
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Shader};
use crate::gpu::lower::lowering::Lowering;
use crate::gpu::machine::Result;
use crate::graph::{NodeId, ResizeMode};

impl Lowering<'_> {
    pub(in crate::gpu::lower) fn resize_texture(&mut self, mode: ResizeMode, id: NodeId, pass: Pass) -> Result<()> {
        let x = self.input(id, 0);
        let ([_, _, xh, xw], [_, _, yh, yw]) = (self.nchw(x), self.nchw(id));
        let [small, large] = pass.ends([xh, xw], [yh, yw]);
        let block = ResizeBlock::whole(self.texels_of(id) - 1, [1, 1], small, large);
        self.interpolate(pass.entry("main_texture", "gradient_texture"), mode, id, &block);
        Ok(())
    }

    pub(in crate::gpu::lower) fn resize_shifted_texture(
        &mut self,
        shifted: Shifted,
        id: NodeId,
        pass: Pass,
    ) -> Result<()> {
        let Shifted { mode, axis, taps } = shifted;
        let (read, written) = (self.nchw(self.input(id, 0)), self.nchw(id));
        let [small, large] = pass.ends(read, written);
        let [_, c, h, w] = large;
        let (channels, inner) = if axis == 2 { (c / 4, w) } else { (c / 4 * h, 1) };
        let ends = [small[axis], large[axis]];
        let block = ResizeBlock::shifted(self.texels_of(id) - 1, [1, 1], ends, taps, [channels, inner]);
        self.interpolate(pass.entry("shifted_texture", "shifted_gradient_texture"), mode, id, &block);
        Ok(())
    }

    fn interpolate(&mut self, entry: &'static str, mode: ResizeMode, id: NodeId, block: &ResizeBlock) {
        let (x, y) = (self.maps(self.input(id, 0)), self.new_maps(id));
        let dispatch = Dispatch::new(Shader::ResizeTexture, entry)
            .constant("MODE", Constant::Kind(mode.into()))
            .uniform(block)
            .read(x)
            .write(y)
            .groups(block.count.div_ceil(64));
        self.push(dispatch);
    }
}
