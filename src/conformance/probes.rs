//! A probe of each operator, with its gradients: what an adapter's own report of conformance is made of.

use super::probe::Probe;
use crate::graph::{
    AdamSettings, Binary, ConvSpec, NodeId, Op, PoolSpec, ResizeMode, SgdSettings, Shape, ShapeError, Unary, Update,
};

/// What an operator may round of its terms, see [`run_bounded`](crate::reference::run_bounded): 8 ulp.
pub const ROUNDING: f64 = 8.0 * f32::EPSILON as f64;

type Build = fn(&mut Probe) -> Result<(), ShapeError>;

/// Operators by name, each with the graph that probes it: odd extents, values on both sides of every kink.
pub const PROBES: &[(&str, Build)] = &[
    ("relu", |p| unary(p, Unary::Relu)),
    ("relu6", |p| unary(p, Unary::Relu6)),
    ("leaky_relu", |p| unary(p, Unary::LeakyRelu(0.2))),
    ("sigmoid", |p| unary(p, Unary::Sigmoid)),
    ("square", |p| unary(p, Unary::Square)),
    ("sqrt", |p| unary(p, Unary::Sqrt)),
    ("affine", |p| unary(p, Unary::Affine { mul: -1.75, add: 0.3 })),
    ("entropy_map", |p| unary(p, Unary::Entropy { smooth: 1e-7 })),
    ("above", |p| {
        let x = p.input([2, 3, 7, 9]);
        let y = p.graph.unary(Unary::Above(0.3), x)?;
        p.graph.output("y", y);
        Ok(())
    }),
    ("add", |p| binary(p, Binary::Add)),
    ("sub", |p| binary(p, Binary::Sub)),
    ("mul", |p| binary(p, Binary::Mul)),
    ("div", |p| binary(p, Binary::Div)),
    ("bce", |p| target(p, Binary::Bce)),
    ("bce_with_logits", |p| target(p, Binary::BceWithLogits)),
    ("sum", |p| {
        let x = p.input([3, 5, 7, 9]);
        let y = p.graph.sum(x, &[0, 2, 3])?;
        p.output_with_gradients(y, &[x])
    }),
    ("broadcast", |p| {
        let x = p.input([3, 1, 1, 9]);
        let y = p.graph.broadcast(x, &Shape::from([3, 5, 7, 9]))?;
        p.output_with_gradients(y, &[x])
    }),
    ("permute", |p| {
        let x = p.input([2, 3, 5, 7]);
        let y = p.graph.permute(x, &[2, 0, 3, 1])?;
        p.output_with_gradients(y, &[x])
    }),
    ("concat", |p| {
        let (a, b) = (p.input([2, 3, 5, 7]), p.input([2, 4, 5, 7]));
        let y = p.graph.concat(&[a, b], 1)?;
        p.output_with_gradients(y, &[a, b])
    }),
    ("pad", |p| {
        let x = p.input([2, 3, 5, 7]);
        let y = p.graph.pad(x, &[0, 0, 2, -1], &[0, 0, 0, 3])?;
        p.output_with_gradients(y, &[x])
    }),
    ("conv2d 3x3", |p| conv(p, [2, 16, 13, 17], 24, 3, ConvSpec { padding: [1, 1], ..ConvSpec::default() })),
    ("conv2d 3x3, rate 6", |p| {
        conv(p, [2, 16, 13, 17], 8, 3, ConvSpec { padding: [6, 6], dilation: [6, 6], ..ConvSpec::default() })
    }),
    ("conv2d 3x3, stride 2", |p| {
        conv(p, [2, 3, 13, 17], 8, 3, ConvSpec { padding: [1, 1], stride: [2, 2], ..ConvSpec::default() })
    }),
    ("conv2d 4x4, stride 2", |p| {
        conv(p, [2, 5, 13, 17], 8, 4, ConvSpec { padding: [2, 2], stride: [2, 2], ..ConvSpec::default() })
    }),
    ("conv2d 1x1", |p| conv(p, [2, 37, 9, 11], 19, 1, ConvSpec::default())),
    ("conv2d depthwise", |p| {
        conv(p, [2, 20, 13, 17], 20, 3, ConvSpec { padding: [1, 1], groups: 20, ..ConvSpec::default() })
    }),
    ("conv2d depthwise, rate 2", |p| {
        conv(p, [2, 20, 13, 17], 20, 3, ConvSpec { dilation: [2, 2], groups: 20, ..ConvSpec::default() })
    }),
    ("batch_norm, training", |p| {
        let (x, weight, bias) = (p.input_in([4, 7, 5, 9], -3.0, 5.0), p.input([7]), p.input([7]));
        let stats = p.graph.batch_stats(x, 1)?;
        let y = p.graph.batch_norm_training(x, stats, weight, bias, 1e-5)?;
        p.output_with_gradients(y, &[x, weight, bias])
    }),
    ("batch_norm, evaluation", |p| {
        let (x, weight, bias) = (p.input_in([4, 7, 5, 9], -3.0, 5.0), p.input([7]), p.input([7]));
        let stats = p.input_in([1, 2, 7], 0.2, 2.0);
        let y = p.graph.batch_norm_evaluation(x, stats, weight, bias, 1e-5)?;
        p.output_with_gradients(y, &[x, weight, bias])
    }),
    ("trans_norm_scale", |p| {
        let stats = p.input_in([2, 2, 9], 0.1, 2.0);
        let y = p.graph.push(Op::TransNormScale { eps: 1e-5, unbias: 49.0 / 48.0 }, &[stats])?;
        p.graph.output("y", y);
        Ok(())
    }),
    ("dropout", |p| {
        let (x, seed) = (p.input([2, 11, 13, 17]), p.input_of([2], &[12_345.0, 678.0]));
        let y = p.graph.dropout(x, seed, 0.5)?;
        p.output_with_gradients(y, &[x])
    }),
    ("resize, bilinear up", |p| resize(p, ResizeMode::BilinearAlignCorners, [17, 23])),
    ("resize, bilinear down", |p| resize(p, ResizeMode::BilinearAlignCorners, [3, 5])),
    ("resize, half pixel", |p| resize(p, ResizeMode::BilinearHalfPixel, [17, 5])),
    ("resize, nearest", |p| resize(p, ResizeMode::Nearest, [17, 5])),
    ("max_pool2d", |p| {
        let x = p.input([2, 5, 13, 17]);
        let y = p.graph.max_pool2d(x, PoolSpec { kernel: [3, 3], stride: [2, 2], padding: [1, 1] })?;
        p.output_with_gradients(y, &[x])
    }),
    ("weighted_sum", |p| {
        let (f, w) = (p.input([3, 19, 9, 11]), p.input([3, 4, 9, 11]));
        let y = p.graph.push(Op::WeightedSum, &[f, w])?;
        p.output_with_gradients(y, &[f, w])
    }),
    ("prototype_distance", |p| {
        let (f, prototypes) = (p.input([3, 19, 9, 11]), p.input([4, 19]));
        let y = p.graph.push(Op::PrototypeDistance, &[f, prototypes])?;
        p.output_with_gradients(y, &[f, prototypes])
    }),
    ("adam", |p| {
        let grad = p.input([3, 71]);
        let [param, first] = ["param", "first"].map(|name| p.state_in(name, [3, 71], -1.0, 1.0));
        let second = p.state_in("second", [3, 71], 0.01, 1.0);
        let (lr, correction) = (p.input_of(Shape::scalar(), &[1e-3]), p.input_of([2], &[0.1, 0.01]));
        let settings = AdamSettings { beta1: 0.9, beta2: 0.99, eps: 1e-8, loss_scale: 1.0 };
        p.update(Update::Adam { param, first, second, grad, lr, correction, settings });
        Ok(())
    }),
    ("sgd", |p| {
        let grad = p.input([3, 71]);
        let [param, velocity] = ["param", "velocity"].map(|name| p.state_in(name, [3, 71], -1.0, 1.0));
        let lr = p.input_of(Shape::scalar(), &[2.5e-5]);
        let settings = SgdSettings { momentum: 0.99, weight_decay: 5e-4, loss_scale: 1.0 };
        p.update(Update::Sgd { param, velocity, grad, lr, settings });
        Ok(())
    }),
    ("average", |p| {
        let [average, state] = ["average", "state"].map(|name| p.state_in(name, [3, 71], -1.0, 1.0));
        let step = p.input_of(Shape::scalar(), &[7.0]);
        p.update(Update::Average { average, state, step, decay: 0.99 });
        Ok(())
    }),
    ("running_stats", |p| {
        let [mean, var] = ["mean", "var"].map(|name| p.state_in(name, [67], 0.1, 2.0));
        let stats = p.input_in([2, 2, 67], 0.1, 3.0);
        p.update(Update::RunningStats { mean, var, stats, domain: 1, momentum: 0.1, unbias: 49.0 / 48.0 });
        Ok(())
    }),
];

