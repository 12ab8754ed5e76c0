//! The files of an unpacked data set, and what their folders are called.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::error::PrepareError;
use crate::data::folder::{has_image_extension, is_passed_over};
use crate::data::names::counted;

/// Every file below a folder, sorted, without what is [passed over](is_passed_over) everywhere.
#[derive(Debug)]
pub(super) struct Tree {
    pub root: PathBuf,
    files: Vec<PathBuf>,
}

impl Tree {
    /// Walks through a folder; links are followed.
    ///
    /// # Errors
    /// [`PrepareError::NoInput`] and [`PrepareError::Io`].
    pub(crate) fn read(root: &Path) -> Result<Self, PrepareError> {
        if !root.is_dir() {
            return Err(PrepareError::NoInput(root.to_path_buf()));
        }
        let walk = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
        let mut files = Vec::new();
        for entry in walk.filter_entry(|e| e.depth() == 0 || !is_passed_over(e.path())) {
            let entry = entry.map_err(|error| PrepareError::Io {
                action: "read",
                path: error.path().unwrap_or(root).to_path_buf(),
                cause: error.into(),
            })?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
        Ok(Self { root: root.to_path_buf(), files })
    }

    /// Files whose name ends like an image.
    pub(crate) fn images(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().filter(|file| has_image_extension(file))
    }

    /// A file beside the images, by its name.
    pub(crate) fn named(&self, name: &str) -> Option<&PathBuf> {
        self.files.iter().find(|file| file.file_name().is_some_and(|n| n == name))
    }

    /// Every file.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Names of the folders between the root and a file, from the outside.
    pub(crate) fn folders(&self, file: &Path) -> Vec<String> {
        Self::folders_below(&self.root, file)
    }

    /// Names of the folders between another folder and a file in it.
    pub(crate) fn folders_below(folder: &Path, file: &Path) -> Vec<String> {
        let relative = file.strip_prefix(folder).unwrap_or(file);
        let parent = relative.parent().unwrap_or(Path::new(""));
        parent.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect()
    }

    /// The same as [`Tree::folders`], in lower case.
    pub(crate) fn lower_folders(&self, file: &Path) -> Vec<String> {
        self.folders(file).iter().map(|folder| folder.to_lowercase()).collect()
    }

    /// What lies here, for an error: folders that hold images, and how many.
    pub(crate) fn describe(&self) -> String {
        const SHOWN: usize = 4;
        let mut counts: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for image in self.images() {
            let folder = image.parent().and_then(|p| p.strip_prefix(&self.root).ok()).unwrap_or(Path::new(""));
            *counts.entry(folder.to_path_buf()).or_default() += 1;
        }
        if self.files.is_empty() {
            return "nothing".to_string();
        }
        if counts.is_empty() {
            return format!("{}, and no image", counted(self.files.len(), "file"));
        }
        let place = |folder: &Path| match folder.as_os_str().is_empty() {
            true => "the folder itself".to_string(),
            false => format!("`{}`", folder.display()),
        };
        let listed: Vec<String> = counts
            .iter()
            .take(SHOWN)
            .map(|(folder, n)| format!("{} in {}", counted(*n, "image"), place(folder)))
            .collect();
        let more = counts.len().saturating_sub(SHOWN);
        let rest = if more > 0 { format!(" and {}", counted(more, "more folder")) } else { String::new() };
        format!("{}{rest}", listed.join(", "))
    }
}
