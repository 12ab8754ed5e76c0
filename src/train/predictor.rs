//! A trained network, ready for images.

use std::path::Path;

use anyhow::{Context, Result};

use super::architecture::architecture_of;
use super::checkpoint::Checkpoint;
use super::settings::Config;
use super::weights::{load_generator, load_weights};
use crate::device::Device;
use crate::domain::Domain;
use crate::formats::Weights;
use crate::inference::Predictor;

/// A network with the weights of a file: a checkpoint of this program, which names its own architecture, or weights, of
/// which `fallback` tells what they do not.
pub fn load_predictor(device: &Device, path: &Path, fallback: &Config, batch: usize) -> Result<(Predictor, Config)> {
    load_stochastic_predictor(device, path, fallback, batch, 0)
}

/// The same with further passes, as [`Predictor::with_passes`].
pub fn load_stochastic_predictor(
    device: &Device,
    path: &Path,
    fallback: &Config,
    batch: usize,
    passes: usize,
) -> Result<(Predictor, Config)> {
    let states = device.states();
    let compile = |config: &Config| {
        Predictor::with_passes(device, &states, config.network(), Domain::Target, [config.size, batch], passes)
    };
    if Checkpoint::recognises(path) {
        let config = Checkpoint::read(path)?.config;
        let (predictor, tensors) = compile(&config)?;
        load_generator(&states, &tensors, path, true)?;
        predictor.refresh()?;
        return Ok((predictor, config));
    }
    let weights = Weights::read(path)?;
    let config = architecture_of(&weights, path, fallback)?;
    let (predictor, tensors) = compile(&config)?;
    load_weights(&states, &tensors, weights.generator, path, true).with_context(|| {
        format!("cannot use `{}` as weights of a {} network", path.display(), config.backbone.name())
    })?;
    predictor.refresh()?;
    Ok((predictor, config))
}
