//! Files that are either whole or absent.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that could not be written; an earlier one of that name is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {error}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// The system's reason.
    pub error: io::Error,
}

/// Temporary files are `.papilla-….tmp`, so that those of a killed program can be told.
const PREFIX: &str = ".papilla-";
const SUFFIX: &str = ".tmp";

/// Writes a file so that at every moment, even through a crash or a full disk, `path` holds either its old content or
/// the complete new one: `content` goes to a temporary file in the same folder, which is flushed to the disk and
/// renamed.
///
/// # Errors
/// [`WriteError`] when the system refuses or `content` fails; the temporary file is then removed and an
/// earlier file of that name is untouched.
pub fn write_atomically(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), WriteError> {
    Written::beside(path, content)?.take_place(None)
}

/// Writes a table as CSV, whole or not at all: its columns, then its rows.
///
/// # Errors
/// As [`write_atomically`]; and a row that has not one cell for each column.
pub fn write_csv(
    path: &Path,
    columns: &[&str],
    rows: impl IntoIterator<Item: IntoIterator<Item: AsRef<[u8]>>>,
) -> Result<(), WriteError> {
    write_atomically(path, |file| {
        let mut table = csv::Writer::from_writer(file);
        table.write_record(columns)?;
        for row in rows {
            table.write_record(row)?;
        }
        table.flush()
    })
}

/// A complete new file, flushed to the disk, that has not taken its place yet.
pub(crate) struct Written {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl Written {
    /// Writes what is to become `path` beside it.
    ///
    /// # Errors
    /// As [`write_atomically`].
    pub(crate) fn beside(
        path: &Path,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Written, WriteError> {
        match write_temporary(path, content) {
            Ok(temporary) => Ok(Written { temporary, path: path.to_owned() }),
            Err(error) => Err(WriteError { path: path.to_owned(), error: in_folder_of(path, error) }),
        }
    }

    /// Where the content lies until then.
    pub(crate) fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// Takes the place of the file at the path, which becomes `previous` if that is given. Both are whole at every
    /// moment; where the file system has no hard links, the first of them is absent for one.
    ///
    /// # Errors
    /// [`WriteError`].
    pub(crate) fn take_place(self, previous: Option<&Path>) -> Result<(), WriteError> {
        let Written { temporary, path } = self;
        let place = || -> io::Result<()> {
            if let Some(previous) = previous.filter(|_| path.exists()) {
                keep(&path, previous)?;
            }
            temporary.persist(&path).map_err(|error| error.error)?;
            // The rename itself lives in the folder. Other systems cannot open one.
            if cfg!(unix) {
                File::open(folder_of(&path))?.sync_all()?;
            }
            Ok(())
        };
        place().map_err(|error| WriteError { path: path.clone(), error })
    }
}

/// Gives a file a second name, in place of whatever had it.
fn keep(path: &Path, previous: &Path) -> io::Result<()> {
    let linked = builder().make_in(folder_of(path), |link| std::fs::hard_link(path, link));
    let Ok(linked) = linked else { return std::fs::rename(path, previous) };
    let (_, link) = linked.keep().map_err(|error| error.error)?;
    let renamed = std::fs::rename(&link, previous);
    // Renaming does nothing where both are names of one file already.
    match std::fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => renamed.and(Err(error)),
        _ => renamed,
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// An error of writing there: the system would name the temporary file where the folder is missing.
fn in_folder_of(path: &Path, error: io::Error) -> io::Error {
    let folder = folder_of(path);
    match error.kind() {
        io::ErrorKind::NotFound if !folder.exists() => {
            let reason = format!("the folder `{}` does not exist; create it first", folder.display());
            io::Error::new(io::ErrorKind::NotFound, reason)
        }
        _ => error,
    }
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file, less the user's umask; the default would be private.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

/// The same, in a folder that is made if it is not there.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_in_new_folder(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| WriteError { path: folder.to_owned(), error })?;
    }
    write_atomically(path, content)
}

fn write_temporary(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<NamedTempFile> {
    let mut temporary = builder().tempfile_in(folder_of(path))?;
    let mut writer = BufWriter::with_capacity(1 << 20, temporary.as_file_mut());
    content(&mut writer)?;
    writer.flush()?;
    drop(writer);
    temporary.as_file().sync_all()?;
    Ok(temporary)
}

/// Removes what a program that was killed while it wrote has left in a folder. Nobody else may be writing there.
///
/// # Errors
/// [`WriteError`] when the system refuses.
pub fn remove_abandoned(folder: &Path) -> Result<(), WriteError> {
    let abandoned = |name: &str| name.starts_with(PREFIX) && name.ends_with(SUFFIX);
    let remove = || -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(abandoned) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    remove().map_err(|error| WriteError { path: folder.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        write_atomically(&path, |file| file.write_all(b"old")).unwrap();
        let error = write_atomically(&path, |file| {
            file.write_all(&vec![0; 3 << 20])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot write {}: ", path.display())), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        write_atomically(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_abandoned_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".papilla-a1B2c3.tmp", ".other.tmp", "last.safetensors"] {
            fs::write(folder.path().join(name), b"content").unwrap();
        }
        remove_abandoned(folder.path()).unwrap();
        assert!(!folder.path().join(".papilla-a1B2c3.tmp").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent").join("file");
        assert!(matches!(write_atomically(&path, |_| Ok(())), Err(WriteError { .. })));
    }
}
