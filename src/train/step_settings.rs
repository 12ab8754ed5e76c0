//! The network and the training step that the settings of a run describe.

use super::settings::{Config, NormSetting};
use crate::graph::{AdamSettings, SgdSettings};
use crate::method::step::{StepSettings, Stochastic, loss_scale};
use crate::nn::Norm;
use crate::nn::deeplab::DeepLab;

impl Config {
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
