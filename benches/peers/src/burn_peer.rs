//! Burn's part of the comparison, on wgpu with fusion, autotuning and automatic differentiation.

use anyhow::{Context, Result, anyhow, bail};
use burn::nn::loss::{MseLoss, Reduction};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::{log_sigmoid, sigmoid};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, DeviceKind, Tensor, TensorData};
use papilla::bench::Layer;

use crate::burn_net::{Bilinear, DeepLab};
use crate::task::{Pass, Peer, Task, labels, values};

/// Learning rate of the step.
const LR: f64 = 1e-3;

/// Burn on the adapter that papilla uses.
pub struct Burn {
    device: Device,
    ready: Option<Ready>,
}

/// A task with its tensors on the device.
enum Ready {
    Layer { x: Tensor<4>, w: Tensor<4>, options: ConvOptions<2>, pass: Pass },
    Step(Box<Step>),
}

struct Step {
    /// taken while the optimiser has it
    network: Option<DeepLab>,
    optimiser: ModuleOptimizer,
    to_low: Bilinear,
    to_image: Bilinear,
    image: Tensor<4>,
    mask: Tensor<4>,
    boundary: Tensor<4>,
}

impl Burn {
    /// Opens Burn's software adapter if papilla computes on one, and its best adapter if not.
    pub fn open(software: bool) -> Burn {
        let kind = if software { DeviceKind::Cpu } else { DeviceKind::DefaultDevice };
        #[cfg(feature = "spirv")]
        let device = Device::vulkan(kind);
        #[cfg(not(feature = "spirv"))]
        let device = Device::wgpu(kind);
        Burn { device, ready: None }
    }

    /// Language of Burn's shaders.
    pub fn language() -> &'static str {
        if cfg!(feature = "spirv") { "SPIR-V" } else { "WGSL" }
    }

    /// Version of the crate that was compiled in.
    pub fn version() -> &'static str {
        let lock = include_str!("../Cargo.lock");
        let entry = lock.split("[[package]]").find(|entry| entry.contains("name = \"burn\"\n"));
        let version = entry.and_then(|entry| entry.split("version = \"").nth(1)?.split('"').next());
        version.unwrap_or("unknown")
    }

    /// Name of the adapter as Burn reports it.
    pub fn adapter(&self) -> String {
        self.device.identity().map_or("unknown".to_string(), |identity| identity.name)
    }

    fn layer(&self, layer: &Layer, pass: Pass) -> Ready {
        let device = match pass {
            Pass::Forward => self.device.clone(),
            Pass::ForwardBackward => self.device.clone().autodiff(),
        };
        let Layer { input, outputs, kernel, stride, padding, dilation, groups, .. } = *layer;
        let mut x = tensor(input, values, &device);
        let mut w = tensor([outputs, input[1] / groups, kernel, kernel], values, &device);
        if pass == Pass::ForwardBackward {
            (x, w) = (x.require_grad(), w.require_grad());
        }
        let options = ConvOptions::new([stride; 2], [padding; 2], [dilation; 2], groups);
        Ready::Layer { x, w, options, pass }
    }

    fn step(&self, size: usize, batch: usize) -> (Step, usize) {
        let device = self.device.clone().autodiff();
        let network = DeepLab::new(&device);
        let parameters = network.parameters();
        let step = Step {
            network: Some(network),
            optimiser: AdamConfig::new().with_beta_1(0.9).with_beta_2(0.99).with_epsilon(1e-8).init(),
            to_low: Bilinear::new(size / 16, size / 4, &device),
            to_image: Bilinear::new(size / 4, size, &device),
            image: tensor([batch, 3, size, size], values, &device),
            mask: tensor([batch, 2, size, size], labels, &device),
            boundary: tensor([batch, 1, size, size], labels, &device),
        };
        (step, parameters)
    }
}

impl Peer for Burn {
    fn name(&self) -> &'static str {
        "burn"
    }

    fn prepare(&mut self, task: &Task) -> Result<Option<usize>> {
        self.ready = None;
        let (ready, parameters) = match *task {
            Task::Layer { layer, pass } => (self.layer(&layer, pass), None),
            Task::Step { size, batch } => {
                let (step, parameters) = self.step(size, batch);
                (Ready::Step(Box::new(step)), Some(parameters))
            }
        };
        self.ready = Some(ready);
        sync(&self.device)?;
        Ok(parameters)
    }

    fn run(&mut self) -> Result<Option<f32>> {
        match &mut self.ready {
            Some(Ready::Layer { x, w, options, pass }) => {
                let y = conv2d(x.clone(), w.clone(), None, options.clone());
                // Gradients that nobody holds would never be computed.
                let gradients = (*pass == Pass::ForwardBackward).then(|| {
                    let gradients = y.backward();
                    (x.grad(&gradients), w.grad(&gradients))
                });
                sync(&self.device)?;
                drop((y, gradients));
                Ok(None)
            }
            Some(Ready::Step(step)) => {
                let loss = step.run().context("the step was not finished")?;
                sync(&self.device)?;
                Ok(Some(loss))
            }
            None => bail!("Burn has no task to run"),
        }
    }
}

impl Step {
    /// One training step, with the cross-entropy of the masks and the squared error of the boundary as its loss.
    fn run(&mut self) -> Option<f32> {
        let network = self.network.take()?;
        let [mask, boundary] = network.forward(self.image.clone(), &self.to_low, &self.to_image);
        let masks = ((-self.mask.clone() + 1.0) * mask.clone() - log_sigmoid(mask)).mean();
        let boundaries = MseLoss::new().forward(sigmoid(boundary), self.boundary.clone(), Reduction::Mean);
        let loss = masks + boundaries;
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        self.network = Some(self.optimiser.step(LR, network, gradients));
        Some(loss.into_scalar::<f32>())
    }
}

fn tensor(shape: [usize; 4], values: fn(usize) -> Vec<f32>, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values(shape.iter().product()), shape), device)
}

fn sync(device: &Device) -> Result<()> {
    device.sync().map_err(|error| anyhow!("Burn failed on the adapter: {error:?}"))
}
