//! One operator: the function of this folder that computes it.

use super::batch_norm::{self, Norm};
use super::{Array, conv2d, dropout, elementwise, layout, max_pool, prototype, reduce, resize};
use crate::graph::{Op, Shape};

/// The value of `op` on inputs whose shapes the graph has checked, with `shape` as it inferred it.
///
/// # Panics
/// If `op` is an input or a state: those values are given, not computed.
pub fn evaluate(op: &Op, inputs: &[&Array], shape: &Shape) -> Array {
    if shape.elements() == 0 {
        return Array::zeros(shape.clone());
    }
    match *op {
        Op::Input { .. } | Op::State(_) => panic!("`{}` has a given value", op.name()),
        Op::Constant { value } => Array::filled(shape.clone(), f64::from(value)),
        Op::Unary(function) => elementwise::unary(function, inputs[0]),
        Op::UnaryGrad(function) => elementwise::unary_grad(function, inputs[0], inputs[1]),
        Op::Binary(function) => elementwise::binary(function, inputs[0], inputs[1], shape),
        Op::Broadcast => elementwise::broadcast(inputs[0], shape),
        Op::Sum { ref axes } => reduce::sum(inputs[0], axes, shape),
        Op::Reshape | Op::Detach => Array::new(shape.clone(), inputs[0].data.clone()),
        Op::Concat { axis } => layout::concat(inputs, axis, shape),
        Op::Pad { ref before, .. } => layout::pad(inputs[0], before, shape),
        Op::Conv2d { ref spec, bias, activation } => {
            conv2d::conv2d(inputs[0], inputs[1], bias.then(|| inputs[2]), spec, activation, shape)
        }
        Op::Conv2dInputGrad { ref spec, .. } => conv2d::conv2d_input_grad(inputs[0], inputs[1], spec, shape),
        Op::Conv2dWeightGrad { ref spec, .. } => conv2d::conv2d_weight_grad(inputs[0], inputs[1], spec, shape),
        Op::BatchStats { domains } => batch_norm::batch_stats(inputs[0], domains),
        Op::BatchNorm { eps, activation, .. } => {
            let [x, stats, weight, bias] = [inputs[0], inputs[1], inputs[2], inputs[3]];
            batch_norm::batch_norm(&Norm { x, stats, weight, bias, eps, activation })
        }
        Op::BatchNormGradSums { eps, activation } => {
            let [x, dy, stats, weight, bias] = [inputs[0], inputs[1], inputs[2], inputs[3], inputs[4]];
            batch_norm::batch_norm_grad_sums(&Norm { x, stats, weight, bias, eps, activation }, dy)
        }
        Op::BatchNormGradInput { eps, activation, training } => {
            let [x, dy, stats, weight, bias] = [inputs[0], inputs[1], inputs[2], inputs[3], inputs[4]];
            let norm = Norm { x, stats, weight, bias, eps, activation };
            batch_norm::batch_norm_grad_input(&norm, dy, inputs[5], training)
        }
        Op::TransNormScale { eps, unbias } => batch_norm::trans_norm_scale(inputs[0], eps, unbias, shape),
        Op::Dropout { p, stream } => dropout::dropout(inputs[0], inputs[1], p, stream),
        Op::Permute { ref axes } => layout::permute(inputs[0], axes, shape),
        Op::ResizeShifted { mode, axis, taps, .. } => resize::resize_shifted(inputs[0], mode, axis, taps, shape),
        Op::ResizeShiftedGrad { mode, axis, taps, .. } => {
            resize::resize_shifted_grad(inputs[0], mode, axis, taps, shape)
        }
        Op::Resize { mode, .. } => resize::resize(inputs[0], mode, shape),
        Op::ResizeGrad { mode, .. } => resize::resize_grad(inputs[0], mode, shape),
        Op::MaxPool { ref spec } => max_pool::max_pool(inputs[0], spec, shape),
        Op::MaxPoolGrad { ref spec } => max_pool::max_pool_grad(inputs[0], inputs[1], spec),
        Op::WeightedSum => prototype::weighted_sum(inputs[0], inputs[1], shape),
        Op::WeightedSumGradFeature => prototype::weighted_sum_grad_feature(inputs[0], inputs[1], shape),
        Op::WeightedSumGradWeight => prototype::weighted_sum_grad_weight(inputs[0], inputs[1], shape),
        Op::PrototypeDistance => prototype::prototype_distance(inputs[0], inputs[1], shape),
    }
}
