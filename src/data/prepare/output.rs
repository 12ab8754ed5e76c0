//! The output folder: made beside its place and moved there when it is whole.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use walkdir::WalkDir;

use super::error::PrepareError;
use super::summary::Summary;
use crate::data::contact_sheet::{ContactSheet, SHEET, Tile};
use crate::data::dataset::Split;
use crate::input_file;
use crate::own_file::Overwriting;

/// The table of a prepared data set; a folder that holds one was made by this verb.
pub const TABLE: &str = "prepare.csv";

/// A dataset that is being made.
pub(super) struct Staging {
    /// removed, with what is left in it, when this is dropped
    temporary: TempDir,
    output: PathBuf,
}

/// Files of a region.
pub(super) struct RegionPaths {
    pub image: PathBuf,
    pub mask: PathBuf,
}

impl Staging {
    /// Prepares a place beside `output`, unless that holds anything that this verb did not write.
    pub(crate) fn begin(output: &Path, input: &Path) -> Result<Self, PrepareError> {
        refuse_foreign(output)?;
        let parent = match output.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(|cause| io("create", parent, cause))?;
        let [inside, root] = [parent, input].map(|path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf()));
        let place = inside.join(output.file_name().unwrap_or_default());
        if place.starts_with(&root) {
            return Err(PrepareError::OutputInInput(output.to_path_buf()));
        }
        let temporary = tempfile::Builder::new().prefix(".papilla-").tempdir_in(parent);
        let temporary = temporary.map_err(|cause| io("write in", parent, cause))?;
        let staging = Self { temporary, output: output.to_path_buf() };
        for split in [Split::Train, Split::Test] {
            for kind in ["image", "mask"] {
                let folder = staging.rois(split).join(kind);
                fs::create_dir_all(&folder).map_err(|cause| io("create", &folder, cause))?;
            }
        }
        Ok(staging)
    }

    // Temporary folders are private; the one in it is an ordinary folder.
    fn root(&self) -> PathBuf {
        self.temporary.path().join("dataset")
    }

    fn rois(&self, split: Split) -> PathBuf {
        self.root().join(split.folder()).join("ROIs")
    }

    pub(crate) fn region(&self, split: Split, name: &str) -> RegionPaths {
        let path = |kind: &str| self.rois(split).join(kind).join(format!("{name}.png"));
        RegionPaths { image: path("image"), mask: path("mask") }
    }

    /// Writes table and contact sheets, and puts the whole in its place; an earlier one goes.
    pub(crate) fn finish(self, summary: &Summary, tiles: Vec<Tile>) -> Result<(), PrepareError> {
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
                    fs::remove_dir(&folder).map_err(|cause| io("remove", &folder, cause))?;
                }
            }
        }
        let earlier = self.temporary.path().join("earlier");
        if self.output.exists() {
            fs::rename(&self.output, &earlier).map_err(|cause| io("replace", &self.output, cause))?;
        }
        fs::rename(&root, &self.output).map_err(|cause| io("create", &self.output, cause))
    }
}

/// Fails when a folder holds anything but what the table in it lists.
fn refuse_foreign(output: &Path) -> Result<(), PrepareError> {
    let occupied = |found: &Path| PrepareError::Occupied { output: output.to_path_buf(), found: found.to_path_buf() };
    if !output.exists() {
        return Ok(());
    }
    if !output.is_dir() {
        return Err(PrepareError::OutputIsFile(output.to_path_buf()));
    }
    let own = own_files(&output.join(TABLE));
    for entry in WalkDir::new(output).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|error| io("read", output, error.into()))?;
        let relative = entry.path().strip_prefix(output).unwrap_or(entry.path());
        let is_sheet = entry.depth() == 1 && entry.file_name().to_string_lossy().starts_with(SHEET);
        if entry.file_type().is_file() && !is_sheet && !own.contains(relative) {
            return Err(occupied(relative));
        }
    }
    Ok(())
}

/// Files, relative to the output, that a table lists, and the table itself; none without a table.
fn own_files(table: &Path) -> HashSet<PathBuf> {
    let mut own = HashSet::new();
    let Ok(mut reader) = input_file::open(table).map(csv::Reader::from_reader) else { return own };
    if !reader.headers().is_ok_and(|header| header.iter().take(2).eq(["split", "name"])) {
        return own;
    }
    own.insert(PathBuf::from(TABLE));
    for record in reader.records().flatten() {
        for kind in ["image", "mask"] {
            own.insert(Path::new(&record[0]).join("ROIs").join(kind).join(format!("{}.png", &record[1])));
        }
    }
    own
}

fn io(action: &'static str, path: &Path, cause: std::io::Error) -> PrepareError {
    PrepareError::Io { action, path: path.to_path_buf(), cause }
}
