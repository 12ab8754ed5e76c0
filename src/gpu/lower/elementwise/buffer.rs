//! Launches of the elementwise operators and of dropout.

use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Shader, uniform};
use crate::gpu::lower::axes::{four_axes, inner_extents, merge_axes, strides};
use crate::gpu::lower::lowering::Lowering;
use crate::gpu::lower::on_load::{Loaded, MaskNumbers};
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
        first: usize,
        channels: usize,
        plane: usize,
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
        channels: usize,
        plane: usize,
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
        if !broadcast {
            return self.binary_of_same(function, id);
        }
        let axes = merge_axes(sy, &[sa.broadcast_strides(sy), sb.broadcast_strides(sy)]);
        let axes = four_axes(axes).ok_or_else(|| self.unsupported("more than four broadcast axes"))?;
        let inner: usize = axes[1..].iter().map(|a| a.extent).product();
        let kernel = binary_kernel("main", function).constant("BROADCAST", Constant::Bool(true));
        for piece in self.pieces(axes[0].extent, inner)? {
            let operand = |this: &Self, operand: NodeId, stride: usize| match stride {
                0 => this.whole(operand).map(|view| (view, 0)),
                _ => Ok(this.rows(operand, piece, stride)),
            };
            let (va, ba) = operand(self, a, axes[0].strides[0])?;
            let (vb, bb) = operand(self, b, axes[0].strides[1])?;
            let (vy, by) = self.rows(id, piece, inner);
            let count = piece.count * inner;
            let block = BinaryBlock::new([count, 0], [ba, bb, by], inner_extents(&axes), strides(&axes), [1, 1]);
            self.push(kernel.clone().uniform(&block).bind(va).bind(vb).bind_written(vy).groups(count.div_ceil(64)));
        }
        Ok(())
    }

    /// Of operands of one shape, of which one may be a normalisation.
    fn binary_of_same(&mut self, function: Binary, id: NodeId) -> Result<()> {
        let [a, b] = [0, 1].map(|slot| self.loaded(self.input(id, slot)));
        // The shader normalises the second; only additions have one, whose operands may change places.
        let [a, b] = if a.is_normalised() { [b, a] } else { [a, b] };
        let entry = if b.is_normalised() { "with_normalised" } else { "main" };
        let kernel = binary_kernel(entry, function);
        let [channels, plane] = if b.is_normalised() { self.channels_and_plane(id) } else { [1, 4] };
        for piece in self.pieces(self.shape(id).elements(), 1)? {
            let (va, ba) = self.rows(a.source, piece, 1);
            let (vb, bb) = self.rows(b.source, piece, 1);
            let (vy, by) = self.rows(id, piece, 1);
            let sizes = [piece.count, piece.first];
            let block = BinaryBlock::new(sizes, [ba, bb, by], [1; 3], [[0; 4]; 2], [channels, plane]);
            let kernel = kernel.clone().wide_if_whole(&[piece.count, ba, bb, by, plane]);
            let groups = piece.count.div_ceil(64 * kernel.width());
            let dispatch = kernel.uniform(&block).bind(va).bind(vb).bind_written(vy).groups(groups);
            self.push_normalised(dispatch, &b)?;
        }
        Ok(())
    }

    /// Launches an elementwise kernel, and binds what it normalises by, if it does.
    fn push_normalised(&mut self, dispatch: Dispatch, loaded: &Loaded) -> Result<()> {
        let anything = dispatch.buffers[0].view;
        let dispatch = if loaded.is_normalised() { self.bind_norm(dispatch, loaded, anything)? } else { dispatch };
        self.push(dispatch);
        Ok(())
    }

    pub(in crate::gpu::lower) fn dropout(&mut self, p: f32, stream: u32, id: NodeId) -> Result<()> {
        let (loaded, seed) = (self.loaded(self.input(id, 0)), self.whole(self.input(id, 1))?);
        let entry = if loaded.is_normalised() { "of_normalised" } else { "main" };
        let MaskNumbers { stream, threshold, scale } = MaskNumbers::of(p, stream);
        let [channels, plane] = self.channels_and_plane(id);
        for piece in self.pieces(self.shape(id).elements(), 1)? {
            let (vx, base_x) = self.rows(loaded.source, piece, 1);
            let (vy, base_y) = self.rows(id, piece, 1);
            let kernel = Dispatch::new(Shader::Dropout, entry).wide_if_whole(&[piece.count, base_x, base_y, plane]);
            let groups = piece.count.div_ceil(64 * 8 * kernel.width());
            let (count, first) = (piece.count, piece.first);
            let block = DropoutBlock { count, base_x, base_y, first, stream, threshold, scale, channels, plane };
            let dispatch = kernel.uniform(&block).bind(vx).bind(seed).bind_written(vy).groups(groups);
            self.push_normalised(dispatch, &loaded)?;
        }
        Ok(())
    }

    /// Extents of feature maps; all else is one channel.
    fn channels_and_plane(&self, id: NodeId) -> [usize; 2] {
        let shape = self.shape(id);
        shape.nchw().map_or([1, shape.elements()], |[_, c, h, w]| [c, h * w])
    }
}

impl BinaryBlock {
    fn new(
        [count, first]: [usize; 2],
        bases: [usize; 3],
        extents: [usize; 3],
        strides: [[usize; 4]; 2],
        [channels, plane]: [usize; 2],
    ) -> Self {
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
            first,
            channels,
            plane,
        }
    }
}

fn binary_kernel(entry: &'static str, function: Binary) -> Dispatch {
    Dispatch::new(Shader::Binary, entry).constant("KIND", Constant::Kind(function.into()))
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
