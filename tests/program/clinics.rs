//! Two small synthetic clinics.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

use crate::running::{succeed, text};

/// Makes a value when it is first asked for and hands it out for as long as any test holds it; then it is dropped, which
/// a plain static never is.
pub fn shared<T>(slot: &Mutex<Weak<T>>, make: impl FnOnce() -> T) -> Arc<T> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    slot.upgrade().unwrap_or_else(|| {
        let made = Arc::new(make());
        *slot = Arc::downgrade(&made);
        made
    })
}

/// Copies of `clinic-a` and `clinic-b` in a test's own folder, which it may change.
pub fn clinics(folder: &TempDir) -> PathBuf {
    static MADE: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
    let made = shared(&MADE, || {
        let folder = TempDir::new().expect("a temporary folder");
        let size = ["--size", "64", "--train", "20", "--test", "3", "--seed", "7"];
        succeed(&[&["synth", "--out", text(&folder.path().join("clinics"))], &size[..]].concat());
        folder
    });
    let out = folder.path().join("clinics");
    copy(&made.path().join("clinics"), &out);
    out
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
