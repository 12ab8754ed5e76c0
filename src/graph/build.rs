//! Tracing: one method for each operator, named as in the literature; each checks its shapes.

use super::infer::infer;
use super::{
    Activation, Binary, ConvSpec, Graph, Node, NodeId, Op, PoolSpec, ResizeMode, Shape, ShapeError, State, StateId,
    Unary,
};

/// A new value, or the shapes that do not fit.
pub(super) type Traced = Result<NodeId, ShapeError>;

impl Graph {
    /// Adds an operator whose output shape follows from its inputs.
    pub fn push(&mut self, op: Op, inputs: &[NodeId]) -> Traced {
        let shapes: Vec<&Shape> = inputs.iter().map(|id| self.shape(*id)).collect();
        let shape = infer(&op, &shapes)?;
        Ok(self.push_shaped(op, inputs, shape))
    }

    /// Adds an operator whose output shape is known.
    pub(super) fn push_shaped(&mut self, op: Op, inputs: &[NodeId], shape: Shape) -> NodeId {
        self.nodes.push(Node { op, inputs: inputs.to_vec(), shape });
        NodeId(self.nodes.len() - 1)
    }

    /// A value given anew for each run.
    pub fn input(&mut self, name: &str, shape: impl Into<Shape>) -> NodeId {
        self.push_shaped(Op::Input { name: name.to_string() }, &[], shape.into())
    }

    /// Declares a named state, or finds it again; the shape must then be the same.
    pub fn declare_state(&mut self, name: &str, shape: impl Into<Shape>) -> Result<StateId, ShapeError> {
        let shape = shape.into();
        if let Some(index) = self.states.iter().position(|s| s.name == name) {
            let known = &self.states[index].shape;
            if *known != shape {
                let problem = format!("`{name}` is declared twice with different shapes");
                return Err(ShapeError::new("state", problem, &[known, &shape]));
            }
            return Ok(StateId(index));
        }
        self.states.push(State { name: name.to_string(), shape });
        Ok(StateId(self.states.len() - 1))
    }

    /// The value of a state at the start of the run.
    pub fn read_state(&mut self, state: StateId) -> NodeId {
        let op = Op::State(state);
        if let Some(index) = self.nodes.iter().position(|n| n.op == op) {
            return NodeId(index);
        }
        let shape = self.states[state.0].shape.clone();
        self.push_shaped(op, &[], shape)
    }

    /// A tensor filled with one value.
    pub fn constant(&mut self, value: f32, shape: impl Into<Shape>) -> NodeId {
        self.push_shaped(Op::Constant { value }, &[], shape.into())
    }

    /// Elementwise function of one tensor.
    pub fn unary(&mut self, function: Unary, x: NodeId) -> Traced {
        self.push(Op::Unary(function), &[x])
    }

    /// Elementwise function of two tensors, with broadcasting.
    pub fn binary(&mut self, function: Binary, a: NodeId, b: NodeId) -> Traced {
        self.push(Op::Binary(function), &[a, b])
    }

    /// `a + b`
    pub fn add(&mut self, a: NodeId, b: NodeId) -> Traced {
        self.binary(Binary::Add, a, b)
    }

    /// `a − b`
    pub fn sub(&mut self, a: NodeId, b: NodeId) -> Traced {
        self.binary(Binary::Sub, a, b)
    }

    /// `a · b`
    pub fn mul(&mut self, a: NodeId, b: NodeId) -> Traced {
        self.binary(Binary::Mul, a, b)
    }

    /// `mul · x + add`
    pub fn affine(&mut self, x: NodeId, mul: f32, add: f32) -> Traced {
        self.unary(Unary::Affine { mul, add }, x)
    }

    /// `max(x, 0)`
    pub fn relu(&mut self, x: NodeId) -> Traced {
        self.unary(Unary::Relu, x)
    }

    /// `1 / (1 + e^−x)`
    pub fn sigmoid(&mut self, x: NodeId) -> Traced {
        self.unary(Unary::Sigmoid, x)
    }

