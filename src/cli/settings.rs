//! Flags that are settings of a run.

use std::path::PathBuf;

use bytesize::ByteSize;

use crate::graph::Precision;
use crate::nn::deeplab::Backbone;
use crate::train::{AugmentSetting, Config, Method, NormSetting, Selection, Switch};

/// What fixes a training step; what is left out keeps its default, or the value of `--config`.
#[derive(clap::Args, Default)]
pub(super) struct StepSettings {
    /// How to train [default: source-only]
    #[arg(long, value_enum)]
    method: Option<Method>,
    /// Network that extracts the features [default: mobilenet-v2]
    #[arg(long, value_enum)]
    backbone: Option<Backbone>,
    /// Normalisation [default: batch]
    #[arg(long, value_enum)]
    norm: Option<NormSetting>,
    /// How much smaller than the image the deep feature is, 8 or 16 [default: 16, with drn 8]
    #[arg(long, value_name = "N")]
    output_stride: Option<usize>,
    /// Rows and columns to which regions are brought [default: 512]
    #[arg(long, value_name = "PIXELS")]
    pub(super) size: Option<usize>,
    /// Images of a batch [default: 8]
    #[arg(long, value_name = "N")]
    pub(super) batch: Option<usize>,
    /// Weight of the adversarial loss; as with every weight, 0 leaves the loss out [default: 0.01]
    #[arg(long, value_name = "W")]
    adversarial_weight: Option<f32>,
    /// Weight of the alignment of prototypes [default: 0.1]
    #[arg(long, value_name = "W")]
    align_weight: Option<f32>,
    /// Weight of the discriminative loss on the source [default: 0.1]
    #[arg(long, value_name = "W")]
    discriminative_weight: Option<f32>,
    /// Weight of the consistency loss on the target [default: 0.1]
    #[arg(long, value_name = "W")]
    consistency_weight: Option<f32>,
    /// Passes with other dropouts that tell how reliable a target pixel is [default: 8]
    #[arg(long, value_name = "N")]
    stochastic_passes: Option<usize>,
    /// How feature maps are kept on the device; kernels compute in 32 bits either way [default: f32]
    #[arg(long, value_enum)]
    precision: Option<Precision>,
    /// Device memory that a step may use, for example 6GiB: values are computed again rather than kept if need be
    #[arg(long, value_name = "SIZE")]
    memory_budget: Option<ByteSize>,
    /// Dropout [default: on]
    #[arg(long, value_enum)]
    dropout: Option<Switch>,
}

/// All other settings of a run; what is left out keeps its default, or the value of `--config`. Apart from the others
/// because clap makes a group, of which `--resume` takes none, only of flags that a struct has itself.
#[derive(clap::Args, Default)]
pub(super) struct RunSettings {
    /// Passes over the source [default: 500]
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// Stop after as many steps
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Epoch, counted from 0, after which the category-level losses of `align` and `clr` begin; -1: at once [default: 25]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    warmup_epochs: Option<i64>,
    /// Learning rate [default: 0.001]
    #[arg(long, value_name = "RATE")]
    lr: Option<f32>,
    /// Learning rate of the discriminators [default: 0.000025]
    #[arg(long, value_name = "RATE")]
    lr_discriminator: Option<f32>,
    /// Seed of everything random [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Weights to begin from (`.pth`, `.pth.tar` or `.safetensors`)
    #[arg(long, value_name = "FILE")]
    init: Option<PathBuf>,
    /// Training augmentation [default: full]
    #[arg(long, value_enum)]
    augment: Option<AugmentSetting>,
    /// Another order of regions each epoch [default: on]
    #[arg(long, value_enum)]
    shuffle: Option<Switch>,
    /// Epochs between validations [default: 10]
    #[arg(long, value_name = "EPOCHS")]
    validate_every: Option<u64>,
    /// Regions by which the best checkpoint is chosen [default: source]
    #[arg(long, value_enum)]
    select: Option<Selection>,
    /// Minutes between checkpoints within an epoch [default: 10]
    #[arg(long, value_name = "MINUTES")]
    checkpoint_every: Option<f64>,
    /// Steps between pictures for TensorBoard; 0: none [default: 100]
    #[arg(long, value_name = "STEPS")]
    pictures_every: Option<u64>,
}

fn set<T: Clone>(slot: &mut T, given: &Option<T>) {
    if let Some(value) = given {
        *slot = value.clone();
    }
}

impl StepSettings {
    /// Replaces what was given on the command line.
    pub(super) fn apply(&self, config: &mut Config) {
        set(&mut config.method, &self.method);
        if let Some(backbone) = self.backbone {
            config.set_backbone(backbone);
        }
        set(&mut config.norm, &self.norm);
        set(&mut config.output_stride, &self.output_stride);
        set(&mut config.size, &self.size);
        set(&mut config.batch, &self.batch);
        set(&mut config.adversarial_weight, &self.adversarial_weight);
        set(&mut config.align_weight, &self.align_weight);
        set(&mut config.discriminative_weight, &self.discriminative_weight);
        set(&mut config.consistency_weight, &self.consistency_weight);
        set(&mut config.stochastic_passes, &self.stochastic_passes);
        set(&mut config.dropout, &self.dropout);
        set(&mut config.precision, &self.precision);
        if self.memory_budget.is_some() {
            config.memory_budget = self.memory_budget;
        }
    }
}

impl RunSettings {
    /// Replaces what was given on the command line.
    pub(super) fn apply(&self, config: &mut Config) {
        set(&mut config.epochs, &self.epochs);
        if self.steps.is_some() {
            config.steps = self.steps;
        }
        set(&mut config.warmup_epochs, &self.warmup_epochs);
        set(&mut config.lr, &self.lr);
        set(&mut config.lr_discriminator, &self.lr_discriminator);
        set(&mut config.seed, &self.seed);
        if self.init.is_some() {
            config.init = self.init.clone();
        }
        set(&mut config.augment, &self.augment);
        set(&mut config.shuffle, &self.shuffle);
        set(&mut config.validate_every, &self.validate_every);
        set(&mut config.select, &self.select);
        set(&mut config.checkpoint_every, &self.checkpoint_every);
        set(&mut config.pictures_every, &self.pictures_every);
    }
}
