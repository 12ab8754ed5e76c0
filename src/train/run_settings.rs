//! The settings of a run: those that its checkpoints hold. `config.toml` says the same, or somebody has altered it.

use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, ResumeFrom};
use super::schedule::Length;
use super::settings::{Config, ConfigFileError, SETTINGS};
use crate::input_file;

/// Name of the file in the folder of a run.
pub(super) const FILE: &str = "config.toml";

/// Why the settings of a run are not known.
#[derive(Debug, thiserror::Error)]
pub enum RunSettingsError {
    /// Neither a checkpoint nor settings.
    #[error("`{}` is no run: it {problem}", run.display())]
    NoRun {
        /// the folder
        run: PathBuf,
        /// what it lacks
        problem: &'static str,
    },
    /// Settings that cannot be read, where no checkpoint has them.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// of the file
        path: PathBuf,
        /// the system's reason
        #[source]
        error: std::io::Error,
    },
    /// Settings that are none, where no checkpoint has them.
    #[error(transparent)]
    File(#[from] ConfigFileError),
    /// Two answers.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

/// A `config.toml` that says something else than the checkpoint, which holds what was computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` contradicts `{}`, which holds what was computed: {}; put the file right, or remove it, and it is written again on resuming",
    path.display(),
    checkpoint.display(),
    settings.join(", ")
)]
pub struct Contradiction {
    /// of the settings
    path: PathBuf,
    /// of the checkpoint
    checkpoint: PathBuf,
    /// which settings, and their values in both
    settings: Vec<String>,
}

/// The settings of a run, and a sentence on each file that does not tell them.
///
/// # Errors
/// A folder without a run, and a `config.toml` that contradicts a checkpoint.
pub fn settings_of_run(run: &Path) -> Result<(Config, Vec<String>), RunSettingsError> {
    let mut checkpoints = ResumeFrom::ALL.map(|checkpoint| checkpoint.path(run)).into_iter();
    let known = checkpoints.find_map(|path| Some((Checkpoint::settings(&path).ok()?, path)));
    match known {
        Some((config, checkpoint)) => {
            let note = agree(run, &config, &checkpoint)?;
            Ok((config, note.into_iter().collect()))
        }
        None => {
            let path = run.join(FILE);
            if !path.exists() {
                let problem = if run.is_dir() { "holds no `config.toml`" } else { "does not exist or is no folder" };
                return Err(RunSettingsError::NoRun { run: run.to_path_buf(), problem });
            }
            let text =
                input_file::read_text(&path).map_err(|error| RunSettingsError::Read { path: path.clone(), error })?;
            Ok((Config::from_toml(&text, &path)?, Vec::new()))
        }
    }
}

/// The runs that lie in a folder, sorted.
pub fn runs_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut runs: Vec<PathBuf> = entries.filter(|path| path.join(FILE).is_file()).collect();
    runs.sort();
    runs
}

/// Refuses a `config.toml` that contradicts a checkpoint; gives a sentence on one that cannot be read. One that is missing
/// contradicts nothing.
pub(super) fn agree(run: &Path, config: &Config, checkpoint: &Path) -> Result<Option<String>, Contradiction> {
    let path = run.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let useless = |problem: String| format!("{problem}; the settings are those of `{}`", checkpoint.display());
    let text = match input_file::read_text(&path) {
        Ok(text) => text,
        Err(error) => return Ok(Some(useless(format!("`{}` cannot be read ({error})", path.display())))),
    };
    let written = match Config::from_toml(&text, &path) {
        Ok(written) => written,
        Err(error) => return Ok(Some(useless(error.to_string()))),
    };
    if written == *config {
        return Ok(None);
    }
    let lines = |config: &Config| config.to_toml().unwrap_or_default();
    let value = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        line.unwrap_or("nothing").to_string()
    };
    let (own, saved) = (lines(&written), lines(config));
    let differing = SETTINGS.iter().filter_map(|setting| {
        let (there, here) = (value(&own, setting.name), value(&saved, setting.name));
        (there != here)
            .then(|| (setting.name, format!("`{}` is {there} there and {here} in the checkpoint", setting.name)))
    });
    // A checkpoint from before the run was made longer computed the same.
    let (lengths, others): (Vec<_>, Vec<_>) = differing.partition(|(name, _)| Length::SETTINGS.contains(name));
    let [lengths, settings] =
        [lengths, others].map(|list| list.into_iter().map(|(_, told)| told).collect::<Vec<String>>());
    match settings.is_empty() {
        true if lengths.is_empty() => Ok(None),
        true => Ok(Some(format!(
            "`{}` has another length than `{}`, whose length counts unless one is given on resuming: {}",
            path.display(),
            checkpoint.display(),
            lengths.join(", ")
        ))),
        false => Err(Contradiction { path, checkpoint: checkpoint.to_path_buf(), settings }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::train::Method;

    fn with(text: &str) -> Result<Option<String>, Contradiction> {
        let run = tempfile::tempdir().expect("a temporary folder");
        fs::write(run.path().join(FILE), text).expect("the folder is writable");
        let config = Config { batch: 4, ..Config::new("clinic".into()) };
        agree(run.path(), &config, Path::new("last.safetensors"))
    }

    #[test]
    fn what_was_computed_cannot_be_told_otherwise() {
        assert_eq!(with("source = 'clinic'\nbatch = 4\n# a remark"), Ok(None));
        let error = with("source = 'clinic'\nmethod = 'clr'\nbatch = 8").expect_err("it was another method");
        assert_eq!(
            error.settings,
            [
                "`method` is \"clr\" there and \"source-only\" in the checkpoint",
                "`batch` is 8 there and 4 in the checkpoint"
            ]
        );
        let longer = with("source = 'clinic'\nbatch = 4\nepochs = 900").expect("a length contradicts nothing");
        assert!(longer.is_some_and(|note| note.contains("`epochs` is 900 there and 500 in the checkpoint")));
        let damaged = with("source = ").expect("it contradicts nothing").expect("it is told");
        assert!(damaged.ends_with("the settings are those of `last.safetensors`"), "{damaged}");
    }

    #[test]
    fn a_run_without_a_checkpoint_has_the_settings_of_its_file() {
        let run = tempfile::tempdir().expect("a temporary folder");
        let error = settings_of_run(run.path()).expect_err("it is empty").to_string();
        assert!(error.ends_with("holds no `config.toml`"), "{error}");
        fs::write(run.path().join(FILE), "source = 'clinic'\nmethod = 'clr'").expect("the folder is writable");
        assert_eq!(settings_of_run(run.path()).expect("settings").0.method, Method::Clr);
        fs::remove_file(run.path().join(FILE)).expect("it is there");
        fs::create_dir(run.path().join(FILE)).expect("the folder is writable");
        assert!(matches!(settings_of_run(run.path()), Err(RunSettingsError::Read { .. })));
    }
}