    /// `x` with its gradient stopped.
    pub fn detach(&mut self, x: NodeId) -> NodeId {
        let shape = self.shape(x).clone();
        self.push_shaped(Op::Detach, &[x], shape)
    }

    /// The same elements in another shape.
    pub fn reshape(&mut self, x: NodeId, shape: impl Into<Shape>) -> Traced {
        let shape = shape.into();
        if *self.shape(x) == shape {
            return Ok(x);
        }
        if self.shape(x).elements() != shape.elements() {
            return Err(ShapeError::new("reshape", "numbers of elements differ", &[self.shape(x), &shape]));
        }
        Ok(self.push_shaped(Op::Reshape, &[x], shape))
    }

    /// `x` repeated to `shape`.
    pub fn broadcast(&mut self, x: NodeId, shape: &Shape) -> Traced {
        if self.shape(x) == shape {
            return Ok(x);
        }
        if self.shape(x).broadcast(shape).as_ref() != Some(shape) {
            return Err(ShapeError::new("broadcast", "shapes do not broadcast", &[self.shape(x), shape]));
        }
        Ok(self.push_shaped(Op::Broadcast, &[x], shape.clone()))
    }

    /// Sums over `axes`, which keep extent 1.
    pub fn sum(&mut self, x: NodeId, axes: &[usize]) -> Traced {
        let axes: Vec<usize> = axes.iter().copied().filter(|&a| self.shape(x).get(a) != Some(&1)).collect();
        if axes.is_empty() { Ok(x) } else { self.push(Op::Sum { axes }, &[x]) }
    }

    /// Means over `axes`, which keep extent 1.
    pub fn mean(&mut self, x: NodeId, axes: &[usize]) -> Traced {
        let total = self.sum(x, axes)?;
        let count = self.shape(x).elements() as f32 / self.shape(total).elements() as f32;
        if count == 1.0 { Ok(total) } else { self.affine(total, 1.0 / count, 0.0) }
    }

    /// Sum of all elements, shape `[]`.
    pub fn sum_all(&mut self, x: NodeId) -> Traced {
        let axes: Vec<usize> = (0..self.shape(x).len()).collect();
        let total = self.sum(x, &axes)?;
        self.reshape(total, Shape::scalar())
    }

    /// Mean of all elements, shape `[]`.
    pub fn mean_all(&mut self, x: NodeId) -> Traced {
        let total = self.sum_all(x)?;
        let count = self.shape(x).elements();
        self.affine(total, 1.0 / count as f32, 0.0)
    }

    /// `x` summed over the axes along which `shape` would have been repeated to give it.
    pub fn sum_to(&mut self, x: NodeId, shape: &Shape) -> Traced {
        let from = self.shape(x).clone();
        let missing = from.len() - shape.len();
        let repeated = |&a: &usize| a < missing || (shape[a - missing] == 1 && from[a] != 1);
        let axes: Vec<usize> = (0..from.len()).filter(repeated).collect();
        let summed = self.sum(x, &axes)?;
        self.reshape(summed, shape.clone())
    }

    /// Average over rows and columns: `[N,C,H,W]` → `[N,C,1,1]`.
    pub fn global_avg_pool(&mut self, x: NodeId) -> Traced {
        self.mean(x, &[2, 3])
    }

    /// Axes in another order: axis `i` of the result is axis `axes[i]` of `x`.
    pub fn permute(&mut self, x: NodeId, axes: &[usize]) -> Traced {
        self.push(Op::Permute { axes: axes.to_vec() }, &[x])
    }

    /// Tensors joined along `axis`.
    pub fn concat(&mut self, inputs: &[NodeId], axis: usize) -> Traced {
        self.push(Op::Concat { axis }, inputs)
    }

    /// Zeros added (positive) or elements removed (negative) before and after each axis.
    pub fn pad(&mut self, x: NodeId, before: &[isize], after: &[isize]) -> Traced {
        if before.iter().chain(after).all(|&p| p == 0) && before.len() == self.shape(x).len() {
            return Ok(x);
        }
        self.push(Op::Pad { before: before.to_vec(), after: after.to_vec() }, &[x])
    }

