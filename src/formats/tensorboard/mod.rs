//! TensorBoard event files: the curves and pictures of a run.
//!
//! A run has one event file, which a resumed run goes on with. Each record reaches the system in one piece, so a
//! TensorBoard that watches the folder never has to wait for the rest of one.

mod event;
mod record;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use image::{ImageError, ImageFormat, RgbImage};

use crate::own_file::open_to_go_on;
use event::{Datum, Event, Image, Summary, Value, What};
use record::{frame, whole_records};

/// What TensorBoard knows event files by; seconds since 1970 follow.
const PREFIX: &str = "events.out.tfevents.";
/// What this program knows its own by.
const SUFFIX: &str = ".papilla";
/// The version of the format, which the first record names.
const VERSION: &str = "brain.Event:2";

/// Why an event file cannot be written. Each message is one sentence that names the file.
#[derive(Debug, thiserror::Error)]
pub enum EventFileError {
    /// The operating system refused.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file or its folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// Two files that could both be the run's.
    #[error("{} lies beside {}, but a run has one event file; remove the one that is not the run's", first.display(), second.display())]
    Several {
        /// The one whose name sorts first.
        first: PathBuf,
        /// The next.
        second: PathBuf,
    },
    /// A picture that is no PNG.
    #[error("cannot write the picture `{tag}` into {}: {error}", path.display())]
    Picture {
        /// The event file.
        path: PathBuf,
        /// The picture's tag.
        tag: String,
        /// The encoder's reason.
        error: ImageError,
    },
}

/// An event file that is being written.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
    bytes: u64,
    missing: u64,
}

impl EventWriter {
    /// Opens the event file of a folder, which is made if need be, and cuts it to the length that a checkpoint vouches
    /// for, so that what was logged after the checkpoint is not there twice. With `bytes` 0, or where the file was
    /// removed, a file begins anew; its name keeps the time of its creation. Of one that has less than `bytes` whole records
    /// are kept, and [`missing`](Self::missing) tells how much is lost.
    ///
    /// # Errors
    /// [`EventFileError::Write`]; [`EventFileError::Several`].
    pub fn open(folder: &Path, bytes: u64) -> Result<Self, EventFileError> {
        fs::create_dir_all(folder).map_err(refused(folder))?;
        let existing = find(folder)?;
        let vouched = if existing.is_some() { bytes } else { 0 };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let path = existing.unwrap_or_else(|| folder.join(format!("{PREFIX}{}{SUFFIX}", now.as_secs())));

        let file = open_to_go_on(&path).map_err(refused(&path))?;
        let found = file.metadata().map_err(refused(&path))?.len();
        let whole = if found < vouched { whole_records(&file, found).map_err(refused(&path))? } else { vouched };
        file.set_len(whole).map_err(refused(&path))?;
        let mut writer = EventWriter { path, file, bytes: whole, missing: vouched - whole };
        writer.file.seek(SeekFrom::End(0)).map_err(refused(&writer.path))?;
        if whole == 0 {
            writer.append(now.as_secs_f64(), 0, What::FileVersion(VERSION.into()))?;
        }
        Ok(writer)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that it was short of when it was opened.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Length of the file: what to [`open`](Self::open) it with to go on from here.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds values by tag to the curves; NaN and infinities may be among them. `wall_time` is in seconds since 1970.
    ///
    /// # Errors
    /// [`EventFileError::Write`]; the file may then end in a part of a record, which reopening cuts off.
    pub fn scalars(&mut self, step: u64, wall_time: f64, values: &[(&str, f32)]) -> Result<(), EventFileError> {
        let value = |&(tag, value): &(&str, f32)| Value { tag: tag.into(), datum: Some(Datum::SimpleValue(value)) };
        let summary = Summary { value: values.iter().map(value).collect() };
        self.append(wall_time, step, What::Summary(summary))
    }

    /// Adds a picture. `wall_time` is in seconds since 1970.
    ///
    /// # Errors
    /// As [`scalars`](Self::scalars); and [`EventFileError::Picture`] for one without pixels.
    pub fn image(&mut self, step: u64, wall_time: f64, tag: &str, image: &RgbImage) -> Result<(), EventFileError> {
        let mut png = Vec::new();
        image.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).map_err(|error| EventFileError::Picture {
            path: self.path.clone(),
            tag: tag.into(),
            error,
        })?;
        let image = Image {
            height: image.height().cast_signed(),
            width: image.width().cast_signed(),
            colorspace: 3,
            encoded_image_string: png,
        };
        let value = Value { tag: tag.into(), datum: Some(Datum::Image(image)) };
        self.append(wall_time, step, What::Summary(Summary { value: vec![value] }))
    }

    /// Waits until everything written is on the disk. Before a checkpoint that vouches for
    /// [`bytes`](Self::bytes), so that a loss of power cannot leave a file shorter than that.
    ///
    /// # Errors
    /// [`EventFileError::Write`].
    pub fn sync(&self) -> Result<(), EventFileError> {
        self.file.sync_data().map_err(refused(&self.path))
    }

    fn append(&mut self, wall_time: f64, step: u64, what: What) -> Result<(), EventFileError> {
        let record = frame(&Event { wall_time, step: step.cast_signed(), what: Some(what) });
        self.file.write_all(&record).map_err(refused(&self.path))?;
        self.bytes += record.len() as u64;
        Ok(())
    }
}

/// For `map_err` on what the system does.
fn refused(path: &Path) -> impl Fn(io::Error) -> EventFileError + '_ {
    move |error| EventFileError::Write { path: path.to_owned(), error }
}

/// The folder's event file, if it has one.
fn find(folder: &Path) -> Result<Option<PathBuf>, EventFileError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused(folder))? {
        let name = entry.map_err(refused(folder))?.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
            found.push(folder.join(name));
        }
    }
    found.sort();
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => Err(EventFileError::Several { first, second }),
        (only, _) => Ok(only),
    }
}
