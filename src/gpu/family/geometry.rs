//! Extents of convolutions, and what follows from them.

use crate::gpu::kernel::Direction;
use crate::gpu::machine::ConvClass;
use crate::graph::{ConvSpec, Graph, NodeId, Op};

/// Extents of a convolution: `x [n,i,h,w]`, `w [o,i/groups,kh,kw]`, `y [n,o,oh,ow]`.
#[derive(Clone, Copy)]
pub(crate) struct Geometry {
    pub(crate) n: usize,
    pub(crate) i: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    pub(crate) o: usize,
    pub(crate) oh: usize,
    pub(crate) ow: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) spec: ConvSpec,
}

impl Geometry {
    /// Extents of a convolution of a graph, or of one of its gradients.
    pub(crate) fn of(graph: &Graph, id: NodeId) -> Geometry {
        let node = graph.node(id);
        let [first, second] = [node.inputs[0], node.inputs[1]];
        let (spec, x, y, w) = match node.op {
            Op::Conv2d { spec, .. } => (spec, first, id, second),
            Op::Conv2dInputGrad { spec, .. } => (spec, id, first, second),
            Op::Conv2dWeightGrad { spec, .. } => (spec, first, second, id),
            _ => unreachable!("called for convolutions only"),
        };
        let nchw = |id| graph.shape(id).nchw().expect("shape rules let only feature maps through");
        let ([n, i, h, w_], [_, o, oh, ow], [_, _, kh, kw]) = (nchw(x), nchw(y), nchw(w));
        Geometry { n, i, h, w: w_, o, oh, ow, kernel: [kh, kw], spec }
    }

    /// The class of convolutions of a direction that one kernel suits alike.
    pub(crate) fn class(&self, direction: Direction) -> ConvClass {
        let ConvSpec { stride, dilation, .. } = self.spec;
        let [inputs, outputs, pixels] = [self.i, self.o, self.n * self.oh * self.ow].map(usize::next_power_of_two);
        let (kernel, dilated, depthwise) = (self.kernel, dilation != [1, 1], self.is_depthwise());
        ConvClass { direction, kernel, stride, dilated, depthwise, inputs, outputs, pixels }
    }

    /// Operations, two for each product.
    pub(crate) fn operations(&self) -> f64 {
        2.0 * self.weights() as f64 * (self.n * self.oh * self.ow) as f64
    }

    pub(crate) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Whether each output is made of the pixel at its place alone.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.taps() == 1
            && [self.oh, self.ow] == [self.h, self.w]
            && self.spec.groups == 1
            && self.spec.padding == [0, 0]
    }

    pub(crate) fn weights(&self) -> usize {
        self.o * (self.i / self.spec.groups) * self.taps()
    }

    pub(crate) fn is_depthwise(&self) -> bool {
        self.spec.groups > 1 && self.spec.groups == self.i && self.o == self.i
    }

    /// Stride, padding and dilation, each of rows and columns.
    pub(crate) fn steps(&self) -> [usize; 6] {
        let ConvSpec { stride, padding, dilation, .. } = self.spec;
        [stride[0], stride[1], padding[0], padding[1], dilation[0], dilation[1]]
    }

    /// First and end of the taps along `axis` that reach a pixel of the map at some output.
    pub(crate) fn useful_taps(&self, axis: usize) -> [usize; 2] {
        let (extent_in, extent_out) = if axis == 0 { (self.h, self.oh) } else { (self.w, self.ow) };
        let (stride, padding, dilation) = (self.spec.stride[axis], self.spec.padding[axis], self.spec.dilation[axis]);
        let reaches = |tap: &usize| {
            (0..extent_out).any(|out| (padding..padding + extent_in).contains(&(out * stride + tap * dilation)))
        };
        let useful: Vec<usize> = (0..self.kernel[axis]).filter(reaches).collect();
        match (useful.first(), useful.last()) {
            (Some(first), Some(last)) => [*first, last + 1],
            _ => [0, 0],
        }
    }
}

/// Every `every`-th output row or column from `phase` on, and the taps `first, first + step, …` below `end` that reach it.
#[derive(Clone, Copy)]
pub(crate) struct Phase {
    pub(crate) phase: usize,
    pub(crate) every: usize,
    pub(crate) first: usize,
    pub(crate) end: usize,
    pub(crate) step: usize,
}

impl Phase {
    /// Number of taps.
    pub(crate) fn taps(&self) -> usize {
        (self.end - self.first).div_ceil(self.step)
    }

    /// Number of rows or columns of `extent` that it takes.
    pub(crate) fn positions(&self, extent: usize) -> usize {
        (extent - self.phase).div_ceil(self.every)
    }
}

impl Geometry {
    /// Phases along `axis` of a forward convolution (one), or of the gradient of its input (one for each remainder of
    /// a position by the stride).
    pub(crate) fn phases(&self, axis: usize, transposed: bool) -> Vec<Phase> {
        let [first, end] = self.useful_taps(axis);
        if !transposed {
            return vec![Phase { phase: 0, every: 1, first, end, step: 1 }];
        }
        let (stride, padding, dilation) = (self.spec.stride[axis], self.spec.padding[axis], self.spec.dilation[axis]);
        let extent = if axis == 0 { self.h } else { self.w };
        let of = |phase: usize| {
            // Congruences, so that nothing becomes negative.
            let divides = |tap: &usize| (phase + padding + (stride - 1) * tap * dilation).is_multiple_of(stride);
            let taps: Vec<usize> = (first..end).filter(divides).collect();
            let step = if taps.len() > 1 { taps[1] - taps[0] } else { 1 };
            let (first, end) = taps.first().zip(taps.last()).map_or((0, 0), |(first, last)| (*first, last + 1));
            Phase { phase, every: stride, first, end, step }
        };
        (0..stride.min(extent)).map(of).collect()
    }
}

/// The direction of an operator, if it is a convolution.
pub(crate) fn direction(op: &Op) -> Option<Direction> {
    match op {
        Op::Conv2d { .. } => Some(Direction::Forward),
        Op::Conv2dInputGrad { .. } => Some(Direction::InputGrad),
        Op::Conv2dWeightGrad { .. } => Some(Direction::WeightGrad),
        _ => None,
    }
}