    /// Zeros around each map of `[N,C,H,W]`.
    pub fn pad2d(&mut self, x: NodeId, top: usize, bottom: usize, left: usize, right: usize) -> Traced {
        self.pad(x, &[0, 0, top as isize, left as isize], &[0, 0, bottom as isize, right as isize])
    }

    /// `len` elements from `start` along `axis`.
    pub fn slice(&mut self, x: NodeId, axis: usize, start: usize, len: usize) -> Traced {
        let shape = self.shape(x).clone();
        if axis >= shape.len() || start + len > shape[axis] {
            let problem = format!("elements {start}..{} of axis {axis} do not exist", start + len);
            return Err(ShapeError::new("slice", problem, &[&shape]));
        }
        let (mut before, mut after) = (vec![0; shape.len()], vec![0; shape.len()]);
        before[axis] = -(start as isize);
        after[axis] = -((shape[axis] - start - len) as isize);
        self.pad(x, &before, &after)
    }

    /// Convolution `[N,I,H,W]` with `[O,I/groups,KH,KW]`, optionally with a bias `[O]`.
    pub fn conv2d(&mut self, x: NodeId, w: NodeId, bias: Option<NodeId>, spec: ConvSpec) -> Traced {
        let op = Op::Conv2d { spec, bias: bias.is_some(), activation: Activation::Identity };
        let inputs: Vec<NodeId> = [x, w].into_iter().chain(bias).collect();
        self.push(op, &inputs)
    }

    /// Mean and biased variance of each channel over each of `domains` parts of the batch: `[D,2,C]`.
    pub fn batch_stats(&mut self, x: NodeId, domains: usize) -> Traced {
        self.push(Op::BatchStats { domains }, &[x])
    }

    /// Normalises with the batch's own statistics; gradients run through them.
    pub fn batch_norm_training(&mut self, x: NodeId, stats: NodeId, weight: NodeId, bias: NodeId, eps: f32) -> Traced {
        let op = Op::BatchNorm { eps, activation: Activation::Identity, training: true };
        self.push(op, &[x, stats, weight, bias])
    }

    /// Normalises with given statistics `[1,2,C]`, the running ones.
    pub fn batch_norm_evaluation(
        &mut self,
        x: NodeId,
        stats: NodeId,
        weight: NodeId,
        bias: NodeId,
        eps: f32,
    ) -> Traced {
        let op = Op::BatchNorm { eps, activation: Activation::Identity, training: false };
        self.push(op, &[x, stats, weight, bias])
    }

    /// `[1,2,C]` statistics from a mean `[C]` and a variance `[C]`.
    pub fn pack_stats(&mut self, mean: NodeId, var: NodeId) -> Traced {
        let channels = self.shape(mean).elements();
        let joined = self.concat(&[mean, var], 0)?;
        self.reshape(joined, [1, 2, channels])
    }

    /// Dropout with the counter-based mask of `seed`; each call draws another mask. `p = 0` is the identity.
    pub fn dropout(&mut self, x: NodeId, seed: NodeId, p: f32) -> Traced {
        if p == 0.0 {
            return Ok(x);
        }
        self.dropouts += 1;
        self.push(Op::Dropout { p, stream: self.dropouts }, &[x, seed])
    }

    /// Maps interpolated to `size` (rows, columns).
    pub fn resize(&mut self, x: NodeId, mode: ResizeMode, size: [usize; 2]) -> Traced {
        if self.shape(x).get(2..4) == Some(&size[..]) {
            return Ok(x);
        }
        self.push(Op::Resize { mode, size }, &[x])
    }

    /// Maximum over windows.
    pub fn max_pool2d(&mut self, x: NodeId, spec: PoolSpec) -> Traced {
        self.push(Op::MaxPool { spec }, &[x])
    }
}
