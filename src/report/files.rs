//! The files of a report: its page, its charts, and its differences as a table.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::comparison::Difference;
use super::contents::Report;
use super::{plots, threshold_plots};
use crate::own_file::{Overwriting, Purpose};

impl Report {
    /// Writes the HTML file, whole or not at all.
    ///
    /// # Errors
    /// When the system refuses, or something is there that may not be replaced.
    pub fn write(&self, overwriting: &Overwriting, path: &Path) -> Result<()> {
        let text = self.page().into_string();
        Ok(overwriting.write(path, Purpose::Report, |file| file.write_all(text.as_bytes()))?)
    }

    /// Writes every chart as an SVG file into a folder, and gives their paths.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_charts(&self, overwriting: &Overwriting, folder: &Path) -> Result<Vec<PathBuf>> {
        let runs = &self.runs;
        let sections = self.sections();
        let curves =
            [plots::losses(runs), plots::validations(runs), plots::unlabelled(runs), plots::prototypes(runs)].concat();
        let agreement = sections.iter().flat_map(|section| plots::agreement(section, runs));
        let over_thresholds = sections.iter().flat_map(|section| threshold_plots::over_thresholds(section, runs));
        let differences = sections.iter().flat_map(|section| plots::differences(section, runs));
        // What nobody may miss who copies a chart stands in it.
        let marks = self.marks().join(". ");
        let files = curves.into_iter().chain(over_thresholds).chain(agreement);
        let files = files.map(|chart| (chart.name.clone(), chart.file(&marks)));
        let files = files.chain(differences.map(|forest| (forest.name.clone(), forest.file(&marks))));
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let mut paths = Vec::new();
        for (name, text) in files {
            let path = folder.join(format!("{name}.svg"));
            overwriting.write(&path, Purpose::Chart, |file| file.write_all(text.as_bytes()))?;
            paths.push(path);
        }
        Ok(paths)
    }

    /// Writes the paired differences of several runs as a table into a folder, and gives its path.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_comparisons(&self, overwriting: &Overwriting, folder: &Path) -> Result<Option<PathBuf>> {
        let mut rows = Vec::new();
        for section in self.sections() {
            for comparison in section.comparisons() {
                let of = |run: usize| {
                    let evaluation = section.chosen.iter().find(|(index, _)| *index == run);
                    let checkpoint = evaluation.map(|(_, evaluation)| evaluation.checkpoint_name());
                    let steps = evaluation.and_then(|(_, evaluation)| evaluation.steps).map(|steps| steps.to_string());
                    [self.runs[run].name.clone(), checkpoint.unwrap_or_default(), steps.unwrap_or_default()]
                };
                let (baseline, other) = (of(comparison.baseline), of(comparison.other));
                let pair = [&[section.name.clone(), section.masks()], &baseline[..], &other].concat();
                let differences = comparison.differences.iter().flatten();
                rows.extend(differences.map(|difference| [&pair[..], &difference.csv_cells()].concat()));
            }
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let path = folder.join("comparisons.csv");
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let pair = [
            "data",
            "masks",
            "baseline",
            "baseline_checkpoint",
            "baseline_steps",
            "run",
            "run_checkpoint",
            "run_steps",
        ];
        let titles = [&pair[..], &Difference::CSV_COLUMNS].concat();
        overwriting.write_table(&path, &titles, rows)?;
        Ok(Some(path))
    }
}
