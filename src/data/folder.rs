//! What a folder of images holds beside them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::error::DataError;
use super::names::{counted, several_files, shown_path, stem};

/// File name endings that count as images, compared without case.
const EXTENSIONS: [&str; 8] = ["png", "jpg", "jpeg", "jfif", "bmp", "tif", "tiff", "webp"];
/// Those of images of kinds that are not read, which reading refuses by name.
const NOT_READ: [&str; 14] =
    ["gif", "heic", "heif", "avif", "jp2", "j2k", "jpx", "jxl", "dcm", "psd", "ppm", "pgm", "pbm", "pnm"];
/// What systems leave in folders, compared without case; names that begin with a dot are passed over anyway.
const SYSTEM_FILES: [&str; 4] = ["thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"];

/// The content of a folder. What is hidden, and what systems leave everywhere, is not in it.
#[derive(Debug, Default)]
pub struct Folder {
    /// images by the stems of their names
    pub images: BTreeMap<String, PathBuf>,
    /// what lies beside them
    pub strays: Strays,
}

/// What lies beside images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strays {
    /// files that are no images by their names, sorted
    pub files: Vec<PathBuf>,
    /// folders, sorted; they are not entered
    pub folders: Vec<PathBuf>,
}

impl Folder {
    /// Lists a folder; `None` where there is none.
    ///
    /// # Errors
    /// A folder that cannot be listed, and two images of one stem.
    pub fn list(folder: &Path) -> Result<Option<Self>, DataError> {
        if !folder.is_dir() {
            return Ok(None);
        }
        let (mut found, mut not_read) = (Self::default(), Vec::new());
        for entry in fs::read_dir(folder).map_err(|e| DataError::read(folder, e))? {
            let path = entry.map_err(|e| DataError::read(folder, e))?.path();
            if is_passed_over(&path) {
                continue;
            }
            // What is no file, such as a broken link, is not passed over in silence: reading it names it.
            if path.is_dir() {
                found.strays.folders.push(path);
            } else if has_image_extension(&path) {
                found.add(path)?;
            } else if is_image_by_name(&path) {
                not_read.push(path);
            } else {
                found.strays.files.push(path);
            }
        }
        // Cameras keep a picture in two formats, of which one is enough.
        for path in not_read {
            match found.images.contains_key(&stem(&path)) {
                true => found.strays.files.push(path),
                false => found.add(path)?,
            }
        }
        found.strays.files.sort();
        found.strays.folders.sort();
        Ok(Some(found))
    }

    fn add(&mut self, image: PathBuf) -> Result<(), DataError> {
        match self.images.entry(stem(&image)) {
            Entry::Vacant(slot) => {
                slot.insert(image);
                Ok(())
            }
            Entry::Occupied(slot) => {
                let mut pair = [slot.get().clone(), image];
                pair.sort();
                let [first, second] = pair;
                Err(DataError::SameStem { first, second })
            }
        }
    }
}

impl Strays {
    /// These and those of another folder.
    pub fn and(self, other: Self) -> Self {
        Self { files: [self.files, other.files].concat(), folders: [self.folders, other.folders].concat() }
    }

    /// A sentence for each kind, which names the folder that was looked at.
    pub fn sentences(&self, folder: &Path) -> Vec<String> {
        let place = shown_path(folder);
        let are = |count: usize| if count == 1 { "is" } else { "are" };
        let mut told = Vec::new();
        let Self { files, folders } = self;
        if !files.is_empty() {
            let (count, names) = (files.len(), several_files(files));
            told.push(format!("`{place}`: {} {} left alone: {names}", counted(count, "file"), are(count)));
        }
        if !folders.is_empty() {
            let (count, names) = (folders.len(), several_files(folders));
            let images = counted(images_below(folders), "image");
            told.push(format!(
                "`{place}`: {} {} not entered: {names} ({images})",
                counted(count, "folder"),
                are(count)
            ));
        }
        told
    }
}

/// Images anywhere in folders.
fn images_below(folders: &[PathBuf]) -> usize {
    let files = folders.iter().flat_map(|folder| WalkDir::new(folder).into_iter().flatten());
    files.filter(|e| e.file_type().is_file() && is_image_by_name(e.path()) && !is_passed_over(e.path())).count()
}

/// True of what is hidden, and of what systems leave in folders and archives.
pub fn is_passed_over(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    // Office programs lock what they have open by a file beside it.
    name.starts_with('.') || name.starts_with("~$") || SYSTEM_FILES.contains(&name.as_str())
}

/// True when a file name ends like an image that can be read.
pub fn has_image_extension(path: &Path) -> bool {
    ends_in(path, &EXTENSIONS)
}

/// True when a file name ends like an image, be it of a kind that is read or of one that reading refuses by name.
pub fn is_image_by_name(path: &Path) -> bool {
    has_image_extension(path) || ends_in(path, &NOT_READ)
}

pub(crate) fn ends_in(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|extension| endings.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_strays_and_folders_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            "b.JPG",
            "a.tiff",
            "._a.tiff",
            ".DS_Store",
            "Thumbs.db",
            "Desktop.ini",
            "~$a.jpg",
            "notes.txt",
            "readme",
            "截图.png",
            "b.HEIC",
            "c.gif",
        ];
        for file in files {
            fs::write(folder.path().join(file), "x").unwrap();
        }
        for inner in ["sub", ".git", "folder.png", "__MACOSX"] {
            fs::create_dir(folder.path().join(inner)).unwrap();
        }
        let found = Folder::list(folder.path()).unwrap().unwrap();
        assert_eq!(found.images.keys().collect::<Vec<_>>(), ["a", "b", "c", "截图"]);
        let names = |paths: &[PathBuf]| -> Vec<_> {
            paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&found.strays.files), ["b.HEIC", "notes.txt", "readme"], "`b.JPG` is the same picture");
        assert_eq!(names(&found.strays.folders), ["folder.png", "sub"]);
        fs::write(folder.path().join("sub/d.png"), "x").unwrap();
        let place = shown_path(folder.path());
        let told = found.strays.and(Strays::default()).sentences(folder.path());
        assert_eq!(told[0], format!("`{place}`: 3 files are left alone: `b.HEIC`, `notes.txt` and `readme`"));
        assert_eq!(told[1], format!("`{place}`: 2 folders are not entered: `folder.png` and `sub` (1 image)"));
        assert!(Folder::list(&folder.path().join("absent")).unwrap().is_none());
    }
}
