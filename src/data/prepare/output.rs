//! The output folder: made beside its place and moved there when it is whole.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::error::PrepareError;
use super::exchange::{System, recover, replace};
use super::summary::{COLUMNS, Summary};
use crate::atomic_file::{FolderLock, Unfinished, is_temporary, lock_folder, remove_abandoned};
use crate::csv_cell::original;
use crate::data::contact_sheet::{ContactSheet, SHEET, Tile};
use crate::data::dataset::Split;
use crate::data::names::shortened;
use crate::input_file;
use crate::own_file::{Overwriting, Purpose};

/// The table of a prepared data set; a folder that holds one was made by this verb.
pub const TABLE: &str = "prepare.csv";

/// The dataset that is being made, in the folder where that is done.
const NEW: &str = "dataset";
/// An earlier dataset on its way out.
const EARLIER: &str = "earlier";
/// Bytes that the name of a folder has at most where files are usually kept.
const LONGEST: usize = 255;

/// A dataset that is being made.
pub(super) struct Staging {
    folder: PathBuf,
    output: PathBuf,
    /// until the dataset takes its place: whatever is in the folder goes
    unfinished: Option<Unfinished>,
    lock: Option<File>,
}

/// Files of a region.
pub(super) struct RegionPaths {
    pub image: PathBuf,
    pub mask: PathBuf,
}

impl Staging {
    /// Prepares a place beside `output`, unless that holds anything that this verb did not write. What killed programs left there
    /// is mended first. An output that is a link stays one: what it leads to is replaced, if it was prepared from files below `roots`.
    pub(crate) fn begin(output: &Path, input: &Path, roots: &[PathBuf]) -> Result<Self, PrepareError> {
        let output = &resolved(output)?;
        let parent = match output.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(|cause| fault("create", parent, cause))?;
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let folder = parent.join(shortened(&format!(".papilla-{name}"), LONGEST));
        mend(&folder, output)?;
        refuse_foreign(output)?;
        refuse_others(output, roots)?;
        let [inside, root] = [parent, input].map(|path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf()));
        if inside.join(output.file_name().unwrap_or_default()).starts_with(&root) {
            return Err(PrepareError::OutputInInput(output.to_path_buf()));
        }
        let unfinished = Some(Unfinished::at(&folder));
        fs::create_dir(&folder).map_err(|cause| fault("create", &folder, cause))?;
        let lock = locked(&folder, output)?;
        let staging = Self { folder, output: output.to_path_buf(), unfinished, lock };
        for split in [Split::Train, Split::Test] {
            for kind in ["image", "mask"] {
                let folder = staging.rois(split).join(kind);
                fs::create_dir_all(&folder).map_err(|cause| fault("create", &folder, cause))?;
            }
        }
        Ok(staging)
    }

    fn root(&self) -> PathBuf {
        self.folder.join(NEW)
    }

    fn rois(&self, split: Split) -> PathBuf {
        self.root().join(split.folder()).join("ROIs")
    }

    pub(crate) fn region(&self, split: Split, name: &str) -> RegionPaths {
        let path = |kind: &str| self.rois(split).join(kind).join(format!("{name}.png"));
        RegionPaths { image: path("image"), mask: path("mask") }
    }

    /// Writes table and contact sheets, and puts the whole in its place; an earlier one goes.
    pub(crate) fn finish(mut self, summary: &Summary, tiles: Vec<Tile>) -> Result<(), PrepareError> {
        let root = self.root();
        summary.write_table(&root.join(TABLE))?;
        let mut sheet = ContactSheet::new(&root, &Overwriting::default());
        for tile in tiles {
            sheet.add(tile)?;
        }
        sheet.finish()?;
        for split in [Split::Train, Split::Test] {
            // A split without regions, and masks that nobody has, are not there at all.
            let rois = self.rois(split);
            for folder in [rois.join("image"), rois.join("mask"), rois.clone(), root.join(split.folder())] {
                if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_none()) {
                    fs::remove_dir(&folder).map_err(|cause| fault("remove", &folder, cause))?;
                }
            }
        }
        // Again, for that has taken a while.
        refuse_foreign(&self.output)?;
        let earlier = self.folder.join(EARLIER);
        let unfinished = self.unfinished.take().expect("a dataset takes its place once");
        // Nothing is removed meanwhile; afterwards whichever of the two is in the folder may go with it, but one that lies aside.
        let (replaced, unfinished) = unfinished.settle(|| {
            let replaced = replace(&System, &root, &self.output, &earlier);
            let is_aside = replaced.as_ref().is_err_and(|failure| failure.is_aside);
            (replaced, !is_aside)
        });
        if let Err(failure) = replaced {
            self.unfinished = unfinished;
            return Err(match failure.is_aside {
                true => PrepareError::Aside { output: self.output.clone(), aside: earlier, cause: failure.cause },
                false => fault("replace", &self.output, failure.cause),
            });
        }
        self.lock = None;
        // The dataset is there: what is left of the earlier one is in nobody's way, and the next start tries again.
        let _ = mend(&self.folder, &self.output);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.unfinished.take().is_some() {
            // Made by this program, and nobody knows its name.
            #[expect(clippy::disallowed_methods, reason = "all of it is unfinished")]
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Where an output that is a link leads to.
fn resolved(output: &Path) -> Result<PathBuf, PrepareError> {
    match fs::symlink_metadata(output) {
        Ok(found) if found.is_symlink() => {
            output.canonicalize().map_err(|cause| fault("follow the link", output, cause))
        }
        _ => Ok(output.to_path_buf()),
    }
}

/// Locks the folder in which a dataset is made.
fn locked(folder: &Path, output: &Path) -> Result<Option<File>, PrepareError> {
    match lock_folder(folder) {
        FolderLock::Mine(lock) => Ok(Some(lock)),
        FolderLock::Others => Err(PrepareError::InUse(output.to_path_buf())),
        FolderLock::None => Ok(None),
    }
}

/// Puts an earlier dataset back that a killed program had put aside, and removes what it had made.
fn mend(folder: &Path, output: &Path) -> Result<(), PrepareError> {
    if fs::symlink_metadata(folder).is_err() {
        return Ok(());
    }
    let _lock = locked(folder, output)?;
    let occupied = |found: PathBuf| PrepareError::Occupied { output: folder.to_path_buf(), found };
    let entries = fs::read_dir(folder).map_err(|cause| fault("read", folder, cause))?;
    for entry in entries {
        let entry = entry.map_err(|cause| fault("read", folder, cause))?;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_folder || ![NEW, EARLIER].iter().any(|name| entry.file_name() == *name) {
            return Err(occupied(PathBuf::from(entry.file_name())));
        }
    }
    recover(&folder.join(EARLIER), output).map_err(|cause| fault("put back", output, cause))?;
    for part in [EARLIER, NEW].map(|name| folder.join(name)) {
        if let Some(found) = remove_own(&part)? {
            return Err(occupied(found.strip_prefix(folder).unwrap_or(&found).to_path_buf()));
        }
    }
    fs::remove_dir(folder).map_err(|cause| fault("remove", folder, cause))
}

/// Removes a dataset that this verb made, finished or not; gives what it did not make, which stays.
fn remove_own(root: &Path) -> Result<Option<PathBuf>, PrepareError> {
    if fs::symlink_metadata(root).is_err() {
        return Ok(None);
    }
    let mut foreign = None;
    let rule = Overwriting::default();
    for entry in WalkDir::new(root).contents_first(true) {
        let entry = entry.map_err(|error| fault("read", root, error.into()))?;
        let path = entry.path();
        if entry.file_type().is_dir() {
            remove_abandoned(path)?;
            match fs::remove_dir(path) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                removed => removed.map_err(|cause| fault("remove", path, cause))?,
            }
            continue;
        }
        let kinds = [Purpose::Region, Purpose::RegionMask, Purpose::ContactSheet, Purpose::Table(&COLUMNS)];
        let mut is_gone = fs::symlink_metadata(path).is_err();
        for kind in kinds {
            is_gone = is_gone || rule.remove(path, kind)?;
        }
        // What a killed program was writing goes with its folder.
        if !is_gone && !is_temporary(path) {
            foreign.get_or_insert(path.to_path_buf());
        }
    }
    Ok(foreign)
}

