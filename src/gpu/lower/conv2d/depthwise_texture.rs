//! Launches of the convolutions with one filter for each channel, from storage textures.

use super::operands::Operands;
use crate::gpu::family::Geometry;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, MAX_GROUPS};
use crate::gpu::lower::lowering::{Lowering, activation_constants};
use crate::gpu::machine::{Direction, Result};

/// Lanes of a workgroup, and pixels that a lane of `gather` takes.
const LANES: usize = 8;
const PIXELS: usize = 4;
/// Workgroups that keep the cores of a processor busy.
const ENOUGH: usize = 64;

impl Lowering<'_> {
    pub(super) fn depthwise_texture(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let [stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w] = g.steps();
        let word = |value: usize| Constant::U32(value as u32);
        let kernel = |entry: &'static str| {
            Dispatch::new("depthwise_texture", entry)
                .constant("KERNEL_H", word(g.kernel[0]))
                .constant("KERNEL_W", word(g.kernel[1]))
                .constant("STRIDE_H", word(stride_h))
                .constant("STRIDE_W", word(stride_w))
        };
        let direction = operands.direction;
        let columns = g.i.div_ceil(4).div_ceil(LANES);
        if direction == Direction::WeightGrad {
            let (x, dy) = (self.maps(operands.first), self.maps(operands.second));
            let each = strip(g.n * g.oh, columns, self.most_splits(g));
            let splits = (g.n * g.oh).div_ceil(each);
            let parts = self.parts(splits * g.weights(), operands.out, splits);
            let dispatch = kernel(direction.entry())
                .constant("SLIDES", Constant::Bool(stride_w == 1))
                .params([g.n, g.i, g.h, g.w, g.oh, g.ow, pad_h, pad_w, dilation_h, dilation_w, each, 0])
                .params([0; 12])
                .bind(self.whole_target(parts, splits * g.weights())?)
                .read(x)
                .read(dy)
                .grid(columns, splits, 1);
            self.push(dispatch);
            return self.finish_parts(parts, splits, g.weights(), operands.out);
        }
        let transposed = direction == Direction::InputGrad;
        let (read, written) = if transposed { ([g.oh, g.ow], [g.h, g.w]) } else { ([g.h, g.w], [g.oh, g.ow]) };
        let maps = self.maps(operands.first);
        let first_weight = self.pack_filters(operands.second, g.i, g.taps())?;
        let (weights, y) = (self.weights_texture(), self.new_maps(operands.out));
        let slides = [stride_h, stride_w] == [1, 1];
        // A gradient of stride 1 is a convolution with the filter turned about, padded by what the forward one is not.
        let padding = |axis: usize| {
            let (own, reach) = (g.spec.padding[axis], g.spec.dilation[axis] * (g.kernel[axis] - 1));
            if slides && transposed { (reach as i32 - own as i32) as u32 as usize } else { own }
        };
        // Rows of the output go in pairs, a dilation apart.
        let pairs = g.n * written[0].div_ceil(2 * dilation_h) * dilation_h;
        let each = strip(pairs, columns, MAX_GROUPS);
        let bias = self.whole(operands.bias.unwrap_or(operands.second))?;
        let launch = |entry: &'static str| {
            kernel(entry)
                .constants(activation_constants(operands.activation))
                .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                .params([g.n, g.i, read[0], read[1], written[0], written[1], padding(0), padding(1)])
                .params([dilation_h, dilation_w, each, first_weight])
                .bind(bias)
                .read(maps)
                .read(weights)
                .write(y)
        };
        if slides {
            let dispatch = launch("slide").constant("FLIPPED", Constant::Bool(transposed)).params([0; 12]);
            self.push(dispatch.grid(columns, pairs.div_ceil(each), 1));
            return Ok(());
        }
        for h in g.phases(0, transposed) {
            for w in g.phases(1, transposed) {
                let [rows, columns] = [h.positions(written[0]), w.positions(written[1])];
                let dispatch = launch("gather")
                    .constant("TRANSPOSED", Constant::Bool(transposed))
                    .params([h.first, h.end, h.step, w.first, w.end, w.step])
                    .params([h.phase, w.phase, h.every, w.every, rows, columns])
                    .grid((rows * columns).div_ceil(LANES * PIXELS), g.n * g.i.div_ceil(4), 1);
                self.push(dispatch);
            }
        }
        Ok(())
    }
}

/// Rows of a strip: strips in `columns` columns are enough, and at most `most`.
fn strip(rows: usize, columns: usize, most: usize) -> usize {
    rows.div_ceil(ENOUGH.div_ceil(columns).min(most).max(1))
}
