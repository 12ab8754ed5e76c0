//! Evaluations of one split, of one run or several.

use std::path::{Path, PathBuf};

use super::comparison::{Difference, paired};
use super::evaluation::Evaluation;
use super::run::{Run, unique_slug};
use crate::train::ResumeFrom;

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

/// The splits that runs were evaluated on: the one of `first` in front, then by name. An evaluation that is older than its
/// checkpoint is in none. Of several of a run that of the checkpoint `preferred` is chosen, or else of the recommended one.
pub fn sections<'a>(runs: &'a [Run], first: &Path, preferred: Option<ResumeFrom>) -> Vec<Section<'a>> {
    let mut sections: Vec<Section<'a>> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        for evaluation in run.evaluations.iter().filter(|evaluation| !evaluation.is_stale) {
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
        for (index, run) in runs.iter().enumerate() {
            let own = section.all.iter().filter(|(run, _)| *run == index);
            let preferred = preferred.unwrap_or_else(|| run.recommended()).name();
            let best = own
                .min_by_key(|(_, evaluation)| (evaluation.checkpoint_name() != preferred, evaluation.folder.clone()));
            section.chosen.extend(best);
        }
    }
    sections
}

impl Section<'_> {
    /// Which masks the figures of images are of, as sentences have it.
    pub fn masks(&self) -> String {
        let Some(((_, first), others)) = self.chosen.split_first() else { return String::new() };
        match others.iter().all(|(_, other)| other.masking == first.masking) {
            true => first.masking.to_string(),
            false if others.iter().all(|(_, other)| first.is_made_like(other)) => {
                let all = self.chosen.iter().map(|(_, own)| own.masking.at());
                format!(
                    "{} of each run at its own thresholds, {}",
                    first.masking.masks.words(),
                    all.collect::<Vec<_>>().join("; ")
                )
            }
            false => first.masking.to_string(),
        }
    }

    /// The checkpoints whose figures of images are shown, as sentences have them.
    pub fn checkpoints(&self, runs: &[Run]) -> String {
        let told = |(run, evaluation): &(usize, &Evaluation)| {
            let checkpoint = evaluation.checkpoint_told(runs[*run].log.steps);
            if runs.len() == 1 { checkpoint } else { format!("{}: {checkpoint}", runs[*run].name) }
        };
        self.chosen.iter().map(told).collect::<Vec<_>>().join("; ")
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::metrics::Masks;

    #[test]
    fn of_an_adaptation_the_last_checkpoint_is_shown_and_none_that_is_stale() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let run = root.path().join("run");
        for (name, steps) in [("best", 4), ("last", 8)] {
            let folder = run.join(name);
            fs::create_dir_all(&folder).expect("it is writable");
            let summary = serde_json::json!({
                "images": 1, "data": "a/clinic/test", "checkpoint": format!("{name}.safetensors"), "steps": steps,
                "threshold_cup": 0.75, "threshold_disc": 0.75, "erosion": 0
            });
            fs::write(folder.join("summary.json"), summary.to_string()).expect("it is writable");
            let table = "name,cup_dice,disc_dice,vcdr_predicted,vcdr_true,vcdr_error\na,1,1,,,\n";
            fs::write(folder.join("metrics.csv"), table).expect("it is writable");
        }
        fs::write(run.join("metrics.jsonl"), "{\"step\":7,\"epoch\":0}\n").expect("it is writable");
        let shown = |settings: &str, preferred| {
            fs::write(run.join("config.toml"), format!("source = 'a'\ntarget = 'b'\n{settings}")).expect("writable");
            let mut runs = [Run::read(&run, Masks::Raw).expect("a run")];
            let told = sections(&runs, Path::new(""), preferred)[0].checkpoints(&runs);
            runs[0].evaluations.iter_mut().for_each(|own| own.is_stale = own.checkpoint_name() == "last");
            assert_eq!(sections(&runs, Path::new(""), preferred)[0].all.len(), 1);
            told
        };
        assert_eq!(shown("", None), "best, after 4 of 8 steps");
        assert_eq!(shown("method = 'clr'", None), "last, after 8 of 8 steps");
        assert_eq!(shown("method = 'clr'", Some(ResumeFrom::Best)), "best, after 4 of 8 steps");
    }
}
