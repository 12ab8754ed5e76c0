//! Shape rules: the output shape of each operator, or which shapes do not fit.

use super::{Arity, ConvSpec, Op, Shape};

/// Shapes that do not fit together, with the operator's name.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{op}: {problem} (inputs {inputs})")]
pub struct ShapeError {
    /// name of the operator that was to be added
    pub op: &'static str,
    /// what does not fit
    pub problem: String,
    /// shapes of its inputs, in order, joined by `and`
    pub inputs: String,
}

impl ShapeError {
    pub(super) fn new(op: &'static str, problem: impl Into<String>, inputs: &[&Shape]) -> Self {
        let list: Vec<String> = inputs.iter().map(|s| s.to_string()).collect();
        ShapeError { op, problem: problem.into(), inputs: list.join(" and ") }
    }
}

type Inferred = Result<Shape, String>;

/// Output shape of `op` on inputs of the given shapes. Leaves carry their shape themselves and are not asked.
pub(super) fn infer(op: &Op, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
    let result = match op.traits().arity {
        Arity::Exactly(count) if count != inputs.len() => {
            Err(format!("takes {count} inputs, was given {}", inputs.len()))
        }
        Arity::Exactly(_) | Arity::Any => rule(op, inputs),
    };
    result.map_err(|problem| ShapeError::new(op.name(), problem, inputs))
}

fn rule(op: &Op, inputs: &[&Shape]) -> Inferred {
    match op {
        Op::Input { .. } | Op::State(_) | Op::Constant { .. } | Op::Broadcast | Op::Reshape => {
            Err("has no shape of its own".into())
        }
        Op::Unary(_) | Op::Detach => Ok(inputs[0].clone()),
        Op::UnaryGrad(_) => same(inputs[0], inputs[1]),
        Op::Binary(_) => inputs[0].broadcast(inputs[1]).ok_or_else(|| "shapes do not broadcast".into()),
        Op::Sum { axes } => sum(inputs[0], axes),
        Op::Permute { axes } => permute(inputs[0], axes),
        Op::Concat { axis } => concat(inputs, *axis),
        Op::Pad { before, after } => pad(inputs[0], before, after),
        Op::Conv2d { spec, bias, .. } => conv2d(spec, inputs[0], inputs[1], bias.then(|| inputs[2])),
        Op::Conv2dInputGrad { spec, input } => conv2d_input_grad(spec, *input, inputs[0], inputs[1]),
        Op::Conv2dWeightGrad { spec, kernel } => conv2d_weight_grad(spec, *kernel, inputs[0], inputs[1]),
        Op::BatchStats { domains } => {
            let [n, c, _, _] = feature_map(inputs[0])?;
            if *domains == 0 || n % domains != 0 {
                return Err(format!("a batch of {n} does not divide into {domains} domains"));
            }
            Ok([*domains, 2, c].into())
        }
        Op::BatchNorm { .. } => {
            statistics(inputs[0], inputs[1])?;
            per_channel(inputs[0], &inputs[2..4])?;
            Ok(inputs[0].clone())
        }
        Op::BatchNormGradSums { .. } | Op::BatchNormGradInput { .. } => {
            same(inputs[0], inputs[1])?;
            statistics(inputs[0], inputs[2])?;
            per_channel(inputs[0], &inputs[3..5])?;
            if inputs.len() == 6 {
                same(inputs[2], inputs[5])?;
                return Ok(inputs[0].clone());
            }
            Ok(inputs[2].clone())
        }
        Op::TransNormScale { .. } => match inputs[0][..] {
            [2, 2, c] => Ok([c].into()),
            _ => Err("needs the statistics of two domains, [2, 2, C]".into()),
        },
        Op::Dropout { p, .. } => {
            if inputs[1][..] != [2] {
                return Err("the seed has shape [2]".into());
            }
            if !(0.0..1.0).contains(p) {
                return Err(format!("p = {p} is not in [0, 1)"));
            }
            Ok(inputs[0].clone())
        }
        Op::Resize { size, .. } | Op::ResizeGrad { input: size, .. } => {
            let [n, c, _, _] = feature_map(inputs[0])?;
            if size.contains(&0) {
                return Err(format!("size {size:?} is empty"));
            }
            Ok([n, c, size[0], size[1]].into())
        }
        Op::ResizeShifted { axis, taps, size, .. } => {
            let [n, c, h, w] = feature_map(inputs[0])?;
            if *taps == 0 || c % taps != 0 {
                return Err(format!("{c} channels do not divide into {taps} taps"));
            }
            along([n, c / taps, h, w], *axis, *size)
        }
        Op::ResizeShiftedGrad { axis, taps, input, .. } => {
            let [n, c, h, w] = feature_map(inputs[0])?;
            along([n, c * taps, h, w], *axis, *input)
        }
        Op::MaxPool { spec } => {
            let [n, c, h, w] = feature_map(inputs[0])?;
            // As in PyTorch: so every window holds an element.
            if (0..2).any(|axis| 2 * spec.padding[axis] > spec.kernel[axis]) {
                return Err(format!("a padding of {:?} is more than half of a {:?} window", spec.padding, spec.kernel));
            }
            let conv = ConvSpec { stride: spec.stride, padding: spec.padding, ..Default::default() };
            match (conv.output_extent(0, h, spec.kernel[0]), conv.output_extent(1, w, spec.kernel[1])) {
                (Some(oh), Some(ow)) => Ok([n, c, oh, ow].into()),
                _ => Err(format!("a {:?} window does not fit", spec.kernel)),
            }
        }
        Op::MaxPoolGrad { spec } => {
            let expected = rule(&Op::MaxPool { spec: *spec }, &inputs[..1])?;
            same(&expected, inputs[1])?;
            Ok(inputs[0].clone())
        }
        Op::WeightedSum => {
            let ([n, c, h, w], [wn, m, wh, ww]) = (feature_map(inputs[0])?, feature_map(inputs[1])?);
            if (n, h, w) != (wn, wh, ww) {
                return Err("feature and weight maps differ in batch or size".into());
            }
            Ok([m, c].into())
        }
        Op::WeightedSumGradFeature => {
            let [n, m, h, w] = feature_map(inputs[1])?;
            match inputs[0][..] {
                [dm, c] if dm == m => Ok([n, c, h, w].into()),
                _ => Err(format!("expects a [{m}, C] matrix for {m} weight maps")),
            }
        }
        Op::WeightedSumGradWeight => by_channel(inputs[1], inputs[0]),
        Op::PrototypeDistance => by_channel(inputs[0], inputs[1]),
    }
}

