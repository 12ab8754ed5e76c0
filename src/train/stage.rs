//! A stage of a run: the training step of the warm-up or of the time after it, compiled, with what feeds it.

use image::RgbImage;

use super::Config;
use super::checkpoint::Progress;
use super::datasets::{TrainingData, loader_options, target_loader_options};
use super::error::TrainError;
use super::memory::fitting_step;
use super::observer::Event;
use super::pictures::{Channels, Shown};
use crate::data::{Batch, BatchStream, Loader, PhotometricCopy};
use crate::device::{Device, Program, States};
use crate::gpu::Requirements;
use crate::method::consistency;
use crate::method::step::{LossWeights, TrainingStep, adam_correction};

type Result<T> = std::result::Result<T, TrainError>;

/// A compiled training step and the batches it takes.
pub(super) struct Stage {
    weights: LossWeights,
    program: Program,
    /// memory of the adapter that a step takes by plan; the reference has none
    device_bytes: Option<u64>,
    losses: Vec<&'static str>,
    /// names and sizes (rows, columns) of the maps that pictures are made of
    maps: Vec<(String, [usize; 2])>,
    source: BatchStream,
    target: Option<BatchStream>,
}

/// What a step has given.
pub(super) struct StepValues {
    pub epoch: u64,
    pub lr: f32,
    pub losses: Vec<(&'static str, f32)>,
}

impl Stage {
    /// Compiles the step for an epoch and starts its batches where the run stands; it validates with as many `networks`.
    pub(super) fn new(
        device: &Device,
        states: &States,
        config: &Config,
        data: &TrainingData,
        epoch: u64,
        progress: &Progress,
        networks: usize,
    ) -> Result<Stage> {
        let weights = config.loss_weights(config.is_warm(epoch));
        let (traced, needs, program) = Stage::compile(device, states, config, epoch, networks)?;
        let device_bytes = device.adapter().map(|_| needs.bytes());
        let TrainingStep { graph, losses, .. } = traced;
        let shown = graph.outputs().iter().filter(|(name, _)| name.starts_with(PICTURE));
        let maps = shown.map(|(name, id)| (name.clone(), [graph.shape(*id)[2], graph.shape(*id)[3]])).collect();
        let Progress { step, colours, .. } = *progress;
        let source = Loader::new(data.source.clone(), loader_options(config, colours))?.start(step);
        let target = match data.target.clone().filter(|_| weights.use_target()) {
            Some(target) => {
                let copies = match weights {
                    _ if weights.teacher != 0.0 => PhotometricCopy::Strong,
                    _ if weights.consistency != 0.0 => PhotometricCopy::Consistency,
                    _ => PhotometricCopy::None,
                };
                Some(Loader::new(target, target_loader_options(config, colours, copies))?.start(step))
            }
            None => None,
        };
        Ok(Stage { weights, program, device_bytes, losses, maps, source, target })
    }

    /// How much the losses of its steps count.
    pub(super) fn weights(&self) -> LossWeights {
        self.weights
    }

    /// What a run tells of a new stage.
    pub(super) fn compiled(&self) -> Event<'static> {
        Event::Compiled { device_bytes: self.device_bytes }
    }

    /// The step of an epoch, what it needs, and its program.
    pub(super) fn compile(
        device: &Device,
        states: &States,
        config: &Config,
        epoch: u64,
        networks: usize,
    ) -> Result<(TrainingStep, Requirements, Program)> {
        let (traced, needs) = fitting_step(config, config.is_warm(epoch), &device.capabilities(), networks)?;
        let program = device.compile(&traced.graph, states)?;
        Ok((traced, needs, program))
    }

    /// Whether an epoch needs another step than this one.
    pub(super) fn is_over(&self, config: &Config, epoch: u64) -> bool {
        config.loss_weights(config.is_warm(epoch)) != self.weights
    }

    /// One training step on the next batches. With `show`, pictures by name as well: the first image of the target, or
    /// the source, and what the network makes of it.
    pub(super) fn step(
        &mut self,
        config: &Config,
        step: u64,
        show: bool,
    ) -> Result<(StepValues, Vec<(&'static str, RgbImage)>)> {
        let batch = next(&mut self.source)?;
        let (epoch, lr) = (batch.epoch, config.learning_rate(batch.epoch));
        self.program.write("image_s", &batch.images)?;
        self.program.write("mask", &batch.masks)?;
        self.program.write("boundary", &batch.boundaries)?;
        self.program.write("lr", &[lr])?;
        self.program.write("adam_correction", &adam_correction(config.adam(), step + 1))?;
        self.write_if_read("lr_dis", || vec![config.lr_discriminator])?;
        self.write_if_read("consistency_threshold", || vec![consistency::threshold(epoch)])?;
        self.write_if_read("steps_done", || vec![step as f32])?;
        self.write_if_read("seed", || dropout_seed(config.seed, step).to_vec())?;
        let target = self.target.as_mut().map(next).transpose()?;
        if let Some(target) = &target {
            self.program.write("image_t", &target.images)?;
            self.write_if_read("image_t_aug", || target.images_augmented.clone())?;
        }
        self.program.run()?;
        let values = self.program.read(&self.losses)?;
        let losses = self.losses.iter().zip(values).map(|(name, value)| (*name, value[0])).collect();
        let images = target.map_or(batch.images, |t| t.images);
        let pictures =
            if show { self.pictures(&images[..3 * config.size * config.size], config.size)? } else { Vec::new() };
        Ok((StepValues { epoch, lr, losses }, pictures))
    }

    fn write_if_read(&self, input: &str, values: impl FnOnce() -> Vec<f32>) -> Result<()> {
        if self.program.has_input(input) {
            self.program.write(input, &values())?;
        }
        Ok(())
    }

    fn pictures(&self, image: &[f32], size: usize) -> Result<Vec<(&'static str, RgbImage)>> {
        let names: Vec<&str> = self.maps.iter().map(|(name, _)| name.as_str()).collect();
        let values = self.program.read(&names)?;
        let map = |wanted: &str| {
            let index = self.maps.iter().position(|(name, _)| name.strip_prefix(PICTURE) == Some(wanted))?;
            let [height, width] = self.maps[index].1.map(|extent| extent as u32);
            Some(Channels { values: &values[index], height, width })
        };
        let side = size as u32;
        let shown = Shown {
            image: Channels { values: image, height: side, width: side },
            probability: map("prediction").expect("every step shows its prediction"),
            pseudo_label: map("pseudo_label"),
            uncertainty: map("uncertainty"),
        };
        Ok(shown.pictures())
    }
}

/// Prefix of the step's outputs that are pictures.
const PICTURE: &str = "picture.";

fn next(stream: &mut BatchStream) -> Result<Batch> {
    Ok(stream.next().expect("a loader goes on from epoch to epoch")?)
}

/// Two integers below 2²⁴ for the dropouts of a step.
fn dropout_seed(seed: u64, step: u64) -> [f32; 2] {
    let mixed = (seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    [(mixed >> 40) as f32, (mixed >> 16 & 0xff_ffff) as f32]
}