/// Fails when a folder holds anything but what the table in it lists, as it was written.
fn refuse_foreign(output: &Path) -> Result<(), PrepareError> {
    let occupied = |found: &Path| PrepareError::Occupied { output: output.to_path_buf(), found: found.to_path_buf() };
    if fs::symlink_metadata(output).is_err() {
        return Ok(());
    }
    if !output.is_dir() {
        return Err(PrepareError::OutputIsFile(output.to_path_buf()));
    }
    let own = own_files(&output.join(TABLE));
    let rule = Overwriting::default();
    for entry in WalkDir::new(output).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|error| fault("read", output, error.into()))?;
        if entry.file_type().is_dir() {
            continue;
        }
        let relative = entry.path().strip_prefix(output).unwrap_or(entry.path());
        let is_sheet = entry.depth() == 1 && entry.file_name().to_string_lossy().starts_with(SHEET);
        let purpose = if is_sheet { Some(Purpose::ContactSheet) } else { own.get(relative).copied() };
        if purpose.is_none_or(|purpose| rule.check(entry.path(), purpose).is_err()) {
            return Err(occupied(relative));
        }
    }
    Ok(())
}

/// Fails when a dataset was prepared from files that lie elsewhere. Those that are gone say nothing.
fn refuse_others(output: &Path, roots: &[PathBuf]) -> Result<(), PrepareError> {
    let Ok(mut reader) = input_file::open(&output.join(TABLE)).map(csv::Reader::from_reader) else { return Ok(()) };
    let place = COLUMNS.iter().position(|column| *column == "source").expect("the table has it");
    let sources = reader.records().flatten().filter_map(|record| Some(PathBuf::from(original(record.get(place)?))));
    let roots: Vec<PathBuf> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
    let is_elsewhere =
        |source: &PathBuf| source.canonicalize().is_ok_and(|source| !roots.iter().any(|root| source.starts_with(root)));
    match sources.take(1).find(is_elsewhere) {
        Some(source_file) => Err(PrepareError::OtherInput { output: output.to_path_buf(), source_file }),
        None => Ok(()),
    }
}

/// Files, relative to the output, that a table lists, and the table itself; none without a table.
fn own_files(table: &Path) -> HashMap<PathBuf, Purpose<'static>> {
    let mut own = HashMap::new();
    if !Purpose::Table(&COLUMNS).is_at(table).unwrap_or(false) {
        return own;
    }
    let Ok(mut reader) = input_file::open(table).map(csv::Reader::from_reader) else { return own };
    own.insert(PathBuf::from(TABLE), Purpose::Table(&COLUMNS));
    for record in reader.records().flatten() {
        for (kind, purpose) in [("image", Purpose::Region), ("mask", Purpose::RegionMask)] {
            let path = Path::new(&record[0]).join("ROIs").join(kind).join(format!("{}.png", original(&record[1])));
            own.insert(path, purpose);
        }
    }
    own
}

fn fault(action: &'static str, path: &Path, cause: io::Error) -> PrepareError {
    PrepareError::Io { action, path: path.to_path_buf(), cause }
}
