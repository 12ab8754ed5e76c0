//! What a folder of images holds beside them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::names::stem;

/// File name endings that count as images, compared without case.
const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp"];
/// What systems leave in folders, compared without case; names that begin with a dot are passed over anyway.
const SYSTEM_FILES: [&str; 3] = ["thumbs.db", "ehthumbs.db", "desktop.ini"];

/// The content of a folder. What is hidden, and what systems leave everywhere, is not in it.
#[derive(Debug, Default)]
pub struct Folder {
    /// images by the stems of their names
    pub images: BTreeMap<String, PathBuf>,
    /// files that are no images by their names, sorted
    pub others: Vec<PathBuf>,
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
        let mut found = Self::default();
        for entry in fs::read_dir(folder).map_err(|e| DataError::read(folder, e))? {
            let path = entry.map_err(|e| DataError::read(folder, e))?.path();
            if is_passed_over(&path) {
                continue;
            }
            // What is no file, such as a broken link, is not passed over in silence: reading it names it.
            if path.is_dir() {
                found.folders.push(path);
            } else if !has_image_extension(&path) {
                found.others.push(path);
            } else {
                found.add(path)?;
            }
        }
        found.others.sort();
        found.folders.sort();
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

/// True of what is hidden, and of what systems leave in folders.
pub fn is_passed_over(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.starts_with('.') || SYSTEM_FILES.contains(&name.as_str())
}

/// True when a file name ends like an image that can be read.
pub fn has_image_extension(path: &Path) -> bool {
    path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_strays_and_folders_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let files =
            ["b.JPG", "a.tiff", "._a.tiff", ".DS_Store", "Thumbs.db", "Desktop.ini", "notes.txt", "readme", "截图.png"];
        for file in files {
            fs::write(folder.path().join(file), "x").unwrap();
        }
        for inner in ["sub", ".git", "folder.png"] {
            fs::create_dir(folder.path().join(inner)).unwrap();
        }
        let found = Folder::list(folder.path()).unwrap().unwrap();
        assert_eq!(found.images.keys().collect::<Vec<_>>(), ["a", "b", "截图"]);
        let names = |paths: &[PathBuf]| -> Vec<_> {
            paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&found.others), ["notes.txt", "readme"]);
        assert_eq!(names(&found.folders), ["folder.png", "sub"]);
        assert!(Folder::list(&folder.path().join("absent")).unwrap().is_none());
    }
}
