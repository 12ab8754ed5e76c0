//! Two small synthetic clinics.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::lasting::lasting_folder;
use crate::running::{succeed, text};

/// Copies of `clinic-a` and `clinic-b` in a test's own folder, which it may change.
pub fn clinics(folder: &TempDir) -> PathBuf {
    let out = folder.path().join("clinics");
    copy(unchanged_clinics(), &out);
    out
}

/// The folder of `clinic-a` and `clinic-b`, which no test may change.
pub fn unchanged_clinics() -> &'static Path {
    static MADE: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = lasting_folder("synthetic").join("clinics");
        let size = ["--size", "64", "--train", "20", "--test", "3", "--seed", "7"];
        succeed(&[&["synth", "--out", text(&folder)], &size[..]].concat());
        folder
    });
    &MADE
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a temporary folder can be written");
    for entry in fs::read_dir(from).expect("the folder is there").map(|entry| entry.expect("listed")) {
        let to = to.join(entry.file_name());
        match entry.path() {
            path if path.is_dir() => copy(&path, &to),
            path => drop(fs::copy(path, to).expect("it can be copied")),
        }
    }
}
