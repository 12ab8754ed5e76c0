//! Checkpoints: one file with everything that a run needs to go on bit for bit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::data::colours::Colours;
use crate::device::{Device, DeviceError, States};
use crate::formats::{CHECKSUM, Facts, FormatError, HostTensor, TensorFile};
use crate::gpu::{Choices, Divisions};
use crate::graph::{Shape, State};
use crate::inference::FOLDED;
use crate::metrics::Calibration;
use crate::named::named_enum;
use crate::own_file::CHECKPOINT;

use super::data_record::DataRecord;
use super::logs::LogBytes;
use super::settings::{ColourMatch, Config, ConfigError, ConfigFileError};

/// Key of the files of the regions in the metadata. There may be thousands: it comes after the key by which checkpoints are known.
const DATA: &str = "regions";
/// Version of the layout, in the metadata: with a checksum.
const VERSION: &str = "2";
/// The version before, without one.
const UNCHECKED: &str = "1";

named_enum! {
    /// Which checkpoint a run goes on from.
    #[derive(Default)]
    pub enum ResumeFrom {
        /// the last one
        #[default]
        Last = "last",
        /// the one before it, should the last be damaged
        Previous = "previous",
        /// the one that a validation has chosen, should both be damaged
        Best = "best",
    }
}

impl ResumeFrom {
    /// Where all of them lie in the folder of a run.
    pub fn folder(run: &Path) -> PathBuf {
        run.join("checkpoints")
    }

    /// Where it lies in the folder of a run.
    pub fn path(self, run: &Path) -> PathBuf {
        Self::folder(run).join(format!("{}.safetensors", self.name()))
    }
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read or written, or is no safetensors file.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The states cannot be read from the device, or written to it.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A safetensors file of something else: weights alone can be begun from with `--init`, but not resumed.
    #[error("`{}` is not a checkpoint of this program: its metadata lack `{key}`", path.display())]
    NotACheckpoint {
        /// of the file
        path: PathBuf,
        /// first key that is missing
        key: &'static str,
    },
    /// A checkpoint of another version of this program: resume it with that one.
    #[error("`{}` was written as checkpoint version {found}; this program reads version {VERSION}", path.display())]
    Version {
        /// of the file
        path: PathBuf,
        /// version of its layout
        found: String,
    },
    /// Settings that cannot be read, or written.
    #[error(transparent)]
    SettingsFile(#[from] ConfigFileError),
    /// A checkpoint with settings that no run can have.
    #[error("`{}` has settings that cannot be used: {problem}", path.display())]
    Settings {
        /// of the file
        path: PathBuf,
        /// the first that cannot be used
        problem: ConfigError,
    },
    /// A checkpoint whose metadata were altered, so that another must be resumed.
    #[error("`{}` has no usable `{key}` in its metadata: `{value}`", path.display())]
    Metadata {
        /// of the file
        path: PathBuf,
        /// whose value cannot be used
        key: &'static str,
        /// the value, or why it cannot be used
        value: String,
    },
    /// A checkpoint of another network, or one that lacks tensors: the settings must be those of its run.
    #[error("`{}` does not fit this run: {reason}", path.display())]
    Unfit {
        /// of the file
        path: PathBuf,
        /// the first tensor that does not fit, and how
        reason: String,
    },
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// steps done
    pub step: u64,
    /// best mean Dice of a validation so far
    pub best_mean_dice: Option<f64>,
    /// bytes of the logs that belong to these steps
    pub log_bytes: LogBytes,
    /// thresholds that are best for the weights as they are, if a validation after the last step could tell
    pub calibration: Option<Calibration>,
    /// colours that images are brought to before the network sees them: fixed when the run begins, whatever becomes of its regions
    pub colours: Option<Colours>,
}

/// A checkpoint in memory.
pub struct Checkpoint {
    /// settings of the run
    pub config: Config,
    /// where the run stood
    pub progress: Progress,
    /// kernels that were chosen by measurement: others would add up in another order
    pub kernels: Choices,
    /// operators whose launches were divided, for the same reason
    pub divisions: Divisions,
    /// files of the regions; a checkpoint of an earlier version does not tell
    pub data: Option<DataRecord>,
    /// every state by name: weights, moments, running statistics, prototypes
    pub tensors: BTreeMap<String, HostTensor>,
}

/// States of a run without those that a predictor makes from them.
fn own_states(states: &States) -> Vec<State> {
    let made = format!("{FOLDED}.");
    states.list().into_iter().filter(|state| !state.name.starts_with(&made)).collect()
}

impl Checkpoint {
    /// Everything a run holds now.
    pub fn capture(
        config: &Config,
        progress: Progress,
        data: &DataRecord,
        device: &Device,
        states: &States,
    ) -> Result<Self, CheckpointError> {
        let list = own_states(states);
        let names: Vec<&str> = list.iter().map(|s| s.name.as_str()).collect();
        let values = states.read(&names)?;
        let tensors = list
            .iter()
            .zip(values)
            .map(|(State { name, shape }, data)| (name.clone(), HostTensor { shape: shape.to_vec(), data }));
        let (kernels, divisions) = (device.kernels(), device.divisions());
        let (config, data) = (config.clone(), Some(data.clone()));
        Ok(Checkpoint { config, progress, kernels, divisions, data, tensors: tensors.collect() })
    }

    /// Name of the first tensor that holds a NaN or an infinity.
    pub fn first_not_finite(&self) -> Option<&str> {
        self.tensors.iter().find(|(_, tensor)| !tensor.is_finite()).map(|(name, _)| name.as_str())
    }