fn unary(p: &mut Probe, function: Unary) -> Result<(), ShapeError> {
    let (low, high) = if function == Unary::Sqrt { (0.05, 4.0) } else { (-8.0, 8.0) };
    let x = p.input_in([2, 3, 7, 9], low, high);
    let y = p.graph.unary(function, x)?;
    p.output_with_gradients(y, &[x])
}

fn binary(p: &mut Probe, function: Binary) -> Result<(), ShapeError> {
    let (a, b) = (p.input([2, 3, 7, 9]), p.input_in([3, 1, 9], 0.5, 2.0));
    let y = p.graph.binary(function, a, b)?;
    p.output_with_gradients(y, &[a, b])
}

/// A loss of a prediction and a target, with the gradient of the prediction.
fn target(p: &mut Probe, function: Binary) -> Result<(), ShapeError> {
    let (low, high) = if function == Binary::Bce { (0.01, 0.99) } else { (-8.0, 8.0) };
    let (x, target) = (p.input_in([2, 3, 7, 9], low, high), p.input_in([2, 3, 7, 9], 0.0, 1.0));
    let y = p.graph.binary(function, x, target)?;
    p.output_with_gradients(y, &[x])
}

fn conv(p: &mut Probe, x: [usize; 4], outputs: usize, kernel: usize, spec: ConvSpec) -> Result<(), ShapeError> {
    let weights = [outputs, x[1] / spec.groups, kernel, kernel];
    let (x, w) = (p.input(x), p.input(weights));
    let y = p.graph.conv2d(x, w, None, spec)?;
    p.output_with_gradients(y, &[x, w])
}

fn resize(p: &mut Probe, mode: ResizeMode, size: [usize; 2]) -> Result<(), ShapeError> {
    let x: NodeId = p.input([2, 3, 7, 9]);
    let y = p.graph.resize(x, mode, size)?;
    p.output_with_gradients(y, &[x])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;

    #[test]
    fn every_probe_is_complete() {
        for (index, (name, build)) in PROBES.iter().enumerate() {
            let mut probe = Probe::new(index as u64);
            build(&mut probe).unwrap_or_else(|error| panic!("{name}: {error}"));
            let found = probe.deviation(&Device::Cpu, ROUNDING).unwrap_or_else(|error| panic!("{name}: {error}"));
            // The reference gives its values rounded to f32.
            assert!((0.0..1e-7).contains(&found.error), "{name}: {found:?}");
        }
    }
}
