//! `papilla train`: a new run, or an old one continued.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::Global;
use super::progress::TrainingProgress;
use crate::nn::deeplab::Backbone;
use crate::train::{AugmentSetting, Config, Method, NormSetting, Outcome, Selection, Session, Switch};

/// Train a network on one camera, or continue a run that was interrupted
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Labelled dataset: a folder that holds `train/` and `test/`
    #[arg(long, value_name = "DIR", required_unless_present_any = ["resume", "config"], conflicts_with = "resume")]
    source: Option<PathBuf>,
    /// Dataset of the other camera
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    target: Option<PathBuf>,
    /// Folder of the run
    #[arg(long, value_name = "RUN", required_unless_present = "resume", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Continue the run in this folder as if it had never stopped
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    /// Settings in a file; flags win over it
    #[arg(long, value_name = "FILE.toml", conflicts_with = "resume")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// Settings of a run; what is left out keeps its default, or the value of `--config`.
#[derive(clap::Args, Default)]
pub(super) struct Settings {
    /// How to train [default: source-only]
    #[arg(long, value_enum, conflicts_with = "resume")]
    method: Option<Method>,
    /// Network that extracts the features [default: mobilenet-v2]
    #[arg(long, value_enum, conflicts_with = "resume")]
    backbone: Option<Backbone>,
    /// Normalisation [default: batch]
    #[arg(long, value_enum, conflicts_with = "resume")]
    norm: Option<NormSetting>,
    /// How much smaller than the image the deep feature is, 8 or 16 [default: 16, with drn 8]
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    output_stride: Option<usize>,
    /// Rows and columns to which regions are brought [default: 512]
    #[arg(long, value_name = "PIXELS", conflicts_with = "resume")]
    pub(super) size: Option<usize>,
    /// Images of a batch [default: 8]
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub(super) batch: Option<usize>,
    /// Passes over the source [default: 500]
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub(super) epochs: Option<u64>,
    /// Stop after as many steps
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub(super) steps: Option<u64>,
    /// Epoch, counted from 0, after which the category-level losses of `align` and `clr` begin; -1: at once [default: 25]
    #[arg(long, value_name = "N", conflicts_with = "resume", allow_negative_numbers = true)]
    warmup_epochs: Option<i64>,
    /// Learning rate [default: 0.001]
    #[arg(long, value_name = "RATE", conflicts_with = "resume")]
    lr: Option<f32>,
    /// Learning rate of the discriminators [default: 0.000025]
    #[arg(long, value_name = "RATE", conflicts_with = "resume")]
    lr_discriminator: Option<f32>,
    /// Weight of the adversarial loss; as with every weight, 0 leaves the loss out [default: 0.01]
    #[arg(long, value_name = "W", conflicts_with = "resume")]
    adversarial_weight: Option<f32>,
    /// Weight of the alignment of prototypes [default: 0.1]
    #[arg(long, value_name = "W", conflicts_with = "resume")]
    align_weight: Option<f32>,
    /// Weight of the discriminative loss on the source [default: 0.1]
    #[arg(long, value_name = "W", conflicts_with = "resume")]
    discriminative_weight: Option<f32>,
    /// Weight of the consistency loss on the target [default: 0.1]
    #[arg(long, value_name = "W", conflicts_with = "resume")]
    consistency_weight: Option<f32>,
    /// Passes with other dropouts that tell how reliable a target pixel is [default: 8]
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    stochastic_passes: Option<usize>,
    /// Seed of everything random [default: 0]
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub(super) seed: Option<u64>,
    /// Weights to begin from (`.pth`, `.pth.tar` or `.safetensors`)
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    init: Option<PathBuf>,
    /// Training augmentation [default: full]
    #[arg(long, value_enum, conflicts_with = "resume")]
    augment: Option<AugmentSetting>,
    /// Dropout [default: on]
    #[arg(long, value_enum, conflicts_with = "resume")]
    dropout: Option<Switch>,
    /// Another order of regions each epoch [default: on]
    #[arg(long, value_enum, conflicts_with = "resume")]
    shuffle: Option<Switch>,
    /// Epochs between validations [default: 10]
    #[arg(long, value_name = "EPOCHS", conflicts_with = "resume")]
    pub(super) validate_every: Option<u64>,
    /// Regions by which the best checkpoint is chosen [default: source]
    #[arg(long, value_enum, conflicts_with = "resume")]
    select: Option<Selection>,
    /// Minutes between checkpoints within an epoch [default: 10]
    #[arg(long, value_name = "MINUTES", conflicts_with = "resume")]
    checkpoint_every: Option<f64>,
    /// Steps between pictures for TensorBoard; 0: none [default: 100]
    #[arg(long, value_name = "STEPS", conflicts_with = "resume")]
    pictures_every: Option<u64>,
}

