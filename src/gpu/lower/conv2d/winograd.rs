//! Launches of dense 3x3 convolutions of stride 1 as products of transformed tiles (Lavin & Gray 2015, F(4x4, 3x3)), from
//! textures: 36 products for each 4x4 outputs where the plain way takes 144.

use super::operands::Operands;
use super::texture::{Lanes, long_rows};
use super::texture_blocks::{TextureBlock, TextureGradBlock};
use crate::gpu::family::{Geometry, POSITIONS, Tiling, samples_for_parts};
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Direction, Dispatch, Shader, TextureId, uniform};
use crate::gpu::lower::lowering::{Lowering, Piece, activation_constants};
use crate::gpu::lower::packed_values::WeightLayout;
use crate::gpu::machine::Result;

uniform! {
    MapsBlock {
        count: usize,
        blocks: usize,
        first_sample: usize,
        tiles: usize,
        tile_rows: usize,
        tile_columns: usize,
        height: usize,
        width: usize,
        pad_h: usize,
        pad_w: usize,
    }
}

uniform! {
    OutputBlock {
        count: usize,
        channels: usize,
        first_sample: usize,
        tiles: usize,
        tile_rows: usize,
        tile_columns: usize,
        height: usize,
        width: usize,
    }
}

uniform! {
    WeightGradBlock { pairs: usize, parts: usize }
}

uniform! {
    WeightsBlock { texels: usize, first_texel: usize, inputs: usize, outputs: usize }
}

