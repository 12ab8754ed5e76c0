//! Launches of the elementwise operators and of dropout.

use crate::gpu::kernel::Dispatch;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::lower::axes::{four_axes, merge_axes};
use crate::gpu::lower::lowering::Lowering;
use crate::gpu::machine::Result;
use crate::graph::{Binary, NodeId, Unary};

impl Lowering<'_> {
    pub(in crate::gpu::lower) fn unary(&mut self, function: Unary, id: NodeId) -> Result<()> {
        let x = self.input(id, 0);
        let (kernel, a, b) = unary_kernel("main", function);
        for piece in self.pieces(self.shape(id).elements(), 1)? {
            let (vx, bx) = self.rows(x, piece, 1);
            let (vy, by) = self.rows(id, piece, 1);
            let dispatch = kernel.clone().params([piece.count, bx, by, 0]).float(a).float(b);
            self.push(dispatch.bind(vx).bind(vy).groups(piece.count.div_ceil(64)));
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn unary_grad(&mut self, function: Unary, id: NodeId) -> Result<()> {
        let (x, dy) = (self.input(id, 0), self.input(id, 1));
        let (kernel, a, b) = unary_kernel("gradient", function);
        for piece in self.pieces(self.shape(id).elements(), 1)? {
            let (vx, bx) = self.rows(x, piece, 1);
            let (vy, by) = self.rows(dy, piece, 1);
            let (vdx, bdx) = self.rows(id, piece, 1);
            let dispatch = kernel.clone().params([piece.count, bx, by, bdx]).float(a).float(b);
            self.push(dispatch.bind(vx).bind(vy).bind(vdx).groups(piece.count.div_ceil(64)));
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn binary(&mut self, function: Binary, id: NodeId) -> Result<()> {
        let (a, b) = (self.input(id, 0), self.input(id, 1));
        let (sa, sb, sy) = (self.shape(a), self.shape(b), self.shape(id));
        let broadcast = sa.elements() != sy.elements() || sb.elements() != sy.elements();
        let kernel = Dispatch::new("binary", "main")
            .constant("KIND", Constant::U32(function as u32))
            .constant("BROADCAST", Constant::Bool(broadcast));
        if !broadcast {
            for piece in self.pieces(sy.elements(), 1)? {
                let (va, ba) = self.rows(a, piece, 1);
                let (vb, bb) = self.rows(b, piece, 1);
                let (vy, by) = self.rows(id, piece, 1);
                let params = [piece.count, ba, bb, by].into_iter().chain([0; 12]);
                let dispatch = kernel.clone().params(params).bind(va).bind(vb).bind(vy);
                self.push(dispatch.groups(piece.count.div_ceil(64)));
            }
            return Ok(());
        }
        let axes = merge_axes(sy, &[sa.broadcast_strides(sy), sb.broadcast_strides(sy)]);
        let axes = four_axes(axes).ok_or_else(|| self.unsupported("more than four broadcast axes"))?;
        let inner: usize = axes[1..].iter().map(|a| a.extent).product();
        for piece in self.pieces(axes[0].extent, inner)? {
            let operand = |this: &Self, operand: NodeId, stride: usize| match stride {
                0 => this.whole(operand).map(|view| (view, 0)),
                _ => Ok(this.rows(operand, piece, stride)),
            };
            let (va, ba) = operand(self, a, axes[0].strides[0])?;
            let (vb, bb) = operand(self, b, axes[0].strides[1])?;
            let (vy, by) = self.rows(id, piece, inner);
            let count = piece.count * inner;
            let dispatch = kernel
                .clone()
                .params([count, ba, bb, by])
                .params(axes[1..].iter().map(|a| a.extent))
                .params(axes.iter().map(|a| a.strides[0]))
                .params(axes.iter().map(|a| a.strides[1]))
                .params([0]);
            self.push(dispatch.bind(va).bind(vb).bind(vy).groups(count.div_ceil(64)));
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn dropout(&mut self, p: f32, stream: u32, id: NodeId) -> Result<()> {
        let (x, seed) = (self.input(id, 0), self.input(id, 1));
        let threshold = (f64::from(p) * 4_294_967_296.0) as u32;
        for piece in self.pieces(self.shape(id).elements(), 1)? {
            let (vx, bx) = self.rows(x, piece, 1);
            let (vy, by) = self.rows(id, piece, 1);
            let dispatch = Dispatch::new("dropout", "main")
                .params([piece.count, bx, by, piece.first, stream as usize, threshold as usize])
                .float(1.0 / (1.0 - p));
            let seed = self.whole(seed)?;
            self.push(dispatch.bind(vx).bind(seed).bind(vy).groups(piece.count.div_ceil(64 * 8)));
        }
        Ok(())
    }
}

/// The kernel of a function, and the two numbers that go into its uniform block.
fn unary_kernel(entry: &'static str, function: Unary) -> (Dispatch, f32, f32) {
    let (kind, a, b) = match function {
        Unary::Relu => (0, 0.0, 0.0),
        Unary::Relu6 => (1, 0.0, 0.0),
        Unary::LeakyRelu(slope) => (2, slope, 0.0),
        Unary::Sigmoid => (3, 0.0, 0.0),
        Unary::Square => (4, 0.0, 0.0),
        Unary::Sqrt => (5, 0.0, 0.0),
        Unary::Affine { mul, add } => (6, mul, add),
        Unary::Entropy { smooth } => (7, smooth, 0.0),
        Unary::Above(threshold) => (8, threshold, 0.0),
    };
    (Dispatch::new("unary", entry).constant("KIND", Constant::U32(kind)), a, b)
}
