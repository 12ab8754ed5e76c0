//! Launches of the convolutions with shared-memory tiles, for hardware adapters.

use super::operands::{MAX_TERMS, Operands};
use crate::gpu::family::{Geometry, Phase};
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Direction, Dispatch, MAX_GROUPS, Shader, uniform};
use crate::gpu::lower::lowering::{Lowering, Piece, activation_constants};
use crate::gpu::machine::Result;
use crate::gpu::machine::{Matrices, Tile};

/// Workgroups that keep a large adapter busy.
const BUSY: usize = 256;
/// Terms that one workgroup takes in a step.
const DEPTH: usize = 16;
/// Operations of a launch over feature maps at most, if a sample takes no more: a third of a second on the slowest
/// adapters, which a desktop's watchdog must not take for a hang. Pieces of a batch have the same values to the last bit.
const MOST_OPERATIONS: f64 = 64e9;

impl Tile {
    /// Rows and columns of the product.
    fn extents(self) -> [usize; 2] {
        let [rows, columns] = self.threads();
        [rows * 8, columns * 4]
    }

    fn groups(self, rows: usize, columns: usize) -> [usize; 2] {
        let [m, n] = self.extents();
        [rows.div_ceil(m), columns.div_ceil(n)]
    }

    /// The largest tile up to `largest` of which enough are left to keep the adapter busy, and of which little lies outside
    /// the product.
    fn fitting(rows: usize, columns: usize, depth_groups: usize, largest: Tile) -> Tile {
        let fits = |tile: &Tile| {
            let ([m, n], [tile_m, tile_n]) = (tile.groups(rows, columns), tile.extents());
            let little_outside = m * n * tile_m * tile_n * 4 <= rows * columns * 5;
            *tile <= largest && m * n * depth_groups >= BUSY && little_outside
        };
        [Tile::Large, Tile::Medium].into_iter().find(fits).unwrap_or(Tile::Small)
    }
}

uniform! {
    TiledBlock {
        base_x: usize,
        base_y: usize,
        samples: usize,
        in_channels: usize,
        in_h: usize,
        in_w: usize,
        out_channels: usize,
        out_h: usize,
        out_w: usize,
        rows: usize,
        columns: usize,
        terms: usize,
        terms_per_split: usize,
        first_split: usize,
    }
}

/// What multiplies the tiles that a workgroup has loaded.
#[derive(Clone, Copy)]
pub(super) enum Product {
    /// its invocations, each a part of the tile; the tile that fits if none is given
    Registers(Option<Tile>),
    /// its subgroups, in cooperative matrices
    Matrices(Matrices),
}

impl Product {
    fn fitting(self, rows: usize, columns: usize, depth_groups: usize, largest: Tile) -> Product {
        match self {
            Product::Registers(None) => Product::Registers(Some(Tile::fitting(rows, columns, depth_groups, largest))),
            given => given,
        }
    }

    /// Workgroups along the rows and the columns of the product.
    fn groups(self, rows: usize, columns: usize) -> [usize; 2] {
        match self {
            Product::Registers(tile) => tile.unwrap_or(Tile::Small).groups(rows, columns),
            Product::Matrices(Matrices { size, .. }) => {
                [rows, columns].map(|extent| extent.div_ceil(4 * size as usize))
            }
        }
    }

    fn dispatch(self) -> Dispatch {
        match self {
            Product::Registers(tile) => {
                let [threads_m, threads_n] = tile.unwrap_or(Tile::Small).threads().map(|n| Constant::U32(n as u32));
                let dispatch = Dispatch::new(Shader::Conv2dTiled, "main");
                dispatch.constant("THREADS_M", threads_m).constant("THREADS_N", threads_n)
            }
            Product::Matrices(Matrices { size, lanes }) => {
                let [a, b, c] = match size {
                    16 => ["coop_mat16x16<f16, A>", "coop_mat16x16<f16, B>", "coop_mat16x16<f32, C>"],
                    _ => ["coop_mat8x8<f16, A>", "coop_mat8x8<f16, B>", "coop_mat8x8<f32, C>"],
                };
                let types = [("MatrixA", a), ("MatrixB", b), ("MatrixC", c)];
                Dispatch::new(Shader::Conv2dCooperative, "cooperative")
                    .constants([("SIZE", Constant::U32(size)), ("LANES", Constant::U32(lanes))])
                    .constants(types.map(|(name, matrix)| (name, Constant::Type(matrix))))
            }
        }
    }
}

