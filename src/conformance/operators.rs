//! Cases of single operators, losses and optimisers: traced from their attributes, run forward and backward.

use std::collections::BTreeMap;

use super::error::{CaseError, Result, malformed};

use super::case::{Case, Values};
use super::operation::Operation;
use crate::device::Device;
use crate::graph::{
    AdamSettings, ConvSpec, Graph, NodeId, Op, PoolSpec, ResizeMode, SgdSettings, Shape, StateId, Unary, Update,
    vector_jacobian_product,
};
use crate::method::{self, consistency, discriminative, prototypes, step};

/// An operator in the tracing: named inputs, and what it leaves as outputs and new states.
struct Traced<'c> {
    case: &'c Case,
    g: Graph,
    inputs: BTreeMap<String, NodeId>,
    outputs: BTreeMap<String, NodeId>,
    states: BTreeMap<String, StateId>,
}

pub(super) fn operator(case: &Case, device: &Device) -> Result<Values> {
    let mut t =
        Traced { case, g: Graph::new(), inputs: BTreeMap::new(), outputs: BTreeMap::new(), states: BTreeMap::new() };
    for (name, tensor) in case.with_prefix("in.") {
        let id = t.g.input(&format!("in.{name}"), tensor.shape.as_slice());
        t.inputs.insert(name.to_string(), id);
    }
    t.trace().map_err(|error| CaseError::Operator { path: case.path.clone(), error: Box::new(error) })?;
    t.run(device)
}

