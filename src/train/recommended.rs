//! Which checkpoint of a run is to be taken, where somebody names the run alone.

use std::path::{Path, PathBuf};

use super::checkpoint::ResumeFrom;
use super::run_settings::{RunSettingsError, settings_of_run};
use super::settings::{Config, Selection};

impl ResumeFrom {
    /// The one that is taken unless another is named: `best`, but of an adaptation `last`, for the source chose `best`, and
    /// which step is best for the target it cannot tell.
    pub fn recommended(config: &Config) -> ResumeFrom {
        match config.adapts() && config.select == Selection::Source {
            true => ResumeFrom::Last,
            false => ResumeFrom::Best,
        }
    }
}

/// The checkpoint that a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointTaken {
    /// the file
    pub path: PathBuf,
    /// a sentence about which it is, of the folder of a run
    pub note: Option<String>,
}

/// Of the folder of a run the checkpoint that is [recommended](ResumeFrom::recommended), or the other if it lacks that; any other
/// path is the file itself.
///
/// # Errors
/// When the settings of the run cannot be read.
pub fn checkpoint_at(given: &Path) -> Result<CheckpointTaken, RunSettingsError> {
    if !ResumeFrom::folder(given).is_dir() {
        return Ok(CheckpointTaken { path: given.to_path_buf(), note: None });
    }
    let (config, _) = settings_of_run(given)?;
    let wanted = ResumeFrom::recommended(&config);
    let is_there = |which: &ResumeFrom| which.path(given).is_file();
    let taken = [wanted, ResumeFrom::Best, ResumeFrom::Last].into_iter().find(is_there).unwrap_or(wanted);
    let why = match (taken == wanted, wanted) {
        (false, wanted) => format!("there is no `{}` yet", wanted.name()),
        (true, ResumeFrom::Last) => "of an adaptation the last one, for the source chose the best one".to_string(),
        (true, _) => "that of the best validation".to_string(),
    };
    let path = taken.path(given);
    let note = format!("`{}` is a run, of which `{}` is taken: {why}", given.display(), path.display());
    Ok(CheckpointTaken { path, note: Some(note) })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn of_an_adaptation_the_last_checkpoint_is_taken_and_of_other_runs_the_best() {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (settings, wanted, other) in [
            ("", "best", "last"),
            ("target = 'b'", "best", "last"),
            ("target = 'b'\nmethod = 'clr'", "last", "best"),
            ("target = 'b'\nmethod = 'beal'\nselect = 'target'", "best", "last"),
        ] {
            let run = root.path().join("run");
            fs::create_dir_all(run.join("checkpoints")).expect("it is writable");
            fs::write(run.join("config.toml"), format!("source = 'a'\n{settings}")).expect("it is writable");
            let file = |name: &str| run.join("checkpoints").join(format!("{name}.safetensors"));
            fs::write(file(other), "").expect("it is writable");
            let taken = checkpoint_at(&run).expect("settings");
            let note = taken.note.expect("it is said");
            assert!(taken.path == file(other) && note.ends_with(&format!("there is no `{wanted}` yet")), "{note}");
            fs::write(file(wanted), "").expect("it is writable");
            let taken = checkpoint_at(&run).expect("settings");
            let note = taken.note.expect("it is said");
            assert!(taken.path == file(wanted) && note.contains(&format!("`{}`", file(wanted).display())), "{note}");
            let itself = checkpoint_at(&file(other)).expect("a file");
            assert_eq!(itself, CheckpointTaken { path: file(other), note: None });
            fs::remove_dir_all(&run).expect("it is ours");
        }
    }
}
