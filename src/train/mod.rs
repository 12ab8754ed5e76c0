//! The training loop: settings, schedule, validation, checkpoints, resume, logs.

mod architecture;
mod calibration;
mod checkpoint;
mod continuation;
mod data_record;
mod datasets;
mod environment;
mod error;
mod glossary;
mod located;
mod logs;
mod memory;
mod observer;
mod outcome;
mod overlaps;
mod pictures;
mod predictor;
mod prototypes;
mod recipe;
mod recommended;
mod run_folder;
mod run_settings;
mod schedule;
mod session;
mod settings;
mod signs;
mod stage;
mod step_settings;
mod target_statistics;
mod terms;
mod validation;
mod weights;

pub use architecture::{NoSuchNetwork, architecture_of, backbone_of, stated};
pub use calibration::calibrate;
pub use checkpoint::{Checkpoint, CheckpointError, Progress, ResumeFrom};
pub use continuation::{ChangedData, Resume};
pub use data_record::DataRecord;
pub use environment::Environment;
pub use error::{MemoryLimit, MemoryShortage, TrainError};
pub use glossary::LOG_COLUMNS;
pub use located::NotFound;
pub use logs::{LogBytes, LogError, Phase, StepRecord, ValidationRecord, last_epoch};
pub use memory::{fitting_step, validation_bytes};
pub use observer::{Event, Observer};
pub use outcome::{ChosenOn, Outcome};
pub use overlaps::{Seen, seen_in_training};
pub use pictures::{Channels, Shown};
pub use predictor::{
    Origin, PredictorError, TrainedNetwork, calibration_at, calibration_of, load_predictor, load_stochastic_predictor,
    trained_at, views_of,
};
pub use recommended::{CheckpointTaken, checkpoint_at};
pub use run_folder::files_of_run;
pub use run_settings::{Contradiction, RunSettingsError, runs_in, settings_of_run};
pub use schedule::{CategoryLosses, Length};
pub use session::Session;
pub use settings::{
    AugmentSetting, Change, ColourMatch, Config, ConfigError, ConfigFileError, Given, Kind, Method, NormSetting,
    SETTINGS, Scope, Selection, Setting, Spelling, Switch,
};
pub use target_statistics::{ChannelStatistics, StatisticsError, estimate, move_statistics};
pub use weights::{Demand, ImpossibleValue, WeightsError, initialise, load_generator, load_weights};
