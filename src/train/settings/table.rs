//! Every setting of a run, each written once: [`settings!`] makes the rest of it.

use std::path::PathBuf;

use bytesize::ByteSize;

use super::choices::{AugmentSetting, ColourMatch, Method, NormSetting, Selection, Switch};
use super::error::{ConfigError, Given};
use super::range::{Range, Sign};
use super::setting::{Change, Scope, Setting, settings};
use super::value::{Held, Value};
use crate::graph::Precision;
use crate::nn::deeplab::Backbone;

settings! {
    /// Every setting of a run.
    pub struct Config, listed as SETTINGS;

    "Regions":
        /// Labelled dataset: a folder that holds `train/` and `test/`
        Data source: PathBuf = PathBuf::new(), as "DIR", example "refuge";
        /// Dataset of the other camera
        Data target: Option<PathBuf> = None, as "DIR", example "Drishti-GS";

    "Method and network":
        /// How to train
        Step method: Method = Method::SourceOnly;
        /// Network that extracts the features
        Network backbone: Backbone = Backbone::MobileNetV2, set Config::set_backbone;
        /// Normalisation
        Network norm: NormSetting = NormSetting::Batch;
        /// How much smaller than the image the deep feature is, 8 or 16
        Network output_stride: usize = 16, as "N", default usual_strides();
        /// Rows and columns to which regions are brought
        Network size: usize = 512, in 32..=4096, as "PIXELS";
        /// Images of a batch
        Step batch: usize = 8, in 2..=4096, because "batch normalisation needs at least 2 images", as "N";

    "Length and learning rates":
        /// Passes over the source
        Run epochs: u64 = 500, in 1.., as "N";
        /// Stop after as many steps
        Run steps: Option<u64> = None, in 1.., as "N", example "1000";
        /// Epoch, counted from 0, after which the category-level losses of `align`, `clr` and `teacher` begin; -1: at once. Left out, it is a
        /// twentieth of the epochs: the published 25 of 500, 0 of fewer than 20, -1 of a single one
        Run warmup_epochs: Option<i64> = None, in -1.., because "-1 means no warm-up", as "N", example "25";
        /// Learning rate; a fifth of it after epoch 100
        Run lr: f32 = 1e-3, in Sign::Positive, as "RATE";
        /// Learning rate of the discriminators
        Run lr_discriminator: f32 = 2.5e-5, in Sign::Positive, as "RATE";

        /// Share that averages over the weights keep in a step, such as 0.99. They, and not the weights of the last step, are then
        /// validated, predicted with, exported and begun from; 0: no averages
        Step ema_decay: f32 = 0.0, in 0.0..=0.9999, as "SHARE";

    "Losses beside the segmentation loss":
        /// Weight of the adversarial loss; as with every weight, 0 leaves the loss out
        Step adversarial_weight: f32 = 0.01, in Sign::NotNegative, as "W";
        /// Weight of the alignment of prototypes
        Step align_weight: f32 = 0.1, in Sign::NotNegative, as "W";
        /// Weight of the discriminative loss on the source
        Step discriminative_weight: f32 = 0.1, in Sign::NotNegative, as "W";
        /// Weight of the consistency loss on the target
        Step consistency_weight: f32 = 0.1, in Sign::NotNegative, as "W";
        /// Weight of what the network learns of its averages' labels of the target, of method `teacher`
        Step teacher_weight: f32 = 1.0, in Sign::NotNegative, as "W";
        /// Probability above which such a label is cup
        Step teacher_threshold_cup: f32 = 0.5, in 0.01..=0.99, as "P";
        /// Probability above which such a label is disc
        Step teacher_threshold_disc: f32 = 0.5, in 0.01..=0.99, as "P";
        /// Share of the way from these to 0 and to 1 on which a label does not count; 0: all count
        Step teacher_margin: f32 = 0.5, in 0.0..=0.99, as "SHARE";
        /// Whether in such labels a class counts as much as what lies around it, however few pixels it has
        Step teacher_balance: Switch = Switch::Off;
        /// Passes with other dropouts that tell how reliable a target pixel is
        Step stochastic_passes: usize = 8, in 2..=64, as "N";

    "Memory":
        /// How feature maps are kept on the device; kernels compute in 32 bits either way
        Step precision: Precision = Precision::F32;
        /// Device memory that a step may use, for example 6GiB: values are computed again rather than kept if need be
        Step memory_budget: Option<ByteSize> = None, as "SIZE", example "6GiB";

    "Beginning and chance":
        /// Seed of everything random
        Run seed: u64 = 0, as "N";
        /// Weights to begin from (`.pth`, `.pth.tar` or `.safetensors`)
        Run init: Option<PathBuf> = None, as "FILE", example "mobilenet_v2-b0353104.pth";
        /// Training augmentation
        Run augment: AugmentSetting = AugmentSetting::Full;
        /// Colours that every image is brought to, before augmentation and before prediction
        Run match_colours: ColourMatch = ColourMatch::Off;
        /// Dropout; without it all stochastic passes agree, and every target pixel counts
        Step dropout: Switch = Switch::On;
        /// Another order of regions each epoch
        Run shuffle: Switch = Switch::On;

    "What is validated, kept and shown":
        /// Epochs between validations
        Run validate_every: u64 = 10, in 1.., as "EPOCHS";
        /// Regions by which the best checkpoint is chosen
        Run select: Selection = Selection::Source;
        /// Minutes between checkpoints within an epoch
        Run checkpoint_every: f64 = 10.0, in Sign::PositiveOrInfinite, as "MINUTES";
        /// Steps between pictures for TensorBoard; 0: none
        Run pictures_every: u64 = 100, as "STEPS";
}

