//! Every setting of a run, as the flags and as `config.toml` name it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::graph::AdamSettings;
use crate::nn::Norm;
use crate::nn::deeplab::{Backbone, DeepLab};

/// How a model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// supervised on the source camera alone
    SourceOnly,
}

/// Kind of normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum NormSetting {
    /// batch normalisation
    Batch,
}

/// Which training augmentation is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum AugmentSetting {
    /// scale and crop, quarter turns, flips, elastic deformation, salt or pepper, gamma, erasing
    Full,
    /// quarter turns, flips and gamma
    Light,
    /// regions as they are
    None,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    On,
    Off,
}

impl Switch {
    /// Whether it is on.
    pub fn is_on(self) -> bool {
        self == Switch::On
    }
}

/// By which regions the best checkpoint is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// every tenth source training region, held out of training
    Source,
    /// the target's test split, the published habit
    Target,
}

/// Every setting of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// dataset with labels: a folder that holds `train/` and `test/`
    pub source: PathBuf,
    /// dataset of the other camera
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<PathBuf>,
    pub method: Method,
    pub backbone: Backbone,
    pub norm: NormSetting,
    /// 16 or 8
    pub output_stride: usize,
    /// rows and columns to which regions are brought
    pub size: usize,
    /// images of a batch
    pub batch: usize,
    pub epochs: u64,
    /// stop after as many steps
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Adam's learning rate; a fifth of it after epoch 100
    pub lr: f32,
    pub seed: u64,
    /// weights to begin from
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<PathBuf>,
    pub augment: AugmentSetting,
    pub dropout: Switch,
    pub shuffle: Switch,
    /// epochs between validations
    pub validate_every: u64,
    pub select: Selection,
    /// minutes between checkpoints within an epoch
    pub checkpoint_every: f64,
}

impl Config {
    /// The defaults for a source dataset.
    pub fn new(source: PathBuf) -> Self {
        Config {
            source,
            target: None,
            method: Method::SourceOnly,
            backbone: Backbone::MobileNetV2,
            norm: NormSetting::Batch,
            output_stride: 16,
            size: 512,
            batch: 8,
            epochs: 500,
            steps: None,
            lr: 1e-3,
            seed: 0,
            init: None,
            augment: AugmentSetting::Full,
            dropout: Switch::On,
            shuffle: Switch::On,
            validate_every: 10,
            select: Selection::Source,
            checkpoint_every: 10.0,
        }
    }

    /// Parses settings; keys that are left out have their defaults.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self> {
        let given: toml::Table = text.parse().with_context(|| format!("`{}` is not valid TOML", path.display()))?;
        let Some(source) = given.get("source").and_then(|v| v.as_str()) else {
            bail!("`{}` does not name a `source` dataset", path.display());
        };
        let defaults = Config::new(PathBuf::from(source));
        let mut table = toml::Table::try_from(defaults).context("settings can always be written as TOML")?;
        table.extend(given);
        table.try_into().with_context(|| format!("`{}` has a setting that cannot be used", path.display()))
    }

    /// The settings as TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).context("a path among the settings is not valid UTF-8")
    }

    /// Refuses settings that cannot work, naming the flag.
    pub fn check(&self) -> Result<()> {
        if self.size < 32 || self.size > 4096 {
            bail!("--size {} is not between 32 and 4096", self.size);
        }
        if self.batch < 2 {
            bail!("--batch {} is too small: batch normalisation needs at least 2 images", self.batch);
        }
        if ![8, 16].contains(&self.output_stride) {
            bail!("--output-stride {} is neither 8 nor 16", self.output_stride);
        }
        if !(self.lr > 0.0 && self.lr.is_finite()) {
            bail!("--lr {} is not a positive number", self.lr);
        }
        if self.epochs == 0 || self.steps == Some(0) || self.validate_every == 0 {
            bail!("--epochs, --steps and --validate-every must be at least 1");
        }
        if self.checkpoint_every.is_nan() || self.checkpoint_every <= 0.0 {
            bail!("--checkpoint-every {} is not a positive number of minutes", self.checkpoint_every);
        }
        if self.select == Selection::Target && self.target.is_none() {
            bail!("--select target needs a --target dataset");
        }
        Ok(())
    }

    /// The network that is trained.
    pub fn network(&self) -> DeepLab {
        let norm = match self.norm {
            NormSetting::Batch => Norm::Batch,
        };
        DeepLab { backbone: self.backbone, output_stride: self.output_stride, norm }
    }

    /// Adam's settings.
    pub fn adam(&self) -> AdamSettings {
        AdamSettings { beta1: 0.9, beta2: 0.99, eps: 1e-8 }
    }

    /// Learning rate of an epoch, counted from 0.
    pub fn learning_rate(&self, epoch: u64) -> f32 {
        if epoch > 100 { 0.2 * self.lr } else { self.lr }
    }
}
