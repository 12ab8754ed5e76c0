//! Every setting of a run, as the flags and as `config.toml` name it.

use std::path::PathBuf;

use anyhow::{Result, bail};
use bytesize::ByteSize;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::graph::{AdamSettings, Precision, SgdSettings};
use crate::method::step::{StepSettings, Stochastic, loss_scale};
use crate::nn::deeplab::{Backbone, DeepLab};
use crate::nn::{Domain, Norm};

/// How a model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// supervised on the source camera alone
    SourceOnly,
    /// adversarial: boundaries and entropy maps of both cameras are made alike
    Beal,
    /// the same, and class prototypes of both cameras are aligned after the warm-up
    Align,
    /// the whole method: adversarial, alignment, discriminative loss on the source, consistency on the target
    Clr,
}

/// Kind of normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum NormSetting {
    /// batch normalisation
    Batch,
    /// TransNorm: each camera with statistics of its own; for methods that adapt
    Trans,
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
    // For flags that say all of it: their help repeats none of this.
    /// with it
    #[value(help = None::<&'static str>)]
    On,
    /// without it
    #[value(help = None::<&'static str>)]
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

impl Selection {
    /// The camera that took these regions.
    pub fn domain(self) -> Domain {
        match self {
            Selection::Source => Domain::Source,
            Selection::Target => Domain::Target,
        }
    }
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
    /// which losses train the network
    pub method: Method,
    /// what extracts the features
    pub backbone: Backbone,
    /// kind of every normalisation of the network
    pub norm: NormSetting,
    /// 16 or 8; 8 with DRN
    pub output_stride: usize,
    /// rows and columns to which regions are brought
    pub size: usize,
    /// images of a batch
    pub batch: usize,
    /// passes over the source
    pub epochs: u64,
    /// stop after as many steps
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// the category-level losses of `align` and `clr` begin after this epoch, counted from 0; −1: at once
    pub warmup_epochs: i64,
    /// Adam's learning rate; a fifth of it after epoch 100
    pub lr: f32,
    /// learning rate of the discriminators
    pub lr_discriminator: f32,
    /// weight of the adversarial loss on the target; as with all weights here, 0 leaves the loss out
    pub adversarial_weight: f32,
    /// weight of the distance between both cameras' prototypes
    pub align_weight: f32,
    /// weight of the prototype-guided discriminative loss on the source
    pub discriminative_weight: f32,
    /// weight of the augmented consistency loss on the target
    pub consistency_weight: f32,
    /// passes with other dropouts that tell how reliable a target pixel is
    pub stochastic_passes: usize,
    /// how feature maps are kept
    pub precision: Precision,
    /// device memory that a step may use; it recomputes values rather than keep them if it must
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_budget: Option<ByteSize>,
    /// seed of everything random: initial weights, order, augmentation, dropout
    pub seed: u64,
    /// weights to begin from
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<PathBuf>,
    /// how training images are varied
    pub augment: AugmentSetting,
    /// whether the network has its dropouts; without them all stochastic passes agree, and every target pixel counts
    pub dropout: Switch,
    /// another order of regions each epoch
    pub shuffle: Switch,
    /// epochs between validations
    pub validate_every: u64,
    /// regions by which the best checkpoint is chosen
    pub select: Selection,
    /// minutes between checkpoints within an epoch
    pub checkpoint_every: f64,
    /// steps between pictures for TensorBoard; 0: none
    pub pictures_every: u64,
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
            warmup_epochs: 25,
            lr: 1e-3,
            lr_discriminator: 2.5e-5,
            adversarial_weight: 0.01,
            align_weight: 0.1,
            discriminative_weight: 0.1,
            consistency_weight: 0.1,
            stochastic_passes: 8,
            precision: Precision::F32,
            memory_budget: None,
            seed: 0,
            init: None,
            augment: AugmentSetting::Full,
            dropout: Switch::On,
            shuffle: Switch::On,
            validate_every: 10,
            select: Selection::Source,
            checkpoint_every: 10.0,
            pictures_every: 100,
        }
    }

    /// Replaces the backbone. An output stride that the new one does not have becomes its usual one.
    pub fn set_backbone(&mut self, backbone: Backbone) {
        self.backbone = backbone;
        if !backbone.output_strides().contains(&self.output_stride) {
            self.output_stride = backbone.output_strides()[0];
        }
    }

    /// Refuses a size or an output stride that the network cannot have, naming the flag.
    pub fn check_network(&self) -> Result<()> {
        if self.size < 32 || self.size > 4096 {
            bail!("--size {} is not between 32 and 4096", self.size);
        }
        let strides = self.backbone.output_strides();
        if !strides.contains(&self.output_stride) {
            let offered: Vec<String> = strides.iter().map(usize::to_string).collect();
            bail!(
                "--output-stride {} does not go with --backbone {}: use --output-stride {}",
                self.output_stride,
                self.backbone.name(),
                offered.join(" or ")
            );
        }
        Ok(())
    }

    /// Refuses settings with which there is no training step, naming the flag.
    pub fn check_step(&self) -> Result<()> {
        self.check_network()?;
        if self.batch < 2 {
            bail!("--batch {} is too small: batch normalisation needs at least 2 images", self.batch);
        }
        for (flag, weight) in [
            ("--adversarial-weight", self.adversarial_weight),
            ("--align-weight", self.align_weight),
            ("--discriminative-weight", self.discriminative_weight),
            ("--consistency-weight", self.consistency_weight),
        ] {
            if !(weight >= 0.0 && weight.is_finite()) {
                bail!("{flag} {weight} is neither 0 nor a positive number");
            }
        }
        if !(2..=64).contains(&self.stochastic_passes) {
            bail!("--stochastic-passes {} is not between 2 and 64", self.stochastic_passes);
        }
        if self.norm == NormSetting::Trans && !self.loss_weights(false).use_target() {
            bail!(
                "--norm trans needs images of both cameras in every step, and --method {} with these weights has only the source's{}",
                self.method_name(),
                if self.method == Method::SourceOnly { "" } else { " before the warm-up ends" }
            );
        }
        Ok(())
    }

    /// Refuses settings that cannot work, naming the flag.
    pub fn check(&self) -> Result<()> {
        self.check_step()?;
        let whole = [
            ("--seed", self.seed),
            ("--epochs", self.epochs),
            ("--steps", self.steps.unwrap_or(0)),
            ("--validate-every", self.validate_every),
            ("--pictures-every", self.pictures_every),
        ];
        // The largest that a TOML file can hold.
        if let Some((flag, value)) = whole.into_iter().find(|(_, value)| *value > i64::MAX as u64) {
            bail!("{flag} {value} is larger than {}", i64::MAX);
        }
        for (flag, rate) in [("--lr", self.lr), ("--lr-discriminator", self.lr_discriminator)] {
            if !(rate > 0.0 && rate.is_finite()) {
                bail!("{flag} {rate} is not a positive number");
            }
        }
        if self.warmup_epochs < -1 {
            bail!("--warmup-epochs {} is less than -1, which means no warm-up", self.warmup_epochs);
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
        if self.method != Method::SourceOnly && self.target.is_none() {
            bail!("--method {} adapts to another camera and needs its --target dataset", self.method_name());
        }
        Ok(())
    }

    /// The network that is trained.
    pub fn network(&self) -> DeepLab {
        let norm = match self.norm {
            NormSetting::Batch => Norm::Batch,
            NormSetting::Trans => Norm::Trans,
        };
        DeepLab { backbone: self.backbone, output_stride: self.output_stride, norm }
    }

    /// Adam's settings.
    pub fn adam(&self) -> AdamSettings {
        AdamSettings { beta1: 0.9, beta2: 0.99, eps: 1e-8, loss_scale: self.loss_scale() }
    }

    /// Settings of the discriminators' SGD.
    pub fn sgd(&self) -> SgdSettings {
        SgdSettings { momentum: 0.99, weight_decay: 5e-4, loss_scale: self.loss_scale() }
    }

    fn loss_scale(&self) -> f32 {
        loss_scale(self.precision, self.batch * self.size * self.size)
    }

    /// Name of the method, as its flag has it.
    pub fn method_name(&self) -> String {
        self.method.to_possible_value().map_or(String::new(), |v| v.get_name().to_string())
    }

    /// What fixes the training step, during the warm-up or after it.
    pub fn step_settings(&self, warm: bool) -> StepSettings {
        StepSettings {
            network: self.network(),
            batch: self.batch,
            size: [self.size; 2],
            dropout: self.dropout.is_on(),
            adam: self.adam(),
            sgd: self.sgd(),
            weights: self.loss_weights(warm),
            stochastic: Stochastic::Passes(self.stochastic_passes),
            recompute: false,
            precision: self.precision,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parsed(text: &str) -> Config {
        Config::from_toml(&format!("source = 'clinic'\n{text}"), Path::new("run.toml")).expect("settings are known")
    }

    #[test]
    fn the_output_stride_follows_the_backbone_unless_it_is_given() {
        for (text, expected) in [
            ("", 16),
            ("backbone = 'resnet101'", 16),
            ("backbone = 'drn'", 8),
            ("backbone = 'xception'\noutput_stride = 8", 8),
        ] {
            let config = parsed(text);
            assert_eq!(config.output_stride, expected, "{text}");
            assert!(config.check().is_ok(), "{text}");
        }
        let mut config = parsed("");
        config.set_backbone(Backbone::Drn);
        assert_eq!(config.output_stride, 8);
        config.set_backbone(Backbone::ResNet101);
        assert_eq!(config.output_stride, 8);
    }

    #[test]
    fn an_output_stride_that_the_backbone_does_not_have_is_refused() {
        let refusal = |text: &str| parsed(text).check().expect_err("there is no such network").to_string();
        assert_eq!(
            refusal("backbone = 'drn'\noutput_stride = 16"),
            "--output-stride 16 does not go with --backbone drn: use --output-stride 8"
        );
        assert_eq!(
            refusal("output_stride = 32"),
            "--output-stride 32 does not go with --backbone mobilenet-v2: use --output-stride 16 or 8"
        );
    }
}