/// The usual output stride, and that of each backbone that has another.
fn usual_strides() -> String {
    let usual = Config::defaults().output_stride;
    let others = Backbone::ALL.map(|backbone| (backbone.name(), backbone.output_strides()[0]));
    let others = others.iter().filter(|(_, stride)| *stride != usual);
    others.fold(usual.to_string(), |text, (name, stride)| format!("{text}, with {name} {stride}"))
}

impl Config {
    /// The defaults for a source dataset.
    pub fn new(source: PathBuf) -> Self {
        Config { source, ..Config::defaults() }
    }

    /// Replaces the backbone. An output stride that the new one does not have becomes its usual one.
    pub fn set_backbone(&mut self, backbone: Backbone) {
        self.backbone = backbone;
        if !backbone.output_strides().contains(&self.output_stride) {
            self.output_stride = backbone.output_strides()[0];
        }
    }

    /// Settings in which nothing is left out, to show what each looks like.
    pub fn example() -> Self {
        let mut config = Config::defaults();
        for setting in &SETTINGS {
            if let Some(example) = setting.example {
                (setting.parse)(example.as_ref()).expect("the table's examples are values").apply(&mut config);
            }
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_differ_and_parts_are_together() {
        let names: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
        let mut parts: Vec<&str> = SETTINGS.iter().map(|setting| setting.part).collect();
        parts.dedup();
        assert_eq!(parts.len(), parts.iter().collect::<BTreeSet<_>>().len(), "{parts:?}");
    }

    #[test]
    fn defaults_and_examples_are_within_their_ranges() {
        for config in [Config::new("clinic".into()), Config::example()] {
            for setting in &SETTINGS {
                assert_eq!((setting.check)(&config), Ok(()), "{}", setting.name);
            }
        }
    }

    #[test]
    fn a_setting_has_a_default_or_an_example_and_flags_take_both() {
        for setting in &SETTINGS {
            let shown = (setting.default)();
            assert!(shown.is_some() != setting.example.is_some(), "{}", setting.name);
            let Some(text) = shown.as_deref().and_then(|text| text.split(',').next()) else { continue };
            let mut config = Config::example();
            (setting.parse)(text.as_ref()).expect("a default is a value").apply(&mut config);
            assert_eq!(config, Config::example(), "`{}` is not by default {text}", setting.name);
        }
    }

    #[test]
    fn a_new_backbone_keeps_an_output_stride_that_it_has() {
        let mut config = Config::new("clinic".into());
        for (backbone, stride) in [(Backbone::Drn, 8), (Backbone::ResNet101, 8)] {
            config.set_backbone(backbone);
            assert_eq!(config.output_stride, stride);
        }
        assert_eq!(usual_strides(), "16, with drn 8");
    }
}
