//! Which settings go together; which values each can have stands in the table.

use super::choices::{Method, NormSetting, Selection};
use super::error::{ConfigError, Given};
use super::setting::Scope;
use super::table::{Config, SETTINGS};
use super::value::Value;

/// A setting with its value.
macro_rules! given {
    ($config:ident.$name:ident) => {
        Given { setting: stringify!($name), value: $config.$name.text() }
    };
}

/// The name of a setting that has no value.
macro_rules! missing {
    ($config:ident.$name:ident) => {{
        let _ = &$config.$name;
        stringify!($name)
    }};
}

impl Config {
    fn check_scope(&self, scope: Scope) -> Result<(), ConfigError> {
        SETTINGS.iter().filter(|setting| setting.scope == scope).try_for_each(|setting| (setting.check)(self))
    }

    /// Refuses a size or an output stride that the network cannot have.
    ///
    /// # Errors
    /// The first such setting.
    pub fn check_network(&self) -> Result<(), ConfigError> {
        self.check_scope(Scope::Network)?;
        let offered = self.backbone.output_strides();
        if !offered.contains(&self.output_stride) {
            let (stride, backbone) = (given!(self.output_stride), given!(self.backbone));
            return Err(ConfigError::OutputStride { stride, backbone, offered });
        }
        Ok(())
    }

    /// Refuses settings with which there is no training step.
    ///
    /// # Errors
    /// The first such setting.
    pub fn check_step(&self) -> Result<(), ConfigError> {
        self.check_network()?;
        self.check_scope(Scope::Step)?;
        if self.method == Method::Teacher && self.average_decay().is_none() {
            let (method, missing) = (given!(self.method), missing!(self.ema_decay));
            return Err(ConfigError::NoAverages { method, missing });
        }
        if self.norm == NormSetting::Trans && !self.loss_weights(self.is_warm(0)).use_target() {
            let before_warm = self.loss_weights(true).use_target();
            let (norm, method) = (given!(self.norm), given!(self.method));
            return Err(ConfigError::OneCamera { norm, method, before_warm });
        }
        Ok(())
    }

    /// Refuses values that a setting cannot have whatever the others are.
    ///
    /// # Errors
    /// The first such setting.
    pub fn check_values(&self) -> Result<(), ConfigError> {
        [Scope::Data, Scope::Network, Scope::Step, Scope::Run].into_iter().try_for_each(|scope| self.check_scope(scope))
    }

    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// The first such setting.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_step()?;
        self.check_values()?;
        if self.select == Selection::Target && self.target.is_none() {
            let (select, missing) = (given!(self.select), missing!(self.target));
            return Err(ConfigError::NothingToSelectBy { select, missing });
        }
        if self.method != Method::SourceOnly && self.target.is_none() {
            let (method, missing) = (given!(self.method), missing!(self.target));
            return Err(ConfigError::NothingToAdaptTo { method, missing });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::Spelling;
    use super::*;
    use crate::nn::deeplab::Backbone;

    /// What is said of settings that differ from the defaults: of a file, and of flags.
    fn refusal(change: impl Fn(&mut Config)) -> [String; 2] {
        let mut config = Config::new("clinic".into());
        change(&mut config);
        let error = config.check().expect_err("the settings cannot work");
        [error.to_string(), error.spelt(Spelling::Flags)]
    }

    #[test]
    fn what_does_not_go_together_is_told_in_the_spelling_of_its_reader() {
        assert_eq!(
            refusal(|config| (config.backbone, config.output_stride) = (Backbone::Drn, 16)),
            [
                "`output_stride` 16 does not go with `backbone` drn: use `output_stride` 8",
                "--output-stride 16 does not go with --backbone drn: use --output-stride 8"
            ]
        );
        assert_eq!(
            refusal(|config| config.output_stride = 32)[1],
            "--output-stride 32 does not go with --backbone mobilenet-v2: use --output-stride 16 or 8"
        );
        assert_eq!(
            refusal(|config| config.method = Method::Clr),
            [
                "`method` clr adapts to another camera and needs its `target` dataset",
                "--method clr adapts to another camera and needs its --target dataset"
            ]
        );
        assert_eq!(
            refusal(|config| config.method = Method::Teacher)[1],
            "--method teacher needs averages of the weights: use --ema-decay, such as 0.99"
        );
        assert_eq!(refusal(|config| config.select = Selection::Target)[1], "--select target needs a --target dataset");
        let [source_only, align] = [Method::SourceOnly, Method::Align].map(|method| {
            refusal(|config| {
                (config.norm, config.method, config.adversarial_weight) = (NormSetting::Trans, method, 0.0);
            })
        });
        let at_once = Config {
            norm: NormSetting::Trans,
            method: Method::Align,
            adversarial_weight: 0.0,
            warmup_epochs: Some(-1),
            ..Config::new("clinic".into())
        };
        assert_eq!(at_once.check_step(), Ok(()), "the target is seen from the first step on");
        assert!(source_only[1].starts_with("--norm trans needs") && source_only[1].ends_with("only the source's"));
        assert!(align[0].contains("`method` align") && align[0].ends_with("source's before the warm-up ends"));
    }

    #[test]
    fn values_out_of_their_ranges_are_refused() {
        type Change = fn(&mut Config);
        let cases: [(Change, &str); 10] = [
            (|config| config.size = 7, "--size 7 is not between 32 and 4096"),
            (
                |config| config.batch = 1,
                "--batch 1 is not between 2 and 4096: batch normalisation needs at least 2 images",
            ),
            (|config| config.epochs = 0, "--epochs 0 is less than 1"),
            (|config| config.steps = Some(0), "--steps 0 is less than 1"),
            (|config| config.warmup_epochs = Some(-2), "--warmup-epochs -2 is less than -1: -1 means no warm-up"),
            (|config| config.lr = f32::INFINITY, "--lr inf is not a positive number"),
            (|config| config.align_weight = -0.5, "--align-weight -0.5 is neither 0 nor a positive number"),
            (|config| config.stochastic_passes = 1, "--stochastic-passes 1 is not between 2 and 64"),
            (|config| config.seed = u64::MAX, "--seed 18446744073709551615 is larger than 9223372036854775807"),
            (|config| config.checkpoint_every = 0.0, "--checkpoint-every 0 is not a positive number"),
        ];
        for (change, expected) in cases {
            assert_eq!(refusal(change)[1], expected);
        }
        let patient = Config { checkpoint_every: f64::INFINITY, ..Config::new("clinic".into()) };
        assert_eq!(patient.check(), Ok(()));
    }
}
