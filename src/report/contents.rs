//! What a report shows.

use std::path::PathBuf;

use super::cases::Case;
use super::run::Run;
use super::section::{Section, sections};
use crate::data::Split;
use crate::train::ResumeFrom;

/// The regions that say most of runs: the test split of the first target among them, or of the first source.
pub fn default_split(runs: &[Run]) -> PathBuf {
    let target = runs.iter().find_map(|run| run.config.target.as_ref());
    let dataset = target.or(runs.first().map(|run| &run.config.source));
    dataset.map_or(PathBuf::new(), |dataset| dataset.join(Split::Test.folder()))
}

/// Everything that a report shows.
pub struct Report {
    /// in the order in which they were named; the first is the baseline
    pub runs: Vec<Run>,
    /// the split whose evaluations come first
    pub first: PathBuf,
    /// which checkpoint's evaluations are shown, where there are several; if none is asked for, the one that is recommended
    pub preferred: Option<ResumeFrom>,
    /// single images of the first split
    pub cases: Vec<Case>,
    /// further remarks, a sentence each
    pub notes: Vec<String>,
}

impl Report {
    /// The report of runs as they are, without images.
    pub fn new(runs: Vec<Run>, preferred: Option<ResumeFrom>) -> Report {
        let first = default_split(&runs);
        Report { runs, first, preferred, cases: Vec::new(), notes: Vec::new() }
    }

    /// Evaluations by split.
    pub fn sections(&self) -> Vec<Section<'_>> {
        sections(&self.runs, &self.first, self.preferred)
    }
}