impl Lowering<'_> {
    pub(super) fn tiled(&mut self, g: &Geometry, operands: &Operands, product: Product) -> Result<()> {
        match operands.direction {
            Direction::Forward => self.tiled_maps(g, operands, product, false),
            Direction::InputGrad => self.tiled_maps(g, operands, product, true),
            Direction::WeightGrad => self.tiled_weight_grad(g, operands, product),
        }
    }

    /// Forward, or the gradient of the input.
    fn tiled_maps(&mut self, g: &Geometry, operands: &Operands, product: Product, transposed: bool) -> Result<()> {
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let (read, written) = if transposed { (out_sample, in_sample) } else { (in_sample, out_sample) };
        let [channels, outputs, height, width] = if transposed { [g.o, g.i, g.h, g.w] } else { [g.i, g.o, g.oh, g.ow] };
        let [_, narrowest] = Tile::Small.extents();
        let most = (narrowest * MAX_GROUPS / (height * width)).min(samples_at_once(g));
        let pieces = self.pieces_of(g.n, in_sample.max(out_sample), most)?;
        let across = g.phases(1, transposed);
        for piece in pieces {
            for h in g.phases(0, transposed) {
                for &w in &across {
                    let [rows, columns] = [h.positions(height), w.positions(width)];
                    let pixels = piece.count * rows * columns;
                    let product = product.fitting(outputs, pixels, 1, self.machine.largest_tile);
                    let [groups_m, groups_n] = product.groups(outputs, pixels);
                    let (vx, bx) = self.rows(operands.first, piece, read);
                    let (vy, by) = self.rows(operands.out, piece, written);
                    let terms = channels * h.taps() * w.taps();
                    let dispatch = kernel(g, product, operands.direction, [h, w])
                        .constants(activation_constants(operands.activation))
                        .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                        .uniform(&tiled_block(g, [bx, by], piece, [rows, columns], [terms, terms, 0]))
                        .bind(vx)
                        .bind(self.whole(operands.second)?)
                        .bind_written(vy)
                        .bind(self.whole(operands.bias.unwrap_or(operands.second))?)
                        .grid(groups_n, groups_m, 1);
                    self.push(dispatch);
                }
            }
        }
        Ok(())
    }

    fn tiled_weight_grad(&mut self, g: &Geometry, operands: &Operands, product: Product) -> Result<()> {
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let pieces = self.pieces_of(g.n, in_sample.max(out_sample), g.n)?;
        let columns = g.i * g.taps();
        // Splits of the long axis can make any tile busy; a small product wants a small one.
        let product = product.fitting(g.o, columns, BUSY, self.machine.largest_tile);
        let [groups_m, groups_n] = product.groups(g.o, columns);
        let wanted = (2 * BUSY).div_ceil(groups_m * groups_n);
        let most = (self.most_splits(g) / pieces.len()).max(1);
        let split = |piece: &Piece| {
            let terms = piece.count * g.oh * g.ow;
            let each = terms.div_ceil(wanted).clamp(128, MAX_TERMS).max(terms.div_ceil(most)).next_multiple_of(DEPTH);
            (each, terms.div_ceil(each))
        };
        let splits: usize = pieces.iter().map(|p| split(p).1).sum();
        let parts = self.parts(splits * g.weights(), operands.out, splits);
        let all = |taps| Phase { phase: 0, every: 1, first: 0, end: taps, step: 1 };
        let taps = g.kernel.map(all);
        let mut first_split = 0;
        for piece in pieces {
            let (each, own) = split(&piece);
            let (vx, bx) = self.rows(operands.first, piece, in_sample);
            let (vdy, bdy) = self.rows(operands.second, piece, out_sample);
            let dispatch = kernel(g, product, Direction::WeightGrad, taps)
                .uniform(&tiled_block(
                    g,
                    [bx, bdy],
                    piece,
                    [g.oh, g.ow],
                    [piece.count * g.oh * g.ow, each, first_split],
                ))
                .bind(vx)
                .bind(vdy)
                .bind_written(self.whole_target(parts, splits * g.weights())?)
                .bind(vdy)
                .grid(groups_n, groups_m, own);
            self.push(dispatch);
            first_split += own;
        }
        self.finish_parts(parts, splits, g.weights(), operands.out)
    }
}

