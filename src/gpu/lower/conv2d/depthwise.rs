//! Launches of the convolutions with one filter for each channel, from buffers.

use super::operands::Operands;
use super::product::steps;
use crate::gpu::family::Geometry;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Direction, Dispatch, MAX_GROUPS, Shader, uniform};
use crate::gpu::lower::lowering::{Lowering, activation_constants};
use crate::gpu::machine::Result;

/// Workgroups of a gradient of weights that keep a large adapter busy.
const BUSY: usize = 1024;
/// Windows of a plane for which a workgroup of its own is worth it.
const LEAST_UNITS: usize = 512;

uniform! {
    DepthwiseBlock {
        base_x: usize,
        base_y: usize,
        samples: usize,
        channels: usize,
        in_h: usize,
        in_w: usize,
        out_h: usize,
        out_w: usize,
        columns: usize,
        units: usize,
        samples_per_split: usize,
        units_per_split: usize,
        first_split: usize,
    }
}

/// The outputs of a column that share what they read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Column {
    /// how many
    rows: usize,
    /// rows from one to the next
    apart: usize,
}

impl Column {
    /// Those by which the fewest instructions compute `extent` rows: some for each row of a window, and as many as for three
    /// rows for what all have in common.
    fn of(extent: usize, stride: usize, dilation: usize) -> Column {
        // Outputs so far from each other read rows of the map that are a dilation apart.
        let apart = (1..=dilation).find(|apart| (apart * stride).is_multiple_of(dilation)).unwrap_or(dilation);
        let columns = [4, 2, 1].map(|rows| Column { rows, apart: if rows == 1 { 1 } else { apart } });
        let cost = |column: &Column| column.blocks(extent) * (column.rows + 3);
        columns.into_iter().min_by_key(cost).expect("there are three")
    }

    /// How many of them cover `extent` rows.
    fn blocks(self, extent: usize) -> usize {
        extent.div_ceil(self.rows * self.apart) * self.apart
    }

    fn constants(self) -> [(&'static str, Constant); 2] {
        [("ROWS", self.rows), ("APART", self.apart)].map(|(name, value)| (name, Constant::U32(value as u32)))
    }
}

impl Lowering<'_> {
    pub(super) fn depthwise(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        match operands.direction {
            Direction::WeightGrad => self.depthwise_weight_grad(g, operands),
            Direction::Forward | Direction::InputGrad => self.depthwise_maps(g, operands),
        }
    }

    /// Forward, or the gradient of the input: of stride 1 that slides as well, of others each element spreads.
    fn depthwise_maps(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let transposed = operands.direction == Direction::InputGrad;
        let (maps, out) = ([g.h, g.w], [g.oh, g.ow]);
        let (read, written) = if transposed { (out, maps) } else { (maps, out) };
        let [stride_h, stride_w] = g.spec.stride;
        let spreads = transposed && g.spec.stride != [1, 1];
        let column = Column::of(written[0], stride_h, g.spec.dilation[0]);
        let [rows, columns] = match spreads {
            true => [g.h.div_ceil(stride_h), g.w.div_ceil(stride_w)],
            false => [column.blocks(written[0]), written[1]],
        };
        let [read_sample, written_sample] = [read, written].map(|[h, w]| g.i * h * w);
        let groups = (rows * columns).div_ceil(64);
        let (on_store, loaded) = self.on_store(operands.out, operands.first, g.n * groups)?;
        let entry = match (on_store.entry(), spreads) {
            ("with_stats", _) => "slide_with_stats",
            ("with_grad_sums", true) => "spread_with_grad_sums",
            ("with_grad_sums", false) => "slide_with_grad_sums",
            (_, true) => "spread",
            (_, false) => "slide",
        };
        let weights = self.whole(operands.second)?;
        let (bias, biases) = self.bias(operands)?;
        for piece in self.pieces_of(g.n, read_sample.max(written_sample), MAX_GROUPS)? {
            let (vx, base_x) = self.rows(loaded.source, piece, read_sample);
            let (vy, base_y) = self.rows(operands.out, piece, written_sample);
            let mut dispatch = depthwise_kernel(g, entry)
                .uniform(&DepthwiseBlock {
                    base_x,
                    base_y,
                    samples: piece.count,
                    channels: g.i,
                    in_h: read[0],
                    in_w: read[1],
                    out_h: written[0],
                    out_w: written[1],
                    columns,
                    units: rows * columns,
                    samples_per_split: 0,
                    units_per_split: 0,
                    first_split: piece.first * groups,
                })
                .bind(vx)
                .bind(weights)
                .bind_written(vy)
                .grid(groups, g.i, piece.count);
            if !spreads {
                dispatch = dispatch
                    .constants(column.constants())
                    .constant("FLIPPED", Constant::Bool(transposed))
                    .constant("BIAS", Constant::Bool(operands.bias.is_some()));
            }
            if !spreads || on_store.is_more() {
                let activation = on_store.activation(operands.activation);
                dispatch = self
                    .bind_norm(dispatch.constants(activation_constants(activation)), &loaded, weights)?
                    .bind_part(bias, biases);
            }
            self.push(self.bind_store(dispatch, &on_store, (piece, [1, 1]), weights)?);
        }
        self.finish_store(&on_store)
    }

