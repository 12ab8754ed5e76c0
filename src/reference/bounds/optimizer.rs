//! Updates of states.

use super::ball::Ball;
use super::bounded::Bounded;
use super::elementwise::own;
use crate::graph::{AdamSettings, SgdSettings};
use crate::reference::Array;

/// Radii of parameter, first and second moment after a step.
pub(super) fn adam(
    [param, first, second]: [&Bounded; 3],
    [grad, lr, correction]: [&Bounded; 3],
    settings: AdamSettings,
    u: f64,
) -> [Array; 3] {
    let exact = |value: f32| Ball::exact(f64::from(value));
    let (beta1, beta2, eps) = (exact(settings.beta1), exact(settings.beta2), exact(settings.eps));
    let one = Ball::exact(1.0);
    let mut radii = [param, first, second].map(|state| Array::zeros(state.value.shape.clone()));
    for i in 0..param.value.data.len() {
        let g = rounded(grad.ball(i) / exact(settings.loss_scale), u);
        let [kept, added] = [beta1 * first.ball(i), (one - beta1) * g];
        let m = (kept + added).widened(own(u, kept.abs() + added.abs()));
        let v = rounded(beta2 * second.ball(i) + (one - beta2) * g * g, u);
        let root = rounded((v / correction.ball(1)).image(|v| v.max(0.0).sqrt()), u);
        let step = rounded(lr.ball(0) * (m / correction.ball(0)) / rounded(root + eps, u), u);
        let moved = rounded(param.ball(i) - step, u);
        for (array, ball) in radii.iter_mut().zip([moved, m, v]) {
            array.data[i] = ball.radius;
        }
    }
    radii
}

/// Radii of parameter and velocity after a step.
pub(super) fn sgd(
    [param, velocity]: [&Bounded; 2],
    [grad, lr]: [&Bounded; 2],
    settings: SgdSettings,
    u: f64,
) -> [Array; 2] {
    let exact = |value: f32| Ball::exact(f64::from(value));
    let mut radii = [param, velocity].map(|state| Array::zeros(state.value.shape.clone()));
    for i in 0..param.value.data.len() {
        let kept = exact(settings.momentum) * velocity.ball(i);
        let g = grad.ball(i) / exact(settings.loss_scale);
        let decay = exact(settings.weight_decay) * param.ball(i);
        let velocity = (kept + g + decay).widened(own(u, kept.abs() + g.abs() + decay.abs()));
        let moved = rounded(param.ball(i) - rounded(lr.ball(0) * velocity, u), u);
        radii[0].data[i] = moved.radius;
        radii[1].data[i] = velocity.radius;
    }
    radii
}

/// Radius of an average after a step.
pub(super) fn average([average, state]: [&Bounded; 2], step: &Bounded, decay: f32, u: f64) -> Array {
    let exact = |value: f64| Ball::exact(value);
    let share = rounded((exact(1.0) + step.ball(0)) / (exact(10.0) + step.ball(0)), u);
    let kept = share.image(|share| share.min(f64::from(decay)));
    let data = (0..average.value.data.len()).map(|i| {
        let [old, new] = [kept * average.ball(i), rounded(exact(1.0) - kept, u) * state.ball(i)];
        (old + new).widened(own(u, old.abs() + new.abs())).radius
    });
    Array::new(average.value.shape.clone(), data.collect())
}

/// Radii of running mean and variance.
pub(super) fn running_stats(
    [mean, var]: [&Bounded; 2],
    stats: &Bounded,
    domain: usize,
    momentum: f32,
    unbias: f32,
    u: f64,
) -> [Array; 2] {
    let momentum = Ball::exact(f64::from(momentum));
    let channels = mean.value.data.len();
    let radius = |state: &Bounded, row: usize, factor: f32| {
        let data = (0..channels).map(|c| {
            let batch = momentum * stats.ball((2 * domain + row) * channels + c) * Ball::exact(f64::from(factor));
            let kept = (Ball::exact(1.0) - momentum) * state.ball(c);
            (kept + batch).widened(own(u, kept.abs() + batch.abs())).radius
        });
        Array::new(state.value.shape.clone(), data.collect())
    };
    [radius(mean, 0, 1.0), radius(var, 1, unbias)]
}

fn rounded(ball: Ball, u: f64) -> Ball {
    ball.widened(own(u, ball.abs()))
}
