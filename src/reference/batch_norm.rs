//! batch_stats, batch_norm, its gradients, trans_norm_scale. Twin of the shaders of the same names.
//!
//! Statistics are `[D,2,C]`: mean and biased variance of each of `D` domains; sample n belongs to domain n·D/N.

use rayon::prelude::*;

use super::Array;
use super::elementwise::{activate, activation_slope};
use crate::graph::{Activation, Shape};

/// Mean and biased variance of each channel over each of `domains` equal parts of the batch, in two passes.
pub(super) fn batch_stats(x: &Array, domains: usize) -> Array {
    let [samples, channels, h, w] = x.nchw();
    let samples = samples / domains;
    let count = (samples * h * w) as f64;
    let moments: Vec<(f64, f64)> = (0..domains * channels)
        .into_par_iter()
        .map(|index| {
            let (domain, c) = (index / channels, index % channels);
            let planes = || (domain * samples..(domain + 1) * samples).map(|n| x.plane(n * channels + c));
            let mean = planes().map(|plane| plane.iter().sum::<f64>()).sum::<f64>() / count;
            let squares = planes().map(|plane| plane.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>());
            (mean, squares.sum::<f64>() / count)
        })
        .collect();
    paired(&moments, domains, channels)
}

/// A batch norm's input `[N,C,H,W]`, statistics `[D,2,C]`, parameters `[C]` and settings, which its forward and
/// backward functions share.
pub(super) struct Norm<'a> {
    pub x: &'a Array,
    pub stats: &'a Array,
    pub weight: &'a Array,
    pub bias: &'a Array,
    pub eps: f32,
    pub activation: Activation,
}

/// `act(weight·(x − mean)/√(var + eps) + bias)`
pub(super) fn batch_norm(norm: &Norm) -> Array {
    let mut y = Array::zeros(norm.x.shape.clone());
    y.data.par_chunks_mut(norm.plane_elements()).enumerate().for_each(|(plane, y)| {
        let channel = norm.channel(plane);
        for (y, &x) in y.iter_mut().zip(norm.x.plane(plane)) {
            *y = activate(norm.activation, channel.pre_activation(channel.normalised(x)));
        }
    });
    y
}

/// `Σ dz` and `Σ dz·x̂` of each channel and domain, `[D,2,C]`, where dz is the gradient before the activation.
pub(super) fn batch_norm_grad_sums(norm: &Norm, dy: &Array) -> Array {
    let [samples, channels, ..] = norm.x.nchw();
    let domains = norm.stats.shape[0];
    let samples = samples / domains;
    let sums: Vec<(f64, f64)> = (0..domains * channels)
        .into_par_iter()
        .map(|index| {
            let (domain, c) = (index / channels, index % channels);
            let mut sums = (0.0, 0.0);
            for plane in (domain * samples..(domain + 1) * samples).map(|n| n * channels + c) {
                let channel = norm.channel(plane);
                for (&x, &dy) in norm.x.plane(plane).iter().zip(dy.plane(plane)) {
                    let normalised = channel.normalised(x);
                    let dz = norm.slope(&channel, normalised) * dy;
                    sums.0 += dz;
                    sums.1 += dz * normalised;
                }
            }
            sums
        })
        .collect();
    paired(&sums, domains, channels)
}

/// `dx = weight/√(var + eps)·(dz − mean(dz) − x̂·mean(dz·x̂))` in training, without the two means in evaluation.
/// `sums` are those of `batch_norm_grad_sums`.
pub(super) fn batch_norm_grad_input(norm: &Norm, dy: &Array, sums: &Array, training: bool) -> Array {
    let [samples, channels, ..] = norm.x.nchw();
    let count = (samples / norm.stats.shape[0] * norm.plane_elements()) as f64;
    let mut dx = Array::zeros(norm.x.shape.clone());
    dx.data.par_chunks_mut(norm.plane_elements()).enumerate().for_each(|(plane, dx)| {
        let channel = norm.channel(plane);
        let row = norm.row(plane);
        let (mean_dz, mean_dz_normalised) =
            if training { (sums.data[row] / count, sums.data[row + channels] / count) } else { (0.0, 0.0) };
        for ((dx, &x), &dy) in dx.iter_mut().zip(norm.x.plane(plane)).zip(dy.plane(plane)) {
            let normalised = channel.normalised(x);
            let dz = norm.slope(&channel, normalised) * dy;
            *dx = channel.weight * channel.inverse_std * (dz - mean_dz - normalised * mean_dz_normalised);
        }
    });
    dx
}

/// `1 + α` of TransNorm (Wang et al. 2019): `α_c = C·p_c/Σp`, `p_c = 1/(1 + d_c)`,
/// `d_c = |μ_s/√(σ²_s + eps) − μ_t/√(σ²_t + eps)|`, variances multiplied by `unbias` first.
pub(super) fn trans_norm_scale(stats: &Array, eps: f32, unbias: f32, shape: &Shape) -> Array {
    let channels = shape.elements();
    let standardised = |domain: usize, c: usize| {
        let mean = stats.data[2 * domain * channels + c];
        let variance = stats.data[(2 * domain + 1) * channels + c];
        mean / (variance * f64::from(unbias) + f64::from(eps)).sqrt()
    };
    let closeness: Vec<f64> =
        (0..channels).map(|c| 1.0 / (1.0 + (standardised(0, c) - standardised(1, c)).abs())).collect();
    let total: f64 = closeness.iter().sum();
    let data = closeness.iter().map(|p| 1.0 + channels as f64 * p / total).collect();
    Array { shape: shape.clone(), data }
}

/// `[D,2,C]` of one pair for each domain and channel.
fn paired(pairs: &[(f64, f64)], domains: usize, channels: usize) -> Array {
    let rows = pairs.chunks(channels);
    let data = rows.flat_map(|row| row.iter().map(|p| p.0).chain(row.iter().map(|p| p.1))).collect();
    Array::new([domains, 2, channels], data)
}

/// The constants of one channel in one domain.
struct Channel {
    mean: f64,
    inverse_std: f64,
    weight: f64,
    bias: f64,
}

impl Norm<'_> {
    fn plane_elements(&self) -> usize {
        let [_, _, h, w] = self.x.nchw();
        h * w
    }

    /// Where in `[D,2,C]` the first value of a plane's domain and channel is; the second is `C` further on.
    fn row(&self, plane: usize) -> usize {
        let [samples, channels, ..] = self.x.nchw();
        let domain = plane / channels * self.stats.shape[0] / samples;
        domain * 2 * channels + plane % channels
    }

    fn channel(&self, plane: usize) -> Channel {
        let [_, channels, ..] = self.x.nchw();
        let (row, c) = (self.row(plane), plane % channels);
        Channel {
            mean: self.stats.data[row],
            inverse_std: 1.0 / (self.stats.data[row + channels] + f64::from(self.eps)).sqrt(),
            weight: self.weight.data[c],
            bias: self.bias.data[c],
        }
    }

    fn slope(&self, channel: &Channel, normalised: f64) -> f64 {
        activation_slope(self.activation, channel.pre_activation(normalised))
    }
}

impl Channel {
    fn normalised(&self, x: f64) -> f64 {
        (x - self.mean) * self.inverse_std
    }

    fn pre_activation(&self, normalised: f64) -> f64 {
        self.weight * normalised + self.bias
    }
}
