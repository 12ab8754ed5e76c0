//! Maxima of windows, and where their gradients go.

use super::bounded::Bounded;
use super::linear::{moved, with_rounding};
use crate::graph::{PoolSpec, Shape};
use crate::reference::{Array, max_pool};

/// The maximum follows every element monotonically.
pub(super) fn pool(x: &Bounded, spec: &PoolSpec, shape: &Shape) -> Option<Array> {
    moved(x, |radius| {
        let centre = max_pool::max_pool(&x.value, spec, shape);
        let end = |sign: f64| {
            let data = x.value.data.iter().zip(&radius.data).map(|(x, r)| x + sign * r).collect();
            max_pool::max_pool(&Array { shape: x.shape().clone(), data }, spec, shape)
        };
        let (low, high) = (end(-1.0), end(1.0));
        let data = (0..centre.data.len()).map(|i| (centre.data[i] - low.data[i]).max(high.data[i] - centre.data[i]));
        Array::new(shape.clone(), data.collect())
    })
}

/// A gradient may go to every element of its window that may be the largest.
pub(super) fn gradient(x: &Bounded, dy: &Bounded, spec: &PoolSpec, u: f64) -> Array {
    let size = |index: usize| dy.value.data[index].abs() + dy.radius_at(index);
    let mut radius = max_pool::max_pool_grad(&x.value, &with_rounding(dy, u), spec);
    max_pool::for_each_window(&x.value, dy.shape(), spec, |output, best, window| {
        let least = x.value.data[best] - x.radius_at(best);
        let rival = |&at: &usize| {
            let unsure = x.radius_at(at) + x.radius_at(best) > 0.0;
            at != best && unsure && x.value.data[at] + x.radius_at(at) >= least
        };
        let rivals: Vec<usize> = window.iter().copied().filter(rival).collect();
        if !rivals.is_empty() {
            rivals.into_iter().chain([best]).for_each(|at| radius.data[at] += size(output));
        }
    });
    radius
}
