//! Evaluations of one split, of one run or several.

use std::path::{Path, PathBuf};

use super::comparison::{Difference, paired};
use super::evaluation::Evaluation;
use super::run::{Run, unique_slug};

/// A split, and the evaluations on it.
pub struct Section<'a> {
    /// folder of the split, as far as it can be told
    pub key: PathBuf,
    /// dataset and split
    pub name: String,
    /// the same for names of files
    pub slug: String,
    /// of each run by its place, all of them
    pub all: Vec<(usize, &'a Evaluation)>,
    /// one of each run that has any: what is shown image by image, and compared
    pub chosen: Vec<(usize, &'a Evaluation)>,
}

/// Another run against the first one of a section.
pub struct Comparison {
    /// place of the first run
    pub baseline: usize,
    /// place of the run that is compared with it
    pub other: usize,
    /// or why nothing is paired
    pub differences: Result<Vec<Difference>, String>,
}

/// The splits that runs were evaluated on: the one of `first` in front, then by name. Of several evaluations of a run
/// that of the checkpoint `preferred` is chosen, rather one that is newer than its checkpoint.
pub fn sections<'a>(runs: &'a [Run], first: &Path, preferred: &str) -> Vec<Section<'a>> {
    let mut sections: Vec<Section<'a>> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        for evaluation in &run.evaluations {
            let key = evaluation.data_key();
            let at = sections.iter().position(|section| section.key == key).unwrap_or_else(|| {
                let name = evaluation.data_name();
                sections.push(Section {
                    key: key.clone(),
                    name,
                    slug: String::new(),
                    all: Vec::new(),
                    chosen: Vec::new(),
                });
                sections.len() - 1
            });
            sections[at].all.push((index, evaluation));
        }
    }
    let first = first.canonicalize().unwrap_or_else(|_| first.to_path_buf());
    sections.sort_by_key(|section| (section.key != first, section.name.clone()));
    let mut slugs = Vec::new();
    for section in &mut sections {
        section.slug = unique_slug(&section.name, &mut slugs);
        for index in 0..runs.len() {
            let own = section.all.iter().filter(|(run, _)| *run == index);
            let best = own.min_by_key(|(_, evaluation)| {
                (evaluation.is_stale, evaluation.checkpoint_name() != preferred, evaluation.folder.clone())
            });
            section.chosen.extend(best);
        }
    }
    sections
}

impl Section<'_> {
    /// Which masks the figures of images are of, as sentences have it.
    pub fn masks(&self) -> String {
        self.chosen.first().map_or(String::new(), |(_, evaluation)| evaluation.masking.to_string())
    }

    /// Each further run against the first.
    pub fn comparisons(&self) -> Vec<Comparison> {
        let Some(((baseline, base), others)) = self.chosen.split_first() else { return Vec::new() };
        let compare = |(other, evaluation): &(usize, &Evaluation)| Comparison {
            baseline: *baseline,
            other: *other,
            differences: paired(base, evaluation),
        };
        others.iter().map(compare).collect()
    }
}
