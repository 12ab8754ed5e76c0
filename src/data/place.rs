//! What a path is that somebody gave: a dataset, a part of one, or a folder in that.

use std::path::{Path, PathBuf};

use super::dataset::Split;
use super::folder::is_passed_over;

/// Folder of a split that holds images and masks.
const ROIS: &str = "ROIs";

/// A path as what it is taken for, and what to say about that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// in place of the given one
    pub path: PathBuf,
    /// what was made of the given one, where that is not plain
    pub note: Option<String>,
}

/// A path that could mean several things: which of them to give.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[allow(missing_docs, reason = "each message explains the fields of its variant")]
pub enum PlaceError {
    /// A test split where a whole dataset is meant.
    #[error("`{}` is the test part of a dataset; give the dataset: `{}`", given.display(), dataset.display())]
    TestSplit { given: PathBuf, dataset: PathBuf },
    /// A split that lies in no dataset.
    #[error(
        "`{}` is one split, not a dataset; a dataset holds it as `{}`", given.display(),
        Path::new("NAME").join(Split::Train.folder()).display()
    )]
    SplitAlone { given: PathBuf },
    /// A dataset of which one split is meant.
    #[error("`{}` is a dataset; give one of its parts: {}", given.display(), listed(choices))]
    Dataset { given: PathBuf, choices: Vec<PathBuf> },
    /// One image where all of a split are meant.
    #[error("`{}` is one image; give the split that it lies in: `{}`", given.display(), split.display())]
    Image { given: PathBuf, split: PathBuf },
    /// A folder in which datasets lie.
    #[error("`{}` is no dataset, but holds {}; give one of them", given.display(), listed(datasets))]
    Collection { given: PathBuf, datasets: Vec<PathBuf> },
}

fn listed(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    names.join(" and ")
}

/// What lies at a path.
enum Place {
    Dataset(Vec<Split>),
    /// the folder of the split
    Split(PathBuf),
    Collection(Vec<PathBuf>),
    Other,
}

fn is_split(folder: &Path) -> bool {
    folder.join(ROIS).join("image").is_dir()
}

fn splits_of(folder: &Path) -> Vec<Split> {
    [Split::Train, Split::Test].into_iter().filter(|split| is_split(&folder.join(split.folder()))).collect()
}

impl Place {
    fn of(path: &Path) -> Self {
        let splits = splits_of(path);
        if !splits.is_empty() {
            return Place::Dataset(splits);
        }
        if is_split(path) {
            return Place::Split(path.to_path_buf());
        }
        // `ROIs`, or `image` or `mask` in it, wherever the program was started.
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let rois = whole.ancestors().take(2).find(|folder| folder.file_name().is_some_and(|name| name == ROIS));
        if let Some(split) = rois.and_then(Path::parent).filter(|split| path.is_dir() && is_split(split)) {
            return Place::Split(split.to_path_buf());
        }
        match datasets_in(path) {
            datasets if datasets.is_empty() => Place::Other,
            datasets => Place::Collection(datasets),
        }
    }
}

/// The datasets that lie in a folder, sorted.
fn datasets_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut datasets: Vec<_> = entries.filter(|path| !is_passed_over(path) && !splits_of(path).is_empty()).collect();
    datasets.sort();
    datasets
}

