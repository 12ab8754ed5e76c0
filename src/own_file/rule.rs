//! Which files may be replaced: those that this program wrote for the same purpose, and empty ones. Anything else only if it is
//! forced; what the program reads meanwhile, checkpoints of runs, links, devices and pipes never.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::open::open_existing;
use super::purpose::{Purpose, is_checkpoint};
use crate::atomic_file::{WriteError, Written, write_rows};

/// Why a file is not written: what is there stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody else's file.
    #[error("a file that is no {0} of this program would be overwritten")]
    Foreign(&'static str),
    /// A link, which leads somewhere else.
    #[error("it is a link to `{}`, and links are not followed; name the file itself", .0.display())]
    Link(PathBuf),
    /// A folder, device, pipe or socket.
    #[error("it is {0}")]
    NotAFile(&'static str),
    /// One of the files that are read meanwhile.
    #[error("it would be overwritten while it is read")]
    Read,
    /// A checkpoint, without which a run cannot be continued.
    #[error("it is a run's checkpoint, which would be lost")]
    Checkpoint,
}

impl Refusal {
    /// What was refused, if that is why a file could not be written.
    pub fn of(error: &WriteError) -> Option<&Refusal> {
        error.error.get_ref()?.downcast_ref()
    }

    fn at(self, path: &Path) -> WriteError {
        WriteError { path: path.to_path_buf(), error: io::Error::new(io::ErrorKind::AlreadyExists, self) }
    }
}

/// Which files may be replaced; by default those of this program.
#[derive(Clone, Debug, Default)]
pub struct Overwriting {
    is_forced: bool,
    /// canonical paths of files that are read
    read: BTreeSet<PathBuf>,
}

impl Overwriting {
    /// Others' files too, if that is wanted.
    pub fn forced(is_forced: bool) -> Self {
        Self { is_forced, ..Self::default() }
    }

    /// The same, and never these files.
    pub fn reading(mut self, files: impl IntoIterator<Item: AsRef<Path>>) -> Self {
        self.read.extend(files.into_iter().filter_map(|file| file.as_ref().canonicalize().ok()));
        self
    }

    /// Whether a file may be written, as far as can be told before its content is known.
    ///
    /// # Errors
    /// [`WriteError`] because of a [`Refusal`], or the system.
    pub fn check(&self, path: &Path, purpose: Purpose<'_>) -> Result<(), WriteError> {
        self.look(path, purpose).map(drop)
    }

    /// Writes a file whole or not at all, if nothing is there, or what may be replaced or is the same.
    ///
    /// # Errors
    /// [`WriteError`]: a [`Refusal`], the system's reason, or that of `content`.
    pub fn write(
        &self,
        path: &Path,
        purpose: Purpose<'_>,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let is_foreign = |error: &WriteError| matches!(Refusal::of(error), Some(Refusal::Foreign(_)));
        self.look(path, purpose).map(drop).or_else(|error| if is_foreign(&error) { Ok(()) } else { Err(error) })?;
        let written = Written::beside(path, content)?;
        debug_assert!(
            matches!(purpose, Purpose::Shader) || purpose.is_at(written.temporary()).is_ok_and(|is_marked| is_marked),
            "{} has no mark of a {}",
            path.display(),
            purpose.name()
        );
        // Again, for the content may have taken hours.
        match self.look(path, purpose) {
            Ok(true) => written.take_place(None),
            Ok(false) => written.take_free_place(),
            Err(error) if is_foreign(&error) && are_equal(written.temporary(), path).unwrap_or(false) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes a table as CSV in the same way: its columns, then its rows.
    ///
    /// # Errors
    /// As [`write`](Self::write); and a row that has not one cell for each column.
    pub fn write_table(
        &self,
        path: &Path,
        columns: &[&str],
        rows: impl IntoIterator<Item: IntoIterator<Item: AsRef<[u8]>>>,
    ) -> Result<(), WriteError> {
        self.write(path, Purpose::Table(columns), |file| write_rows(file, columns, rows))
    }

    /// Removes a file of this program that is no longer true; others' files stay. Gives whether one is there no more.
    ///
    /// # Errors
    /// [`WriteError`] when the system refuses.
    pub fn remove(&self, path: &Path, purpose: Purpose<'_>) -> Result<bool, WriteError> {
        let own = Overwriting { is_forced: false, read: self.read.clone() };
        if !own.look(path, purpose).unwrap_or(false) {
            return Ok(false);
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(WriteError { path: path.to_path_buf(), error })
            }
            _ => Ok(true),
        }
    }

    /// Whether something is there, which may be replaced.
    fn look(&self, path: &Path, purpose: Purpose<'_>) -> Result<bool, WriteError> {
        let refused = |error| WriteError { path: path.to_path_buf(), error };
        let found = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            found => found.map_err(refused)?,
        };
        if found.is_symlink() {
            return Err(Refusal::Link(fs::read_link(path).unwrap_or_default()).at(path));
        }
        if !found.is_file() {
            return Err(Refusal::NotAFile(what(found.file_type())).at(path));
        }
        if path.canonicalize().is_ok_and(|path| self.read.contains(&path)) {
            return Err(Refusal::Read.at(path));
        }
        if is_checkpoint(path) {
            return Err(Refusal::Checkpoint.at(path));
        }
        let may_go = self.is_forced || found.len() == 0 || purpose.is_at(path).map_err(refused)?;
        if may_go { Ok(true) } else { Err(Refusal::Foreign(purpose.name()).at(path)) }
    }
}

/// What is no regular file.
fn what(kind: fs::FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
        if kind.is_socket() {
            return "a socket";
        }
    }
    if kind.is_dir() { "a folder" } else { "no regular file" }
}

/// Whether two files hold the same.
fn are_equal(one: &Path, other: &Path) -> io::Result<bool> {
    let files = [open_existing(one)?, open_existing(other)?];
    let [length, other_length] = [files[0].metadata()?.len(), files[1].metadata()?.len()];
    if length != other_length {
        return Ok(false);
    }
    let [one, other] = files.map(io::BufReader::new);
    for (a, b) in one.bytes().zip(other.bytes()) {
        if a? != b? {
            return Ok(false);
        }
    }
    Ok(true)
}
