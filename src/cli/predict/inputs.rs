//! Which images are meant, and what their results are called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::part::Part;
use super::table::{TABLE, columns, listed};
use super::under_way;
use crate::cli::Overwrite;
use crate::data::contact_sheet::ContactSheet;
use crate::data::folder::{Folder, is_passed_over};
use crate::data::names::{counted, several, shortened, shown, shown_path, stem};
use crate::own_file::{Overwriting, Purpose};

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
                        let holds_images = |inner: &&PathBuf| {
                            Folder::list(inner).is_ok_and(|found| found.is_some_and(|found| !found.images.is_empty()))
                        };
                        let inner = folder.strays.folders.iter().find(holds_images);
                        let advice = inner.map_or(String::new(), |inner| format!("; give `{}`", shown_path(inner)));
                        notes.push(format!("the folder `{}` holds no image{advice}", shown_path(input)));
                    }
                    notes.extend(folder.strays.sentences(input));
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
        let longest = LONGEST - Part::ALL.map(|part| part.suffix().len()).into_iter().max().unwrap_or(0);
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
                bail!(
                    "`{a}` and `{b}` would both give `{name}_mask.png`; rename one of them, or give each an --out of its own"
                );
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

/// Which files results may replace, and the names of other images whose results lie there. Refused is to write over what is no
/// earlier result, among the images, and to leave results of other images beside those of these; with `--force` the latter are to go.
pub(super) fn clear_the_way(
    out: &Path,
    parts: &[Part],
    (given, images): (&[PathBuf], &[Image]),
    checkpoint: &PathBuf,
    overwrite: Overwrite,
) -> Result<(Overwriting, Vec<String>)> {
    let overwriting = overwrite.reading(images.iter().map(|image| &image.path).chain([checkpoint]));
    let is_out = |input: &&PathBuf| input.is_dir() && is_same(input, out);
    if let Some(input) = given.iter().find(is_out) {
        // They would be taken for images the next time.
        bail!("the results would lie among the images of `{}`; choose another --out", input.display());
    }
    for part in parts {
        for image in images {
            overwriting.check(&part.path(out, &image.name), part.purpose())?;
        }
    }
    for page in ContactSheet::pages(out, images.len()) {
        overwriting.check(&page, Purpose::ContactSheet)?;
    }
    let table = out.join(TABLE);
    overwriting.check(&table, Purpose::Table(&columns()))?;
    overwriting.check(&out.join(under_way::FILE), Purpose::UnderWay)?;

    let names: BTreeSet<&str> = images.iter().map(|image| image.name.as_str()).collect();
    // Of a call that was killed the table need not list all.
    let has_files = |name: &String| Part::ALL.iter().any(|part| part.path(out, name).exists());
    let earlier: BTreeSet<String> =
        listed(&table).into_iter().chain(under_way::names(out)?.into_iter().filter(has_files)).collect();
    let others: Vec<String> = earlier.into_iter().filter(|name| !names.contains(name.as_str())).collect();
    if !others.is_empty() && !overwrite.is_forced() {
        bail!(
            "`{}` holds the results of {} ({}), which its table would no longer list; choose another --out, or pass --force to \
             remove them",
            out.display(),
            counted(others.len(), "other image"),
            several(&others)
        );
    }
    Ok((overwriting, others))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::under_way::UnderWay;
    use super::*;
    use crate::data::overlay::write_mask;

    #[test]
    fn of_a_folder_of_folders_one_that_holds_images_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (empty, inner) = (folder.path().join("empty"), folder.path().join("inner"));
        [&empty, &inner].into_iter().for_each(|path| fs::create_dir(path).expect("the folder is writable"));
        fs::write(inner.join("a.png"), "").expect("the folder is writable");
        let told = |given: &Path| Inputs::collect(&[given.to_path_buf()]).err().expect("no image").to_string();
        let wanted = format!("holds no image; give `{}`", inner.display());
        assert!(told(folder.path()).contains(&wanted), "{}", told(folder.path()));
        assert!(!told(&empty).contains("; give"), "{}", told(&empty));
    }

    #[test]
    fn masks_that_a_killed_call_left_without_rows_are_results_all_the_same() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (out, checkpoint) = (folder.path().join("out"), folder.path().join("weights.pth"));
        fs::create_dir(&out).expect("the folder is writable");
        let mut killed = UnderWay::open(&out, json!(1), &BTreeSet::from(["a", "b"])).expect("the folder is writable");
        killed.start().and_then(|()| killed.begin(vec!["a".into(), "b".into()])).expect("the folder is writable");
        drop(killed);
        let mask = Part::Mask.path(&out, "a");
        write_mask(&Overwriting::default(), &mask, (1, 1), &[true], &[true]).expect("the folder is writable");
        let others = [Image { name: "c".to_string(), path: folder.path().join("c.png") }];
        let clear = |forced| clear_the_way(&out, &[Part::Mask], (&[], &others), &checkpoint, Overwrite::of(forced));
        let error = clear(false).expect_err("a would have no row").to_string();
        assert!(error.contains("1 other image (`a`)"), "{error}");
        let (_, to_go) = clear(true).expect("it may go");
        assert_eq!(to_go, ["a"]);
        fs::remove_file(&mask).expect("it is there");
        let (_, to_go) = clear(false).expect("nothing is left");
        assert!(to_go.is_empty());
    }
}