/// Samples of which the operations fit one launch.
fn samples_at_once(g: &Geometry) -> usize {
    ((MOST_OPERATIONS / g.operations() * g.n as f64) as usize).max(1)
}

fn kernel(g: &Geometry, product: Product, direction: Direction, [h, w]: [Phase; 2]) -> Dispatch {
    let [stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w] = g.steps();
    let constants = [
        ("TAPS", g.taps()),
        ("KERNEL_W", g.kernel[1]),
        ("STRIDE_H", stride_h),
        ("STRIDE_W", stride_w),
        ("PAD_H", pad_h),
        ("PAD_W", pad_w),
        ("DILATION_H", dilation_h),
        ("DILATION_W", dilation_w),
        // Of a phase without taps nothing is ever loaded; the constants must allow a division all the same.
        ("COUNT_H", h.taps().max(1)),
        ("COUNT_W", w.taps().max(1)),
        ("FIRST_H", h.first),
        ("FIRST_W", w.first),
        ("STEP_H", h.step),
        ("STEP_W", w.step),
        ("PHASE_H", h.phase),
        ("PHASE_W", w.phase),
        ("EVERY_H", h.every),
        ("EVERY_W", w.every),
    ];
    let constants = constants.map(|(name, value)| (name, Constant::U32(value as u32)));
    product.dispatch().constant("MODE", Constant::Kind(direction.into())).constants(constants)
}

fn tiled_block(
    g: &Geometry,
    [base_x, base_y]: [usize; 2],
    piece: Piece,
    [rows, columns]: [usize; 2],
    [terms, terms_per_split, first_split]: [usize; 3],
) -> TiledBlock {
    TiledBlock {
        base_x,
        base_y,
        samples: piece.count,
        in_channels: g.i,
        in_h: g.h,
        in_w: g.w,
        out_channels: g.o,
        out_h: g.oh,
        out_w: g.ow,
        rows,
        columns,
        terms,
        terms_per_split,
        first_split,
    }
}

#[cfg(test)]
mod tests {
    use super::Tile;
    use crate::gpu::machine::Capabilities;
    use crate::gpu::plan::Plan;
    use crate::graph::{ConvSpec, Graph};

    #[test]
    fn a_convolution_too_long_for_one_launch_has_several() {
        let launches = |batch: usize| {
            let mut g = Graph::new();
            let x = g.input("x", [batch, 256, 128, 128]);
            let w = g.input("w", [256, 256, 3, 3]);
            let y = g.conv2d(x, w, None, ConvSpec { padding: [1, 1], ..ConvSpec::default() }).expect("shapes fit");
            g.output("y", y);
            Plan::new(&g, &Capabilities::typical_hardware()).expect("it fits").launches.len()
        };
        // 19.3 GFLOP for each sample.
        assert_eq!([1, 3, 4, 8].map(launches), [1, 1, 2, 3]);
    }

    #[test]
    fn no_tile_is_larger_than_fits_the_adapter() {
        for largest in [Tile::Small, Tile::Medium, Tile::Large] {
            assert_eq!(Tile::fitting(1024, 65536, 1, largest), largest);
            assert_eq!(Tile::fitting(64, 32, 1, largest), Tile::Small);
        }
    }
}
