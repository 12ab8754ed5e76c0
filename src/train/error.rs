//! Why a run cannot begin, or ended early.

use std::io;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use super::checkpoint::{CheckpointError, ResumeFrom};
use super::logs::LogError;
use super::run_settings::Contradiction;
use super::settings::{ConfigError, ConfigFileError};
use super::weights::WeightsError;
use crate::atomic_file::WriteError;
use crate::data::DataError;
use crate::data::names::counted;
use crate::device::DeviceError;
use crate::gpu::GpuError;
use crate::graph::{Precision, ShapeError};
use crate::inference::InferenceError;
use crate::metrics::MetricsError;

/// Why a run cannot begin, or ended early: what is wrong, and not which flags would change it.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Settings with which there is no run.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// Settings that cannot be written.
    #[error(transparent)]
    SettingsFile(#[from] ConfigFileError),
    /// A dataset that cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// More is held out than there is.
    #[error(
        "`{}` has {}; choosing the best checkpoint on the source holds out every tenth and needs at least 10; \
         use more regions",
        directory.display(), counted(*regions, "region")
    )]
    NothingHeldOut {
        /// of the source's training split
        directory: PathBuf,
        /// regions in it
        regions: usize,
    },
    /// A usual warm-up, which nobody has asked for, that outlasts the run.
    #[error(
        "the run would end after {} in its warm-up, without the category-level losses that `{method}` is named for: they begin \
         after {warmup} steps", counted(*steps as usize, "step")
    )]
    OnlyWarmup {
        /// name of the method
        method: &'static str,
        /// steps of the run
        steps: u64,
        /// steps of the warm-up
        warmup: u64,
    },
    /// Not a single batch can be made.
    #[error(
        "`{}` has {} to train on{}, fewer than one batch of {batch}", directory.display(), counted(*regions, "region"),
        match held_out {
            0 => String::new(),
            count => format!(" (every tenth by name, {count} of {}, is held out to choose the best checkpoint)", regions + count),
        }
    )]
    TooFewRegions {
        /// of the training split
        directory: PathBuf,
        /// regions to train on
        regions: usize,
        /// regions that are held out beside them
        held_out: usize,
        /// regions of a batch
        batch: usize,
    },
    /// Weights that cannot be begun from.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A checkpoint that cannot be used, or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint is damaged, and another one may be whole.
    #[error("{error}; {}", match whole {
        Some((checkpoint, step)) => format!("the {} checkpoint, of step {step}, is whole", checkpoint.name()),
        None => "there is no other whole checkpoint to go on from".to_string(),
    })]
    DamagedCheckpoint {
        /// what is wrong with it
        error: Box<CheckpointError>,
        /// another one, and the steps done there
        whole: Option<(ResumeFrom, u64)>,
        /// folder of the run
        run: PathBuf,
    },
    /// A `config.toml` that says something else than the checkpoint.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// Other regions than those that the run began with: what it was trained on may be held out now, and the other way round.
    #[error("the regions are not those that the run of `{}` began with: {}; restore them", run.display(), changes.join("; "))]
    DataChanged {
        /// folder of the run
        run: PathBuf,
        /// a sentence for each part of the data
        changes: Vec<String>,
    },
    /// A file of the logs.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A folder that cannot be made, or a lock that cannot be written.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// `create` or `write`
        action: &'static str,
        /// of the folder or file
        path: PathBuf,
        /// the system's reason
        #[source]
        error: io::Error,
    },
    /// The device refuses.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The step cannot be traced.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A validation cannot be computed.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// A validation cannot be measured.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The step needs more memory than it may use.
    #[error(transparent)]
    Memory(#[from] Box<MemoryShortage>),
    /// There is no run in a folder.
    #[error("`{}` holds no run to resume: `{}` does not exist", run.display(), missing.display())]
    NoRun {
        /// the folder
        run: PathBuf,
        /// its last checkpoint
        missing: PathBuf,
    },
    /// A length that a run is beyond already.
    #[error(
        "`{}` has done {} already, of which an epoch has {per_epoch}, and {asked} are asked for", run.display(),
        counted(*done as usize, "step")
    )]
    NotLonger {
        /// folder of the run
        run: PathBuf,
        /// steps done
        done: u64,
        /// steps that it was to have
        asked: u64,
        /// steps of an epoch
        per_epoch: u64,
    },
    /// Somebody else trains.
    #[error("another program{} is training into `{}`", process.as_ref().map_or(String::new(), |p| format!(" (process {p})")), run.display())]
    InUse {
        /// folder of the run
        run: PathBuf,
        /// its number, where it can be read
        process: Option<String>,
    },
    /// A run that a new one would overwrite.
    #[error("`{}` already holds a run", .0.display())]
    HoldsRun(PathBuf),
    /// A file that a new run would overwrite.
    #[error("`{}` is in the way of a new run, and `{}` holds none to resume", path.display(), run.display())]
    InTheWay {
        /// the file
        path: PathBuf,
        /// folder of the run
        run: PathBuf,
    },
    /// Values that overflowed. A run that is continued would overflow again.
    #[error("{what}; `{}` holds the last good checkpoint", last.display())]
    NotFinite {
        /// the value, and when
        what: String,
        /// the checkpoint
        last: PathBuf,
    },
    /// Something ended a run that can be continued.
    #[error("the run stopped after step {step}, and can go on from step {saved} once the cause is gone")]
    Stopped {
        /// steps done
        step: u64,
        /// steps done at the last checkpoint
        saved: u64,
        /// folder of the run
        run: PathBuf,
        /// the cause
        #[source]
        error: Box<TrainError>,
    },
}

