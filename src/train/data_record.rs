//! The files that a run is trained and validated on, so that it can tell whether they are still the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::content::{FileContent, FileContents};
use crate::data::names::{several, shown};
use crate::data::{DataError, Dataset};

/// Length and checksum of each file of a run's regions, by the part that they play and by their path in the split.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DataRecord(BTreeMap<String, BTreeMap<String, FileRecord>>);

/// Length and CRC-32C of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileRecord(u64, u32);

impl From<FileContent> for FileRecord {
    fn from(file: FileContent) -> Self {
        Self(file.length(), file.checksum)
    }
}

impl DataRecord {
    /// Takes up the files of regions; `part` says what the run does with them.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn add(&mut self, part: &str, dataset: &Dataset, contents: &FileContents) -> Result<(), DataError> {
        let files: Vec<&Path> = dataset
            .regions()
            .iter()
            .flat_map(|region| [Some(&region.image), region.mask.as_ref()])
            .flatten()
            .map(|path| path.as_path())
            .collect();
        let record = |path: &&Path| {
            let within = path.strip_prefix(dataset.directory()).unwrap_or(path).to_string_lossy().into_owned();
            Ok((within, FileRecord::from(contents.of(path)?)))
        };
        let files: Vec<(String, FileRecord)> = files.par_iter().map(record).collect::<Result<_, DataError>>()?;
        self.0.entry(part.to_string()).or_default().extend(files);
        Ok(())
    }

    /// What has changed since, a sentence for each part.
    pub fn changes(&self, now: &DataRecord) -> Vec<String> {
        let none = BTreeMap::new();
        let parts: BTreeSet<&String> = self.0.keys().chain(now.0.keys()).collect();
        let told = |part: &&String| {
            let [before, after] = [self, now].map(|record| record.0.get(*part).unwrap_or(&none));
            let missing = |of: &BTreeMap<String, FileRecord>, from: &BTreeMap<String, FileRecord>| -> Vec<String> {
                of.keys().filter(|name| !from.contains_key(*name)).cloned().collect()
            };
            let differs = |(name, file): (&String, &FileRecord)| {
                before.get(name).is_some_and(|earlier| earlier != file).then(|| name.clone())
            };
            let changed: Vec<String> = after.iter().filter_map(differs).collect();
            let kinds =
                [("new", missing(after, before)), ("gone", missing(before, after)), ("another content", changed)];
            let kinds: Vec<String> = kinds
                .iter()
                .filter(|(_, names)| !names.is_empty())
                .map(|(kind, names)| match (*kind, names.len()) {
                    ("another content", 1) => format!("1 has another content ({})", several(names)),
                    ("another content", count) => format!("{count} have another content ({})", several(names)),
                    (kind, 1) => format!("1 is {kind} ({})", several(names)),
                    (kind, count) => format!("{count} are {kind} ({})", several(names)),
                })
                .collect();
            (!kinds.is_empty()).then(|| format!("of {} files for {}, {}", after.len(), shown(part), kinds.join(", ")))
        };
        parts.iter().filter_map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::data::Labels;

    fn dataset(folder: &Path, names: &[&str]) -> PathBuf {
        for kind in ["image", "mask"] {
            fs::create_dir_all(folder.join("ROIs").join(kind)).expect("the folder is writable");
            for name in names {
                let path = folder.join("ROIs").join(kind).join(format!("{name}.png"));
                fs::write(path, format!("{kind} of {name}")).expect("the folder is writable");
            }
        }
        folder.to_path_buf()
    }

    fn recorded(folder: &Path) -> DataRecord {
        let mut record = DataRecord::default();
        let dataset = Dataset::open(folder, Labels::Required).expect("a split");
        record.add("training", &dataset, &FileContents::default()).expect("every file can be read");
        record
    }

    #[test]
    fn what_was_added_removed_and_changed_is_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let split = dataset(folder.path(), &["a", "b", "c"]);
        let before = recorded(&split);
        assert!(before.changes(&recorded(&split)).is_empty());
        let text = serde_json::to_string(&before).expect("names and numbers are JSON");
        assert_eq!(serde_json::from_str::<DataRecord>(&text).expect("just written"), before);

        dataset(folder.path(), &["d", "e"]);
        for kind in ["image", "mask"] {
            fs::remove_file(split.join(format!("ROIs/{kind}/b.png"))).expect("it is there");
        }
        // As long as before.
        fs::write(split.join("ROIs/mask/a.png"), "mask of z").expect("the folder is writable");
        let told = before.changes(&recorded(&split));
        let expected = "of 8 files for training, 4 are new (`ROIs/image/d.png`, `ROIs/image/e.png`, `ROIs/mask/d.png` and 1 more), \
                        2 are gone (`ROIs/image/b.png` and `ROIs/mask/b.png`), 1 has another content (`ROIs/mask/a.png`)";
        assert_eq!(told, [expected]);
        let other = DataRecord::default();
        assert_eq!(other.changes(&before).len(), 1, "a part that was not there");
    }
}
