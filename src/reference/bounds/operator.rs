//! One operator: how far its value may be off.

use super::batch_norm::{self, Norm};
use super::bounded::Bounded;
use super::linear::{convolution, moved, multiplied, summed};
use super::{elementwise, max_pool};
use crate::graph::{Activation, Op, Shape};
use crate::reference::{Array, conv2d, dropout, elementwise as twin, layout, prototype, reduce, resize};

/// Radius of `value`, which is that of `op` on these inputs; `u` is a rounding. `None` where every element is exact.
pub(in crate::reference) fn radius(op: &Op, inputs: &[&Bounded], value: &Array, u: f64) -> Option<Array> {
    let shape = &value.shape;
    if shape.elements() == 0 {
        return None;
    }
    let x = *inputs.first()?;
    Some(match *op {
        Op::Input { .. } | Op::State(_) | Op::Constant { .. } => return None,
        Op::Unary(function) => elementwise::unary(function, x, u),
        Op::UnaryGrad(function) => elementwise::unary_grad(function, x, inputs[1], u),
        Op::Binary(function) => elementwise::binary(function, x, inputs[1], shape, u),
        Op::Broadcast => return moved(x, |r| twin::broadcast(r, shape)),
        Op::Sum { ref axes } => summed(x, u, |r| reduce::sum(r, axes, shape)),
        Op::Reshape | Op::Detach => return moved(x, |r| Array::new(shape.clone(), r.data.clone())),
        Op::Permute { ref axes } => return moved(x, |r| layout::permute(r, axes, shape)),
        Op::Concat { axis } => {
            let radii: Vec<Array> = inputs
                .iter()
                .map(|x| x.radius.clone().unwrap_or_else(|| Array::zeros(x.value.shape.clone())))
                .collect();
            layout::concat(&radii.iter().collect::<Vec<_>>(), axis, shape)
        }
        Op::Pad { ref before, .. } => return moved(x, |r| layout::pad(r, before, shape)),
        Op::Conv2d { ref spec, bias, activation } => {
            convolution([x, inputs[1]], bias.then(|| inputs[2]), spec, activation, shape, u)
        }
        Op::Conv2dInputGrad { ref spec, .. } => {
            multiplied(x, inputs[1], u, |dy, w| conv2d::conv2d_input_grad(dy, w, spec, shape))
        }
        Op::Conv2dWeightGrad { ref spec, .. } => {
            multiplied(x, inputs[1], u, |x, dy| conv2d::conv2d_weight_grad(x, dy, spec, shape))
        }
        Op::BatchStats { .. } => batch_norm::batch_stats(x, value, u),
        Op::BatchNorm { eps, activation, .. } => batch_norm::batch_norm(&norm(x, &inputs[1..], eps, activation), u),
        Op::BatchNormGradSums { eps, activation } => {
            batch_norm::grad_sums(&norm(x, &inputs[2..], eps, activation), inputs[1], u)
        }
        Op::BatchNormGradInput { eps, activation, training } => {
            batch_norm::grad_input(&norm(x, &inputs[2..], eps, activation), inputs[1], inputs[5], training, u)
        }
        Op::TransNormScale { eps, unbias } => batch_norm::trans_norm_scale(x, eps, unbias, u),
        Op::Dropout { p, stream } => {
            let seed = &inputs[1].value;
            summed(x, u, |r| dropout::dropout(r, seed, p, stream))
        }
        Op::Resize { mode, .. } => summed(x, u, |r| resize::resize(r, mode, shape)),
        Op::ResizeGrad { mode, .. } => summed(x, u, |r| resize::resize_grad(r, mode, shape)),
        Op::ResizeShifted { mode, axis, taps, .. } => {
            summed(x, u, |r| resize::resize_shifted(r, mode, axis, taps, shape))
        }
        Op::ResizeShiftedGrad { mode, axis, taps, .. } => {
            summed(x, u, |r| resize::resize_shifted_grad(r, mode, axis, taps, shape))
        }
        Op::MaxPool { ref spec } => return max_pool::pool(x, spec, shape),
        Op::MaxPoolGrad { ref spec } => max_pool::gradient(x, inputs[1], spec, u),
        Op::WeightedSum => multiplied(x, inputs[1], u, |f, w| prototype::weighted_sum(f, w, shape)),
        Op::WeightedSumGradFeature => {
            multiplied(x, inputs[1], u, |d, w| prototype::weighted_sum_grad_feature(d, w, shape))
        }
        Op::WeightedSumGradWeight => {
            multiplied(x, inputs[1], u, |d, f| prototype::weighted_sum_grad_weight(d, f, shape))
        }
        Op::PrototypeDistance => distance(x, inputs[1], shape, u),
    })
}

fn norm<'a>(x: &'a Bounded, rest: &[&'a Bounded], eps: f32, activation: Activation) -> Norm<'a> {
    Norm { x, stats: rest[0], weight: rest[1], bias: rest[2], eps, activation }
}

/// Mean over channels of `(f−p)²`; a difference and its square are their own terms.
fn distance(f: &Bounded, p: &Bounded, shape: &Shape, u: f64) -> Array {
    let [samples, channels, h, w] = f.shape().nchw().expect("shapes were checked when the graph was built");
    let (plane, maps) = (h * w, shape[1]);
    let mut radii = Array::zeros(shape.clone());
    for (index, radius) in radii.data.iter_mut().enumerate() {
        let (n, m, pixel) = (index / (maps * plane), index / plane % maps, index % plane);
        debug_assert!(n < samples);
        let terms = (0..channels).map(|c| {
            let difference = f.ball((n * channels + c) * plane + pixel) - p.ball(m * channels + c);
            let square = difference * difference;
            square.radius + u * square.abs()
        });
        *radius = terms.sum::<f64>() / channels as f64;
    }
    radii
}