impl Taken {
    fn as_it_is(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), note: None }
    }

    /// A dataset, by its own folder or by its training part.
    ///
    /// # Errors
    /// Any other part, and a folder of datasets. What is neither is taken as it is, for whoever opens it knows more.
    pub fn dataset(given: &Path) -> Result<Self, PlaceError> {
        match Place::of(given) {
            Place::Dataset(_) | Place::Other => Ok(Self::as_it_is(given)),
            Place::Collection(datasets) => Err(PlaceError::Collection { given: given.to_path_buf(), datasets }),
            Place::Split(split) => {
                let whole = std::path::absolute(&split).unwrap_or(split);
                let dataset = whole.parent().map(Path::to_path_buf).unwrap_or_default();
                let given = given.to_path_buf();
                match whole.file_name().and_then(|name| name.to_str()) {
                    Some("train") => {
                        let note = format!(
                            "`{}` is the training part of `{}`, which is taken",
                            given.display(),
                            dataset.display()
                        );
                        Ok(Self { path: dataset, note: Some(note) })
                    }
                    Some("test") => Err(PlaceError::TestSplit { given, dataset }),
                    _ => Err(PlaceError::SplitAlone { given }),
                }
            }
        }
    }

    /// A split, by its own folder, by one in it, or by its dataset, of which the test regions are meant.
    ///
    /// # Errors
    /// A dataset without test regions, a single image of a split, and a folder of datasets. What is neither is taken as it is.
    pub fn split(given: &Path) -> Result<Self, PlaceError> {
        match Place::of(given) {
            Place::Dataset(splits) if splits.contains(&Split::Test) => {
                let path = given.join(Split::Test.folder());
                let note = format!("`{}` is a dataset, of which `{}` is taken", given.display(), path.display());
                Ok(Self { path, note: Some(note) })
            }
            Place::Dataset(splits) => Err(Self::which_of(given, &splits)),
            Place::Split(path) if path == given => Ok(Self::as_it_is(path)),
            Place::Split(path) => {
                let note = format!("`{}` lies in the split `{}`, which is taken", given.display(), path.display());
                Ok(Self { path, note: Some(note) })
            }
            Place::Collection(datasets) => Err(PlaceError::Collection { given: given.to_path_buf(), datasets }),
            Place::Other => match given.parent().filter(|_| given.is_file()).map(Place::of) {
                Some(Place::Split(split)) => Err(PlaceError::Image { given: given.to_path_buf(), split }),
                _ => Ok(Self::as_it_is(given)),
            },
        }
    }

    /// Images: a file, a folder of them, or a split, whose images lie in a folder of it.
    ///
    /// # Errors
    /// A dataset of two splits, and a folder of datasets without images of its own.
    pub fn images(given: &Path) -> Result<Self, PlaceError> {
        let of_split = |split: &Path| split.join(ROIS).join("image");
        match Place::of(given) {
            Place::Dataset(splits) => match splits[..] {
                [split] => {
                    let path = of_split(&given.join(split.folder()));
                    let note = format!("`{}` is a dataset, of which `{}` is taken", given.display(), path.display());
                    Ok(Self { path, note: Some(note) })
                }
                _ => Err(Self::which_of(given, &splits)),
            },
            Place::Split(split) if given == split || given.file_name().is_some_and(|name| name == ROIS) => {
                Ok(Self::as_it_is(of_split(&split)))
            }
            _ => Ok(Self::as_it_is(given)),
        }
    }

    fn which_of(given: &Path, splits: &[Split]) -> PlaceError {
        let choices = splits.iter().map(|split| given.join(split.folder())).collect();
        PlaceError::Dataset { given: given.to_path_buf(), choices }
    }
}

/// The split in which a path lies or would lie, or which it is.
pub fn split_around(path: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    whole.ancestors().find(|folder| is_split(folder)).map(Path::to_path_buf)
}

