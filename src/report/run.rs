//! A RUN folder as a report sees it.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

use super::evaluation::{Evaluation, last_components};
use super::log::RunLog;
use crate::train::{Config, Environment, RunSettingsError, settings_of_run};

/// What a run's folder holds.
#[derive(Clone, Debug)]
pub struct Run {
    /// where it lies
    pub folder: PathBuf,
    /// what tells it from the other runs of the report
    pub name: String,
    /// the same for names of files, letters and digits
    pub slug: String,
    /// its settings
    pub config: Config,
    /// what it was computed with, if that was kept
    pub environment: Option<Environment>,
    /// losses, validations and distances of prototypes
    pub log: RunLog,
    /// figures of images on splits
    pub evaluations: Vec<Evaluation>,
    /// what is missing or damaged, a sentence each
    pub notes: Vec<String>,
}

impl Run {
    /// Reads a run, finished or not.
    ///
    /// # Errors
    /// A folder that holds no run, and settings that cannot be read.
    pub fn read(folder: &Path) -> Result<Run> {
        let (config, of_settings) = settings_of_run(folder).map_err(|error| match error {
            RunSettingsError::NoRun { .. } => anyhow!("{error}; name a folder that `train --out` has made"),
            error => error.into(),
        })?;
        let mut log = RunLog::read(folder)?;
        let (evaluations, mut notes) = Evaluation::in_run(folder)?;
        notes.splice(0..0, of_settings.into_iter().chain(std::mem::take(&mut log.notes)));
        let (environment, folder) = (Environment::read(folder), folder.to_path_buf());
        Ok(Run { name: String::new(), slug: String::new(), folder, config, environment, log, evaluations, notes })
    }

    /// Reads several, and gives each a name of its own: as much of the ends of their paths as it takes.
    ///
    /// # Errors
    /// As [`Run::read`]; and a folder that is named twice.
    pub fn read_all(folders: &[PathBuf]) -> Result<Vec<Run>> {
        let mut runs = folders.iter().map(|folder| Run::read(folder)).collect::<Result<Vec<_>>>()?;
        let paths: Vec<PathBuf> =
            folders.iter().map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.clone())).collect();
        if let Some(index) = (1..paths.len()).find(|&index| paths[..index].contains(&paths[index])) {
            bail!("`{}` is named twice; name each run once", folders[index].display());
        }
        let mut slugs = Vec::new();
        for (index, run) in runs.iter_mut().enumerate() {
            let name = |path: &PathBuf, count| last_components(path, count);
            let is_unique = |count: &usize| {
                let own = name(&paths[index], *count);
                paths.iter().enumerate().all(|(other, path)| other == index || name(path, *count) != own)
            };
            let count = (1..=paths[index].components().count()).find(is_unique).unwrap_or(1);
            run.name = name(&paths[index], count);
            run.slug = unique_slug(&run.name, &mut slugs);
        }
        Ok(runs)
    }

    /// Path of a checkpoint, `best` or `last`, if the run has it.
    pub fn checkpoint(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.join("checkpoints").join(format!("{name}.safetensors"))).filter(|path| path.is_file())
    }
}

/// Letters and digits of a name, for files and for parts of a page, unlike those in `taken`.
pub(super) fn unique_slug(name: &str, taken: &mut Vec<String>) -> String {
    let kept: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let slug = kept.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-").to_lowercase();
    let mut candidates = std::iter::once(slug.clone()).chain((2..).map(|number| format!("{slug}-{number}")));
    let found = candidates.find(|candidate| !candidate.is_empty() && !taken.contains(candidate));
    let found = found.expect("there is always a further number");
    taken.push(found.clone());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).expect("the folder is writable");
        std::fs::write(folder.join("config.toml"), "source = 'clinic'").expect("the folder is writable");
        folder.to_path_buf()
    }

    #[test]
    fn names_are_as_long_as_it_takes() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folders = ["x/first", "y/first", "y/second"].map(|name| run(&root.path().join(name)));
        let names: Vec<String> = Run::read_all(&folders).expect("runs").into_iter().map(|run| run.name).collect();
        assert_eq!(names, ["x/first", "y/first", "second"]);
        let twice = [folders[0].clone(), root.path().join("y/../x/first")];
        assert!(Run::read_all(&twice).expect_err("the same folder").to_string().contains("is named twice"));
    }

    #[test]
    fn slugs_are_plain_and_differ() {
        let mut taken = Vec::new();
        let slugs = ["a/B.1", "a-b 1", "<&>", "é"].map(|name| unique_slug(name, &mut taken));
        assert_eq!(slugs, ["a-b-1", "a-b-1-2", "-2", "-3"]);
    }

    #[test]
    fn a_folder_without_a_run_is_refused_by_name() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let error = Run::read(root.path()).expect_err("the folder is empty").to_string();
        assert!(error.contains("holds no `config.toml`") && error.contains("train --out"), "{error}");
        let error = Run::read(&root.path().join("absent")).expect_err("nothing is there").to_string();
        assert!(error.contains("does not exist"), "{error}");
        let damaged = run(root.path());
        std::fs::write(damaged.join("config.toml"), "source = ").expect("the folder is writable");
        let error = Run::read(&damaged).expect_err("the settings are cut off").to_string();
        assert!(error.contains("config.toml"), "{error}");
    }
}
