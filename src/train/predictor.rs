//! A trained network, ready for images.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::architecture::{NoSuchNetwork, architecture_of};
use super::checkpoint::{Checkpoint, CheckpointError};
use super::settings::Config;
use super::weights::{Demand, WeightsError, load_generator, load_weights};
use crate::data::colours::NoColours;
use crate::data::scales::NoScales;
use crate::device::Device;
use crate::domain::Domain;
use crate::formats::{Facts, FormatError, TensorFile, Weights};
use crate::inference::{InferenceError, Predictor, Views};
use crate::metrics::{Calibration, NoCalibration};
use crate::nn::deeplab::Backbone;

/// Why a file gives no network.
#[derive(Debug, thiserror::Error)]
pub enum PredictorError {
    /// A checkpoint that cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Weights that cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Weights of a network that does not exist.
    #[error(transparent)]
    Network(#[from] NoSuchNetwork),
    /// The network cannot be compiled.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// A checkpoint that lacks weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Weights of a classifier, with which a training can begin.
    #[error("`{}` holds the weights of an ImageNet classifier: a backbone, and no network that was trained to segment", .0.display())]
    Classifier(PathBuf),
    /// Colours that are none.
    #[error("`{}` states colours that cannot be used, `{text}`: {error}", path.display())]
    Colours {
        /// the file
        path: PathBuf,
        /// as it states them
        text: String,
        /// why not
        error: NoColours,
    },
    /// Scales that are none.
    #[error("`{}` states scales that cannot be used, `{text}`: {error}", path.display())]
    Scales {
        /// the file
        path: PathBuf,
        /// as it states them
        text: String,
        /// why not
        error: NoScales,
    },
    /// Thresholds that are none.
    #[error("`{}` states thresholds that cannot be used, `{text}`: {error}", path.display())]
    Thresholds {
        /// the file
        path: PathBuf,
        /// as it states them
        text: String,
        /// why not
        error: NoCalibration,
    },
    /// Weights of another network.
    #[error("cannot use `{}` as weights of a {} network", path.display(), backbone.name())]
    Unusable {
        /// the file
        path: PathBuf,
        /// the network's, as the file or the settings have it
        backbone: Backbone,
        /// what does not fit
        #[source]
        error: WeightsError,
    },
}

type Result<T> = std::result::Result<T, PredictorError>;

/// What the file of a network says of where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// a run, whose settings it holds
    Run {
        /// steps done
        steps: u64,
    },
    /// weights alone, which do not say what they were trained on
    Weights {
        /// whether they say at what size
        state_size: bool,
    },
}

impl Origin {
    /// Steps of the run.
    pub fn steps(self) -> Option<u64> {
        match self {
            Origin::Run { steps } => Some(steps),
            Origin::Weights { .. } => None,
        }
    }
}

/// A network that was trained, and what is to be told of it.
pub struct TrainedNetwork {
    /// what its file says of where it comes from
    pub origin: Origin,
    /// ready for images
    pub predictor: Predictor,
    /// the thresholds that are best for it, if its file keeps any
    pub calibration: Option<Calibration>,
    /// its settings, as far as they are known
    pub config: Config,
    /// what was done to make its file fit, a sentence each
    pub notes: Vec<String>,
}

/// A network with the weights of a file: a checkpoint of this program, which names its own architecture, or weights, of
/// which `fallback` tells what they do not.
pub fn load_predictor(device: &Device, path: &Path, fallback: &Config, batch: usize) -> Result<TrainedNetwork> {
    load_stochastic_predictor(device, path, fallback, batch, 0)
}

