//! Which network a file of weights fits.

use std::path::{Path, PathBuf};

use super::settings::{Config, ConfigError, NormSetting};
use crate::formats::{Fact, Facts, StateDict, Weights};
use crate::nn::deeplab::Backbone;

/// A tensor that one backbone alone has.
const MARKS: [(&str, Backbone); 4] = [
    ("backbone.features.0.0.weight", Backbone::MobileNetV2),
    ("backbone.layer1.0.conv1.weight", Backbone::ResNet101),
    ("backbone.block20.skip.weight", Backbone::Xception),
    ("backbone.layer0.0.weight", Backbone::Drn),
];
/// Tensors that TransNorm alone has end so.
const OF_A_DOMAIN: &str = "running_mean_target";

/// The backbone whose tensors these are, or are among these.
pub fn backbone_of(state: &StateDict) -> Option<Backbone> {
    MARKS.into_iter().find(|(mark, _)| state.get(mark).is_some()).map(|(_, backbone)| backbone)
}

/// A file states a network that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("`{}` states a network that does not exist", path.display())]
pub struct NoSuchNetwork {
    /// the file
    pub path: PathBuf,
    /// which of its settings no network has
    #[source]
    pub error: Box<ConfigError>,
}

/// `fallback` with the backbone and the normalisation that show in the names of a file's tensors, and the output stride and
/// the size that it states, if it does.
///
/// # Errors
/// If the file states a network that does not exist.
pub fn architecture_of(weights: &Weights, path: &Path, fallback: &Config) -> Result<Config, NoSuchNetwork> {
    let mut config = fallback.clone();
    let names = &weights.generator;
    if let Some(backbone) = backbone_of(names) {
        config.set_backbone(backbone);
    }
    let is_trans = names.iter().any(|(name, _)| name.ends_with(OF_A_DOMAIN));
    config.norm = if is_trans { NormSetting::Trans } else { NormSetting::Batch };
    let facts = &weights.facts;
    if let Some(stride) = facts.count(Facts::OUTPUT_STRIDE) {
        config.output_stride = stride;
    }
    if let Some(size) = facts.count(Facts::SIZE) {
        config.size = size;
    }
    match config.check_network() {
        Ok(()) => Ok(config),
        Err(error) => Err(NoSuchNetwork { path: path.to_path_buf(), error: Box::new(error) }),
    }
}

/// What settings say of the network, as a file of its weights states it.
pub fn stated(config: &Config) -> Vec<(&'static str, Fact)> {
    let whole = |value: usize| Fact::Whole(value as i64);
    vec![
        (Facts::BACKBONE, Fact::Text(config.backbone.name().to_owned())),
        (Facts::NORM, Fact::Text(config.norm.name().to_owned())),
        (Facts::OUTPUT_STRIDE, whole(config.output_stride)),
        (Facts::SIZE, whole(config.size)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::HostTensor;
    use crate::nn::Norm;
    use crate::nn::deeplab::DeepLab;

    fn weights(backbone: Backbone, norm: Norm) -> Weights {
        let network = DeepLab { backbone, output_stride: 8, norm };
        let mut weights = Weights::default();
        for spec in network.tensors().expect("every backbone has this output stride") {
            let tensor = HostTensor { shape: spec.shape.to_vec(), data: Vec::new() };
            weights.generator.insert(spec.name, tensor).expect("names differ");
        }
        weights
    }

    #[test]
    fn names_tell_the_backbone_and_the_normalisation() {
        let fallback = Config::new(Default::default());
        for backbone in Backbone::ALL {
            for (norm, setting) in [(Norm::Batch, NormSetting::Batch), (Norm::Trans, NormSetting::Trans)] {
                let found = architecture_of(&weights(backbone, norm), Path::new("some.pth"), &fallback);
                let found = found.expect("there is such a network");
                assert_eq!((found.backbone, found.norm), (backbone, setting));
                assert_eq!(found.output_stride, backbone.output_strides()[0]);
            }
        }
    }

    #[test]
    fn what_a_file_states_counts() {
        let mut config = Config::new(Default::default());
        (config.output_stride, config.size) = (8, 96);
        let mut stating = weights(Backbone::MobileNetV2, Norm::Batch);
        stated(&config).into_iter().for_each(|(name, fact)| stating.facts.push(name, fact));
        let fallback = Config::new(Default::default());
        let found = architecture_of(&stating, Path::new("some.pth"), &fallback).expect("there is such a network");
        assert_eq!(found, config);

        let mut wrong = Weights::default();
        wrong.facts.push(Facts::SIZE, Fact::Whole(7));
        let error = architecture_of(&wrong, Path::new("some.pth"), &fallback).expect_err("too small");
        assert!(error.to_string().contains("some.pth") && error.error.to_string().contains('7'), "{error:?}");
    }
}
