//! The files of a report: its page and its charts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::contents::Report;
use super::plots;
use crate::atomic_file::{write_atomically, write_in_new_folder};

impl Report {
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
