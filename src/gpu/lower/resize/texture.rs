//! Launches of resizes of packed feature maps.

use super::pass::{Pass, Shifted};
use crate::gpu::kernel::Dispatch;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::lower::lowering::Lowering;
use crate::gpu::machine::Result;
use crate::graph::{NodeId, ResizeMode};

impl Lowering<'_> {
    pub(in crate::gpu::lower) fn resize_texture(&mut self, mode: ResizeMode, id: NodeId, pass: Pass) -> Result<()> {
        let x = self.input(id, 0);
        let ([_, _, xh, xw], [_, _, yh, yw]) = (self.nchw(x), self.nchw(id));
        let [[ih, iw], [oh, ow]] = pass.ends([xh, xw], [yh, yw]);
        self.interpolate(pass.entry("main_texture", "gradient_texture"), mode, id, &[ih, iw, oh, ow])
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
        let entry = pass.entry("shifted_texture", "shifted_gradient_texture");
        self.interpolate(entry, mode, id, &[small[axis], 0, large[axis], 0, taps, channels, inner])
    }

    fn interpolate(&mut self, entry: &'static str, mode: ResizeMode, id: NodeId, extents: &[usize]) -> Result<()> {
        let x = self.maps(self.input(id, 0));
        let count = self.texels_of(id) - 1;
        let y = self.new_maps(id);
        let dispatch = Dispatch::new("resize_texture", entry)
            .constant("MODE", Constant::U32(mode as u32))
            .params([count, 1, 1])
            .params(extents.iter().copied())
            .read(x)
            .write(y)
            .groups(count.div_ceil(64));
        self.push(dispatch);
        Ok(())
    }
}