fn feature_map(shape: &Shape) -> Result<[usize; 4], String> {
    shape.nchw().ok_or_else(|| format!("{shape} is not a feature map [N, C, H, W]"))
}

fn same(a: &Shape, b: &Shape) -> Inferred {
    if a == b { Ok(a.clone()) } else { Err(format!("{a} and {b} must be the same")) }
}

/// `[N,M,H,W]` for a feature map `[N,C,H,W]` and a matrix `[M,C]`.
fn by_channel(feature: &Shape, matrix: &Shape) -> Inferred {
    let [n, c, h, w] = feature_map(feature)?;
    match matrix[..] {
        [m, mc] if mc == c => Ok([n, m, h, w].into()),
        _ => Err(format!("expects a [M, {c}] matrix for {c} channels")),
    }
}

fn statistics(x: &Shape, stats: &Shape) -> Result<(), String> {
    let [n, c, _, _] = feature_map(x)?;
    match stats[..] {
        [domains, 2, sc] if sc == c && domains > 0 && n % domains == 0 => Ok(()),
        _ => Err(format!("expects statistics [D, 2, {c}] with D dividing the batch of {n}, got {stats}")),
    }
}

fn per_channel(x: &Shape, vectors: &[&Shape]) -> Result<(), String> {
    match vectors.iter().find(|v| v[..] != [x[1]]) {
        Some(v) => Err(format!("expects one value for each of {} channels, got {v}", x[1])),
        None => Ok(()),
    }
}

fn sum(x: &Shape, axes: &[usize]) -> Inferred {
    let mut out = x.to_vec();
    for &axis in axes {
        *out.get_mut(axis).ok_or_else(|| format!("there is no axis {axis}"))? = 1;
    }
    Ok(out.into())
}

fn permute(x: &Shape, axes: &[usize]) -> Inferred {
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    if sorted != (0..x.len()).collect::<Vec<_>>() {
        return Err(format!("{axes:?} is no order of the axes"));
    }
    Ok(axes.iter().map(|&axis| x[axis]).collect::<Vec<_>>().into())
}

