//! Which network a file of weights fits.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use super::{Config, NormSetting};
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

/// `fallback` with the architecture that a file states; otherwise with the backbone and the normalisation that show in
/// the names of its tensors. Output stride and size do not.
///
/// # Errors
/// If the file states a network that does not exist.
pub fn architecture_of(weights: &Weights, path: &Path, fallback: &Config) -> Result<Config> {
    let mut config = fallback.clone();
    let names = &weights.generator;
    if let Some(backbone) = backbone_of(names) {
        config.set_backbone(backbone);
    }
    let is_trans = names.iter().any(|(name, _)| name.ends_with(OF_A_DOMAIN));
    config.norm = if is_trans { NormSetting::Trans } else { NormSetting::Batch };
    let facts = &weights.facts;
    if let Some(text) = facts.text(Facts::BACKBONE) {
        let Ok(backbone) = Backbone::from_str(text, false) else {
            bail!("`{}` states the backbone `{text}`, which is not known", path.display());
        };
        config.set_backbone(backbone);
    }
    if let Some(stride) = facts.count(Facts::OUTPUT_STRIDE) {
        config.output_stride = stride;
    }
    if let Some(size) = facts.count(Facts::SIZE) {
        config.size = size;
    }
    config.check_network().with_context(|| format!("`{}` states a network that does not exist", path.display()))?;
    Ok(config)
}

/// What settings say of the network, as a file of its weights states it.
pub fn stated(config: &Config) -> Vec<(&'static str, Fact)> {
    let norm = config.norm.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned());
    let whole = |value: usize| Fact::Whole(value as i64);
    vec![
        (Facts::BACKBONE, Fact::Text(config.backbone.name().to_owned())),
        (Facts::NORM, Fact::Text(norm)),
        (Facts::OUTPUT_STRIDE, whole(config.output_stride)),
        (Facts::SIZE, whole(config.size)),
    ]
}
