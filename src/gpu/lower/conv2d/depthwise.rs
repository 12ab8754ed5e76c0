//! Launches of the convolutions with one filter for each channel, from buffers.

use super::operands::Operands;
use super::product::steps;
use crate::gpu::family::Geometry;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Direction, Dispatch, MAX_GROUPS, Shader, View, uniform};
use crate::gpu::lower::lowering::{Lowering, Piece, activation_constants};
use crate::gpu::machine::Result;
use crate::graph::{Activation, NodeId, Op};

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

uniform! {
    GradTermsBlock { channels: usize, taps: usize, elements: usize, eps: f32 }
}

/// Numbers of `grad_terms` for each channel, without the taps.
const TERMS: usize = 6;

/// The gradient of a normalisation's input that is made as it is loaded.
struct Passed {
    x: NodeId,
    dy: NodeId,
    terms: View,
    activation: Activation,
}

/// How a sum is split.
struct Split {
    /// samples of a split
    samples: usize,
    /// units of a split
    units: usize,
    /// splits of a sample
    strips: usize,
    /// of all pieces
    splits: usize,
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
        if let Some(&of_weights) = self.both_gradients.get(&operands.out) {
            return self.depthwise_gradients(g, operands, of_weights);
        }
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
            let activation = on_store.activation(operands.activation);
            let dispatch = self
                .bind_norm(dispatch.constants(activation_constants(activation)), &loaded, weights)?
                .bind_part(bias, biases);
            self.push(self.bind_store(dispatch, &on_store, (piece, [1, 1]), weights)?);
        }
        self.finish_store(&on_store)
    }

    /// Both gradients, and the sums of a normalisation's gradient.
    fn depthwise_gradients(&mut self, g: &Geometry, operands: &Operands, of_weights: NodeId) -> Result<()> {
        let [stride_h, stride_w] = g.spec.stride;
        let spreads = g.spec.stride != [1, 1];
        let column = Column::of(g.h, stride_h, g.spec.dilation[0]);
        let [rows, columns] = match spreads {
            true => [g.h.div_ceil(stride_h), g.w.div_ceil(stride_w)],
            false => [column.blocks(g.h), g.w],
        };
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let pieces = self.pieces(g.n, in_sample.max(out_sample))?;
        let work = self.split(g, &pieces, rows * columns, [g.h, g.w], 4 * BUSY);
        let (on_store, loaded) = self.on_store(operands.out, operands.first, work.splits)?;
        let parts = self.parts(work.splits * g.weights(), of_weights, work.splits);
        let all_parts = self.whole_target(parts, work.splits * g.weights())?;
        let (weights, passed) = (self.whole(operands.second)?, self.passed(g, operands)?);
        let dy = passed.as_ref().map_or(loaded.source, |passed| passed.dy);
        let mut first_split = 0;
        for piece in pieces {
            let (vdy, base_x) = self.rows(dy, piece, out_sample);
            let (vdx, base_y) = self.rows(operands.out, piece, in_sample);
            let own = piece.count.div_ceil(work.samples);
            let mut dispatch = depthwise_kernel(g, if spreads { "spread_gradients" } else { "slide_gradients" })
                .constants(activation_constants(on_store.activation(operands.activation)))
                .uniform(&DepthwiseBlock {
                    base_x,
                    base_y,
                    samples: piece.count,
                    channels: g.i,
                    in_h: g.oh,
                    in_w: g.ow,
                    out_h: g.h,
                    out_w: g.w,
                    columns,
                    units: rows * columns,
                    samples_per_split: work.samples,
                    units_per_split: work.units,
                    first_split,
                })
                .bind(vdy)
                .bind(passed.as_ref().map_or(weights, |passed| self.rows(passed.x, piece, out_sample).0))
                .bind_written(vdx)
                .grid(g.i, own, work.strips);
            if !spreads {
                dispatch = dispatch.constants(column.constants()).constant("FLIPPED", Constant::Bool(true));
            }
            dispatch = self.bind_norm(dispatch, &loaded, weights)?;
            dispatch = match &passed {
                Some(Passed { terms, activation, .. }) => dispatch
                    .constant("PASSED", Constant::Bool(true))
                    .constant("PASSED_ACTIVATION", Constant::Kind((*activation).into()))
                    .constant("PASSED_SLOPE", Constant::F32(activation.negative_slope()))
                    .bind(*terms),
                None => dispatch.bind_part(weights, 0),
            };
            let dispatch = self.bind_store(dispatch, &on_store, (piece, [1, 1]), weights)?;
            self.push(dispatch.bind_written(all_parts));
            first_split += own * work.strips;
        }
        self.finish_store(&on_store)?;
        self.finish_parts(parts, work.splits, g.weights(), of_weights)
    }

    /// What makes the gradient that is convolved, if no launch has written it.
    fn passed(&mut self, g: &Geometry, operands: &Operands) -> Result<Option<Passed>> {
        let (graph, id) = (self.graph, operands.first);
        let node = graph.node(id);
        let Op::BatchNormGradInput { eps, activation, training } = node.op else { return Ok(None) };
        if !self.unwritten.contains(&id) {
            return Ok(None);
        }
        let elements = g.i * (TERMS + g.taps());
        let terms = self.temporary(elements);
        let terms = self.whole_target(terms, elements)?;
        let block = GradTermsBlock { channels: g.i, taps: g.taps(), elements: g.n * g.oh * g.ow, eps };
        let mut dispatch =
            Dispatch::new(Shader::GradTerms, "main").constant("TRAINING", Constant::Bool(training)).uniform(&block);
        for slot in 2..6 {
            dispatch = dispatch.bind(self.whole(node.inputs[slot])?);
        }
        let dispatch = dispatch.bind(self.whole(operands.second)?).bind_written(terms);
        self.push(dispatch.grid(g.i.div_ceil(64), 1, 1));
        Ok(Some(Passed { x: node.inputs[0], dy: node.inputs[1], terms, activation }))
    }

    /// How sums over the units of each channel are split among some `busy` workgroups: samples apart, and then parts of a sample.
    fn split(&self, g: &Geometry, pieces: &[Piece], units: usize, [h, w]: [usize; 2], busy: usize) -> Split {
        let wanted = (busy.div_ceil(g.i).min(self.most_splits(g)) / pieces.len()).max(1);
        let most = pieces[0].count;
        let samples = most.div_ceil(wanted).max(self.samples_per_split(pieces[0], h * w));
        let strips = (wanted / most.div_ceil(samples)).clamp(1, units.div_ceil(LEAST_UNITS));
        let own = units.div_ceil(strips);
        let strips = units.div_ceil(own);
        let splits = strips * pieces.iter().map(|piece| piece.count.div_ceil(samples)).sum::<usize>();
        Split { samples, units: own, strips, splits }
    }

    fn depthwise_weight_grad(&mut self, g: &Geometry, operands: &Operands) -> Result<()> {
        let (in_sample, out_sample) = (g.i * g.h * g.w, g.o * g.oh * g.ow);
        let pieces = self.pieces(g.n, in_sample.max(out_sample))?;
        let column = Column::of(g.oh, g.spec.stride[0], g.spec.dilation[0]);
        let units = column.blocks(g.oh) * g.ow;
        let Split { samples, units: units_per_split, strips, splits } =
            self.split(g, &pieces, units, [g.oh, g.ow], BUSY);
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
            self.push(self.bind_norm(dispatch, &loaded, vx)?.bind_part(vx, 0));
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