/// Maps with another extent along rows or columns.
fn along(mut maps: [usize; 4], axis: usize, extent: usize) -> Inferred {
    if !(2..4).contains(&axis) || extent == 0 {
        return Err(format!("cannot give axis {axis} the extent {extent}"));
    }
    maps[axis] = extent;
    Ok(maps.into())
}

fn concat(inputs: &[&Shape], axis: usize) -> Inferred {
    let first = inputs.first().ok_or("nothing to join")?;
    if axis >= first.len() {
        return Err(format!("there is no axis {axis}"));
    }
    let mut out = first.to_vec();
    out[axis] = 0;
    for shape in inputs {
        let fits = shape.len() == out.len() && (0..out.len()).all(|a| a == axis || shape[a] == out[a]);
        if !fits {
            return Err(format!("shapes differ outside axis {axis}"));
        }
        out[axis] += shape[axis];
    }
    Ok(out.into())
}

fn pad(x: &Shape, before: &[isize], after: &[isize]) -> Inferred {
    if before.len() != x.len() || after.len() != x.len() {
        return Err(format!("pads {} axes", before.len()));
    }
    let extents = (0..x.len()).map(|a| x[a] as isize + before[a] + after[a]);
    extents
        .map(|e| usize::try_from(e).ok().filter(|&e| e > 0))
        .collect::<Option<Vec<_>>>()
        .map(Shape::from)
        .ok_or_else(|| format!("padding {before:?} and {after:?} leaves nothing"))
}

fn weight_fits(spec: &ConvSpec, channels: usize, w: &Shape) -> Result<[usize; 4], String> {
    let weight = w.nchw().ok_or_else(|| format!("weight {w} is not [O, I/groups, KH, KW]"))?;
    let [o, i, kh, kw] = weight;
    if spec.groups == 0 || i * spec.groups != channels || o % spec.groups != 0 {
        return Err(format!("weight {w} with {} groups does not fit {channels} channels", spec.groups));
    }
    if kh == 0 || kw == 0 || spec.stride.contains(&0) || spec.dilation.contains(&0) {
        return Err("kernel, stride and dilation must be at least 1".into());
    }
    Ok(weight)
}

fn conv_size(spec: &ConvSpec, input: [usize; 2], kernel: [usize; 2]) -> Result<[usize; 2], String> {
    match (spec.output_extent(0, input[0], kernel[0]), spec.output_extent(1, input[1], kernel[1])) {
        (Some(h), Some(w)) => Ok([h, w]),
        _ => Err(format!("a {kernel:?} kernel with dilation {:?} does not fit {input:?}", spec.dilation)),
    }
}

fn conv2d(spec: &ConvSpec, x: &Shape, w: &Shape, bias: Option<&Shape>) -> Inferred {
    let [n, c, h, width] = feature_map(x)?;
    let [o, _, kh, kw] = weight_fits(spec, c, w)?;
    if let Some(b) = bias.filter(|b| b[..] != [o]) {
        return Err(format!("bias {b} does not fit {o} output channels"));
    }
    let [oh, ow] = conv_size(spec, [h, width], [kh, kw])?;
    Ok([n, o, oh, ow].into())
}

fn conv2d_input_grad(spec: &ConvSpec, input: [usize; 2], dy: &Shape, w: &Shape) -> Inferred {
    let [n, c, oh, ow] = feature_map(dy)?;
    let channels = w.get(1).copied().unwrap_or(0) * spec.groups;
    let [o, _, kh, kw] = weight_fits(spec, channels, w)?;
    let size = conv_size(spec, input, [kh, kw])?;
    if o != c || size != [oh, ow] {
        return Err(format!("an input of {input:?} gives {o} channels of {size:?}"));
    }
    Ok([n, channels, input[0], input[1]].into())
}

fn conv2d_weight_grad(spec: &ConvSpec, kernel: [usize; 2], x: &Shape, dy: &Shape) -> Inferred {
    let ([n, c, h, w], [dn, o, oh, ow]) = (feature_map(x)?, feature_map(dy)?);
    let size = conv_size(spec, [h, w], kernel)?;
    if n != dn || size != [oh, ow] || spec.groups == 0 || c % spec.groups != 0 || o % spec.groups != 0 {
        return Err(format!("a {kernel:?} kernel gives {size:?}; batch and groups ({}) must fit", spec.groups));
    }
    Ok([o, c / spec.groups, kernel[0], kernel[1]].into())
}
