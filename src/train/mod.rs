//! The training loop: settings, schedule, validation, checkpoints, resume, logs.

mod architecture;
mod checkpoint;
mod config;
mod config_file;
mod datasets;
mod environment;
mod logs;
mod memory;
mod observer;
mod pictures;
mod predictor;
mod prototypes;
mod run_folder;
mod schedule;
mod session;
mod stage;
mod validation;
mod weights;

pub use architecture::{architecture_of, backbone_of, stated};
pub use checkpoint::{Checkpoint, CheckpointError, Progress};
pub use config::{AugmentSetting, Config, Method, NormSetting, Selection, Switch};
pub use environment::Environment;
pub use logs::{StepRecord, ValidationRecord, last_epoch};
pub use memory::{fitting_step, validation_bytes};
pub use observer::{Event, Observer};
pub use pictures::{Channels, Shown};
pub use predictor::{load_predictor, load_stochastic_predictor};
pub use run_folder::{ResumeFrom, resume_command};
pub use session::{Outcome, Session};
pub use weights::{initialise, load_generator, load_weights};
