//! Launches of the dense convolutions from storage textures, for software adapters.

use super::operands::{MAX_TERMS, Operands};
use super::texture_blocks::{TextureBlock, TextureGradBlock};
use crate::gpu::family::Geometry;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Direction, Dispatch, MAX_GROUPS, Shader};
use crate::gpu::lower::lowering::{Lowering, activation_constants};
use crate::gpu::lower::packed::dense_texels;
use crate::gpu::machine::Result;
use crate::graph::ConvSpec;

/// Lanes × pixels of a workgroup of `conv2d_texture`, at most.
const TEXTURE_BLOCK: usize = 256;
/// Pixels of a row beyond which gradients of weights gain nothing from longer ones.
const LONG_ROW: usize = 64;
/// Lanes of a workgroup of the gradients of weights.
const GRAD_LANES: usize = 8;

/// Eights of filters and pixels that an invocation of `conv2d_texture` takes.
struct Block {
    eights: usize,
    pixels: usize,
}

impl Block {
    /// The block for a number of filters; where weights are sent round, more filters pay than more pixels.
    fn of(filters: usize, broadcast: bool) -> Block {
        let all = filters.div_ceil(8);
        if !broadcast {
            return Block { eights: if all.is_multiple_of(2) || all > 4 { 2 } else { 1 }, pixels: 8 };
        }
        // Time of a block of one to four eights, measured on lavapipe.
        let costs = [13, 20, 31, 39];
        let eights = (1..=4).min_by_key(|&eights| all.div_ceil(eights) * costs[eights - 1]).expect("there are four");
        Block { eights, pixels: if eights > 2 { 4 } else { 8 } }
    }
}

/// How the channels of a product over pixels are divided among lanes and workgroups of `conv2d_texture_weight_grad`.
pub(super) struct Lanes {
    /// lanes run along the channels of dy
    swapped: bool,
    /// blocks of four channels of each lane
    across: usize,
    /// blocks of four channels that all lanes share
    groups: usize,
    broadcast: bool,
    pub grid: [usize; 2],
}

impl Lanes {
    /// The division that loads and multiplies least. Where the shared texels are sent round, `broadcast`, one load brings
    /// eight of them.
    pub(super) fn for_channels(inputs: usize, outputs: usize, broadcast: bool) -> Lanes {
        let [x, dy] = [inputs, outputs].map(|channels| channels.div_ceil(4));
        let divisions = [false, true].into_iter().flat_map(|swapped| {
            let (lanes, shared) = if swapped { (dy, x) } else { (x, dy) };
            let tiles = if broadcast { [[8, 1], [4, 2]] } else { [[4, 1], [4, 2]] };
            tiles.map(|[most, across]| {
                let groups = shared.min(most);
                let grid = [lanes.div_ceil(GRAD_LANES * across), shared.div_ceil(groups)];
                Lanes { swapped, across, groups, broadcast, grid }
            })
        });
        divisions.min_by_key(Lanes::cost).expect("there are four")
    }

    /// Constants of the shader.
    pub(super) fn constants(&self) -> [(&'static str, Constant); 3] {
        [
            ("SWAPPED", Constant::Bool(self.swapped)),
            ("ACROSS", Constant::U32(self.across as u32)),
            ("GROUPS", Constant::U32(self.groups as u32)),
        ]
    }

    /// Loads and multiply-adds of one pixel, over all workgroups.
    fn cost(&self) -> usize {
        let loads = self.across + if self.broadcast { self.groups.div_ceil(8) } else { self.groups };
        self.grid[0] * self.grid[1] * (loads + 2 * self.across * self.groups)
    }
}

/// Rows and columns of `rows` × `columns` pixels that follow each other, with rows joined as long as that makes them no
/// longer than [`LONG_ROW`]: beginning a row costs as much as several pixels.
pub(super) fn long_rows(rows: usize, columns: usize) -> [usize; 2] {
    let joins = (1..=rows).filter(|&join| rows.is_multiple_of(join) && join * columns <= LONG_ROW);
    let join = joins.max().unwrap_or(1);
    [rows / join, join * columns]
}

impl Geometry {
    /// Whether around each map lie pixels of the result that read nothing.
    fn is_padded_pointwise(&self) -> bool {
        (self.kernel, self.spec.stride) == ([1, 1], [1, 1]) && self.spec.padding != [0, 0]
    }

