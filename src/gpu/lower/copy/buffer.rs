//! Launches that only move elements: broadcast, permutation, concatenation, padding.

use crate::gpu::kernel::{Dispatch, Shader, View, uniform};
use crate::gpu::lower::axes::{Axis, four_axes, inner_extents, merge_axes, strides};
use crate::gpu::lower::lowering::{Lowering, Piece};
use crate::gpu::machine::Result;
use crate::graph::{NodeId, Shape};

uniform! {
    CopyBlock {
        count: usize,
        base_x: usize,
        base_y: usize,
        extent_1: usize,
        extent_2: usize,
        extent_3: usize,
        x_0: usize,
        x_1: usize,
        x_2: usize,
        x_3: usize,
        y_0: usize,
        y_1: usize,
        y_2: usize,
        y_3: usize,
    }
}

uniform! {
    PadBlock {
        count: usize,
        base_x: usize,
        base_y: usize,
        first_x: usize,
        first_y: usize,
        extent_1: usize,
        extent_2: usize,
        extent_3: usize,
        x_0: usize,
        x_1: usize,
        x_2: usize,
        x_3: usize,
        before_0: isize,
        before_1: isize,
        before_2: isize,
        before_3: isize,
    }
}

impl Lowering<'_> {
    pub(in crate::gpu::lower) fn broadcast(&mut self, id: NodeId) -> Result<()> {
        let x = self.input(id, 0);
        let shape = self.shape(id);
        let strides = [self.shape(x).broadcast_strides(shape), shape.strides()];
        let axes = four_axes(merge_axes(shape, &strides)).ok_or_else(|| self.unsupported("more than four axes"))?;
        let inner: usize = axes[1..].iter().map(|a| a.extent).product();
        for piece in self.pieces(axes[0].extent, inner)? {
            let (vx, bx) = match axes[0].strides[0] {
                0 => (self.whole(x)?, 0),
                stride => self.rows(x, piece, stride),
            };
            let (vy, by) = self.rows(id, piece, inner);
            self.push(copy_kernel(piece, inner, &axes, [bx, by]).bind(vx).bind_written(vy));
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn permute(&mut self, axes: &[usize], id: NodeId) -> Result<()> {
        let x = self.input(id, 0);
        let (shape, strides) = (self.shape(id), self.shape(x).strides());
        let strides = [axes.iter().map(|&axis| strides[axis]).collect(), shape.strides()];
        let axes = four_axes(merge_axes(shape, &strides)).ok_or_else(|| self.unsupported("more than four axes"))?;
        let inner: usize = axes[1..].iter().map(|a| a.extent).product();
        let vx = self.whole(x)?;
        for piece in self.pieces(axes[0].extent, inner)? {
            let (vy, by) = self.rows(id, piece, inner);
            self.push(
                copy_kernel(piece, inner, &axes, [piece.first * axes[0].strides[0], by])
                    .bind_part(vx, piece.count * inner)
                    .bind_written(vy),
            );
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn concat(&mut self, axis: usize, id: NodeId) -> Result<()> {
        if self.unjoined.contains(&id) {
            return Ok(());
        }
        let shape = self.shape(id);
        let strides = shape.strides();
        let mut start = 0;
        for &x in &self.graph.node(id).inputs.clone() {
            let part = self.shape(x);
            if self.placed.contains_key(&x) {
                start += part[axis];
                continue;
            }
            // Within each row of the output the part begins `offset` elements in.
            let offset = start * strides[axis];
            let axes = four_axes(merge_axes(part, &[part.strides(), strides.clone()]));
            let axes = axes.ok_or_else(|| self.unsupported("more than four axes"))?;
            let inner: usize = axes[1..].iter().map(|a| a.extent).product();
            let row = axes[0].strides[1];
            for piece in self.pieces(axes[0].extent, inner.max(row))? {
                let (vx, bx) = self.rows(x, piece, inner);
                let (first, len) = (offset + piece.first * row, (piece.count - 1) * row + inner);
                let (vy, by) = View::range(self.target(id), first, len);
                let copied = piece.count * inner;
                self.push(copy_kernel(piece, inner, &axes, [bx, by]).bind(vx).bind_written_part(vy, copied));
            }
            start += part[axis];
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn pad(&mut self, before: &[isize], id: NodeId) -> Result<()> {
        let x = self.input(id, 0);
        let axes = padded_axes(self.shape(x), self.shape(id), before);
        let axes = axes.ok_or_else(|| self.unsupported("more than four axes"))?;
        let (from, to, shift) = (axes.map(|a| a.from), axes.map(|a| a.to), axes.map(|a| a.before));
        let (row_x, row_y): (usize, usize) = (from[1..].iter().product(), to[1..].iter().product());
        for piece in self.pieces(to[0], row_x.max(row_y))? {
            // The samples of x that the piece reads; at least one, to have something to bind.
            let first = (piece.first as isize - shift[0]).clamp(0, from[0] as isize - 1) as usize;
            let end = ((piece.first + piece.count) as isize - shift[0]).clamp(first as isize + 1, from[0] as isize);
            let read = Piece { first, count: end as usize - first };
            let (vx, bx) = self.rows(x, read, row_x);
            let (vy, by) = self.rows(id, piece, row_y);
            let count = piece.count * row_y;
            let dispatch = Dispatch::new(Shader::Pad, "main").uniform(&PadBlock {
                count,
                base_x: bx,
                base_y: by,
                first_x: first,
                first_y: piece.first,
                extent_1: to[1],
                extent_2: to[2],
                extent_3: to[3],
                x_0: from[0],
                x_1: from[1],
                x_2: from[2],
                x_3: from[3],
                before_0: shift[0],
                before_1: shift[1],
                before_2: shift[2],
                before_3: shift[3],
            });
            // Of what is cut out of x no more is read than is written.
            self.push(dispatch.bind_part(vx, vx.len.min(count)).bind_written(vy).groups(count.div_ceil(64)));
        }
        Ok(())
    }
}

/// A copy of `piece.count · inner` elements between operands based at `bases`.
fn copy_kernel(piece: Piece, inner: usize, axes: &[Axis; 4], bases: [usize; 2]) -> Dispatch {
    strided_copy(piece.count * inner, bases, inner_extents(axes), strides(axes))
}

/// A copy of `count` elements from one operand to the other, each with a stride for each of four axes.
pub(in crate::gpu::lower) fn strided_copy(
    count: usize,
    [base_x, base_y]: [usize; 2],
    [extent_1, extent_2, extent_3]: [usize; 3],
    [[x_0, x_1, x_2, x_3], [y_0, y_1, y_2, y_3]]: [[usize; 4]; 2],
) -> Dispatch {
    let block =
        CopyBlock { count, base_x, base_y, extent_1, extent_2, extent_3, x_0, x_1, x_2, x_3, y_0, y_1, y_2, y_3 };
    Dispatch::new(Shader::Copy, "main").uniform(&block).groups(count.div_ceil(64))
}

/// An axis of a padding: its extents in the input and the output, and the elements added in front.
#[derive(Clone, Copy)]
struct Padded {
    from: usize,
    to: usize,
    before: isize,
}

/// Exactly four axes, those left as they are joined to the one before; `None` if there are more.
fn padded_axes(from: &Shape, to: &Shape, before: &[isize]) -> Option<[Padded; 4]> {
    let unit = Padded { from: 1, to: 1, before: 0 };
    let mut merged: Vec<Padded> = Vec::new();
    for axis in 0..from.len() {
        let own = Padded { from: from[axis], to: to[axis], before: before[axis] };
        match merged.last_mut() {
            Some(last) if own.from == own.to && own.before == 0 => {
                *last = Padded {
                    from: last.from * own.from,
                    to: last.to * own.to,
                    before: last.before * own.from as isize,
                };
            }
            Some(last) if (last.from, last.to, last.before) == (1, 1, 0) => *last = own,
            _ => merged.push(own),
        }
    }
    let missing = 4usize.checked_sub(merged.len())?;
    let at = merged.len().min(1);
    merged.splice(at..at, std::iter::repeat_n(unit, missing));
    merged.try_into().ok()
}
