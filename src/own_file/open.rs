//! Opening files where they lie: a link that somebody put in their place is not followed, and a pipe is not waited for.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a regular file to read it.
///
/// # Errors
/// What the system says; of what is no regular file, that.
pub fn open_existing(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().read(true))
}

/// Opens a regular file to read and write it, with what it holds; makes it if need be.
///
/// # Errors
/// What the system says; of what is no regular file, that.
pub fn open_to_go_on(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().create(true).read(true).write(true).truncate(false))
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let other = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}"));
    if let Ok(found) = std::fs::symlink_metadata(path)
        && found.is_symlink()
    {
        return Err(other("a link, which is not followed"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        use rustix::fs::OFlags;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(other("not a regular file")) }
}
