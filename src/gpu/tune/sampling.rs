//! Elements of a convolution's result computed in f64, to tell whether a kernel is right before it may be chosen.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::gpu::family::Geometry;
use crate::gpu::kernel::Direction;

/// Elements of the result that are looked at.
const COUNT: usize = 64;
/// Values after which operands repeat: drawing each anew would take seconds. No extent divides it.
const PERIOD: usize = 1_000_003;
/// Error allowed, of the sum of the absolute products: what roundings leave is far below, what a wrong kernel gives far above.
const TOLERANCE: f64 = 1e-5;

/// Operands of a convolution, and some elements of what it must give.
pub(super) struct Samples {
    pub first: Vec<f32>,
    pub second: Vec<f32>,
    /// index in the result, value, sum of the absolute products
    expected: Vec<(usize, f64, f64)>,
}

impl Samples {
    /// Operands of random values in [−1, 1), always the same for a shape; f16 holds them, for kernels that round to it.
    pub(super) fn new(g: &Geometry, direction: Direction) -> Samples {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let (x, w, y) = (g.n * g.i * g.h * g.w, g.weights(), g.n * g.o * g.oh * g.ow);
        let (first, second, result) = match direction {
            Direction::Forward => (x, w, y),
            Direction::InputGrad => (y, w, x),
            Direction::WeightGrad => (x, y, w),
        };
        let mut random = |count: usize| -> Vec<f32> {
            let drawn = (0..count.min(PERIOD)).map(|_| rng.random_range(-1024..1024) as f32 / 1024.0);
            drawn.collect::<Vec<f32>>().into_iter().cycle().take(count).collect()
        };
        let (first, second) = (random(first), random(second));
        // The last element belongs to the last, mostly incomplete, tile.
        let indices = (0..COUNT - 1).map(|_| rng.random_range(0..result)).chain([result - 1]);
        let mut expected = Vec::with_capacity(COUNT);
        for index in indices {
            let (mut sum, mut magnitude) = (0.0, 0.0);
            let mut add = |a: usize, b: usize| {
                let product = f64::from(first[a]) * f64::from(second[b]);
                sum += product;
                magnitude += product.abs();
            };
            match direction {
                Direction::Forward => forward(g, index, &mut add),
                Direction::InputGrad => input_grad(g, index, &mut add),
                Direction::WeightGrad => weight_grad(g, index, &mut add),
            }
            expected.push((index, sum, magnitude));
        }
        Samples { first, second, expected }
    }

    /// Whether a result has all the expected elements.
    pub(super) fn agree(&self, result: &[f32]) -> bool {
        let close = |&(index, value, magnitude): &(usize, f64, f64)| {
            (f64::from(result[index]) - value).abs() <= TOLERANCE * magnitude
        };
        self.expected.iter().all(close)
    }
}

/// Coordinates of element `index` of `[_, b, c, d]`.
fn unravel(index: usize, [b, c, d]: [usize; 3]) -> [usize; 4] {
    [index / (b * c * d), index / (c * d) % b, index / d % c, index % d]
}

/// Position in the map that a tap of an output reads, if it lies inside.
fn position(g: &Geometry, axis: usize, out: usize, tap: usize) -> Option<usize> {
    let extent = if axis == 0 { g.h } else { g.w };
    let at = out * g.spec.stride[axis] + tap * g.spec.dilation[axis];
    at.checked_sub(g.spec.padding[axis]).filter(|&at| at < extent)
}

/// Channels of the input that a filter reads, and the first of them.
fn channels_of(g: &Geometry, o: usize) -> (usize, usize) {
    let each = g.i / g.spec.groups;
    (each, o / (g.o / g.spec.groups) * each)
}

fn forward(g: &Geometry, index: usize, add: &mut impl FnMut(usize, usize)) {
    let [n, o, oh, ow] = unravel(index, [g.o, g.oh, g.ow]);
    let (channels, first) = channels_of(g, o);
    for i in first..first + channels {
        for kh in 0..g.kernel[0] {
            for kw in 0..g.kernel[1] {
                if let (Some(h), Some(w)) = (position(g, 0, oh, kh), position(g, 1, ow, kw)) {
                    add(
                        ((n * g.i + i) * g.h + h) * g.w + w,
                        (o * channels + i - first) * g.taps() + kh * g.kernel[1] + kw,
                    );
                }
            }
        }
    }
}

