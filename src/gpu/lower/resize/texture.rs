//! Launches of resizes of packed feature maps.

use crate::gpu::kernel::Dispatch;
use crate::gpu::machine::Result;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::lower::lowering::Lowering;
use crate::graph::{NodeId, ResizeMode};

impl Lowering<'_> {
    /// `entry` is `main_texture`, or `gradient_texture` where the node is the small side and its input the upstream
    /// gradient.
    pub(in crate::gpu::lower) fn resize_texture(&mut self, mode: ResizeMode, id: NodeId, entry: &'static str) -> Result<()> {
        let x = self.input(id, 0);
        let ([_, _, xh, xw], [_, _, yh, yw]) = (self.nchw(x), self.nchw(id));
        let [ih, iw, oh, ow] = if entry == "main_texture" { [xh, xw, yh, yw] } else { [yh, yw, xh, xw] };
        self.interpolate(entry, mode, id, &[ih, iw, oh, ow])
    }

    /// `entry` is `shifted_texture`, or `shifted_gradient_texture` where the node is the small side and its input the
    /// upstream gradient.
    pub(in crate::gpu::lower) fn resize_shifted_texture(
        &mut self,
        mode: ResizeMode,
        axis: usize,
        taps: usize,
        id: NodeId,
        entry: &'static str,
    ) -> Result<()> {
        let (read, written) = (self.nchw(self.input(id, 0)), self.nchw(id));
        let (small, large) = if entry == "shifted_texture" { (read, written) } else { (written, read) };
        let [_, c, h, w] = large;
        let (channels, inner) = if axis == 2 { (c / 4, w) } else { (c / 4 * h, 1) };
        self.interpolate(entry, mode, id, &[small[axis], 0, large[axis], 0, taps, channels, inner])
    }

    fn interpolate(&mut self, entry: &'static str, mode: ResizeMode, id: NodeId, extents: &[usize]) -> Result<()> {
        let x = self.maps_of(self.input(id, 0))?;
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
