//! A folder takes the place of another, which is not lost whatever happens on the way.

#![expect(clippy::disallowed_methods, reason = "folders change names here")]

use std::fs;
use std::io;
use std::path::Path;

/// What the system does, apart so that tests can have it fail.
pub(super) trait FileSystem {
    /// Gives two folders each other's names at once.
    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()>;
    /// Gives a folder another name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
}

/// The system itself.
pub(super) struct System;

impl FileSystem for System {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        Ok(renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn exchange(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
}

/// Why a folder has not taken its place.
#[derive(Debug)]
pub(super) struct Failure {
    pub cause: io::Error,
    /// whether the earlier folder had to stay where it was put aside
    pub is_aside: bool,
}

/// Puts `new` in the place of `old`, if that is there, and the earlier one in the place of `new` or `aside`. Where the system cannot
/// exchange them, the place is empty for a moment; should the program be killed then, [`recover`] mends it.
pub(super) fn replace(system: &impl FileSystem, new: &Path, old: &Path, aside: &Path) -> Result<(), Failure> {
    let plain = |cause| Failure { cause, is_aside: false };
    if fs::symlink_metadata(old).is_err() {
        return system.rename(new, old).map_err(plain);
    }
    if system.exchange(new, old).is_ok() {
        return Ok(());
    }
    system.rename(old, aside).map_err(plain)?;
    let Err(cause) = system.rename(new, old) else { return Ok(()) };
    let is_aside = system.rename(aside, old).is_err();
    Err(Failure { cause, is_aside })
}

/// Puts back what a killed program had put aside, if its place is still empty.
pub(super) fn recover(aside: &Path, old: &Path) -> io::Result<()> {
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
    if is_there(aside) && !is_there(old) { fs::rename(aside, old) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Exchanges nothing, and fails to rename for the n-th time, or from then on.
    struct Failing {
        left: Cell<usize>,
        for_ever: bool,
    }

    impl FileSystem for Failing {
        fn exchange(&self, _: &Path, _: &Path) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            let left = self.left.get();
            self.left.set(if left == 0 && !self.for_ever { usize::MAX } else { left.saturating_sub(1) });
            if left == 0 { Err(io::ErrorKind::StorageFull.into()) } else { fs::rename(from, to) }
        }
    }

    #[test]
    fn the_earlier_folder_survives_each_rename_that_fails() {
        for (works, for_ever) in [(0, false), (1, false), (1, true), (2, false)] {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            for (name, text) in [("new", "new"), ("old", "old")] {
                fs::create_dir(at(name)).unwrap();
                fs::write(at(name).join("file"), text).unwrap();
            }
            let read = |name: &str| fs::read_to_string(at(name).join("file")).unwrap();
            let outcome = replace(&Failing { left: Cell::new(works), for_ever }, &at("new"), &at("old"), &at("aside"));
            match works {
                1 if for_ever => {
                    // Not even back: it stays aside, and comes back at the next start.
                    assert!(outcome.unwrap_err().is_aside);
                    assert_eq!(read("aside"), "old");
                    recover(&at("aside"), &at("old")).unwrap();
                    assert_eq!((read("old"), read("new")), ("old".to_string(), "new".to_string()));
                }
                0 | 1 => {
                    assert!(!outcome.unwrap_err().is_aside);
                    assert_eq!((read("old"), read("new")), ("old".to_string(), "new".to_string()));
                }
                _ => {
                    outcome.unwrap();
                    assert_eq!((read("old"), read("aside")), ("new".to_string(), "old".to_string()));
                }
            }
        }
    }

    #[test]
    fn what_was_put_aside_comes_back_unless_its_place_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (aside, old) = (folder.path().join("aside"), folder.path().join("old"));
        recover(&aside, &old).unwrap();
        fs::create_dir(&aside).unwrap();
        recover(&aside, &old).unwrap();
        assert!(old.is_dir() && !aside.exists());
        fs::create_dir(&aside).unwrap();
        recover(&aside, &old).unwrap();
        assert!(old.is_dir() && aside.is_dir());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_exchanges_two_folders_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("a")).unwrap();
        fs::create_dir_all(at("b/inner")).unwrap();
        if let Err(error) = System.exchange(&at("a"), &at("b")) {
            return harness::skip(format_args!("folders cannot be exchanged here: {error}"));
        }
        assert!(at("a/inner").is_dir() && !at("b/inner").exists());
    }
}
