//! The recommended way to adapt a trained network to another camera, as settings of a run.

use std::path::PathBuf;

use super::settings::{AugmentSetting, ColourMatch, Config, Method};
use crate::metrics::Calibration;

impl Config {
    /// Usual steps of an adaptation by the recipe.
    pub const RECIPE_STEPS: u64 = 150;

    /// The run that adapts the network of `checkpoint`, which these are the settings of, from its source to a target: a mean teacher,
    /// whose labels are cut at the network's own thresholds if it has some, strong augmentation, the colours
    /// of the source and averaged weights, at a low learning rate.
    pub fn recipe(
        &self,
        checkpoint: PathBuf,
        own: Option<Calibration>,
        [source, target]: [PathBuf; 2],
        steps: u64,
    ) -> Config {
        let usual = Config::new(source);
        let [cup, disc] = own.map_or([None; 2], |own| own.thresholds());
        Config {
            teacher_threshold_cup: cup.unwrap_or(usual.teacher_threshold_cup),
            teacher_threshold_disc: disc.unwrap_or(usual.teacher_threshold_disc),
            target: Some(target),
            method: Method::Teacher,
            backbone: self.backbone,
            norm: self.norm,
            output_stride: self.output_stride,
            size: self.size,
            batch: self.batch,
            // There are always enough for the steps.
            epochs: steps,
            steps: Some(steps),
            warmup_epochs: Some(-1),
            lr: 2e-4,
            ema_decay: 0.985,
            precision: self.precision,
            augment: AugmentSetting::Strong,
            match_colours: ColourMatch::Source,
            validate_every: 1,
            init: Some(checkpoint),
            ..usual
        }
    }
}