/// The splits that are meant by a path: both of a dataset, those of all datasets in a folder, or the one that it is.
pub fn splits_at(given: &Path) -> Vec<PathBuf> {
    let of = |dataset: &Path, splits: &[Split]| splits.iter().map(|split| dataset.join(split.folder())).collect();
    match Place::of(given) {
        Place::Dataset(splits) => of(given, &splits),
        Place::Split(split) => vec![split],
        Place::Collection(datasets) => {
            datasets.iter().flat_map(|dataset| -> Vec<PathBuf> { of(dataset, &splits_of(dataset)) }).collect()
        }
        Place::Other => vec![given.to_path_buf()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two datasets, the second with a test part only, beside a split that lies alone.
    fn folders() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for split in ["both/train", "both/test", "one/test", "alone"] {
            for kind in ["image", "mask"] {
                std::fs::create_dir_all(root.path().join(split).join(ROIS).join(kind)).unwrap();
            }
        }
        root
    }

    #[test]
    fn a_dataset_is_known_by_its_training_part() {
        let root = folders();
        let at = |path: &str| root.path().join(path);
        let (both, told) = (at("both"), |path: &str| Taken::dataset(&at(path)).unwrap_err().to_string());
        assert_eq!(Taken::dataset(&both), Ok(Taken::as_it_is(&both)));
        for path in ["both/train", "both/train/ROIs", "both/train/ROIs/image"] {
            let taken = Taken::dataset(&at(path)).unwrap();
            assert!(taken.path == both && taken.note.is_some_and(|note| note.contains("which is taken")), "{path}");
        }
        assert!(told("both/test").ends_with(&format!("give the dataset: `{}`", both.display())));
        assert!(told("alone").contains("is one split, not a dataset"));
        let two = format!("holds `{}` and `{}`; give one of them", both.display(), at("one").display());
        assert!(told("").contains(&two), "{}", told(""));
        assert_eq!(Taken::dataset(&at("absent")), Ok(Taken::as_it_is(at("absent"))));
    }

    #[test]
    fn a_split_is_known_by_what_is_in_it_and_a_dataset_means_its_test_part() {
        let root = folders();
        let at = |path: &str| root.path().join(path);
        let split = |path: &str| Taken::split(&at(path)).unwrap();
        assert_eq!(split("both/train"), Taken::as_it_is(at("both/train")));
        for path in ["both/train/ROIs", "both/train/ROIs/image", "both/train/ROIs/mask"] {
            let taken = split(path);
            assert_eq!(taken.path, at("both/train"), "{path}");
            assert!(taken.note.is_some_and(|note| note.ends_with("which is taken")), "{path}");
        }
        let image = at("both/train/ROIs/image/a.png");
        std::fs::write(&image, "").unwrap();
        let told = Taken::split(&image).unwrap_err().to_string();
        assert!(told.ends_with(&format!("the split that it lies in: `{}`", at("both/train").display())), "{told}");
        let taken = split("both");
        assert!(taken.path == at("both/test") && taken.note.is_some());
        std::fs::remove_dir_all(at("both/test")).unwrap();
        let told = Taken::split(&at("both")).unwrap_err().to_string();
        assert!(told.contains("is a dataset; give one of its parts") && told.contains("train"), "{told}");
        assert_eq!(split("absent"), Taken::as_it_is(at("absent")));
    }

    #[test]
    fn images_are_those_of_a_split() {
        let root = folders();
        let at = |path: &str| root.path().join(path);
        let images = |path: &str| Taken::images(&at(path)).unwrap().path;
        for path in ["both/test", "both/test/ROIs", "both/test/ROIs/image"] {
            assert_eq!(images(path), at("both/test/ROIs/image"), "{path}");
        }
        assert_eq!(images("one"), at("one/test/ROIs/image"));
        assert_eq!(images("both/test/ROIs/mask"), at("both/test/ROIs/mask"));
        let told = Taken::images(&at("both")).unwrap_err().to_string();
        assert!(told.ends_with("`") && told.contains("give one of its parts") && told.contains("test"), "{told}");
    }

    #[test]
    fn what_would_lie_in_a_split_is_known() {
        let root = folders();
        let at = |path: &str| root.path().join(path);
        for (path, around) in [
            ("both", None),
            ("both/results", None),
            ("both/test", Some("both/test")),
            ("both/test/ROIs/new/er", Some("both/test")),
            ("alone/ROIs", Some("alone")),
            ("results", None),
            ("", None),
        ] {
            assert_eq!(split_around(&at(path)), around.map(at), "{path}");
        }
    }

    #[test]
    fn all_splits_at_a_path_are_found() {
        let root = folders();
        let at = |path: &str| root.path().join(path);
        assert_eq!(splits_at(root.path()), [at("both/train"), at("both/test"), at("one/test")]);
        assert_eq!(splits_at(&at("both/test/ROIs/image")), [at("both/test")]);
        assert_eq!(splits_at(&at("absent")), [at("absent")]);
    }
}
