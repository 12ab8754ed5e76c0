//! Launches of the convolutions with shared-memory tiles, for hardware adapters.

use super::operands::Operands;
use super::product::{BUSY, MOST_OPERATIONS, Splits, at_once, conv_taps, samples_at_once, steps};
use crate::gpu::family::Geometry;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Direction, Dispatch, MAX_GROUPS, Shader, View, uniform};
use crate::gpu::lower::lowering::{Lowering, activation_constants};
use crate::gpu::lower::on_load::MaskNumbers;
use crate::gpu::machine::{Result, Tile};

impl Tile {
    /// Rows and columns of the product.
    fn extents(self) -> [usize; 2] {
        let ([threads_m, threads_n], [rows, columns]) = (self.threads(), self.sums());
        [threads_m * rows, threads_n * columns]
    }

    fn groups(self, rows: usize, columns: usize) -> [usize; 2] {
        let [m, n] = self.extents();
        [rows.div_ceil(m), columns.div_ceil(n)]
    }

    /// The largest tile up to `largest` of which enough are left to keep the adapter busy, and of which little lies outside
    /// the product; where there is none, the one of few rows or of few columns that leaves the least outside.
    fn fitting(rows: usize, columns: usize, depth_groups: usize, largest: Tile) -> Tile {
        let covered = |tile: &Tile| {
            let ([m, n], [tile_m, tile_n]) = (tile.groups(rows, columns), tile.extents());
            m * n * tile_m * tile_n
        };
        let fits = |tile: &Tile| {
            let [m, n] = tile.groups(rows, columns);
            *tile <= largest && m * n * depth_groups >= BUSY && covered(tile) * 4 <= rows * columns * 5
        };
        let large = [Tile::Wide, Tile::Large, Tile::Medium].into_iter().find(fits);
        let few_rows =
            [Tile::Flat, Tile::Thin].into_iter().filter(|tile| *tile <= largest && rows <= tile.extents()[0]);
        large.or_else(|| [Tile::Small].into_iter().chain(few_rows).min_by_key(covered)).unwrap_or(Tile::Small)
    }

    /// The constants of `register_tile`.
    fn constants(self) -> [(&'static str, Constant); 5] {
        let ([threads_m, threads_n], [rows, columns]) = (self.threads(), self.sums());
        [
            ("THREADS_M", threads_m),
            ("THREADS_N", threads_n),
            ("ROWS", rows),
            ("COLUMNS", columns),
            ("QUADS", self.depth() / 4),
        ]
        .map(|(name, value)| (name, Constant::U32(value as u32)))
    }
}

uniform! {
    TiledBlock {
        base_x: usize,
        base_y: usize,
        channels: usize,
        height: usize,
        width: usize,
        filters: usize,
        out_height: usize,
        out_width: usize,
        rows: usize,
        columns: usize,
        pixels: usize,
        first_pixel: usize,
        first_part: usize,
        taps: usize,
        first: usize,
        stream: u32,
        threshold: u32,
        scale: f32,
    }
}

uniform! {
    TiledWeightGradBlock {
        base_x: usize,
        base_dy: usize,
        channels: usize,
        height: usize,
        width: usize,
        filters: usize,
        rows: usize,
        columns: usize,
        terms: usize,
        first_term: usize,
        terms_per_split: usize,
        first_split: usize,
        first: usize,
        stream: u32,
        threshold: u32,
        scale: f32,
    }
}

uniform! {
    PackWeightsBlock { count: usize, filters: usize, channels: usize, taps: usize }
}

/// Whether one launch has all phases of the gradient of the input: taps of each phase follow a stride apart, and each has pixels.
fn phases_together(g: &Geometry) -> bool {
    let [h, w] = g.spec.stride;
    h * w > 1 && g.spec.dilation == [1, 1] && g.h >= h && g.w >= w
}

impl Lowering<'_> {
    /// In the given tile, or in the one that fits.
    pub(super) fn tiled(&mut self, g: &Geometry, operands: &Operands, tile: Option<Tile>) -> Result<()> {
        match operands.direction {
            Direction::Forward if self.unjoined.contains(&self.loaded(operands.first).source) => {
                self.joined_head(operands)
            }
            Direction::Forward => self.tiled_maps(g, operands, tile, false),
            Direction::InputGrad => self.tiled_maps(g, operands, tile, true),
            Direction::WeightGrad => self.tiled_weight_grad(g, operands, tile),
        }
    }