impl Lowering<'_> {
    pub(super) fn winograd(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let transposed = operands.direction == Direction::InputGrad;
        let [pad_h, pad_w] = g.spec.padding;
        // The gradient of the input is a convolution of dy, padded by what the forward one does not pad.
        let (maps, outputs, padding) = match transposed {
            false => ([g.n, g.i, g.h, g.w], [g.o, g.oh, g.ow], [pad_h, pad_w]),
            true => ([g.n, g.o, g.oh, g.ow], [g.i, g.h, g.w], [2 - pad_h, 2 - pad_w]),
        };
        let [inputs, channels] = [maps[1], outputs[0]];
        let x = self.maps(operands.first);
        let per_position = channels.div_ceil(8) * inputs.next_multiple_of(4) * 2;
        let first_weight = self.winograd_weights(operands, [inputs, channels], per_position, transposed)?;
        let (weights, y) = (self.weights_texture(), self.new_maps(operands.out));
        let tiling = Tiling::of(outputs[1], outputs[2]);
        let (bias, biases) = self.bias(operands)?;
        let sample: usize = outputs.iter().product();
        for piece in self.pieces_of(g.n, sample, tiling.samples(g.n))? {
            let tiles = piece.count * tiling.each();
            let transformed = self.winograd_maps("maps", x, piece, &maps, padding, tiling);
            let products = self.temporary_texture(1 + POSITIONS * channels.div_ceil(4) * tiles);
            let (product, grid) = self.texture_product(channels, tiles);
            let product = product
                .uniform(&TextureBlock::of_tiles([inputs, channels], tiles, first_weight, per_position))
                .bind_part(self.whole(operands.second)?, 0)
                .read(transformed)
                .read_part(weights, POSITIONS * per_position)
                .write(products)
                .multiply_adds(POSITIONS * tiles * inputs * channels)
                .grid(grid[0], grid[1], POSITIONS);
            self.push(product);
            let count = channels.div_ceil(4) * tiles;
            let dispatch = Dispatch::new(Shader::WinogradOutput, "main")
                .constants(activation_constants(operands.activation))
                .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                .uniform(&OutputBlock {
                    count,
                    channels,
                    first_sample: piece.first,
                    tiles,
                    tile_rows: tiling.rows,
                    tile_columns: tiling.columns,
                    height: outputs[1],
                    width: outputs[2],
                })
                .bind_part(bias, biases)
                .read(products)
                .write(y)
                .groups(count.div_ceil(64));
            self.push(dispatch);
        }
        Ok(())
    }

    pub(super) fn winograd_weight_grad(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let [x_maps, dy_maps] = [[g.n, g.i, g.h, g.w], [g.n, g.o, g.oh, g.ow]];
        let tiling = Tiling::of(g.oh, g.ow);
        let pairs = g.o * g.i;
        let samples = samples_for_parts(g, tiling, self.machine.binding_elements);
        let pieces = self.pieces_of(g.n, 1, samples)?;
        let elements = pieces.len() * POSITIONS * pairs;
        let parts = self.temporary(elements);
        let (x, dy) = (self.maps(operands.first), self.maps(operands.second));
        let lanes = Lanes::for_channels(g.i, g.o, self.machine.subgroups_of_eight);
        for (index, &piece) in pieces.iter().enumerate() {
            let tiles = piece.count * tiling.each();
            let [rows, columns] = long_rows(piece.count * tiling.rows, tiling.columns);
            let maps = self.winograd_maps("maps", x, piece, &x_maps, g.spec.padding, tiling);
            let gradients = self.winograd_maps("gradients", dy, piece, &dy_maps, [0, 0], tiling);
            let per_tap = [g.i, g.o].map(|channels| channels.div_ceil(4) * tiles);
            let dispatch = self
                .texture_gradient(&lanes)
                .uniform(&TextureGradBlock::of_tiles([g.i, g.o], [rows, columns], POSITIONS, index, per_tap))
                .bind_written(self.whole_target(parts, elements)?)
                .read(maps)
                .read(gradients)
                .multiply_adds(POSITIONS * tiles * pairs)
                .grid(lanes.grid[0], lanes.grid[1], POSITIONS);
            self.push(dispatch);
        }
        let dispatch = Dispatch::new(Shader::WinogradWeightGrad, "main")
            .uniform(&WeightGradBlock { pairs, parts: pieces.len() })
            .bind(self.whole_target(parts, elements)?)
            .bind_written(self.whole(operands.out)?)
            .groups(pairs.div_ceil(64));
        self.push(dispatch);
        Ok(())
    }

    /// Transforms the maps `[n,c,h,w]` of a piece from their texture into another.
    fn winograd_maps(
        &mut self,
        entry: &'static str,
        from: TextureId,
        piece: Piece,
        maps: &[usize; 4],
        padding: [usize; 2],
        tiling: Tiling,
    ) -> TextureId {
        let blocks = maps[1].div_ceil(4);
        let tiles = piece.count * tiling.each();
        let to = self.temporary_texture(1 + POSITIONS * blocks * tiles);
        let dispatch = Dispatch::new(Shader::WinogradMaps, entry)
            .uniform(&MapsBlock {
                count: blocks * tiles,
                blocks,
                first_sample: piece.first,
                tiles,
                tile_rows: tiling.rows,
                tile_columns: tiling.columns,
                height: maps[2],
                width: maps[3],
                pad_h: padding[0],
                pad_w: padding[1],
            })
            .read_part(from, piece.count * blocks * maps[2] * maps[3])
            .write(to)
            .groups((blocks * tiles).div_ceil(64));
        self.push(dispatch);
        to
    }

    /// Transforms weights, once in a run; returns the first texel.
    fn winograd_weights(
        &mut self,
        operands: &Operands,
        [inputs, outputs]: [usize; 2],
        per_position: usize,
        transposed: bool,
    ) -> Result<usize> {
        let layout = WeightLayout::Winograd { transposed };
        let (first, new) = self.claim_weights(operands.second, layout, POSITIONS * per_position);
        if new {
            let texture = self.weights_texture();
            let dispatch = Dispatch::new(Shader::WinogradWeights, "main")
                .constant("TRANSPOSED", Constant::Bool(transposed))
                .uniform(&WeightsBlock { texels: per_position, first_texel: first, inputs, outputs })
                .bind(self.whole(operands.second)?)
                .write_part(texture, POSITIONS * per_position)
                .groups(per_position.div_ceil(64));
            self.push(dispatch);
        }
        Ok(first)
    }
}
