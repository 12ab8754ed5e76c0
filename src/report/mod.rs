//! Reports of runs: curves from their logs, figures from their evaluations, single images, and runs side by side, as one
//! HTML file that needs nothing beside it, as SVG charts, and as JSON.

mod axis;
mod bland_altman;
mod cases;
mod chart;
mod comparison;
mod curve;
mod document;
mod evaluation;
mod forest;
mod log;
mod outline;
mod page;
mod palette;
mod plots;
mod run;
mod section;
mod tables;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use bland_altman::BlandAltman;
pub use cases::{Case, Kind, MOST_STD, View, Viewer, choose, open};
pub use comparison::{Difference, Measure, paired};
pub use evaluation::{Evaluation, ImageRow};
pub use log::{RunLog, Series, ValidationPoint};
pub use run::Run;
pub use section::{Comparison, Section, sections};

use crate::data::Split;
use crate::formats::{write_atomically, write_in_new_folder};

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
    /// which checkpoint's evaluations are shown, where there are several: `best` or `last`
    pub preferred: &'static str,
    /// single images of the first split
    pub cases: Vec<Case>,
    /// further remarks, a sentence each
    pub notes: Vec<String>,
}

impl Report {
    /// The report of runs as they are, without images.
    pub fn new(runs: Vec<Run>, preferred: &'static str) -> Report {
        let first = default_split(&runs);
        Report { runs, first, preferred, cases: Vec::new(), notes: Vec::new() }
    }

    /// Evaluations by split.
    pub fn sections(&self) -> Vec<Section<'_>> {
        sections(&self.runs, &self.first, self.preferred)
    }

    /// Writes the HTML file, whole or not at all.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = self.page().into_string();
        Ok(write_atomically(path, |file| file.write_all(text.as_bytes()))?)
    }

    /// Writes every chart as an SVG file into a folder, and gives their paths.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_charts(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let runs = &self.runs;
        let sections = self.sections();
        let curves = [plots::losses(runs), plots::validations(runs), plots::prototypes(runs)].concat();
        let agreement = sections.iter().flat_map(|section| plots::agreement(section, runs));
        let differences = sections.iter().flat_map(|section| plots::differences(section, runs));
        let files = curves.into_iter().chain(agreement).map(|chart| (chart.name.clone(), chart.file()));
        let files = files.chain(differences.map(|forest| (forest.name.clone(), forest.file())));
        let mut paths = Vec::new();
        for (name, text) in files {
            let path = folder.join(format!("{name}.svg"));
            write_in_new_folder(&path, |file| file.write_all(text.as_bytes()))
                .with_context(|| format!("cannot write the chart `{}`", path.display()))?;
            paths.push(path);
        }
        Ok(paths)
    }
}
