//! How a run is continued: from where, for how long, and on which regions.

use std::path::Path;

use super::checkpoint::{Checkpoint, ResumeFrom};
use super::data_record::DataRecord;
use super::error::TrainError;
use super::schedule::Length;
use super::settings::Config;

type Result<T> = std::result::Result<T, TrainError>;

/// How a run is continued.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resume {
    /// from which checkpoint
    pub from: ResumeFrom,
    /// whether its data may be others
    pub data: ChangedData,
    /// how long it is to be in all, if that is to be another length
    pub length: Length,
}

/// What becomes of a run whose regions are not those that it began with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangedData {
    /// it is refused
    #[default]
    Refuse,
    /// it goes on with them
    Take,
}

/// Where a run goes on from, and how long it is to be.
pub(super) struct Origin<'a> {
    pub(super) checkpoint: Checkpoint,
    pub(super) path: &'a Path,
    pub(super) length: Length,
    pub(super) run: &'a Path,
}

impl Origin<'_> {
    /// The settings with the new length, which is no shorter than what is done.
    pub(super) fn lengthened(&self, config: Config, batches_per_epoch: u64) -> Result<Config> {
        let config = self.length.of(config, batches_per_epoch);
        config.check()?;
        let (done, asked) = (self.checkpoint.progress.step, config.total_steps(batches_per_epoch));
        match self.length.is_another() && asked < done {
            true => {
                Err(TrainError::NotLonger { run: self.run.to_path_buf(), done, asked, per_epoch: batches_per_epoch })
            }
            false => Ok(config),
        }
    }
}

/// Refuses regions that are not those of the checkpoint, unless they are to be taken; gives a sentence on what is different or
/// not known.
pub(super) fn unchanged(
    run: &Path,
    began_with: Option<DataRecord>,
    now: &DataRecord,
    data: ChangedData,
) -> Result<Option<String>> {
    let Some(began_with) = began_with else {
        let note =
            "the run is of an earlier version and does not tell which regions it began with; from now on it does";
        return Ok(Some(note.to_string()));
    };
    let changes = began_with.changes(now);
    match data {
        _ if changes.is_empty() => Ok(None),
        ChangedData::Refuse => Err(TrainError::DataChanged { run: run.to_path_buf(), changes }),
        ChangedData::Take => {
            Ok(Some(format!("the run goes on with other regions than it began with: {}", changes.join("; "))))
        }
    }
}
