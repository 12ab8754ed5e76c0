//! The network and the training step that the settings of a run describe.

use super::settings::{Config, NormSetting};
use crate::gpu::Capabilities;
use crate::graph::{AdamSettings, Precision, SgdSettings};
use crate::method::step::{AVERAGE, GENERATOR, StepSettings, Stochastic, TeacherSettings, loss_scale};
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

    /// The same for a machine: kernels that round the factors of products to 16 bits want gradients in their range.
    pub fn step_settings_for(&self, warm: bool, capabilities: &Capabilities) -> StepSettings {
        let mut settings = self.step_settings(warm);
        if capabilities.matrices.is_some() {
            let scale = loss_scale(Precision::F16, self.batch * self.size * self.size);
            (settings.adam.loss_scale, settings.sgd.loss_scale) = (scale, scale);
        }
        settings
    }

    /// Share that averages over the network's states keep; without averages none.
    pub(in crate::train) fn average_decay(&self) -> Option<f32> {
        (self.ema_decay > 0.0).then_some(self.ema_decay)
    }

    /// Prefix of the states that the run is validated with.
    pub(super) fn validated_states(&self) -> &'static str {
        if self.average_decay().is_some() { AVERAGE } else { GENERATOR }
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
            ema_decay: self.average_decay(),
            weights: self.loss_weights(warm),
            stochastic: Stochastic::Passes(self.stochastic_passes),
            teacher: TeacherSettings {
                thresholds: [self.teacher_threshold_cup, self.teacher_threshold_disc],
                margin: self.teacher_margin,
                balanced: self.teacher_balance.is_on(),
            },
            recompute: false,
            precision: self.precision,
        }
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;
    use crate::gpu::Matrices;
    use crate::graph::Update;
    use crate::train::fitting_step;

    /// Losses are means over pixels, here over those of eight images of 512x512.
    #[test]
    fn gradients_keep_their_digits_in_kernels_that_round_them() {
        let exact = Capabilities::typical_hardware();
        let rounding = Capabilities { matrices: Some(Matrices { size: 16, lanes: 32 }), ..exact.clone() };
        let config = Config { size: 512, batch: 8, ..Config::new(Default::default()) };
        let scale = |machine| config.step_settings_for(true, machine).adam.loss_scale;
        assert_eq!(scale(&exact), 1.0);
        let worst = |scale: f32| {
            let error = |share: u16| {
                let gradient = f32::from(share) / 100.0 / (8.0 * 512.0 * 512.0);
                ((f16::from_f32(gradient * scale).to_f32() / scale - gradient) / gradient).abs()
            };
            (1..=100).map(error).fold(0.0, f32::max)
        };
        assert_eq!(worst(1.0), 1.0, "some vanish");
        assert!(worst(scale(&rounding)) <= 2f32.powi(-11), "{}", worst(scale(&rounding)));

        let small = Config { size: 64, ..config };
        let (step, _) = fitting_step(&small, false, &rounding, 0).expect("no limit is known");
        let wanted = small.step_settings_for(false, &rounding);
        assert!(wanted.sgd.loss_scale > 1.0);
        for update in step.graph.updates() {
            match update {
                Update::Adam { settings, .. } => assert_eq!(*settings, wanted.adam),
                Update::Sgd { settings, .. } => assert_eq!(*settings, wanted.sgd),
                Update::Assign { .. } | Update::RunningStats { .. } | Update::Average { .. } => {}
            }
        }
    }
}
