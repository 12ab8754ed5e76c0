//! Launches of the dense convolutions from storage textures, for software adapters.

use super::super::dispatch::{Dispatch, MAX_GROUPS};
use super::super::error::Result;
use super::super::shader::Constant;
use super::conv2d::{Geometry, MAX_TERMS, Operands};
use super::{Lowering, activation_constants};

/// Lanes × pixels of a workgroup of `conv2d_texture`.
pub(super) const TEXTURE_BLOCK: usize = 32 * 8;
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
        let x = self.maps_of(operands.first)?;
        let first_weight = self.pack_weights(operands.second, maps[1], outputs[0], g.taps(), transposed)?;
        let (weights, y) = (self.weights_texture(), self.new_maps(operands.out));
        let sample: usize = outputs.iter().product();
        let (eights, groups) = filter_groups(outputs[0]);
        let columns = g.phases(1, transposed);
        let phases: Vec<_> =
            g.phases(0, transposed).iter().flat_map(|h| columns.iter().map(move |w| (*h, *w))).collect();
        for piece in self.pieces_of(g.n, sample, TEXTURE_BLOCK * MAX_GROUPS / (outputs[1] * outputs[2]))? {
            for (h, w) in &phases {
                let (rows, columns) =
                    ((outputs[1] - h.phase).div_ceil(h.every), (outputs[2] - w.phase).div_ceil(w.every));
                let pixels = piece.count * rows * columns;
                let dispatch = Dispatch::new("conv2d_texture", "main")
                    .constants(activation_constants(operands.activation))
                    .constant("EIGHTS", Constant::U32(eights as u32))
                    .constant("TRANSPOSED", Constant::Bool(transposed))
                    .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                    .params([piece.first, piece.count, maps[1], maps[2], maps[3]])
                    .params(outputs)
                    .params(g.kernel)
                    .params(g.steps())
                    .params([h.first, h.end, h.step, w.first, w.end, w.step])
                    .params([h.phase, w.phase, h.every, w.every, rows, columns, first_weight, 0])
                    .bind(self.whole(operands.bias.unwrap_or(operands.second))?)
                    .read(x)
                    .read(weights)
                    .write(y)
                    .grid(groups, pixels.div_ceil(TEXTURE_BLOCK), 1);
                self.push(dispatch);
            }
        }
        Ok(())
    }

    pub(super) fn texture_weight_grad(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let (x, dy) = (self.maps_of(operands.first)?, self.maps_of(operands.second)?);
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
            .read(x)
            .read(dy)
            .grid(grid[0], grid[1], g.taps() * splits);
        self.push(dispatch);
        self.finish_parts(parts, splits, g.weights(), operands.out)
    }
}