/// The same with further passes, as [`Predictor::with_passes`].
pub fn load_stochastic_predictor(
    device: &Device,
    path: &Path,
    fallback: &Config,
    batch: usize,
    passes: usize,
) -> Result<TrainedNetwork> {
    let states = device.states();
    let compile = |config: &Config| {
        Predictor::with_passes(device, &states, config.network(), Domain::Target, [config.size, batch], passes)
    };
    if Checkpoint::recognises(path) {
        let Checkpoint { config, progress, .. } = Checkpoint::read(path)?;
        let (predictor, tensors) = compile(&config)?;
        load_generator(&states, &tensors, path)?;
        predictor.refresh()?;
        let predictor = predictor.seeing(Views::brought_to(progress.colours));
        let origin = Origin::Run { steps: progress.step };
        let calibration = progress.calibration;
        return Ok(TrainedNetwork { origin, predictor, calibration, config, notes: Vec::new() });
    }
    let weights = Weights::read(path)?;
    if !weights.not_used.is_empty() {
        return Err(PredictorError::Classifier(path.to_path_buf()));
    }
    let config = architecture_of(&weights, path, fallback)?;
    let (views, calibration) = (views_of(&weights.facts, path)?, calibration_of(&weights.facts, path)?);
    let origin = Origin::Weights { state_size: weights.facts.count(Facts::SIZE).is_some() };
    let (predictor, tensors) = compile(&config)?;
    let predictor = predictor.seeing(views);
    let notes = weights.wrapper_note(path).into_iter().collect();
    load_weights(&states, &tensors, weights.generator, path, Demand::Complete)
        .map_err(|error| PredictorError::Unusable { path: path.to_path_buf(), backbone: config.backbone, error })?;
    predictor.refresh()?;
    Ok(TrainedNetwork { origin, predictor, calibration, config, notes })
}

/// The settings of a trained network without its weights, the thresholds that are best for it, and whether its file says at what size
/// it was trained; `fallback` tells what the file does not.
///
/// # Errors
/// [`PredictorError`] of a file that cannot be read.
pub fn trained_at(path: &Path, fallback: &Config) -> Result<(Config, Option<Calibration>, bool)> {
    if Checkpoint::recognises(path) {
        let Checkpoint { config, progress, .. } = Checkpoint::read(path)?;
        return Ok((config, progress.calibration, true));
    }
    let weights = Weights::read(path)?;
    let config = architecture_of(&weights, path, fallback)?;
    Ok((config, calibration_of(&weights.facts, path)?, weights.facts.count(Facts::SIZE).is_some()))
}

/// How a file of weights wants images brought before its network: as they are, unless it states otherwise.
///
/// # Errors
/// [`PredictorError::Colours`] and [`PredictorError::Scales`].
pub fn views_of(facts: &Facts, path: &Path) -> Result<Views> {
    let path = path.to_path_buf();
    let because = |text, error| PredictorError::Colours { path: path.clone(), text, error };
    let colours = stated(facts, Facts::COLOURS, because)?;
    let because = |text, error| PredictorError::Scales { path: path.clone(), text, error };
    let scales = stated(facts, Facts::SCALES, because)?;
    Ok(Views { colours, scales: scales.unwrap_or_default() })
}

/// The thresholds that a file of weights keeps, if it keeps any.
///
/// # Errors
/// [`PredictorError::Thresholds`].
pub fn calibration_of(facts: &Facts, path: &Path) -> Result<Option<Calibration>> {
    stated(facts, Facts::THRESHOLDS, |text, error| PredictorError::Thresholds { path: path.to_path_buf(), text, error })
}

/// A fact whose text is a value of its own.
fn stated<T: FromStr>(
    facts: &Facts,
    name: &str,
    because: impl FnOnce(String, T::Err) -> PredictorError,
) -> Result<Option<T>> {
    let Some(text) = facts.get(name).map(ToString::to_string) else { return Ok(None) };
    text.parse().map(Some).map_err(|error| because(text, error))
}

/// The same of a checkpoint of a run, without a look at its tensors.
///
/// # Errors
/// A file that cannot be read, and [`PredictorError::Thresholds`].
pub fn calibration_at(checkpoint: &Path) -> Result<Option<Calibration>> {
    calibration_of(&Facts::of_metadata(&TensorFile::read_metadata(checkpoint)?), checkpoint)
}