impl Traced<'_> {
    fn input(&self, name: &str) -> Result<NodeId> {
        self.inputs.get(name).copied().ok_or_else(|| malformed(format!("input `{name}` is missing")))
    }

    fn out(&mut self, name: &str, id: NodeId) {
        self.outputs.insert(name.to_string(), id);
    }

    fn unary(&mut self, function: Unary) -> Result<()> {
        let x = self.input("x")?;
        let y = self.g.unary(function, x)?;
        self.out("y", y);
        Ok(())
    }

    fn trace(&mut self) -> Result<()> {
        let case = self.case;
        match case.op {
            Operation::Relu => self.unary(Unary::Relu),
            Operation::Relu6 => self.unary(Unary::Relu6),
            Operation::LeakyRelu => self.unary(Unary::LeakyRelu(case.number("negative_slope")?)),
            Operation::Sigmoid => self.unary(Unary::Sigmoid),
            Operation::EntropyMap => self.unary(Unary::Entropy { smooth: case.number("smooth")? }),
            Operation::Conv2d => self.conv2d(),
            Operation::BatchNorm => self.norm(&[""]),
            Operation::TransNorm => self.norm(&["_source", "_target"]),
            Operation::Interpolate => self.interpolate(),
            Operation::GlobalAvgPool => {
                let x = self.input("x")?;
                let y = self.g.global_avg_pool(x)?;
                self.out("y", y);
                Ok(())
            }
            Operation::MaxPool2d => {
                let (kernel, stride, padding) = (case.pair("kernel")?, case.pair("stride")?, case.pair("padding")?);
                let x = self.input("x")?;
                let y = self.g.max_pool2d(x, PoolSpec { kernel, stride, padding })?;
                self.out("y", y);
                Ok(())
            }
            Operation::Concat => {
                let parts: Vec<NodeId> = (0..).map_while(|i| self.inputs.get(&format!("x{i}")).copied()).collect();
                let y = self.g.concat(&parts, case.count("axis")?)?;
                self.out("y", y);
                Ok(())
            }
            Operation::Pad => {
                let x = self.input("x")?;
                let [top, bottom] = [case.count("top")?, case.count("bottom")?];
                let y = self.g.pad2d(x, top, bottom, case.count("left")?, case.count("right")?)?;
                self.out("y", y);
                Ok(())
            }
            Operation::Dropout => {
                let (x, mask) = (self.input("x")?, self.input("mask")?);
                let kept = self.g.mul(x, mask)?;
                let y = self.g.affine(kept, 1.0 / (1.0 - case.number("p")?), 0.0)?;
                self.out("y", y);
                Ok(())
            }
            Operation::Bce => self.loss(method::bce, "p"),
            Operation::BceWithLogits | Operation::SigmoidBce => self.loss(method::bce_with_logits, "x"),
            Operation::Mse => self.loss(method::mse, "x"),
            Operation::Prototypes => {
                let (feature, mask) = (self.input("feature")?, self.input("mask")?);
                let found = prototypes::labelled(&mut self.g, feature, mask)?;
                self.out("obj", found.object);
                self.out("bck", found.background);
                Ok(())
            }
            Operation::ReliablePrototypes => self.reliable_prototypes(),
            Operation::DiscriminativeLoss => {
                let [f, mask] = [self.input("feature")?, self.input("mask")?];
                let [object, background] = [self.input("obj")?, self.input("bck")?];
                let margin = case.number("margin")?;
                let all = self.g.concat(&[object, background], 0)?;
                let loss = discriminative::loss(&mut self.g, f, mask, all, None, margin)?;
                self.out("loss", loss);
                Ok(())
            }
            Operation::ConsistencyLoss => {
                let [plain, augmented, keep] = [self.input("logits")?, self.input("logits_aug")?, self.input("keep")?];
                let threshold = self.g.constant(case.number("threshold")?, Shape::scalar());
                let loss = consistency::loss(&mut self.g, plain, augmented, threshold, keep)?;
                self.out("loss", loss);
                Ok(())
            }
            other => Err(malformed(format!("`{other}` is not a single operator"))),
        }
    }

    fn loss(
        &mut self,
        loss: fn(&mut Graph, NodeId, NodeId) -> std::result::Result<NodeId, crate::graph::ShapeError>,
        prediction: &str,
    ) -> Result<()> {
        let (x, target) = (self.input(prediction)?, self.input("target")?);
        let value = loss(&mut self.g, x, target)?;
        self.out("loss", value);
        Ok(())
    }

    fn conv2d(&mut self) -> Result<()> {
        let case = self.case;
        let spec = ConvSpec {
            stride: case.pair("stride")?,
            padding: case.pair("padding")?,
            dilation: case.pair("dilation")?,
            groups: case.count("groups")?,
        };
        let (x, w, b) = (self.input("x")?, self.input("w")?, self.input("b").ok());
        let y = self.g.conv2d(x, w, b, spec)?;
        self.out("y", y);
        Ok(())
    }

    fn interpolate(&mut self) -> Result<()> {
        let case = self.case;
        let mode = match case.text("mode")? {
            "nearest" => ResizeMode::Nearest,
            "bilinear" if case.flag("align_corners")? => ResizeMode::BilinearAlignCorners,
            "bilinear" => ResizeMode::BilinearHalfPixel,
            other => return Err(malformed(format!("the interpolation `{other}` is not known"))),
        };
        let (x, size) = (self.input("x")?, case.pair("size")?);
        // Pushed even where the size stays the same, so that the kernel itself is tested.
        let y = self.g.push(Op::Resize { mode, size }, &[x])?;
        self.out("y", y);
        Ok(())
    }

    /// Batch norm with one domain, TransNorm with two.
    fn norm(&mut self, domains: &[&str]) -> Result<()> {
        let case = self.case;
        let (training, eps, momentum) = (case.flag("training")?, case.number("eps")?, case.number("momentum")?);
        let (x, mut weight, mut bias) = (self.input("x")?, self.input("weight")?, self.input("bias")?);
        let shape = self.g.shape(x).clone();
        let count = (shape.elements() / shape[1] / domains.len()) as f32;
        let mut packed = Vec::new();
        for domain in domains {
            for part in ["mean", "var"] {
                let name = format!("running_{part}{domain}");
                let state = self.g.declare_state(&name, [shape[1]])?;
                self.states.insert(name, state);
            }
            let (mean, var) = (format!("running_mean{domain}"), format!("running_var{domain}"));
            let (mean, var) = (self.g.read_state(self.states[&mean]), self.g.read_state(self.states[&var]));
            packed.push(self.g.pack_stats(mean, var)?);
        }
        let (stats, unbias) = match training {
            true => (self.g.batch_stats(x, domains.len())?, count / (count - 1.0)),
            false => (self.g.concat(&packed, 0)?, 1.0),
        };
        if domains.len() == 2 {
            let scale = self.g.push(Op::TransNormScale { eps, unbias }, &[stats])?;
            weight = self.g.mul(weight, scale)?;
            bias = self.g.mul(bias, scale)?;
        }
        let y = if training {
            for (domain, suffix) in domains.iter().enumerate() {
                let mean = self.states[&format!("running_mean{suffix}")];
                let var = self.states[&format!("running_var{suffix}")];
                self.g.update(Update::RunningStats { mean, var, stats, domain, momentum, unbias });
            }
            self.g.batch_norm_training(x, stats, weight, bias, eps)?
        } else {
            let target = self.g.slice(stats, 0, domains.len() - 1, 1)?;
            self.g.batch_norm_evaluation(x, target, weight, bias, eps)?
        };
        self.out("y", y);
        Ok(())
    }

    fn reliable_prototypes(&mut self) -> Result<()> {
        let case = self.case;
        let [feature, logits, passes] = [self.input("feature")?, self.input("logits")?, self.input("mc_logits")?];
        let size = [self.g.shape(feature)[2], self.g.shape(feature)[3]];
        let (temperature, std_max) = (case.number("temperature")?, case.number("std_max")?);
        let reliability = prototypes::reliability(&mut self.g, passes, size, temperature, std_max)?;
        let threshold = case.number("threshold")?;
        let found = prototypes::adaptive(&mut self.g, feature, logits, &reliability, threshold)?;
        self.out("obj", found.object);
        self.out("bck", found.background);
        self.out("std", reliability.std);
        self.out("keep", reliability.keep);
        Ok(())
    }

    /// Adds the gradients that the case expects, runs, and collects outputs, gradients and states.
    fn run(mut self, device: &Device) -> Result<Values> {
        let case = self.case;
        let wanted: Vec<String> = case.with_prefix("grad_in.").map(|(name, _)| name.to_string()).collect();
        let mut seeds = Vec::new();
        for (name, &y) in &self.outputs {
            let shape = self.g.shape(y).clone();
            if case.has(&format!("grad_out.{name}")) {
                seeds.push((y, self.g.input(&format!("grad_out.{name}"), shape)));
            } else if shape.is_empty() && !wanted.is_empty() {
                seeds.push((y, self.g.constant(1.0, shape)));
            }
        }
        let wrt = wanted.iter().map(|name| self.input(name)).collect::<Result<Vec<_>>>()?;
        let gradients = vector_jacobian_product(&mut self.g, &seeds, &wrt)?;
        for (name, gradient) in wanted.iter().zip(gradients) {
            let gradient = gradient.ok_or_else(|| malformed(format!("the output does not depend on `{name}`")))?;
            self.g.output(&format!("grad_in.{name}"), gradient);
        }
        for (name, &id) in &self.outputs {
            self.g.output(&format!("out.{name}"), id);
        }
        let states = device.states();
        let program = device.compile(&self.g, &states)?;
        for name in self.states.keys() {
            states.write(name, &case.tensor(&format!("in.{name}"))?.data)?;
        }
        for (prefix, name, tensor) in ["in.", "grad_out."]
            .into_iter()
            .flat_map(|prefix| case.with_prefix(prefix).map(move |(name, tensor)| (prefix, name, tensor)))
        {
            let name = format!("{prefix}{name}");
            if program.has_input(&name) {
                program.write(&name, &tensor.data)?;
            }
        }
        program.run()?;
        let mut values = Values::new();
        for (name, _) in self.g.outputs() {
            values.insert(name.clone(), program.read(&[name])?.remove(0));
        }
        for name in self.states.keys() {
            values.insert(format!("out.{name}"), states.read(&[name])?.remove(0));
        }
        Ok(values)
    }
}

