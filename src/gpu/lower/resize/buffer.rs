//! Launches of resizes and max pooling.

use super::block::ResizeBlock;
use super::pass::{Pass, Shifted};
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, MAX_GROUPS, Shader, View, uniform};
use crate::gpu::lower::lowering::Lowering;
use crate::gpu::machine::Result;
use crate::graph::{NodeId, PoolSpec, ResizeMode};

uniform! {
    PoolBlock {
        count: usize,
        base_x: usize,
        base_y: usize,
        base_dx: usize,
        in_h: usize,
        in_w: usize,
        out_h: usize,
        out_w: usize,
    }
}

uniform! {
    CrossedBlock {
        base_x: usize,
        base_y: usize,
        in_h: usize,
        in_w: usize,
        out_h: usize,
        out_w: usize,
        taps: usize,
        channels: usize,
        inner: usize,
        first_part: usize,
    }
}

/// Elements of a column that an invocation of `resize_crossed` computes.
const ROWS: usize = 8;

impl Lowering<'_> {
    pub(in crate::gpu::lower) fn resize(&mut self, mode: ResizeMode, id: NodeId, pass: Pass) -> Result<()> {
        let x = self.input(id, 0);
        let ([n, c, xh, xw], [_, _, yh, yw]) = (self.nchw(x), self.nchw(id));
        let [small, large] = pass.ends([xh, xw], [yh, yw]);
        let (per_x, per_y) = (xh * xw, yh * yw);
        let kernel =
            Dispatch::new(Shader::Resize, pass.entry("main", "gradient")).constant("MODE", Constant::Kind(mode.into()));
        if let Some(&(joined, first)) = self.placed.get(&id) {
            if self.reduced_in_part.values().any(|resized| *resized == id) {
                return self.resize_with_stats(mode, id, (joined, first));
            }
            let (sample, whole) = (c * per_y, self.nchw(joined)[1] * per_y);
            for piece in self.pieces(n, whole.max(c * per_x))? {
                let (vx, bx) = self.rows(x, piece, c * per_x);
                let (vy, by) = self.rows(joined, piece, whole);
                let count = piece.count * sample;
                let block = ResizeBlock::whole(count, [bx, by + first * per_y], small, large);
                let dispatch = kernel.clone().uniform(&ResizeBlock { sample, gap: whole - sample, ..block });
                self.push(dispatch.bind(vx).bind_written_part(vy, count).groups(count.div_ceil(64)));
            }
            return Ok(());
        }
        if let Some(&(whole, first)) = self.within.get(&x) {
            let (of_whole, own) = (self.nchw(whole)[1], c * per_x);
            // Of each sample its planes lie together.
            for piece in self.pieces_of(n, own.max(c * per_y), 1)? {
                let (vx, bx) = View::range(self.target(whole), (piece.first * of_whole + first) * per_x, own);
                let (vy, by) = self.rows(id, piece, c * per_y);
                let dispatch = kernel.clone().uniform(&ResizeBlock::whole(c * per_y, [bx, by], small, large));
                self.push(dispatch.bind_part(vx, own).bind_written(vy).groups((c * per_y).div_ceil(64)));
            }
            return Ok(());
        }
        for piece in self.pieces(n * c, per_x.max(per_y))? {
            let (vx, bx) = self.rows(x, piece, per_x);
            let (vy, by) = self.rows(id, piece, per_y);
            let count = piece.count * per_y;
            let dispatch = kernel.clone().uniform(&ResizeBlock::whole(count, [bx, by], small, large));
            self.push(dispatch.bind(vx).bind_written(vy).groups(count.div_ceil(64)));
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn resize_shifted(&mut self, shifted: Shifted, id: NodeId, pass: Pass) -> Result<()> {
        let Shifted { mode, axis, taps } = shifted;
        if let Some(&columns) = self.crossed.get(&id) {
            return self.resize_crossed(shifted, columns, id);
        }
        let x = self.input(id, 0);
        let (read, written) = (self.nchw(x), self.nchw(id));
        let [small, large] = pass.ends(read, written);
        let [n, c, h, w] = large;
        let (channels, inner) = if axis == 2 { (c, w) } else { (c * h, 1) };
        let (per_x, per_y) = (read[1..].iter().product::<usize>(), written[1..].iter().product::<usize>());
        for piece in self.pieces(n, per_x.max(per_y))? {
            let (vx, bx) = self.rows(x, piece, per_x);
            let (vy, by) = self.rows(self.written_by(id), piece, per_y);
            let count = piece.count * per_y;
            let met = self.combined_with(id);
            let forward = if met.is_some() { "shifted_added" } else { "shifted" };
            let dispatch = Dispatch::new(Shader::Resize, pass.entry(forward, "shifted_gradient"))
                .constant("MODE", Constant::Kind(mode.into()))
                .uniform(&ResizeBlock::shifted(count, [bx, by], [small[axis], large[axis]], taps, [channels, inner]))
                .bind(vx)
                .bind_written(vy)
                .groups(count.div_ceil(64));
            self.push(match met {
                Some(met) => dispatch.bind(self.rows(met, piece, per_y).0),
                None => dispatch,
            });
        }
        Ok(())
    }

    /// Along the columns, as another node has it, and then along the rows; perhaps with a sum, and statistics of that.
    fn resize_crossed(&mut self, Shifted { mode, taps, .. }: Shifted, columns: NodeId, id: NodeId) -> Result<()> {
        let x = self.input(columns, 0);
        let ([samples, parts, in_h, in_w], [n, channels, out_h, out_w]) = (self.nchw(x), self.nchw(id));
        let (per_x, per_y) = (samples * parts * in_h * in_w / n, channels * out_h * out_w);
        let met = self.combined_with(id);
        let written = self.written_by(id);
        let groups = (out_h.div_ceil(ROWS) * out_w).div_ceil(64);
        let left = self.reductions.get(&id).copied().map(|reduction| {
            let elements = n * groups * channels * 3;
            (reduction, self.temporary(elements), elements)
        });
        for piece in self.pieces_of(n, per_x.max(per_y), MAX_GROUPS)? {
            let (vx, base_x) = self.rows(x, piece, per_x);
            let (vy, base_y) = self.rows(written, piece, per_y);
            let entry = if left.is_some() { "with_stats" } else { "main" };
            let mut dispatch = Dispatch::new(Shader::ResizeCrossed, entry)
                .constant("MODE", Constant::Kind(mode.into()))
                .constant("ADDS", Constant::Bool(met.is_some()))
                .constant("TAPS", Constant::U32(taps as u32))
                .uniform(&CrossedBlock {
                    base_x,
                    base_y,
                    in_h,
                    in_w,
                    out_h,
                    out_w,
                    taps,
                    channels,
                    inner: parts / taps,
                    first_part: piece.first * groups,
                })
                .bind(vx)
                .bind_written(vy)
                .grid(groups, channels, piece.count);
            dispatch = self.bind_met(dispatch, met, (piece, per_y), vx);
            if let Some((_, target, elements)) = left {
                dispatch = dispatch.bind_written(self.whole_target(target, elements)?);
            }
            self.push(dispatch);
        }
        match left {
            Some((reduction, target, elements)) => {
                self.combine_stats(self.whole_target(target, elements)?, [n * groups, 1], reduction)
            }
            None => Ok(()),
        }
    }

    pub(in crate::gpu::lower) fn max_pool(&mut self, spec: &PoolSpec, id: NodeId) -> Result<()> {
        let x = self.input(id, 0);
        let ([n, c, ih, iw], [_, _, oh, ow]) = (self.nchw(x), self.nchw(id));
        for piece in self.pieces(n * c, (ih * iw).max(oh * ow))? {
            let (vx, bx) = self.rows(x, piece, ih * iw);
            let (vy, by) = self.rows(id, piece, oh * ow);
            let count = piece.count * oh * ow;
            let dispatch = pool_kernel("main", spec).uniform(&PoolBlock {
                count,
                base_x: bx,
                base_y: by,
                base_dx: 0,
                in_h: ih,
                in_w: iw,
                out_h: oh,
                out_w: ow,
            });
            self.push(dispatch.bind(vx).bind_written(vy).groups(count.div_ceil(64)));
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn max_pool_grad(&mut self, spec: &PoolSpec, id: NodeId) -> Result<()> {
        let (x, dy) = (self.input(id, 0), self.input(id, 1));
        let ([n, c, ih, iw], [_, _, oh, ow]) = (self.nchw(x), self.nchw(dy));
        for piece in self.pieces(n * c, (ih * iw).max(oh * ow))? {
            let (vx, bx) = self.rows(x, piece, ih * iw);
            let (vdy, bdy) = self.rows(dy, piece, oh * ow);
            let (vdx, bdx) = self.rows(id, piece, ih * iw);
            let count = piece.count * ih * iw;
            let dispatch = pool_kernel("gradient", spec).uniform(&PoolBlock {
                count,
                base_x: bx,
                base_y: bdy,
                base_dx: bdx,
                in_h: ih,
                in_w: iw,
                out_h: oh,
                out_w: ow,
            });
            self.push(dispatch.bind(vx).bind(vdy).bind_written(vdx).groups(count.div_ceil(64)));
        }
        Ok(())
    }
}

fn pool_kernel(entry: &'static str, spec: &PoolSpec) -> Dispatch {
    let word = |value: usize| Constant::U32(value as u32);
    Dispatch::new(Shader::MaxPool, entry)
        .constant("KERNEL_H", word(spec.kernel[0]))
        .constant("KERNEL_W", word(spec.kernel[1]))
        .constant("STRIDE_H", word(spec.stride[0]))
        .constant("STRIDE_W", word(spec.stride[1]))
        .constant("PAD_H", word(spec.padding[0]))
        .constant("PAD_W", word(spec.padding[1]))
}
