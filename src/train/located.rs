//! Where the files lie that settings name.

use std::io;
use std::path::PathBuf;

use super::settings::{Config, SETTINGS};
use crate::data::place::{PlaceError, Taken};

/// A path of the settings at which nothing lies.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be found", path.display())]
pub struct NotFound {
    /// as it was given
    pub path: PathBuf,
    /// why
    #[source]
    pub error: io::Error,
}

impl Config {
    /// Takes datasets for what they are meant as; gives what is to be said of that.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn take_datasets(&mut self) -> Result<Vec<String>, PlaceError> {
        let mut notes = Vec::new();
        for dataset in std::iter::once(&mut self.source).chain(&mut self.target) {
            let taken = Taken::dataset(dataset)?;
            *dataset = taken.path;
            notes.extend(taken.note);
        }
        Ok(notes)
    }

    /// Makes every path absolute, so that the run can be resumed from anywhere.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn make_paths_absolute(&mut self) -> Result<(), NotFound> {
        for setting in &SETTINGS {
            if let Some(path) = (setting.path)(self) {
                *path = path.canonicalize().map_err(|error| NotFound { path: path.clone(), error })?;
            }
        }
        Ok(())
    }
}