/// Three steps of an optimiser with given gradients.
pub(super) fn optimiser(case: &Case, device: &Device) -> Result<Values> {
    let start = case.tensor("in.param")?;
    let shape = Shape::from(start.shape.as_slice());
    let mut g = Graph::new();
    let grad = g.input("grad", shape.clone());
    let lr = g.input("lr", Shape::scalar());
    let param = g.declare_state("param", shape.clone())?;
    let first = g.declare_state("first", shape.clone())?;
    let adam = match case.op {
        Operation::Adam => {
            let second = g.declare_state("second", shape)?;
            let correction = g.input("correction", [2]);
            let (beta1, beta2) = (case.number("beta1")?, case.number("beta2")?);
            let settings = AdamSettings { beta1, beta2, eps: case.number("eps")?, loss_scale: 1.0 };
            g.update(Update::Adam { param, first, second, grad, lr, correction, settings });
            Some(settings)
        }
        _ => {
            let (momentum, weight_decay) = (case.number("momentum")?, case.number("weight_decay")?);
            let settings = SgdSettings { momentum, weight_decay, loss_scale: 1.0 };
            g.update(Update::Sgd { param, velocity: first, grad, lr, settings });
            None
        }
    };
    let states = device.states();
    let program = device.compile(&g, &states)?;
    states.write("param", &start.data)?;
    program.write("lr", &[case.number("lr")?])?;
    let mut values = Values::new();
    for index in 0.. {
        let name = format!("in.grad{index}");
        if !case.has(&name) {
            break;
        }
        program.write("grad", &case.tensor(&name)?.data)?;
        if let Some(settings) = adam {
            program.write("correction", &step::adam_correction(settings, index + 1))?;
        }
        program.run()?;
        values.insert(format!("out.param{index}"), states.read(&["param"])?.remove(0));
    }
    Ok(values)
}