    fn depthwise_weight_grad(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let pieces = self.pieces(g.n, in_sample.max(out_sample))?;
        let column = Column::of(g.oh, g.spec.stride[0], g.spec.dilation[0]);
        let units = column.blocks(g.oh) * g.ow;
        // Of each channel, as many as keep the adapter busy; samples apart, and then parts of a sample.
        let wanted = (BUSY.div_ceil(g.i).min(self.most_splits(g)) / pieces.len()).max(1);
        let most = pieces[0].count;
        let samples = most.div_ceil(wanted).max(self.samples_per_split(pieces[0], g.oh * g.ow));
        let strips = (wanted / most.div_ceil(samples)).clamp(1, units.div_ceil(LEAST_UNITS));
        let units_per_split = units.div_ceil(strips);
        let strips = units.div_ceil(units_per_split);
        let splits = strips * pieces.iter().map(|piece| piece.count.div_ceil(samples)).sum::<usize>();
        let parts = self.parts(splits * g.weights(), operands.out, splits);
        let loaded = self.loaded(operands.first);
        let mut first_split = 0;
        for piece in pieces {
            let (vx, base_x) = self.rows(loaded.source, piece, in_sample);
            let (vdy, base_y) = self.rows(operands.second, piece, out_sample);
            let own = piece.count.div_ceil(samples);
            let dispatch = depthwise_kernel(g, operands.direction.entry())
                .constants(column.constants())
                .constant("LANES", self.lanes_constant())
                .uniform(&DepthwiseBlock {
                    base_x,
                    base_y,
                    samples: piece.count,
                    channels: g.i,
                    in_h: g.h,
                    in_w: g.w,
                    out_h: g.oh,
                    out_w: g.ow,
                    columns: g.ow,
                    units,
                    samples_per_split: samples,
                    units_per_split,
                    first_split,
                })
                .bind(vx)
                .bind(vdy)
                .bind_written(self.whole_target(parts, splits * g.weights())?)
                .grid(g.i, own, strips);
            self.push(self.bind_norm(dispatch, &loaded, vx)?);
            first_split += own * strips;
        }
        self.finish_parts(parts, splits, g.weights(), operands.out)
    }
}

fn depthwise_kernel(g: &Geometry, entry: &'static str) -> Dispatch {
    Dispatch::new(Shader::Depthwise, entry).constant("KERNEL_H", Constant::U32(g.kernel[0] as u32)).constants(steps(g))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows 6 apart are 4 of 32 in one window, and of rows 18 apart there are but 2.
    #[test]
    fn outputs_that_share_rows_of_the_map_go_together() {
        let of = |extent, stride, dilation| {
            let Column { rows, apart } = Column::of(extent, stride, dilation);
            [rows, apart]
        };
        assert_eq!([of(256, 1, 1), of(128, 2, 1), of(32, 1, 2), of(32, 1, 6)], [[4, 1], [4, 1], [4, 2], [4, 6]]);
        assert_eq!([of(32, 1, 18), of(32, 2, 2), of(32, 2, 3), of(1, 1, 6)], [[2, 18], [4, 1], [4, 3], [1, 1]]);
        for (extent, dilation) in [(32, 1), (33, 2), (7, 3), (32, 18), (1, 1)] {
            let column = Column::of(extent, 1, dilation);
            let first = |block: usize| block + block / column.apart * column.apart * (column.rows - 1);
            let rows = (0..column.blocks(extent)).flat_map(|block| (0..column.rows).map(move |r| (block, r)));
            let mut covered: Vec<usize> = rows.map(|(block, r)| first(block) + r * column.apart).collect();
            covered.sort_unstable();
            assert!((0..extent).eq(covered.into_iter().filter(|row| *row < extent)), "{extent} {dilation}: {column:?}");
        }
    }
}