    /// Forward, or the gradient of the input.
    fn tiled_maps(&mut self, g: &Geometry, operands: &Operands, tile: Option<Tile>, transposed: bool) -> Result<()> {
        let (maps, out) = ([g.i, g.h, g.w], [g.o, g.oh, g.ow]);
        let (read, written) = if transposed { (out, maps) } else { (maps, out) };
        let [read_sample, written_sample]: [usize; 2] = [read, written].map(|map| map.iter().product());
        let [filters, height, width] = written;
        let [_, narrowest] = Tile::Small.extents();
        let together = transposed && phases_together(g);
        let [stride_h, stride_w] = g.spec.stride;
        // Tiles of a phase may reach beyond its pixels.
        let reach = if together { (height + stride_h) * (width + stride_w) } else { height * width };
        let most = (narrowest * MAX_GROUPS / reach).min(samples_at_once(g));
        let pieces = self.pieces_of(g.n, read_sample.max(written_sample), most)?;
        let packed = self.weights_by_taps(g, operands, transposed)?;
        let (bias, biases) = self.bias(operands)?;
        let (phases, of_axis) = if together { (stride_h * stride_w, 1) } else { (1, usize::MAX) };
        let mut launches = Vec::new();
        let mut splits = 0;
        for piece in pieces {
            for h in g.phases(0, transposed).into_iter().take(of_axis) {
                for w in g.phases(1, transposed).into_iter().take(of_axis) {
                    let pixels = piece.count * h.positions(height) * w.positions(width);
                    let fitting = || Tile::fitting(filters, pixels, phases, self.machine.largest_tile);
                    let tile = tile.unwrap_or_else(fitting);
                    launches.push((piece, h, w, tile, splits));
                    splits += tile.groups(filters, pixels)[1];
                }
            }
        }
        let (on_store, loaded) = self.on_store(operands.out, operands.first, splits * phases)?;
        let MaskNumbers { stream, threshold, scale } = loaded.mask();
        for (piece, h, w, tile, first_part) in launches {
            let [rows, columns] = [h.positions(height), w.positions(width)];
            let pixels = piece.count * rows * columns;
            let [groups_m, groups_n] = tile.groups(filters, pixels);
            let (vx, base_x) = self.rows(loaded.source, piece, read_sample);
            let (vy, base_y) = self.rows(on_store.written, piece, written_sample);
            let [_, tile_pixels] = tile.extents();
            let taps = if together { g.taps() } else { h.taps() * w.taps() };
            let operations = 2.0 * (filters * read[0] * taps.max(1)) as f64 * pixels as f64;
            let at_once = at_once(groups_n, operations, MOST_OPERATIONS, 1);
            // Dropped elements are those of what is read, or of the gradient that is reduced.
            let numbered = if transposed { vy } else { vx };
            for first in (0..groups_n).step_by(at_once) {
                let groups = at_once.min(groups_n - first);
                let dispatch = Dispatch::new(Shader::Conv2dTiled, on_store.entry())
                    .constants(tile.constants())
                    .constant("MODE", Constant::Kind(operands.direction.into()))
                    .constants(steps(g))
                    .constants(conv_taps(h, w))
                    .constant("PHASES", Constant::U32(phases as u32))
                    .constants(activation_constants(on_store.activation(operands.activation)))
                    .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                    .uniform(&TiledBlock {
                        base_x,
                        base_y,
                        channels: read[0],
                        height: read[1],
                        width: read[2],
                        filters,
                        out_height: height,
                        out_width: width,
                        rows,
                        columns,
                        pixels,
                        first_pixel: first * tile_pixels,
                        first_part: first_part + first,
                        taps,
                        first: numbered.start,
                        stream,
                        threshold,
                        scale,
                    })
                    .bind_part(vx, vx.len * groups / groups_n)
                    .bind(packed)
                    .bind_written(vy)
                    .bind_part(bias, biases)
                    .grid(groups * phases, groups_m, 1);
                let dispatch = self.bind_norm(dispatch, &loaded, packed)?;
                let dispatch = self.bind_seed(dispatch, &loaded, packed)?;
                let share = match together {
                    true => [groups, groups_n],
                    false => [rows * columns * groups, height * width * groups_n],
                };
                self.push(self.bind_store(dispatch, &on_store, (piece, share), packed)?);
            }
        }
        self.finish_store(&on_store)
    }

    /// The weights as the kernel reads them.
    fn weights_by_taps(&mut self, g: &Geometry, operands: &Operands, transposed: bool) -> Result<View> {
        let [filters, channels] = if transposed { [g.i, g.o] } else { [g.o, g.i] };
        let count = g.taps() * channels.div_ceil(4) * filters;
        let packed = self.temporary(count * 4);
        let packed = self.whole_target(packed, count * 4)?;
        let dispatch = Dispatch::new(Shader::PackWeights, "main")
            .constant("TRANSPOSED", Constant::Bool(transposed))
            .uniform(&PackWeightsBlock { count, filters, channels, taps: g.taps() })
            .bind(self.whole(operands.second)?)
            .bind_written(packed)
            .groups(count.div_ceil(64));
        self.push(dispatch);
        Ok(packed)
    }

