//! Reverse-mode differentiation as graph rewriting: every gradient rule, in one place.

use std::collections::HashMap;

use super::{Activation, Binary, Graph, Node, NodeId, Op, ShapeError, Unary};

/// Appends the nodes that compute `Σ dyᵀ·∂y/∂w` for each `w` of `wrt`, given pairs `(y, dy)`.
/// `None` where no `y` depends on the value.
pub fn vector_jacobian_product(
    graph: &mut Graph,
    seeds: &[(NodeId, NodeId)],
    wrt: &[NodeId],
) -> Result<Vec<Option<NodeId>>, ShapeError> {
    let count = graph.nodes().len();
    let mut needed = vec![false; count];
    for id in wrt {
        needed[id.0] = true;
    }
    for index in 0..count {
        let node = &graph.nodes()[index];
        needed[index] |= node.op != Op::Detach && node.inputs.iter().any(|i| needed[i.0]);
    }
    let mut adjoint: HashMap<NodeId, NodeId> = HashMap::new();
    for &(y, dy) in seeds {
        accumulate(graph, &mut adjoint, y, dy)?;
    }
    for index in (0..count).rev().filter(|&i| needed[i]) {
        let id = NodeId(index);
        let Some(&dy) = adjoint.get(&id) else { continue };
        let inputs = graph.node(id).inputs.clone();
        let wanted: Vec<bool> = inputs.iter().map(|i| needed[i.0]).collect();
        if !wanted.contains(&true) {
            continue;
        }
        for (input, gradient) in inputs.iter().zip(input_gradients(graph, id, dy, &wanted)?) {
            if let Some(gradient) = gradient.filter(|_| needed[input.0]) {
                accumulate(graph, &mut adjoint, *input, gradient)?;
            }
        }
    }
    Ok(wrt.iter().map(|id| adjoint.get(id).copied()).collect())
}

fn accumulate(
    graph: &mut Graph,
    adjoint: &mut HashMap<NodeId, NodeId>,
    id: NodeId,
    gradient: NodeId,
) -> Result<(), ShapeError> {
    let total = match adjoint.get(&id) {
        Some(&earlier) => match side_by_side(graph, earlier, gradient)? {
            Some(joined) => joined,
            None => graph.add(earlier, gradient)?,
        },
        None => gradient,
    };
    adjoint.insert(id, total);
    Ok(())
}

/// The sum of two gradients of slices that lie next to each other: joined, rather than both padded with zeros and added.
fn side_by_side(graph: &mut Graph, a: NodeId, b: NodeId) -> Result<Option<NodeId>, ShapeError> {
    let (Some((axis, from_a, to_a)), Some((axis_b, from_b, to_b))) = (padded_slice(graph, a), padded_slice(graph, b))
    else {
        return Ok(None);
    };
    let (first, second, start, end) = match () {
        _ if axis == axis_b && to_a == from_b => (a, b, from_a, to_b),
        _ if axis == axis_b && to_b == from_a => (b, a, from_b, to_a),
        _ => return Ok(None),
    };
    let shape = graph.shape(a).clone();
    let parts = [first, second].map(|id| graph.node(id).inputs[0]);
    let joined = graph.concat(&parts, axis)?;
    let (mut before, mut after) = (vec![0; shape.len()], vec![0; shape.len()]);
    before[axis] = start as isize;
    after[axis] = (shape[axis] - end) as isize;
    Ok(Some(graph.pad(joined, &before, &after)?))
}

/// Axis, first and end of what a value has between zeros that were added along one axis alone.
fn padded_slice(graph: &Graph, id: NodeId) -> Option<(usize, usize, usize)> {
    let op = &graph.node(id).op;
    let (Some(axis), Op::Pad { before, after }) = (op.padded_axis(), op) else { return None };
    let (first, last) = (usize::try_from(before[axis]).ok()?, usize::try_from(after[axis]).ok()?);
    Some((axis, first, graph.shape(id)[axis] - last))
}