fn input_grad(g: &Geometry, index: usize, add: &mut impl FnMut(usize, usize)) {
    let [n, i, h, w] = unravel(index, [g.i, g.h, g.w]);
    let (group, each) = (i / (g.i / g.spec.groups), g.o / g.spec.groups);
    let filters = group * each..(group + 1) * each;
    for oh in 0..g.oh {
        for kh in (0..g.kernel[0]).filter(|&kh| position(g, 0, oh, kh) == Some(h)) {
            for ow in 0..g.ow {
                for kw in (0..g.kernel[1]).filter(|&kw| position(g, 1, ow, kw) == Some(w)) {
                    for o in filters.clone() {
                        let (channels, first) = channels_of(g, o);
                        let tap = kh * g.kernel[1] + kw;
                        add(((n * g.o + o) * g.oh + oh) * g.ow + ow, (o * channels + i - first) * g.taps() + tap);
                    }
                }
            }
        }
    }
}

fn weight_grad(g: &Geometry, index: usize, add: &mut impl FnMut(usize, usize)) {
    let [o, within, kh, kw] = unravel(index, [g.i / g.spec.groups, g.kernel[0], g.kernel[1]]);
    let i = channels_of(g, o).1 + within;
    for n in 0..g.n {
        for oh in 0..g.oh {
            for ow in 0..g.ow {
                if let (Some(h), Some(w)) = (position(g, 0, oh, kh), position(g, 1, ow, kw)) {
                    add(((n * g.i + i) * g.h + h) * g.w + w, ((n * g.o + o) * g.oh + oh) * g.ow + ow);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::graph::{ConvSpec, Graph, vector_jacobian_product};
    use crate::reference::{Array, run};

    /// The samples of a convolution of `x` and `w`, and its right result.
    fn sampled(x: [usize; 4], w: [usize; 4], spec: ConvSpec) -> (Samples, Vec<f32>) {
        let mut graph = Graph::new();
        let (x, w) = (graph.input("x", x), graph.input("w", w));
        let y = graph.conv2d(x, w, None, spec).expect("shapes fit");
        graph.output("y", y);
        let samples = Samples::new(&Geometry::of(&graph, y), Direction::Forward);
        let inputs = [("x", x, &samples.first), ("w", w, &samples.second)]
            .map(|(name, id, values)| (name.to_string(), Array::from_f32(graph.shape(id).clone(), values)));
        let outputs = run(&graph, &HashMap::from(inputs), &mut HashMap::new()).expect("everything is given");
        let right = outputs["y"].to_f32();
        (samples, right)
    }

    /// In all directions of a depthwise convolution.
    #[test]
    fn each_channel_of_a_depthwise_convolution_has_its_own_filter() {
        let mut graph = Graph::new();
        let (x, w, dy) =
            (graph.input("x", [2, 5, 9, 8]), graph.input("w", [5, 1, 3, 3]), graph.input("dy", [2, 5, 5, 4]));
        let spec = ConvSpec { stride: [2, 2], padding: [1, 1], groups: 5, ..ConvSpec::default() };
        let y = graph.conv2d(x, w, None, spec).expect("shapes fit");
        let gradients = vector_jacobian_product(&mut graph, &[(y, dy)], &[x, w]).expect("it has gradients");
        let results = [y, gradients[0].expect("of x"), gradients[1].expect("of w")];
        for (direction, (id, operands)) in
            Direction::ALL.into_iter().zip(results.into_iter().zip([["x", "w"], ["dy", "w"], ["x", "dy"]]))
        {
            let samples = Samples::new(&Geometry::of(&graph, id), direction);
            let given = operands.into_iter().zip([&samples.first, &samples.second]);
            let mut one = graph.clone();
            one.output("result", id);
            let inputs = given.map(|(name, values)| {
                let shape = match name {
                    "x" => graph.shape(x),
                    "w" => graph.shape(w),
                    _ => graph.shape(dy),
                };
                (name.to_string(), Array::from_f32(shape.clone(), values))
            });
            let outputs = run(&one, &inputs.collect(), &mut HashMap::new()).expect("everything is given");
            assert!(samples.agree(&outputs["result"].to_f32()), "{direction:?}");
        }
    }

    /// As drivers that compute wrongly do: the last tile left out, values of a neighbour, digits lost, nothing written.
    #[test]
    fn wrong_results_are_told_from_right_ones() {
        let spec = ConvSpec { stride: [2, 1], padding: [1, 1], ..ConvSpec::default() };
        let (samples, right) = sampled([2, 9, 12, 10], [17, 9, 3, 3], spec);
        assert!(samples.agree(&right));

        let count = right.len();
        let last_tile = [&right[..count - 8], &[0.0; 8]].concat();
        let shifted = [&right[1..], &right[..1]].concat();
        let rounded: Vec<f32> = right.iter().map(|v| f32::from_bits(v.to_bits() & !0xffff)).collect();
        for wrong in [last_tile, shifted, rounded, vec![0.0; count], vec![f32::NAN; count]] {
            assert!(!samples.agree(&wrong));
        }
    }
}
