//! Writing beside a file, and then in its place.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::WriteError;
use super::temporary::{Unfinished, begin, builder};
use crate::csv_cell::write_row;

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

/// Writes the rows of a table as CSV: its columns, then the rest.
///
/// # Errors
/// When the system refuses; and for a row that has not one cell for each column.
pub(crate) fn write_rows(
    file: &mut dyn Write,
    columns: &[&str],
    rows: impl IntoIterator<Item: IntoIterator<Item: AsRef<[u8]>>>,
) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(file);
    table.write_record(columns)?;
    for row in rows {
        write_row(&mut table, row)?;
    }
    table.flush()
}

/// A complete new file, flushed to the disk, that has not taken its place yet.
pub(crate) struct Written {
    temporary: NamedTempFile,
    path: PathBuf,
    /// until it has taken its place
    unfinished: Unfinished,
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
            Ok((temporary, unfinished)) => Ok(Written { temporary, path: path.to_owned(), unfinished }),
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
        self.place(|temporary, path| {
            if let Some(previous) = previous.filter(|_| path.exists()) {
                keep(path, previous)?;
            }
            temporary.persist(path).map_err(|error| error.error)
        })
    }

    /// Takes a place where nothing is.
    ///
    /// # Errors
    /// [`WriteError`], also if something is there by now.
    pub(crate) fn take_free_place(self) -> Result<(), WriteError> {
        self.place(|temporary, path| match temporary.persist_noclobber(path) {
            Ok(file) => Ok(file),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(error.error),
            // Some file systems cannot tell.
            Err(error) => error.file.persist(path).map_err(|error| error.error),
        })
    }

    fn place(self, place: impl FnOnce(NamedTempFile, &Path) -> io::Result<File>) -> Result<(), WriteError> {
        let Written { temporary, path, unfinished } = self;
        let placed = place(temporary, &path).and_then(|_| sync_folder(folder_of(&path)));
        drop(unfinished);
        placed.map_err(|error| WriteError { path, error })
    }
}

/// Waits until what was renamed in a folder is on the disk; other systems cannot open one.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
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

fn write_temporary(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<(NamedTempFile, Unfinished)> {
    let (mut temporary, unfinished) = begin(folder_of(path))?;
    let mut writer = BufWriter::with_capacity(1 << 20, temporary.as_file_mut());
    content(&mut writer)?;
    writer.flush()?;
    drop(writer);
    temporary.as_file().sync_all()?;
    Ok((temporary, unfinished))
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
    fn tables_hold_no_formulas() {
        let mut table = Vec::new();
        write_rows(&mut table, &["name", "bias"], [["=1+1", "-0.5"], ["a", "+x"]]).unwrap();
        assert_eq!(String::from_utf8(table).unwrap(), "name,bias\n'=1+1,-0.5\na,'+x\n");
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent").join("file");
        assert!(matches!(write_atomically(&path, |_| Ok(())), Err(WriteError { .. })));
    }
}
