//! Cases of whole networks and training steps.

use std::path::Path;

use super::error::{Result, malformed};

use super::case::{Case, Values};
use crate::device::{Device, States};
use crate::formats::TensorFile;
use crate::graph::{AdamSettings, Graph, NodeId, Precision, SgdSettings, Shape, simplify, vector_jacobian_product};
use crate::method::step::{self, GENERATOR, LossWeights, StepSettings, Stochastic, TeacherSettings};
use crate::method::{bce_with_logits, consistency, segmentation};
use crate::nn::deeplab::{Backbone, DeepLab};
use crate::nn::init::hashed_values;
use crate::nn::{Domain, Norm, Pass, Phase, TensorSpec, discriminator as patch};

/// Weight of the adversarial loss in cases that do not name it.
const ADVERSARIAL_WEIGHT: f32 = 0.01;

/// The network that the attributes name.
fn network(case: &Case) -> Result<DeepLab> {
    let name = case.text("backbone").unwrap_or(Backbone::MobileNetV2.name());
    let backbone = Backbone::ALL.into_iter().find(|b| b.name() == name);
    let backbone = backbone.ok_or_else(|| malformed(format!("the backbone `{name}` is not known")))?;
    let output_stride = case.count("output_stride").unwrap_or(backbone.output_strides()[0]);
    Ok(DeepLab { backbone, output_stride, norm: Norm::Batch })
}

/// Fills the tensors of a network: from their names, or from the file that lies beside the case.
fn load(case: &Case, states: &States, prefix: &str, tensors: &[TensorSpec]) -> Result<()> {
    let file = case.text("weights")?;
    if file == "hash" {
        for spec in tensors {
            states.write(&format!("{prefix}.{}", spec.name), &hashed_values(&spec.name, &spec.shape))?;
        }
        return Ok(());
    }
    let path = case.path.parent().unwrap_or(Path::new(".")).join(file);
    let weights = TensorFile::read(&path)?.tensors;
    for spec in tensors {
        let name = format!("{prefix}.{}", spec.name);
        let tensor =
            weights.get(&name).ok_or_else(|| malformed(format!("`{}` has no tensor `{name}`", path.display())))?;
        if tensor.shape[..] != spec.shape[..] {
            return Err(malformed(format!(
                "`{name}` of `{}` has shape {:?} where {} is expected",
                path.display(),
                tensor.shape,
                spec.shape
            )));
        }
        states.write(&name, &tensor.data)?;
    }
    Ok(())
}

fn phase(case: &Case) -> Result<Phase> {
    Ok(if case.flag("training")? {
        Phase::Training { update_running: true }
    } else {
        Phase::Evaluation(Domain::Target)
    })
}

pub(super) fn deeplab_forward(case: &Case, device: &Device) -> Result<Values> {
    let image = case.tensor("in.image")?;
    let mut g = Graph::new();
    let x = g.input("image", image.shape.as_slice());
    let mut pass = Pass::new(&mut g, GENERATOR, phase(case)?);
    let p = network(case)?.trace(&mut pass, x)?;
    let tensors = pass.into_tensors();
    for (name, id) in [
        ("mask", p.mask),
        ("boundary", p.boundary),
        ("mask_small", p.mask_small),
        ("boundary_small", p.boundary_small),
        ("feature", p.feature),
        ("aspp", p.aspp),
    ] {
        if case.has(&format!("out.{name}")) {
            g.output(&format!("out.{name}"), id);
        }
    }
    simplify(&mut g);
    let states = device.states();
    let program = device.compile(&g, &states)?;
    load(case, &states, GENERATOR, &tensors)?;
    program.write("image", &image.data)?;
    program.run()?;
    read_outputs(&g, &program)
}

fn read_outputs(g: &Graph, program: &crate::device::Program) -> Result<Values> {
    let mut values = Values::new();
    for (name, _) in g.outputs() {
        values.insert(name.clone(), program.read(&[name])?.remove(0));
    }
    Ok(values)
}

