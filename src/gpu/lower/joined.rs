//! Launches of what is made of joined maps without joining them: see `layout::reduced_in_part` and `layout::unjoined`.

use super::lowering::{Lowering, activation_constants};
use super::on_load::MaskNumbers;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, MAX_GROUPS, Shader, uniform};
use crate::gpu::layout::ELEMENTS;
use crate::gpu::lower::conv2d::Operands;
use crate::gpu::machine::Result;
use crate::graph::{NodeId, Op, ResizeMode};

uniform! {
    ResizeStatsBlock {
        base_x: usize,
        base_y: usize,
        in_h: usize,
        in_w: usize,
        out_h: usize,
        out_w: usize,
        taps: usize,
        channels: usize,
        inner: usize,
        gap: usize,
        first_part: usize,
    }
}

uniform! {
    JoinedHeadBlock {
        count: usize,
        base_small: usize,
        base_second: usize,
        base_third: usize,
        base_y: usize,
        in_h: usize,
        in_w: usize,
        out_h: usize,
        out_w: usize,
        taps: usize,
        channels: usize,
        inner: usize,
        of_small: usize,
        of_second: usize,
        first: usize,
        stream: u32,
        threshold: u32,
        scale: f32,
    }
}

impl Lowering<'_> {
    /// A resize that leaves its share of the statistics of maps with which it is joined from channel `first` on, and writes there what it
    /// computes if they are joined.
    pub(super) fn resize_with_stats(
        &mut self,
        mode: ResizeMode,
        id: NodeId,
        (joined, first): (NodeId, usize),
    ) -> Result<()> {
        let x = self.input(id, 0);
        let ([n, channels, in_h, in_w], [_, _, out_h, out_w]) = (self.nchw(x), self.nchw(id));
        let (per_x, plane) = (channels * in_h * in_w, out_h * out_w);
        let whole = self.nchw(joined)[1] * plane;
        let groups = plane.div_ceil(ELEMENTS);
        let elements = n * groups * channels * 3;
        let parts = self.temporary(elements);
        self.parts_of.insert(id, (parts, n * groups));
        let (parts, writes) = (self.whole_target(parts, elements)?, !self.unjoined.contains(&joined));
        for piece in self.pieces_of(n, whole.max(per_x), MAX_GROUPS)? {
            let (vx, base_x) = self.rows(x, piece, per_x);
            let (vy, base) = self.rows(joined, piece, whole);
            let dispatch = Dispatch::new(Shader::ResizeStats, if writes { "main" } else { "alone" })
                .constant("MODE", Constant::Kind(mode.into()))
                .uniform(&ResizeStatsBlock {
                    base_x,
                    base_y: base + first * plane,
                    in_h,
                    in_w,
                    out_h,
                    out_w,
                    taps: 0,
                    channels,
                    inner: 0,
                    gap: whole - channels * plane,
                    first_part: piece.first * groups,
                })
                .bind(vx)
                .grid(groups, channels, piece.count);
            let dispatch = match writes {
                true => dispatch.bind_written_part(vy, piece.count * channels * plane),
                false => dispatch,
            };
            self.push(dispatch.bind_written(parts));
        }
        Ok(())
    }

    /// Statistics of joined maps, one of which has left its share.
    pub(super) fn stats_of_parts(&mut self, id: NodeId) -> Result<()> {
        let graph = self.graph;
        let mut first = 0;
        for &map in &graph.node(self.input(id, 0)).inputs {
            let [_, channels, ..] = self.nchw(map);
            let (parts, splits) = match self.parts_of.get(&map) {
                Some(&parts) => parts,
                None => self.parts_of_stats(map)?,
            };
            let parts = self.whole_target(parts, splits * channels * 3)?;
            self.combine_stats_from(parts, [splits, 1], (id, first, channels))?;
            first += channels;
        }
        Ok(())
    }

    /// A convolution with few filters of maps that nobody has joined.
    pub(super) fn joined_head(&mut self, operands: &Operands) -> Result<()> {
        let (graph, loaded) = (self.graph, self.loaded(operands.first));
        let [small, second, third] = graph.node(loaded.source).inputs[..] else {
            unreachable!("three maps are joined")
        };
        let &Op::Resize { mode, .. } = &graph.node(small).op else { unreachable!("the first map is resized") };
        let small = self.input(small, 0);
        let [[_, of_small, in_h, in_w], [_, of_second, ..], [_, of_third, ..]] =
            [small, second, third].map(|map| self.nchw(map));
        let ([n, channels, ..], [_, filters, out_h, out_w]) = (self.nchw(loaded.source), self.nchw(operands.out));
        let plane = out_h * out_w;
        let MaskNumbers { stream, threshold, scale } = loaded.mask();
        let (weights, (bias, biases)) = (self.whole(operands.second)?, self.bias(operands)?);
        for piece in self.pieces(n, channels.max(filters) * plane)? {
            let (v_small, base_small) = self.rows(small, piece, of_small * in_h * in_w);
            let (v_second, base_second) = self.rows(second, piece, of_second * plane);
            let (v_third, base_third) = self.rows(third, piece, of_third * plane);
            let (vy, base_y) = self.rows(operands.out, piece, filters * plane);
            let count = piece.count * plane;
            let dispatch = Dispatch::new(Shader::JoinedHead, "main")
                .constant("MODE", Constant::Kind(mode.into()))
                .constant("FILTERS", Constant::U32(filters as u32))
                .constant("BIAS", Constant::Bool(operands.bias.is_some()))
                .constants(activation_constants(operands.activation))
                .uniform(&JoinedHeadBlock {
                    count,
                    base_small,
                    base_second,
                    base_third,
                    base_y,
                    in_h,
                    in_w,
                    out_h,
                    out_w,
                    taps: 0,
                    channels,
                    inner: 0,
                    of_small,
                    of_second,
                    first: piece.first * channels * plane,
                    stream,
                    threshold,
                    scale,
                })
                .bind(v_small)
                .bind(v_second)
                .bind(v_third)
                .bind(weights)
                .bind_part(bias, biases);
            let dispatch = self.bind_norm(dispatch, &loaded, weights)?;
            let dispatch = self.bind_seed(dispatch, &loaded, weights)?;
            self.push(dispatch.bind_written(vy).groups(count.div_ceil(64)));
        }
        Ok(())
    }
}