impl TrainError {
    /// For `map_err` on calls of the system.
    pub(super) fn file(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |error| TrainError::File { action, path: path.clone(), error }
    }

    /// Whether the device is gone, or not back yet.
    pub(super) fn is_lost(&self) -> bool {
        let device = match self {
            TrainError::Device(error)
            | TrainError::Inference(InferenceError::Device(error))
            | TrainError::Weights(WeightsError::Device(error))
            | TrainError::Checkpoint(CheckpointError::Device(error)) => error,
            _ => return false,
        };
        matches!(device, DeviceError::Gpu(GpuError::Lost { .. } | GpuError::Open { .. } | GpuError::NoAdapter))
    }
}

impl From<GpuError> for TrainError {
    fn from(error: GpuError) -> Self {
        TrainError::Device(error.into())
    }
}

/// Memory that a step may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// the budget of the settings, in bytes
    Budget(u64),
    /// what the machine has
    Machine {
        /// bytes
        bytes: u64,
        /// the adapter
        name: String,
    },
}

/// How much memory a step needs, how much it may use, and the least changes of single settings with which it would fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}, more than {}", self.needs(), match &limit {
    MemoryLimit::Budget(bytes) => format!("the budget of {}", iec(*bytes)),
    MemoryLimit::Machine { bytes, name } => format!("the {} that `{name}` has", iec(*bytes)),
})]
pub struct MemoryShortage {
    /// bytes of a step that computes values again rather than keep them
    pub recomputing: u64,
    /// bytes of one that keeps them
    pub keeping: u64,
    /// bytes of the networks that the run validates with
    pub validation: u64,
    /// what there is
    pub limit: MemoryLimit,
    /// images of a batch, and with how many it would fit
    pub batch: (usize, Option<usize>),
    /// rows and columns of the images, and with how many it would fit
    pub size: (usize, Option<usize>),
    /// the precision with which it would fit
    pub precision: Option<Precision>,
}

fn iec(bytes: u64) -> impl std::fmt::Display {
    ByteSize(bytes).display().iec()
}

impl MemoryShortage {
    /// What it needs, as the beginning of a sentence.
    pub fn needs(&self) -> String {
        let beside = match self.validation {
            0 => String::new(),
            bytes => format!(" and its validation {}", iec(bytes)),
        };
        let (recomputing, keeping) = (iec(self.recomputing), iec(self.keeping));
        format!("the step needs {recomputing} ({keeping} without recomputing){beside}")
    }
}