pub(super) fn deeplab_train(case: &Case, device: &Device) -> Result<Values> {
    let mut g = Graph::new();
    let mut inputs = Vec::new();
    for name in ["image", "mask", "boundary"] {
        let shape = case.tensor(&format!("in.{name}"))?.shape.as_slice();
        inputs.push(g.input(&format!("in.{name}"), shape));
    }
    let mut pass = Pass::new(&mut g, GENERATOR, phase(case)?);
    let p = network(case)?.trace(&mut pass, inputs[0])?;
    let tensors = pass.into_tensors();
    let loss = segmentation::loss(&mut g, p.mask, p.boundary, inputs[1], inputs[2])?;
    for (name, id) in [("out.loss", loss), ("out.mask", p.mask), ("out.boundary", p.boundary)] {
        g.output(name, id);
    }
    simplify(&mut g);
    let trained: Vec<&TensorSpec> = tensors.iter().filter(|t| t.role.is_trained()).collect();
    let gradients = parameter_gradients(&mut g, loss, GENERATOR, &trained)?;
    for (spec, gradient) in trained.iter().zip(gradients) {
        g.output(&format!("grad_param.{}", spec.name), gradient);
    }
    simplify(&mut g);
    let states = device.states();
    let program = device.compile(&g, &states)?;
    load(case, &states, GENERATOR, &tensors)?;
    for (name, tensor) in case.with_prefix("in.") {
        program.write(&format!("in.{name}"), &tensor.data)?;
    }
    program.run()?;
    let mut values = read_outputs(&g, &program)?;
    let squares = values.iter().filter(|(name, _)| name.starts_with("grad_param."));
    let sum: f64 = squares.flat_map(|(_, v)| v).map(|v| f64::from(*v) * f64::from(*v)).sum();
    values.insert("out.grad_norm".to_string(), vec![sum.sqrt() as f32]);
    Ok(values)
}

/// Gradients of a scalar by the tensors of a network.
fn parameter_gradients(g: &mut Graph, loss: NodeId, prefix: &str, tensors: &[&TensorSpec]) -> Result<Vec<NodeId>> {
    let mut params = Vec::new();
    for spec in tensors {
        let state = g.declare_state(&format!("{prefix}.{}", spec.name), spec.shape.clone())?;
        params.push(g.read_state(state));
    }
    let one = g.constant(1.0, Shape::scalar());
    let gradients = vector_jacobian_product(g, &[(loss, one)], &params)?;
    let each = tensors.iter().zip(gradients);
    each.map(|(spec, id)| id.ok_or_else(|| malformed(format!("the loss does not depend on `{}`", spec.name)))).collect()
}

pub(super) fn discriminator(case: &Case, device: &Device) -> Result<Values> {
    let input = case.tensor("in.x")?;
    let prefix = format!("{}_discriminator", case.text("which")?);
    let mut g = Graph::new();
    let x = g.input("in.x", input.shape.as_slice());
    let mut pass = Pass::new(&mut g, &prefix, Phase::Evaluation(Domain::Target));
    let y = patch::trace(&mut pass, x)?;
    let tensors = pass.into_tensors();
    let target = g.constant(case.number("target")?, Shape::scalar());
    let loss = bce_with_logits(&mut g, y, target)?;
    g.output("out.y", y);
    g.output("out.loss", loss);
    simplify(&mut g);
    let all: Vec<&TensorSpec> = tensors.iter().collect();
    let gradients = parameter_gradients(&mut g, loss, &prefix, &all)?;
    for (spec, gradient) in tensors.iter().zip(gradients) {
        g.output(&format!("grad_param.{}", spec.name), gradient);
    }
    let one = g.constant(1.0, Shape::scalar());
    let to_input = vector_jacobian_product(&mut g, &[(loss, one)], &[x])?;
    g.output("grad_in.x", to_input[0].ok_or_else(|| malformed("the loss does not depend on `x`"))?);
    simplify(&mut g);
    let states = device.states();
    let program = device.compile(&g, &states)?;
    load(case, &states, &prefix, &tensors)?;
    program.write("in.x", &input.data)?;
    program.run()?;
    read_outputs(&g, &program)
}