    /// Gives the states their saved values.
    pub fn restore(&self, states: &States, path: &Path) -> Result<(), CheckpointError> {
        let unfit = |reason: String| CheckpointError::Unfit { path: path.to_path_buf(), reason };
        for State { name, shape } in own_states(states) {
            let tensor = self.tensors.get(&name).ok_or_else(|| unfit(format!("it has no tensor `{name}`")))?;
            if tensor.shape[..] != shape[..] {
                let found = Shape::from(tensor.shape.as_slice());
                return Err(unfit(format!("`{name}` has shape {found} where {shape} is expected")));
            }
            states.write(&name, &tensor.data)?;
        }
        Ok(())
    }

    /// Writes the file whole or not at all, and reads it again before it takes its place; the file that was there becomes
    /// `previous`, if that is given.
    pub fn write(self, path: &Path, previous: Option<&Path>) -> Result<(), CheckpointError> {
        let config = self.config.to_toml()?;
        let kernels = serde_json::to_string(&self.kernels).expect("names and unit variants are JSON");
        let divisions = serde_json::to_string(&self.divisions).expect("names and numbers are JSON");
        let Progress { step, best_mean_dice, log_bytes, calibration, colours } = self.progress;
        // Bits, so that the number reads back exactly.
        let best = best_mean_dice.map_or(String::new(), |v| v.to_bits().to_string());
        let metadata = [
            (CHECKPOINT, VERSION.to_string()),
            ("config", config),
            ("step", step.to_string()),
            ("best_mean_dice_bits", best),
            ("metrics_bytes", log_bytes.metrics.to_string()),
            ("log_bytes", log_bytes.table.to_string()),
            ("event_bytes", log_bytes.events.to_string()),
            ("kernels", kernels),
            ("divisions", divisions),
            // Filled in as the file is written.
            (CHECKSUM, String::new()),
        ];
        let mut metadata: BTreeMap<_, _> = metadata.map(|(key, value)| (key.to_string(), value)).into();
        if let Some(calibration) = calibration {
            metadata.insert(Facts::THRESHOLDS.to_string(), calibration.to_string());
        }
        if let Some(colours) = colours {
            metadata.insert(Facts::COLOURS.to_string(), colours.to_string());
        }
        if let Some(data) = &self.data {
            metadata.insert(DATA.to_string(), serde_json::to_string(data).expect("names and numbers are JSON"));
        }
        Ok(TensorFile { tensors: self.tensors, metadata }.write_verified(path, previous)?)
    }

    /// Whether the file at `path` says that it is a checkpoint of this program.
    pub fn recognises(path: &Path) -> bool {
        TensorFile::read_metadata(path).is_ok_and(|m| m.contains_key(CHECKPOINT))
    }

    /// The settings that the file says a run has, without a look at its tensors.
    pub fn settings(path: &Path) -> Result<Config, CheckpointError> {
        let metadata = TensorFile::read_metadata(path)?;
        let missing = |key| CheckpointError::NotACheckpoint { path: path.to_path_buf(), key };
        metadata.get(CHECKPOINT).ok_or_else(|| missing(CHECKPOINT))?;
        Ok(Config::from_toml(metadata.get("config").ok_or_else(|| missing("config"))?, path)?)
    }

    /// Reads a checkpoint, one that is damaged never.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let TensorFile { tensors, metadata } = TensorFile::read(path)?;
        let text = |key: &'static str| {
            let missing = || CheckpointError::NotACheckpoint { path: path.to_path_buf(), key };
            metadata.get(key).ok_or_else(missing)
        };
        let unusable = |key: &'static str, value: &str| CheckpointError::Metadata {
            path: path.to_path_buf(),
            key,
            value: value.to_string(),
        };
        let number = |key: &'static str| -> Result<u64, CheckpointError> {
            let value = text(key)?;
            value.parse().map_err(|_| unusable(key, value))
        };
        let version = text(CHECKPOINT)?;
        if version == VERSION {
            text(CHECKSUM)?;
        } else if version != UNCHECKED {
            return Err(CheckpointError::Version { path: path.to_path_buf(), found: version.clone() });
        }
        let config = Config::from_toml(text("config")?, path)?;
        config.check().map_err(|problem| CheckpointError::Settings { path: path.to_path_buf(), problem })?;
        let best_mean_dice = match text("best_mean_dice_bits")?.as_str() {
            "" => None,
            _ => Some(f64::from_bits(number("best_mean_dice_bits")?)),
        };
        // Runs of earlier versions had no event file.
        let events = if metadata.contains_key("event_bytes") { number("event_bytes")? } else { 0 };
        let log_bytes = LogBytes { metrics: number("metrics_bytes")?, table: number("log_bytes")?, events };
        let calibration = match metadata.get(Facts::THRESHOLDS) {
            Some(text) => Some(text.parse().map_err(|_| unusable(Facts::THRESHOLDS, text))?),
            None => None,
        };
        let colours = match metadata.get(Facts::COLOURS) {
            Some(text) => Some(text.parse().map_err(|_| unusable(Facts::COLOURS, text))?),
            None if config.match_colours == ColourMatch::Off => None,
            None => return Err(unusable(Facts::COLOURS, "")),
        };
        let progress = Progress { step: number("step")?, best_mean_dice, log_bytes, calibration, colours };
        let kernels = match metadata.get("kernels") {
            Some(kernels) => serde_json::from_str(kernels).map_err(|_| unusable("kernels", kernels))?,
            None => Choices::new(),
        };
        let divisions = match metadata.get("divisions") {
            Some(divisions) => serde_json::from_str(divisions).map_err(|_| unusable("divisions", divisions))?,
            None => Divisions::new(),
        };
        let data = match metadata.get(DATA) {
            Some(data) => Some(serde_json::from_str(data).map_err(|_| unusable(DATA, data))?),
            None => None,
        };
        Ok(Checkpoint { config, progress, kernels, divisions, data, tensors })
    }
}
