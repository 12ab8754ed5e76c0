//! Which images are meant, and what their results are called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use walkdir::WalkDir;

use super::table::TABLE;
use crate::data::contact_sheet::SHEET;
use crate::data::folder::{Folder, has_image_extension, is_passed_over};
use crate::data::names::{several_files, shortened, shown, shown_path, stem};

/// What results add to the name of an image.
const SUFFIXES: [&str; 4] = ["_mask.png", "_overlay.png", "_uncertainty.png", ".safetensors"];
/// Bytes that the name of a file has at most where files are usually kept.
const LONGEST: usize = 255;

/// An image that is to be segmented.
pub(super) struct Image {
    /// its results begin so
    pub name: String,
    pub path: PathBuf,
}

/// The images, and what was passed over.
pub(super) struct Inputs {
    pub images: Vec<Image>,
    pub notes: Vec<String>,
}

impl Inputs {
    /// Images that are given and those of folders that are given, by the name of their results.
    pub(crate) fn collect(given: &[PathBuf]) -> Result<Self> {
        let (mut paths, mut notes) = (BTreeSet::new(), Vec::new());
        for input in given {
            match Folder::list(input)? {
                Some(folder) => {
                    if folder.images.is_empty() {
                        notes.push(format!("the folder `{}` holds no image", shown_path(input)));
                    }
                    notes.extend(passed_over(input, &folder));
                    paths.extend(folder.images.into_values());
                }
                None if is_passed_over(input) => {}
                None if input.exists() => {
                    paths.insert(input.clone());
                }
                None => bail!("`{}` does not exist", input.display()),
            }
        }
        let mut named: BTreeMap<String, PathBuf> = BTreeMap::new();
        let longest = LONGEST - SUFFIXES.map(str::len).into_iter().max().unwrap_or(0);
        for path in paths {
            let whole = stem(&path);
            let name = shortened(&whole, longest);
            if name != whole {
                notes.push(format!(
                    "the results of `{}` are called `{}`: its name is too long",
                    shown(&whole),
                    shown(&name)
                ));
            }
            let Some(other) = named.insert(name.clone(), path.clone()) else { continue };
            if !is_same(&other, &path) {
                let (a, b) = (other.display(), path.display());
                bail!("`{a}` and `{b}` would both give `{name}_mask.png`; rename one of them");
            }
        }
        let images: Vec<_> = named.into_iter().map(|(name, path)| Image { name, path }).collect();
        if images.is_empty() {
            bail!("no image is given{}", notes.iter().map(|note| format!("; {note}")).collect::<String>());
        }
        Ok(Self { images, notes })
    }
}

/// Whether two paths lead to one file.
fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// What a folder holds beside its images, in sentences.
fn passed_over(input: &Path, folder: &Folder) -> Vec<String> {
    let place = shown_path(input);
    let mut notes = Vec::new();
    if !folder.others.is_empty() {
        let (files, them) = match folder.others.len() {
            1 => ("1 file that is no image by its name is".to_string(), several_files(&folder.others)),
            count => (format!("{count} files that are no images by their names are"), several_files(&folder.others)),
        };
        notes.push(format!("`{place}`: {files} left alone: {them}"));
    }
    if !folder.folders.is_empty() {
        let folders = match folder.folders.len() {
            1 => "1 folder is".to_string(),
            count => format!("{count} folders are"),
        };
        let (them, images) = (several_files(&folder.folders), images_below(&folder.folders));
        notes.push(format!("`{place}`: {folders} not entered: {them} ({images} images)"));
    }
    notes
}

/// Images anywhere in folders.
fn images_below(folders: &[PathBuf]) -> usize {
    let files = folders.iter().flat_map(|folder| WalkDir::new(folder).into_iter().flatten());
    files.filter(|e| e.file_type().is_file() && has_image_extension(e.path()) && !is_passed_over(e.path())).count()
}

/// Refuses to write results over files that are no earlier results: images to be segmented, masks beside them.
pub(super) fn refuse_overwriting(out: &Path, given: &[PathBuf], images: &[Image]) -> Result<()> {
    let inputs: BTreeSet<PathBuf> = images.iter().filter_map(|image| image.path.canonicalize().ok()).collect();
    let repeated = out.join(TABLE).exists();
    let of_images = images.iter().flat_map(|image| SUFFIXES.map(|suffix| format!("{}{suffix}", image.name)));
    for name in of_images.chain([format!("{SHEET}.png"), format!("{SHEET}-2.png")]) {
        let result = out.join(name);
        let is_input = result.canonicalize().is_ok_and(|path| inputs.contains(&path));
        if is_input || (!repeated && result.exists()) {
            bail!("`{}` would be overwritten; choose an --out folder without it", result.display());
        }
    }
    let is_out = |input: &&PathBuf| input.is_dir() && is_same(input, out);
    if let Some(input) = given.iter().find(is_out) {
        // They would be taken for images the next time.
        bail!("the results would lie among the images of `{}`; choose another --out", input.display());
    }
    Ok(())
}
