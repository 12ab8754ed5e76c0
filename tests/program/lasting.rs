//! Folders of what tests share: they last as long as the program of the tests, whose statics nothing drops.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use tempfile::TempDir;

static ALL: OnceLock<PathBuf> = OnceLock::new();

extern "C" fn remove_all() {
    // Nobody is left to be told of a failure.
    let _ = ALL.get().map(fs::remove_dir_all);
}

/// A new folder of this name, removed when the program ends.
pub fn lasting_folder(name: &str) -> PathBuf {
    let all = ALL.get_or_init(|| {
        let folder = TempDir::new().expect("a temporary folder").keep();
        // SAFETY: the function is there until the process has ended, and does not unwind.
        assert_eq!(unsafe { libc::atexit(remove_all) }, 0, "the folder will be removed");
        folder
    });
    let folder = all.join(name);
    fs::create_dir(&folder).expect("each name is used once");
    folder
}