/// Gradients of the inputs of `id`, given `dy` of its output: exactly one entry for each input, in their order.
/// `wanted` tells which are used, so that costly ones are not traced in vain.
///
/// # Panics
/// If an operator's rule forgets an input, whose gradient would be missed without a word.
pub(super) fn input_gradients(
    g: &mut Graph,
    id: NodeId,
    dy: NodeId,
    wanted: &[bool],
) -> Result<Vec<Option<NodeId>>, ShapeError> {
    let gradients = rule(g, id, dy, wanted)?;
    let Node { op, inputs, .. } = g.node(id);
    let (given, needed) = (gradients.len(), inputs.len());
    assert_eq!(given, needed, "the rule of `{}` gives {given} gradients for {needed} inputs", op.name());
    Ok(gradients)
}

fn rule(g: &mut Graph, id: NodeId, dy: NodeId, wanted: &[bool]) -> Result<Vec<Option<NodeId>>, ShapeError> {
    let node = g.node(id).clone();
    let x = node.inputs.clone();
    Ok(match node.op {
        Op::Input { .. } | Op::State(_) | Op::Constant { .. } => vec![],
        Op::Detach => vec![None],
        Op::Unary(function) => vec![unary(g, function, x[0], id, dy)?],
        Op::Binary(function) => binary(g, function, x[0], x[1], dy, wanted)?,
        Op::Broadcast => {
            let shape = g.shape(x[0]).clone();
            vec![Some(g.sum_to(dy, &shape)?)]
        }
        Op::Sum { .. } => {
            let shape = g.shape(x[0]).clone();
            vec![Some(g.broadcast(dy, &shape)?)]
        }
        Op::Reshape => {
            let shape = g.shape(x[0]).clone();
            vec![Some(g.reshape(dy, shape)?)]
        }
        Op::Permute { axes } => {
            let mut inverse = vec![0; axes.len()];
            for (to, from) in axes.into_iter().enumerate() {
                inverse[from] = to;
            }
            vec![Some(g.permute(dy, &inverse)?)]
        }
        Op::Concat { axis } => {
            let mut start = 0;
            let mut parts = Vec::new();
            for input in x {
                let len = g.shape(input)[axis];
                parts.push(Some(g.slice(dy, axis, start, len)?));
                start += len;
            }
            parts
        }
        Op::Pad { before, after } => {
            let negated = |p: &[isize]| p.iter().map(|v| -v).collect::<Vec<_>>();
            vec![Some(g.pad(dy, &negated(&before), &negated(&after))?)]
        }
        Op::Conv2d { spec, bias, activation } => {
            let dz = match Option::<Unary>::from(activation) {
                Some(function) => g.push(Op::UnaryGrad(function), &[id, dy])?,
                None => dy,
            };
            let (size, kernel) = (g.shape(x[0])[2..].to_vec(), g.shape(x[1])[2..].to_vec());
            let mut gradients = vec![None; x.len()];
            if wanted[0] {
                let op = Op::Conv2dInputGrad { spec, input: [size[0], size[1]] };
                gradients[0] = Some(g.push(op, &[dz, x[1]])?);
            }
            if wanted[1] {
                let op = Op::Conv2dWeightGrad { spec, kernel: [kernel[0], kernel[1]] };
                gradients[1] = Some(g.push(op, &[x[0], dz])?);
            }
            if bias && wanted[2] {
                let shape = g.shape(x[2]).clone();
                let summed = g.sum(dz, &[0, 2, 3])?;
                gradients[2] = Some(g.reshape(summed, shape)?);
            }
            gradients
        }
        Op::Conv2dInputGrad { spec, .. } => {
            let kernel = g.shape(x[1])[2..].to_vec();
            let conv = Op::Conv2d { spec, bias: false, activation: Activation::Identity };
            let weight = Op::Conv2dWeightGrad { spec, kernel: [kernel[0], kernel[1]] };
            vec![Some(g.push(conv, &[dy, x[1]])?), Some(g.push(weight, &[dy, x[0]])?)]
        }
        Op::Conv2dWeightGrad { spec, .. } => {
            let size = g.shape(x[0])[2..].to_vec();
            let input = Op::Conv2dInputGrad { spec, input: [size[0], size[1]] };
            let conv = Op::Conv2d { spec, bias: false, activation: Activation::Identity };
            vec![Some(g.push(input, &[x[1], dy])?), Some(g.push(conv, &[x[0], dy])?)]
        }
        Op::BatchNorm { eps, activation, training } => {
            let [input, stats, weight, bias] = [x[0], x[1], x[2], x[3]];
            let sums_op = Op::BatchNormGradSums { eps, activation };
            let sums = g.push(sums_op, &[input, dy, stats, weight, bias])?;
            let mut gradients = vec![None; 4];
            if wanted[0] {
                let op = Op::BatchNormGradInput { eps, activation, training };
                gradients[0] = Some(g.push(op, &[input, dy, stats, weight, bias, sums])?);
            }
            for (row, slot) in [(1, 2), (0, 3)] {
                if wanted[slot] {
                    let shape = g.shape(weight).clone();
                    let total = g.sum(sums, &[0])?;
                    let part = g.slice(total, 1, row, 1)?;
                    gradients[slot] = Some(g.reshape(part, shape)?);
                }
            }
            gradients
        }
        // Statistics reach the loss only through `BatchNorm`, whose rule includes their part; running
        // averages and TransNorm's α take no gradient.
        Op::BatchStats { .. } | Op::TransNormScale { .. } => vec![None],
        Op::Dropout { p, stream } => vec![Some(g.push(Op::Dropout { p, stream }, &[dy, x[1]])?), None],
        Op::Resize { mode, .. } => {
            let size = g.shape(x[0])[2..].to_vec();
            vec![Some(g.push(Op::ResizeGrad { mode, input: [size[0], size[1]] }, &[dy])?)]
        }
        Op::ResizeGrad { mode, .. } => {
            let size = g.shape(x[0])[2..].to_vec();
            vec![Some(g.push(Op::Resize { mode, size: [size[0], size[1]] }, &[dy])?)]
        }
        Op::ResizeShifted { mode, axis, taps, .. } => {
            let input = g.shape(x[0])[axis];
            vec![Some(g.push(Op::ResizeShiftedGrad { mode, axis, taps, input }, &[dy])?)]
        }
        Op::ResizeShiftedGrad { mode, axis, taps, .. } => {
            let size = g.shape(x[0])[axis];
            vec![Some(g.push(Op::ResizeShifted { mode, axis, taps, size }, &[dy])?)]
        }
        Op::MaxPool { spec } => vec![Some(g.push(Op::MaxPoolGrad { spec }, &[x[0], dy])?)],
        Op::WeightedSum => {
            let feature = if wanted[0] { Some(g.push(Op::WeightedSumGradFeature, &[dy, x[1]])?) } else { None };
            let weight = if wanted[1] { Some(g.push(Op::WeightedSumGradWeight, &[dy, x[0]])?) } else { None };
            vec![feature, weight]
        }
        Op::WeightedSumGradFeature => {
            vec![Some(g.push(Op::WeightedSum, &[dy, x[1]])?), Some(g.push(Op::WeightedSumGradWeight, &[x[0], dy])?)]
        }
        Op::WeightedSumGradWeight => {
            vec![Some(g.push(Op::WeightedSum, &[x[1], dy])?), Some(g.push(Op::WeightedSumGradFeature, &[x[0], dy])?)]
        }
        Op::PrototypeDistance => prototype_distance(g, x[0], x[1], dy)?,
        Op::UnaryGrad(_) | Op::BatchNormGradSums { .. } | Op::BatchNormGradInput { .. } | Op::MaxPoolGrad { .. } => {
            let shape = g.shape(id);
            return Err(ShapeError::new(node.op.name(), "has no derivative of its own", &[shape]));
        }
    })
}

