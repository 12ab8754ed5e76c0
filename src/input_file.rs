//! Files that are read: regular ones. A pipe or a device might never begin, or never end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a text that people write by hand, at most.
const MOST_TEXT: u64 = 16 << 20;

/// What a path leads to where a file is meant.
#[derive(Debug, thiserror::Error)]
#[error("it is not a regular file")]
struct NotRegular;

/// Whether an error of this module says that a path leads to a folder, a pipe or a device.
pub fn is_not_regular(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<NotRegular>())
}

/// Opens a regular file, and refuses anything else before it waits for it.
///
/// # Errors
/// The system's, and one that tells what is no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    match std::fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, NotRegular)),
    }
}

/// The content of a regular file.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    Ok(read_at_most(path, u64::MAX)?.unwrap_or_default())
}

/// The same of one that people write by hand, as text.
///
/// # Errors
/// As [`open`]; what is longer than any such text, and what is no UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let content = read_at_most(path, MOST_TEXT)?.map_err(|_| {
        io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {} MiB", MOST_TEXT >> 20))
    })?;
    String::from_utf8(content).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text in UTF-8"))
}

/// The content of a regular file of at most so many bytes, however long it becomes meanwhile; of a longer one its length, of
/// which nothing is read.
///
/// # Errors
/// As [`open`].
pub fn read_at_most(path: &Path, most: u64) -> io::Result<Result<Vec<u8>, u64>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    if length > most {
        return Ok(Err(length));
    }
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(most.saturating_add(1)).read_to_end(&mut content)?;
    let read = content.len() as u64;
    Ok(if read > most { Err(read) } else { Ok(content) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_before_it_is_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(is_not_regular(&read(folder.path()).expect_err("a folder")));
        assert!(!is_not_regular(&read(&folder.path().join("absent")).expect_err("nothing is there")));
        #[cfg(unix)]
        {
            assert!(is_not_regular(&read_text(Path::new("/dev/zero")).expect_err("it never ends")));
            let pipe = folder.path().join("pipe");
            if std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()) {
                assert!(is_not_regular(&open(&pipe).expect_err("it never begins")));
            } else {
                harness::skip("pipes cannot be made here");
            }
        }
    }

    #[test]
    fn texts_are_bounded_and_are_texts() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("text");
        std::fs::write(&path, "epochs = 3\n").expect("the folder is writable");
        assert_eq!(read_text(&path).expect("a text"), "epochs = 3\n");
        std::fs::write(&path, b"\xff").expect("the folder is writable");
        assert_eq!(read_text(&path).expect_err("no text").to_string(), "it is no text in UTF-8");
        // A hole takes no room on the disk.
        File::options().write(true).open(&path).and_then(|file| file.set_len(MOST_TEXT + 1)).expect("it can grow");
        assert_eq!(read_text(&path).expect_err("too long").to_string(), "it is longer than 16 MiB");
        assert_eq!(read(&path).expect("other files may be long").len() as u64, MOST_TEXT + 1);
    }
}
