//! The training loop: settings, schedule, validation, checkpoints, resume, logs.

mod checkpoint;
mod config;
mod datasets;
mod environment;
mod logs;
mod memory;
mod observer;
mod pictures;
mod prototypes;
mod schedule;
mod session;
mod stage;
mod validation;
mod weights;

pub use checkpoint::{Checkpoint, CheckpointError, Progress};
pub use config::{AugmentSetting, Config, Method, NormSetting, Selection, Switch};
pub use environment::Environment;
pub use logs::{StepRecord, ValidationRecord};
pub use memory::fitting_step;
pub use observer::{Event, Observer};
pub use pictures::{Channels, Shown};
pub use session::{Outcome, Session};
pub use weights::{initialise, load_generator};