/// Settings of the step that the attributes describe.
fn step_settings(case: &Case) -> Result<StepSettings> {
    let shape = case.tensor("in.step0.image_s")?.shape.clone();
    let [batch, _, h, w] = <[usize; 4]>::try_from(shape).map_err(|s| malformed(format!("images have shape {s:?}")))?;
    let adversarial = case.number("adversarial_weight").unwrap_or(ADVERSARIAL_WEIGHT);
    let weights = match case.text("method")? {
        "source-only" => LossWeights::default(),
        "beal" => LossWeights { adversarial, ..LossWeights::default() },
        method @ ("align" | "clr") => {
            let category = |name: &str| if method == "clr" { case.number(name) } else { Ok(0.0) };
            LossWeights {
                adversarial,
                align: case.number("prototype_weight")?,
                discriminative: category("discriminative_weight")?,
                consistency: category("consistency_weight")?,
                teacher: 0.0,
            }
        }
        method => return Err(malformed(format!("the method `{method}` is not known"))),
    };
    let stochastic = match case.has("in.step0.mc_logits") {
        true => Stochastic::Given(case.tensor("in.step0.mc_logits")?.shape[0]),
        false => Stochastic::Passes(8),
    };
    Ok(StepSettings {
        ema_decay: None,
        network: network(case)?,
        batch,
        size: [h, w],
        dropout: false,
        adam: AdamSettings { beta1: 0.9, beta2: 0.99, eps: case.number("adam_eps")?, loss_scale: 1.0 },
        sgd: SgdSettings { momentum: 0.99, weight_decay: 5e-4, loss_scale: 1.0 },
        weights,
        stochastic,
        teacher: TeacherSettings::default(),
        recompute: false,
        precision: Precision::F32,
    })
}

/// Refuses a case whose constants are not the method's.
fn check_constants(case: &Case) -> Result<()> {
    for (name, ours) in [("dropout", 0.0), ("prototype_ema", 0.9)] {
        if case.number(name).is_ok_and(|theirs| theirs != ours) {
            return Err(malformed(format!("`{name}` is {}, and only {ours} can be run", case.number(name)?)));
        }
    }
    Ok(())
}

pub(super) fn train_steps(case: &Case, device: &Device) -> Result<Values> {
    check_constants(case)?;
    // As training does it on this device: on hardware adapters the backward pass makes cheap values again.
    let recompute = device.capabilities().memory_is_dear;
    let settings = StepSettings { recompute, ..step_settings(case)? };
    let traced = step::trace(&settings)?;
    let states = device.states();
    let program = device.compile(&traced.graph, &states)?;
    load(case, &states, GENERATOR, &traced.tensors)?;
    for (prefix, tensors) in &traced.discriminators {
        load(case, &states, prefix, tensors)?;
    }
    let changed: Vec<String> = case.with_prefix("out.delta.").map(|(name, _)| name.to_string()).collect();
    let names: Vec<&str> = changed.iter().map(String::as_str).collect();
    let before = states.read(&names)?;
    program.write("lr", &[case.number("lr")?])?;
    if program.has_input("lr_dis") {
        program.write("lr_dis", &[case.number("lr_dis")?])?;
    }
    if program.has_input("consistency_threshold") {
        program.write("consistency_threshold", &[consistency::threshold(case.count("epoch")? as u64)])?;
    }
    let mut values = Values::new();
    for index in 0..case.count("steps")? {
        for (name, tensor) in case.with_prefix(&format!("in.step{index}.")) {
            program.write(name, &tensor.data)?;
        }
        program.write("adam_correction", &step::adam_correction(settings.adam, index as u64 + 1))?;
        program.run()?;
        for (name, loss) in traced.losses.iter().zip(program.read(&traced.losses)?) {
            values.entry(format!("out.{name}")).or_default().extend(loss);
        }
    }
    for ((name, after), before) in changed.iter().zip(states.read(&names)?).zip(before) {
        let delta = after.iter().zip(before).map(|(a, b)| a - b).collect();
        values.insert(format!("out.delta.{name}"), delta);
    }
    Ok(values)
}
