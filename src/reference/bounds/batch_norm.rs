//! Statistics, normalisations and their gradients.

use super::ball::Ball;
use super::bounded::Bounded;
use super::elementwise::{activate, activation_slope, own};
use crate::graph::{Activation, Shape};
use crate::reference::Array;

/// Radii of `[D,2,C]`. Squares are taken about the first value of a sample, whose distance from the mean is so among the
/// terms of a variance, and not that of the mean from zero.
pub(super) fn batch_stats(x: &Bounded, stats: &Array, u: f64) -> Array {
    let layout = Layout::of(x.shape(), &stats.shape);
    let mut radii = Array::zeros(stats.shape.clone());
    for row in layout.rows() {
        let (mean, var) = (stats.data[row], stats.data[row + layout.channels]);
        let [mut of_mean, mut of_var, mut size] = [0.0; 3];
        let firsts = layout.elements(row).step_by(layout.plane).map(|i| (x.value.data[i] - mean).powi(2));
        let shift = firsts.fold(0.0, f64::max);
        for i in layout.elements(row) {
            let (x, radius) = (x.value.data[i], x.radius_at(i));
            size += x.abs();
            of_mean += radius;
            of_var += radius * (2.0 * (x - mean).abs() + radius);
        }
        radii.data[row] = of_mean / layout.count + own(u, size / layout.count);
        radii.data[row + layout.channels] = of_var / layout.count + own(u, var + shift);
    }
    radii
}

/// A normalisation's operands and settings.
pub(super) struct Norm<'a> {
    pub x: &'a Bounded,
    pub stats: &'a Bounded,
    pub weight: &'a Bounded,
    pub bias: &'a Bounded,
    pub eps: f32,
    pub activation: Activation,
}

pub(super) fn batch_norm(norm: &Norm, u: f64) -> Array {
    let mut radii = Array::zeros(norm.x.shape().clone());
    for (row, i) in norm.elements() {
        radii.data[i] = activate(norm.activation, norm.pre_activation(row, norm.normalised(row, i, u), u), u).radius;
    }
    radii
}

pub(super) fn grad_sums(norm: &Norm, dy: &Bounded, u: f64) -> Array {
    let mut radii = Array::zeros(norm.stats.shape().clone());
    let channels = norm.weight.value.data.len();
    for (row, i) in norm.elements() {
        let normalised = norm.normalised(row, i, u);
        let dz = norm.dz(row, normalised, dy.ball(i), u);
        let product = dz * normalised;
        radii.data[row] += dz.radius + u * dz.abs();
        radii.data[row + channels] += product.radius + u * product.abs();
    }
    radii
}

pub(super) fn grad_input(norm: &Norm, dy: &Bounded, sums: &Bounded, training: bool, u: f64) -> Array {
    let mut radii = Array::zeros(norm.x.shape().clone());
    let layout = norm.layout();
    let share = Ball::exact(if training { 1.0 / layout.count } else { 0.0 });
    for (row, i) in norm.elements() {
        let normalised = norm.normalised(row, i, u);
        let dz = norm.dz(row, normalised, dy.ball(i), u);
        let parts = [dz, share * sums.ball(row), share * normalised * sums.ball(row + layout.channels)];
        let terms = parts.iter().map(|part| part.abs()).sum();
        let sum = (parts[0] - parts[1] - parts[2]).widened(own(u, terms));
        let scale = norm.weight.ball(row % layout.channels) * norm.inverse_deviation(row, u);
        let dx = scale * sum;
        radii.data[i] = dx.radius + own(u, dx.abs());
    }
    radii
}