impl Settings {
    /// Replaces what was given on the command line.
    pub(super) fn apply(&self, config: &mut Config) {
        fn set<T: Clone>(slot: &mut T, given: &Option<T>) {
            if let Some(value) = given {
                *slot = value.clone();
            }
        }
        set(&mut config.method, &self.method);
        if let Some(backbone) = self.backbone {
            config.set_backbone(backbone);
        }
        set(&mut config.norm, &self.norm);
        set(&mut config.output_stride, &self.output_stride);
        set(&mut config.size, &self.size);
        set(&mut config.batch, &self.batch);
        set(&mut config.epochs, &self.epochs);
        set(&mut config.warmup_epochs, &self.warmup_epochs);
        set(&mut config.lr, &self.lr);
        set(&mut config.lr_discriminator, &self.lr_discriminator);
        set(&mut config.adversarial_weight, &self.adversarial_weight);
        set(&mut config.align_weight, &self.align_weight);
        set(&mut config.discriminative_weight, &self.discriminative_weight);
        set(&mut config.consistency_weight, &self.consistency_weight);
        set(&mut config.stochastic_passes, &self.stochastic_passes);
        set(&mut config.seed, &self.seed);
        set(&mut config.augment, &self.augment);
        set(&mut config.dropout, &self.dropout);
        set(&mut config.shuffle, &self.shuffle);
        set(&mut config.validate_every, &self.validate_every);
        set(&mut config.select, &self.select);
        set(&mut config.checkpoint_every, &self.checkpoint_every);
        set(&mut config.pictures_every, &self.pictures_every);
        if self.steps.is_some() {
            config.steps = self.steps;
        }
        if self.init.is_some() {
            config.init = self.init.clone();
        }
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let outcome = match (&arguments.resume, &arguments.out) {
        (Some(run), _) => {
            let device = global.open_device()?;
            let mut progress = TrainingProgress::new(global);
            Session::resume(&device, run, &mut progress)?.train(&mut progress)?
        }
        (None, Some(out)) => train(global, configure(arguments)?, out)?,
        (None, None) => bail!("--out RUN or --resume RUN is needed"),
    };
    report(global, &outcome)?;
    Ok(ExitCode::SUCCESS)
}

/// A new run with progress on the terminal.
pub(super) fn train(global: &Global, config: Config, out: &Path) -> Result<Outcome> {
    config.check()?;
    let device = global.open_device()?;
    let mut progress = TrainingProgress::new(global);
    Session::begin(&device, config, out, &mut progress)?.train(&mut progress)
}

/// Settings from the file and the flags.
fn configure(arguments: &Arguments) -> Result<Config> {
    let mut config = match &arguments.config {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            let mut config = Config::from_toml(&text, path)?;
            if let Some(source) = &arguments.source {
                config.source = source.clone();
            }
            config
        }
        None => Config::new(arguments.source.clone().unwrap_or_default()),
    };
    if arguments.target.is_some() {
        config.target = arguments.target.clone();
    }
    arguments.settings.apply(&mut config);
    // Absolute, so that the run can be resumed from anywhere.
    for path in [Some(&mut config.source), config.target.as_mut(), config.init.as_mut()].into_iter().flatten() {
        *path = path.canonicalize().with_context(|| format!("`{}` cannot be found", path.display()))?;
    }
    Ok(config)
}

fn report(global: &Global, outcome: &Outcome) -> Result<()> {
    if global.json {
        let document = json!({
            "steps": outcome.steps,
            "best_mean_dice": outcome.best_mean_dice,
            "best": outcome.best,
            "last": outcome.last,
        });
        println!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        println!("{} steps done; last checkpoint {}", outcome.steps, outcome.last.display());
        if let Some(dice) = outcome.best_mean_dice {
            println!("best mean Dice {dice:.4}; checkpoint {}", outcome.best.display());
        }
    }
    Ok(())
}