fn unary(g: &mut Graph, function: Unary, x: NodeId, y: NodeId, dy: NodeId) -> Result<Option<NodeId>, ShapeError> {
    Ok(match function {
        Unary::Above(_) => None,
        Unary::Affine { mul, .. } => Some(g.affine(dy, mul, 0.0)?),
        Unary::Relu
        | Unary::Relu6
        | Unary::LeakyRelu(_)
        | Unary::Sigmoid
        | Unary::Square
        | Unary::Sqrt
        | Unary::Entropy { .. } => {
            let read = if function.slope_from_output() { y } else { x };
            Some(g.push(Op::UnaryGrad(function), &[read, dy])?)
        }
    })
}

fn binary(
    g: &mut Graph,
    function: Binary,
    a: NodeId,
    b: NodeId,
    dy: NodeId,
    wanted: &[bool],
) -> Result<Vec<Option<NodeId>>, ShapeError> {
    let (shape_a, shape_b) = (g.shape(a).clone(), g.shape(b).clone());
    let (da, db) = match function {
        Binary::Add => (Some(dy), Some(dy)),
        Binary::Sub => (Some(dy), if wanted[1] { Some(g.affine(dy, -1.0, 0.0)?) } else { None }),
        Binary::Mul => {
            (if wanted[0] { Some(g.mul(dy, b)?) } else { None }, if wanted[1] { Some(g.mul(dy, a)?) } else { None })
        }
        Binary::Div | Binary::DivOrZero => {
            let over_b = g.binary(function, dy, b)?;
            let db = if wanted[1] {
                let ratio = g.binary(function, a, b)?;
                let product = g.mul(over_b, ratio)?;
                Some(g.affine(product, -1.0, 0.0)?)
            } else {
                None
            };
            (Some(over_b), db)
        }
        Binary::Greater | Binary::BceGrad => (None, None),
        Binary::Bce => {
            let slope = g.binary(Binary::BceGrad, a, b)?;
            (Some(g.mul(dy, slope)?), None)
        }
        Binary::BceWithLogits => {
            let probability = g.sigmoid(a)?;
            let slope = g.sub(probability, b)?;
            (Some(g.mul(dy, slope)?), None)
        }
    };
    let mut reduce = |gradient: Option<NodeId>, wanted: bool, shape| match gradient.filter(|_| wanted) {
        Some(gradient) => g.sum_to(gradient, shape).map(Some),
        None => Ok(None),
    };
    Ok(vec![reduce(da, wanted[0], &shape_a)?, reduce(db, wanted[1], &shape_b)?])
}

/// d = mean_c (f−p)²: `df = f·Σ_m dd − Σ_m dd·p`, `dp = p·Σ_nhw dd − Σ_nhw dd·f`, dd times 2/C.
fn prototype_distance(g: &mut Graph, f: NodeId, p: NodeId, dd: NodeId) -> Result<Vec<Option<NodeId>>, ShapeError> {
    let channels = g.shape(f)[1] as f32;
    let maps = g.shape(p)[0];
    let dd = g.affine(dd, 2.0 / channels, 0.0)?;
    let per_pixel = g.sum(dd, &[1])?;
    let scaled_f = g.mul(f, per_pixel)?;
    let mixed_p = g.push(Op::WeightedSumGradFeature, &[p, dd])?;
    let difference_f = g.sub(scaled_f, mixed_p)?;
    let per_map = g.sum(dd, &[0, 2, 3])?;
    let per_map = g.reshape(per_map, [maps, 1])?;
    let scaled_p = g.mul(p, per_map)?;
    let mixed_f = g.push(Op::WeightedSum, &[f, dd])?;
    let difference_p = g.sub(scaled_p, mixed_f)?;
    Ok(vec![Some(difference_f), Some(difference_p)])
}
