//! adam, sgd, average, running_stats: updates of states in place. Twin of the shaders of the same names.

use super::Array;
use crate::graph::{AdamSettings, SgdSettings};

/// One step of Adam (Kingma & Ba 2015); `correction` is `[1−β₁ᵗ, 1−β₂ᵗ]`.
pub(super) fn adam(
    param: &mut Array,
    first: &mut Array,
    second: &mut Array,
    grad: &Array,
    lr: &Array,
    correction: &Array,
    settings: AdamSettings,
) {
    let (beta1, beta2) = (f64::from(settings.beta1), f64::from(settings.beta2));
    let moments = first.data.iter_mut().zip(&mut second.data);
    for ((param, (m, v)), &g) in param.data.iter_mut().zip(moments).zip(&grad.data) {
        let g = g / f64::from(settings.loss_scale);
        *m = beta1 * *m + (1.0 - beta1) * g;
        *v = beta2 * *v + (1.0 - beta2) * g * g;
        let denominator = (*v / correction.data[1]).sqrt() + f64::from(settings.eps);
        *param -= lr.data[0] * (*m / correction.data[0]) / denominator;
    }
}

/// One step of SGD: `g ← grad + weight_decay·param; velocity ← momentum·velocity + g; param ← param − lr·velocity`.
pub(super) fn sgd(param: &mut Array, velocity: &mut Array, grad: &Array, lr: &Array, settings: SgdSettings) {
    let (momentum, weight_decay) = (f64::from(settings.momentum), f64::from(settings.weight_decay));
    for ((param, velocity), &grad) in param.data.iter_mut().zip(&mut velocity.data).zip(&grad.data) {
        *velocity = momentum * *velocity + grad / f64::from(settings.loss_scale) + weight_decay * *param;
        *param -= lr.data[0] * *velocity;
    }
}

/// One step of an exponential moving average: see [`Update::Average`](crate::graph::Update::Average).
pub(super) fn average(average: &mut Array, state: &Array, step: &Array, decay: f32) {
    let kept = f64::from(decay).min((1.0 + step.data[0]) / (10.0 + step.data[0]));
    for (average, state) in average.data.iter_mut().zip(&state.data) {
        *average = kept * *average + (1.0 - kept) * state;
    }
}

/// Moves a running mean and variance `[C]` towards those of one domain of `stats [D,2,C]`, the variance multiplied by
/// `unbias` first.
pub(super) fn running_stats(
    mean: &mut Array,
    var: &mut Array,
    stats: &Array,
    domain: usize,
    momentum: f32,
    unbias: f32,
) {
    let (momentum, unbias) = (f64::from(momentum), f64::from(unbias));
    let channels = mean.data.len();
    let batch = &stats.data[2 * domain * channels..];
    for (mean, batch_mean) in mean.data.iter_mut().zip(batch) {
        *mean = (1.0 - momentum) * *mean + momentum * batch_mean;
    }
    for (var, batch_var) in var.data.iter_mut().zip(&batch[channels..]) {
        *var = (1.0 - momentum) * *var + momentum * batch_var * unbias;
    }
}