    /// The same convolution with longer rows, if each pixel of its result reads the pixel at the same place alone.
    fn with_long_rows(&self) -> Geometry {
        let ConvSpec { stride, padding, .. } = self.spec;
        if (self.kernel, stride, padding) != ([1, 1], [1, 1], [0, 0]) {
            return *self;
        }
        let [h, w] = long_rows(self.h, self.w);
        Geometry { h, w, oh: h, ow: w, ..*self }
    }
}

impl Lowering<'_> {
    /// A launch of `conv2d_texture`, or of the kernel that does the same by subgroups, and its grid: groups of filters, and
    /// blocks of pixels.
    pub(super) fn texture_product(&self, filters: usize, pixels: usize) -> (Dispatch, [usize; 2]) {
        let broadcast = self.machine.subgroups_of_eight;
        let block = Block::of(filters, broadcast);
        let (shader, entry) =
            if broadcast { (Shader::Conv2dBroadcast, "broadcast") } else { (Shader::Conv2dTexture, "main") };
        // Lanes without a pixel work all the same; powers of two keep the number of pipelines small.
        let lanes = pixels.div_ceil(block.pixels).next_power_of_two().clamp(8, TEXTURE_BLOCK / block.pixels);
        let dispatch = Dispatch::new(shader, entry)
            .constant("LANES", Constant::U32(lanes as u32))
            .constant("PIXELS", Constant::U32(block.pixels as u32))
            .constant("EIGHTS", Constant::U32(block.eights as u32));
        (dispatch, [filters.div_ceil(8 * block.eights), pixels.div_ceil(lanes * block.pixels)])
    }

    /// A launch of the gradient of weights as a product over pixels, with what is constant of it.
    pub(super) fn texture_gradient(&self, lanes: &Lanes) -> Dispatch {
        let dispatch = match lanes.broadcast {
            true => Dispatch::new(Shader::Conv2dBroadcastWeightGrad, "broadcast"),
            false => Dispatch::new(Shader::Conv2dTextureWeightGrad, "main"),
        };
        dispatch.constants(lanes.constants())
    }

    pub(super) fn texture(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let transposed = operands.direction == Direction::InputGrad;
        let (maps, outputs) = match transposed {
            false => ([g.n, g.i, g.h, g.w], [g.o, g.oh, g.ow]),
            true => ([g.n, g.o, g.oh, g.ow], [g.i, g.h, g.w]),
        };
        let x = self.maps(operands.first);
        let first_weight = self.pack_weights(operands.second, maps[1], outputs[0], g.taps(), transposed)?;
        let (weights, y) = (self.weights_texture(), self.new_maps(operands.out));
        let (bias, biases) = self.bias(operands)?;
        let [x_sample, weight_texels] =
            [maps[1].div_ceil(4) * maps[2] * maps[3], dense_texels(maps[1], outputs[0], g.taps())];
        let sample: usize = outputs.iter().product();
        let columns = g.phases(1, transposed);
        let phases: Vec<_> =
            g.phases(0, transposed).iter().flat_map(|h| columns.iter().map(move |w| (*h, *w))).collect();
        for piece in self.pieces_of(g.n, sample, TEXTURE_BLOCK * MAX_GROUPS / (outputs[1] * outputs[2]))? {
            for (h, w) in &phases {
                let [rows, columns] = [h.positions(outputs[1]), w.positions(outputs[2])];
                let pixels = piece.count * rows * columns;
                let (dispatch, grid) = self.texture_product(outputs[0], pixels);
                let dispatch = dispatch
                    .constants(activation_constants(operands.activation))
                    .constant("TRANSPOSED", Constant::Bool(transposed))
                    .constant("RING", Constant::Bool(!transposed && g.is_padded_pointwise()))
                    .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                    .uniform(&TextureBlock::of_maps(
                        g,
                        [piece.first, piece.count],
                        [maps[1], maps[2], maps[3]],
                        outputs,
                        [*h, *w],
                        first_weight,
                    ))
                    .bind_part(bias, biases)
                    .read_part(x, piece.count * x_sample)
                    .read_part(weights, weight_texels)
                    .write(y)
                    .grid(grid[0], grid[1], 1);
                self.push(dispatch);
            }
        }
        Ok(())
    }

    pub(super) fn texture_weight_grad(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let (x, dy) = (self.maps(operands.first), self.maps(operands.second));
        let g = &g.with_long_rows();
        let lanes = Lanes::for_channels(g.i, g.o, self.machine.subgroups_of_eight);
        let grid = lanes.grid;
        let rows = g.n * g.oh;
        let wanted = 32usize.div_ceil(grid[0] * grid[1] * g.taps()).max((rows * g.ow).div_ceil(MAX_TERMS));
        let most = self.most_splits(g).min(MAX_GROUPS / g.taps());
        let each = rows.div_ceil(wanted.min(rows).min(most));
        let splits = rows.div_ceil(each);
        let parts = self.parts(splits * g.weights(), operands.out, splits);
        let dispatch = self
            .texture_gradient(&lanes)
            .uniform(&TextureGradBlock::of_maps(g, each))
            .bind_written(self.whole_target(parts, splits * g.weights())?)
            .read(x)
            .read(dy)
            .grid(grid[0], grid[1], g.taps() * splits);
        self.push(dispatch);
        self.finish_parts(parts, splits, g.weights(), operands.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_joined_up_to_a_long_one() {
        assert_eq!(long_rows(12, 20), [4, 60]);
        assert_eq!(long_rows(8, 8), [1, 64]);
        assert_eq!(long_rows(13, 20), [13, 20]);
        assert_eq!(long_rows(3, 100), [3, 100]);
    }
}