pub(super) fn trans_norm_scale(stats: &Bounded, eps: f32, unbias: f32, u: f64) -> Array {
    let channels = stats.shape()[2];
    let (eps, unbias) = (Ball::exact(f64::from(eps)), Ball::exact(f64::from(unbias)));
    let standardised = |domain: usize, c: usize| {
        let variance = stats.ball((2 * domain + 1) * channels + c) * unbias + eps;
        let root = variance.widened(own(u, variance.abs())).inverse_root();
        let quotient = stats.ball(2 * domain * channels + c) * root;
        quotient.widened(own(u, quotient.abs()))
    };
    let closeness: Vec<Ball> = (0..channels)
        .map(|c| {
            let distance = standardised(0, c) - standardised(1, c);
            let distance = distance.widened(own(u, distance.abs())).image(f64::abs);
            let p = distance.image(|d| 1.0 / (1.0 + d.max(0.0)));
            p.widened(own(u, p.abs()))
        })
        .collect();
    let total = closeness.iter().fold(Ball::exact(0.0), |total, &p| total + p.widened(u * p.abs()));
    let radius = |p: &Ball| {
        let scaled = Ball::exact(channels as f64) * *p / total;
        scaled.radius + own(u, 1.0 + scaled.abs())
    };
    Array::new([channels], closeness.iter().map(radius).collect())
}

/// Where the elements of each row of statistics are.
struct Layout {
    samples: usize,
    channels: usize,
    plane: usize,
    domains: usize,
    /// elements of a row
    count: f64,
}

impl Layout {
    fn of(x: &Shape, stats: &Shape) -> Layout {
        let [samples, channels, h, w] = x.nchw().expect("shapes were checked when the graph was built");
        let (plane, domains) = (h * w, stats[0]);
        Layout { samples, channels, plane, domains, count: (samples / domains * plane) as f64 }
    }

    /// Places of the means in `[D,2,C]`; the variances are `C` further on.
    fn rows(&self) -> impl Iterator<Item = usize> + use<> {
        let channels = self.channels;
        (0..self.domains).flat_map(move |domain| (0..channels).map(move |c| domain * 2 * channels + c))
    }

    fn elements(&self, row: usize) -> impl Iterator<Item = usize> + use<> {
        let (domain, c) = (row / (2 * self.channels), row % self.channels);
        let (samples, channels, plane) = (self.samples / self.domains, self.channels, self.plane);
        (domain * samples..(domain + 1) * samples)
            .flat_map(move |n| (n * channels + c) * plane..(n * channels + c + 1) * plane)
    }
}

impl Norm<'_> {
    fn layout(&self) -> Layout {
        Layout::of(self.x.shape(), self.stats.shape())
    }

    /// Every element with its row of the statistics.
    fn elements(&self) -> impl Iterator<Item = (usize, usize)> {
        let layout = self.layout();
        let rows: Vec<usize> = layout.rows().collect();
        rows.into_iter().flat_map(move |row| layout.elements(row).map(move |i| (row, i)))
    }

    fn inverse_deviation(&self, row: usize, u: f64) -> Ball {
        let channels = self.weight.value.data.len();
        let variance = self.stats.ball(row + channels) + Ball::exact(f64::from(self.eps));
        let inverse = variance.inverse_root();
        inverse.widened(own(u, inverse.abs()))
    }

    fn normalised(&self, row: usize, i: usize, u: f64) -> Ball {
        let normalised = (self.x.ball(i) - self.stats.ball(row)) * self.inverse_deviation(row, u);
        normalised.widened(own(u, normalised.abs()))
    }

    fn pre_activation(&self, row: usize, normalised: Ball, u: f64) -> Ball {
        let c = row % self.weight.value.data.len();
        let (scaled, bias) = (self.weight.ball(c) * normalised, self.bias.ball(c));
        (scaled + bias).widened(own(u, scaled.abs() + bias.abs()))
    }

    /// The gradient before the activation.
    fn dz(&self, row: usize, normalised: Ball, dy: Ball, u: f64) -> Ball {
        let dz = activation_slope(self.activation, self.pre_activation(row, normalised, u)) * dy;
        dz.widened(own(u, dz.abs()))
    }
}
