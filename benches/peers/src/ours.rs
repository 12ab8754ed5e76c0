//! papilla's own part of the comparison.

use anyhow::{Context, Result, bail};
use papilla::bench::Layer;
use papilla::device::{Device, Program, States};
use papilla::gpu::GpuOptions;
use papilla::graph::{AdamSettings, ConvSpec, Graph, Op, ShapeError};
use papilla::method::step::{GENERATOR, TOTAL, adam_correction};
use papilla::train::{Config, fitting_step, initialise};

use crate::task::{Pass, Peer, Task, labels, values};

/// papilla on the best adapter.
pub struct Ours {
    device: Device,
    ready: Option<Ready>,
}

/// A compiled task.
struct Ready {
    program: Program,
    /// keeps the weights alive
    _states: States,
    /// of a training step: Adam's settings and the number of steps done
    step: Option<(AdamSettings, u64)>,
}

impl Ours {
    pub fn open() -> Result<Ours> {
        let device = Device::open(None, GpuOptions { tune: true, ..GpuOptions::default() })?;
        Ok(Ours { device, ready: None })
    }

    /// Whether the adapter computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.device.is_software()
    }

    /// Name of the adapter and its driver.
    pub fn adapter(&self) -> (String, String) {
        let driver = self.device.adapter().map(|gpu| gpu.description().info.driver_info.clone());
        (self.device.name(), driver.unwrap_or_default())
    }

    fn layer(&self, layer: &Layer, pass: Pass) -> Result<Ready> {
        let graph = graph(layer, pass).context("the layer's shapes do not fit")?;
        let states = self.device.states();
        let program = self.device.compile(&graph, &states)?;
        if let Program::Gpu(gpu) = &program {
            for (name, count) in gpu.inputs() {
                gpu.write(&name, &values(count))?;
            }
        }
        Ok(Ready { program, _states: states, step: None })
    }

    fn step(&self, size: usize, batch: usize) -> Result<(Ready, usize)> {
        let mut config = Config::new(Default::default());
        (config.size, config.batch) = (size, batch);
        config.check_step()?;
        let (traced, _) = fitting_step(&config, false, &self.device.capabilities(), 0)?;
        let states = self.device.states();
        let program = self.device.compile(&traced.graph, &states)?;
        initialise(&states, GENERATOR, &traced.tensors, config.seed)?;
        let pixels = batch * size * size;
        program.write("image_s", &values(3 * pixels))?;
        program.write("mask", &labels(2 * pixels))?;
        program.write("boundary", &labels(pixels))?;
        program.write("lr", &[config.lr])?;
        let trained = traced.tensors.iter().filter(|spec| spec.role.is_trained());
        let parameters = trained.map(|spec| spec.shape.elements()).sum();
        Ok((Ready { program, _states: states, step: Some((config.adam(), 0)) }, parameters))
    }
}

impl Peer for Ours {
    fn name(&self) -> &'static str {
        "papilla"
    }

    fn prepare(&mut self, task: &Task) -> Result<Option<usize>> {
        self.ready = None;
        let (ready, parameters) = match *task {
            Task::Layer { layer, pass } => (self.layer(&layer, pass)?, None),
            Task::Step { size, batch } => {
                let (ready, parameters) = self.step(size, batch)?;
                (ready, Some(parameters))
            }
        };
        self.ready = Some(ready);
        Ok(parameters)
    }

    fn run(&mut self) -> Result<Option<f32>> {
        let Some(Ready { program, step, .. }) = &mut self.ready else { bail!("papilla has no task to run") };
        match (program, step) {
            (program, Some((adam, done))) => {
                *done += 1;
                program.write("adam_correction", &adam_correction(*adam, *done))?;
                program.write("seed", &[(*done as f32 * 0.377).fract(), (*done as f32 * 0.719).fract()])?;
                program.run()?;
                Ok(program.read(&[TOTAL])?[0].first().copied())
            }
            // Without timestamps this waits for the run to end.
            (Program::Gpu(program), None) => {
                program.milliseconds()?;
                Ok(None)
            }
            (program, None) => {
                program.run()?;
                Ok(None)
            }
        }
    }
}

/// A layer's outputs, and in the backward pass the gradients of its input and weights, of a given `dy`.
fn graph(layer: &Layer, pass: Pass) -> Result<Graph, ShapeError> {
    let mut graph = Graph::new();
    let [_, channels, rows, columns] = layer.input;
    let spec = ConvSpec {
        stride: [layer.stride; 2],
        padding: [layer.padding; 2],
        dilation: [layer.dilation; 2],
        groups: layer.groups,
    };
    let x = graph.input("x", layer.input);
    let w = graph.input("w", [layer.outputs, channels / layer.groups, layer.kernel, layer.kernel]);
    let y = graph.conv2d(x, w, None, spec)?;
    graph.output("y", y);
    if pass == Pass::ForwardBackward {
        let shape = graph.shape(y).clone();
        let dy = graph.input("dy", shape);
        let dx = graph.push(Op::Conv2dInputGrad { spec, input: [rows, columns] }, &[dy, w])?;
        let dw = graph.push(Op::Conv2dWeightGrad { spec, kernel: [layer.kernel; 2] }, &[x, dy])?;
        graph.output("dx", dx);
        graph.output("dw", dw);
    }
    Ok(graph)
}