    fn tiled_weight_grad(&mut self, g: &Geometry, operands: &Operands, tile: Option<Tile>) -> Result<()> {
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let pieces = self.pieces_of(g.n, in_sample.max(out_sample), samples_at_once(g))?;
        let columns = g.i * g.taps();
        // Splits of the long axis can make any tile busy; a small product wants a small one.
        let tile = tile.unwrap_or_else(|| Tile::fitting(g.o, columns, BUSY, self.machine.largest_tile));
        let [groups_m, groups_n] = tile.groups(g.o, columns);
        let splits = Splits::of(g, &pieces, groups_m * groups_n, tile.depth(), self.most_splits(g));
        let elements = splits.count * g.weights();
        let parts = self.parts(elements, operands.out, splits.count);
        let loaded = self.loaded(operands.first);
        let MaskNumbers { stream, threshold, scale } = loaded.mask();
        for (piece, split) in pieces.into_iter().zip(splits.of_pieces) {
            let (vx, base_x) = self.rows(loaded.source, piece, in_sample);
            let (vdy, base_dy) = self.rows(operands.second, piece, out_sample);
            let operations = 2.0 * g.weights() as f64 * split.terms as f64;
            let at_once = at_once(split.count, operations, MOST_OPERATIONS, 1);
            for first in (0..split.count).step_by(at_once) {
                let own = at_once.min(split.count - first);
                let dispatch = Dispatch::new(Shader::Conv2dTiledWeightGrad, "main")
                    .constants(tile.constants())
                    // So that no memory bank is met twice by invocations that store vectors of the same row.
                    .constant("TURN", Constant::U32(2))
                    .constant("TAPS", Constant::U32(g.taps() as u32))
                    .constants(steps(g))
                    .uniform(&TiledWeightGradBlock {
                        base_x,
                        base_dy,
                        channels: g.i,
                        height: g.h,
                        width: g.w,
                        filters: g.o,
                        rows: g.oh,
                        columns: g.ow,
                        terms: split.terms,
                        first_term: first * split.each,
                        terms_per_split: split.each,
                        first_split: split.first + first,
                        first: vx.start,
                        stream,
                        threshold,
                        scale,
                    })
                    .bind_part(vx, vx.len * own / split.count)
                    .bind_part(vdy, vdy.len * own / split.count)
                    .bind_written(self.whole_target(parts, elements)?)
                    .grid(groups_n, groups_m, own);
                let dispatch = self.bind_norm(dispatch, &loaded, vx)?;
                self.push(self.bind_seed(dispatch, &loaded, vx)?);
            }
        }
        self.finish_parts(parts, splits.count, g.weights(), operands.out)
    }
}

#[cfg(test)]
mod tests {
    use super::Tile;
    use crate::gpu::machine::Capabilities;
    use crate::gpu::plan::Plan;
    use crate::graph::{ConvSpec, Graph, Op};

    #[test]
    fn a_convolution_too_long_for_one_launch_has_several() {
        let launches = |batch: usize, side: usize, gradient: bool| {
            let mut g = Graph::new();
            let x = g.input("x", [batch, 256, side, side]);
            let w = g.input("w", [256, 256, 3, 3]);
            let spec = ConvSpec { padding: [1, 1], ..ConvSpec::default() };
            let y = g.conv2d(x, w, None, spec).expect("shapes fit");
            let result = match gradient {
                true => g.push(Op::Conv2dWeightGrad { spec, kernel: [3, 3] }, &[x, y]).expect("shapes fit"),
                false => y,
            };
            g.output("result", result);
            Plan::new(&g, &Capabilities::typical_hardware()).expect("it fits").launches.len()
        };
        // 19.3 GFLOP for each sample, and a launch that packs the weights.
        assert_eq!([1, 3, 4, 8].map(|batch| launches(batch, 128, false)), [2, 2, 3, 4]);
        // The gradient of the weights as well, and a launch that adds up its parts.
        assert_eq!([1, 3, 4, 8].map(|batch| launches(batch, 128, true) - launches(batch, 128, false)), [2, 2, 3, 4]);
        // 77 GFLOP for one sample.
        let alone = launches(1, 256, false);
        assert_eq!([alone, launches(1, 256, true) - alone], [3, 3]);
    }

    #[test]
    fn no_tile_is_larger_than_fits_the_adapter() {
        for largest in [Tile::Small, Tile::Medium, Tile::Large, Tile::Wide] {
            assert_eq!(Tile::fitting(1024, 65536, 1, largest), largest);
            assert_eq!(Tile::fitting(64, 32, 1, largest), Tile::Small);
            assert_eq!(Tile::fitting(2, 1 << 20, 1, largest), Tile::Thin);
            let flat = if largest < Tile::Flat { Tile::Small } else { Tile::Flat };
            assert_eq!([24, 32].map(|rows| Tile::fitting(rows, 1 << 20, 1, largest)), [flat; 2]);
        }
    }
}
