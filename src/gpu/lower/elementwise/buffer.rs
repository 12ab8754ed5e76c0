//! Launches of the elementwise operators and of dropout.

use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Shader, uniform};
use crate::gpu::lower::axes::{four_axes, inner_extents, merge_axes, strides};
use crate::gpu::lower::lowering::Lowering;
use crate::gpu::machine::Result;
use crate::graph::{Binary, NodeId, Unary};

uniform! {
    UnaryBlock { count: usize, base_x: usize, base_y: usize, base_dx: usize, a: f32, b: f32 }
}

uniform! {
    BinaryBlock {
        count: usize,
        base_a: usize,
        base_b: usize,
        base_y: usize,
        extent_1: usize,
        extent_2: usize,
        extent_3: usize,
        a_0: usize,
        a_1: usize,
        a_2: usize,
        a_3: usize,
        b_0: usize,
        b_1: usize,
        b_2: usize,
        b_3: usize,
    }
}

uniform! {
    DropoutBlock {
        count: usize,
        base_x: usize,
        base_y: usize,
        first: usize,
        stream: u32,
        threshold: u32,
        scale: f32,
    }
}

impl Lowering<'_> {
    pub(in crate::gpu::lower) fn unary(&mut self, function: Unary, id: NodeId) -> Result<()> {
        let x = self.input(id, 0);
        let (kernel, a, b) = unary_kernel("main", function);
        for piece in self.pieces(self.shape(id).elements(), 1)? {
            let (vx, bx) = self.rows(x, piece, 1);
            let (vy, by) = self.rows(id, piece, 1);
            let block = UnaryBlock { count: piece.count, base_x: bx, base_y: by, base_dx: 0, a, b };
            let kernel = kernel.clone().wide_if_whole(&[piece.count, bx, by]);
            let groups = piece.count.div_ceil(64 * kernel.width());
            self.push(kernel.uniform(&block).bind(vx).bind_written(vy).groups(groups));
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
            let block = UnaryBlock { count: piece.count, base_x: bx, base_y: by, base_dx: bdx, a, b };
            let kernel = kernel.clone().wide_if_whole(&[piece.count, bx, by, bdx]);
            let groups = piece.count.div_ceil(64 * kernel.width());
            self.push(kernel.uniform(&block).bind(vx).bind(vy).bind_written(vdx).groups(groups));
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn binary(&mut self, function: Binary, id: NodeId) -> Result<()> {
        let (a, b) = (self.input(id, 0), self.input(id, 1));
        let (sa, sb, sy) = (self.shape(a), self.shape(b), self.shape(id));
        let broadcast = sa.elements() != sy.elements() || sb.elements() != sy.elements();
        let kernel = Dispatch::new(Shader::Binary, "main")
            .constant("KIND", Constant::Kind(function.into()))
            .constant("BROADCAST", Constant::Bool(broadcast));
        if !broadcast {
            for piece in self.pieces(sy.elements(), 1)? {
                let (va, ba) = self.rows(a, piece, 1);
                let (vb, bb) = self.rows(b, piece, 1);
                let (vy, by) = self.rows(id, piece, 1);
                let block = BinaryBlock::new(piece.count, [ba, bb, by], [1; 3], [[0; 4]; 2]);
                let dispatch = kernel.clone().uniform(&block).bind(va).bind(vb).bind_written(vy);
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
            let block = BinaryBlock::new(count, [ba, bb, by], inner_extents(&axes), strides(&axes));
            self.push(kernel.clone().uniform(&block).bind(va).bind(vb).bind_written(vy).groups(count.div_ceil(64)));
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn dropout(&mut self, p: f32, stream: u32, id: NodeId) -> Result<()> {
        let (x, seed) = (self.input(id, 0), self.input(id, 1));
        for piece in self.pieces(self.shape(id).elements(), 1)? {
            let (vx, bx) = self.rows(x, piece, 1);
            let (vy, by) = self.rows(id, piece, 1);
            let dispatch = Dispatch::new(Shader::Dropout, "main").uniform(&DropoutBlock {
                count: piece.count,
                base_x: bx,
                base_y: by,
                first: piece.first,
                stream,
                threshold: dropout_threshold(p),
                scale: 1.0 / (1.0 - p),
            });
            let seed = self.whole(seed)?;
            self.push(dispatch.bind(vx).bind(seed).bind_written(vy).groups(piece.count.div_ceil(64 * 8)));
        }
        Ok(())
    }
}

impl BinaryBlock {
    fn new(count: usize, bases: [usize; 3], extents: [usize; 3], strides: [[usize; 4]; 2]) -> Self {
        let [base_a, base_b, base_y] = bases;
        let [extent_1, extent_2, extent_3] = extents;
        let [[a_0, a_1, a_2, a_3], [b_0, b_1, b_2, b_3]] = strides;
        BinaryBlock {
            count,
            base_a,
            base_b,
            base_y,
            extent_1,
            extent_2,
            extent_3,
            a_0,
            a_1,
            a_2,
            a_3,
            b_0,
            b_1,
            b_2,
            b_3,
        }
    }
}

/// Random words below it drop their element.
pub(super) fn dropout_threshold(p: f32) -> u32 {
    (f64::from(p) * 4_294_967_296.0) as u32
}

/// The kernel of a function, and the two numbers that go into its uniform block.
fn unary_kernel(entry: &'static str, function: Unary) -> (Dispatch, f32, f32) {
    let (a, b) = match function {
        Unary::LeakyRelu(slope) => (slope, 0.0),
        Unary::Affine { mul, add } => (mul, add),
        Unary::Entropy { smooth } => (smooth, 0.0),
        Unary::Above(threshold) => (threshold, 0.0),
        Unary::Relu | Unary::Relu6 | Unary::Sigmoid | Unary::Square | Unary::Sqrt => (0.0, 0.0),
    };
    (Dispatch::new(Shader::Unary, entry).constant("KIND", Constant::Kind(function.into())), a, b)
}
