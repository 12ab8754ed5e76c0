//! What a prediction has done so far, in a file beside its results: the same call, made again, goes on from there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::content::FileContent;
use crate::input_file;
use crate::own_file::{Overwriting, Purpose, open_to_go_on};
use crate::prediction::Row;

/// Name of the file; when everything is done it is gone.
pub(super) const FILE: &str = "predictions.under-way.jsonl";

/// The first line: what was called for.
#[derive(Serialize, Deserialize)]
struct Call {
    written_by: String,
    call: Value,
}

/// A further line; the row of one that is written is somebody else's.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<R> {
    /// images whose files are being written
    Begun(Vec<String>),
    Done(Done<R>),
}

/// An image that is done: length and checksum of its file, and its row.
#[derive(Serialize, Deserialize)]
struct Done<R> {
    file: (u64, u32),
    row: R,
}

/// What an earlier call has left.
#[derive(Default)]
struct Found {
    call: Option<Value>,
    /// bytes of whole lines
    length: u64,
    /// images whose files may lie there, done or not
    names: BTreeSet<String>,
    done: BTreeMap<String, Done<Box<Row>>>,
}

impl Found {
    /// Of what is no such file, and of a line that a killed program has cut short, there is nothing.
    fn read(path: &Path) -> Result<Self> {
        if !Purpose::UnderWay.is_at(path).unwrap_or(false) {
            return Ok(Self::default());
        }
        let content = input_file::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let length = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let mut lines = content[..length].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let first: Option<Call> = lines.next().and_then(|line| serde_json::from_slice(line).ok());
        let mut found = Self { call: first.map(|first| first.call), length: length as u64, ..Self::default() };
        for line in lines.filter_map(|line| serde_json::from_slice::<Line<Box<Row>>>(line).ok()) {
            match line {
                Line::Begun(names) => {
                    // What was done before is being replaced.
                    names.iter().for_each(|name| drop(found.done.remove(name)));
                    found.names.extend(names);
                }
                Line::Done(done) => drop(found.done.insert(done.row.name.clone(), done)),
            }
        }
        Ok(found)
    }
}

/// Names of the images of which a call that did not end may have left files.
pub(super) fn names(out: &Path) -> Result<BTreeSet<String>> {
    Ok(Found::read(&out.join(FILE))?.names)
}

/// A prediction that is under way.
pub(super) struct UnderWay {
    path: PathBuf,
    file: File,
    /// what is called for, until the first images are begun: whatever lies there stays until then, if it is of another call
    anew: Option<Value>,
    /// of an earlier call, by name
    earlier: BTreeMap<String, Done<Box<Row>>>,
}

impl UnderWay {
    /// Goes on with what an earlier call for the same has left of these images in a folder, or begins anew.
    pub(crate) fn open(out: &Path, call: Value, names: &BTreeSet<&str>) -> Result<Self> {
        let path = out.join(FILE);
        let cannot = || format!("cannot write `{}`", path.display());
        let mut file = open_to_go_on(&path).with_context(cannot)?;
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            bail!("another program is predicting into `{}`; wait for its end, or choose another --out", out.display());
        }
        let Found { call: earlier_call, length, done, .. } = Found::read(&path)?;
        let is_same = earlier_call.as_ref() == Some(&call);
        let earlier = done.into_iter().filter(|(name, _)| is_same && names.contains(name.as_str())).collect();
        if is_same {
            file.set_len(length).and_then(|()| file.seek(SeekFrom::End(0))).with_context(cannot)?;
        }
        Ok(Self { path, file, anew: (!is_same).then_some(call), earlier })
    }

    /// Whether nothing of this call has been done, nor of an earlier one for the same.
    pub(crate) fn is_new(&self) -> bool {
        self.anew.is_some()
    }

    /// Rows of images that an earlier call has done and that were not taken.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = &Row> {
        self.earlier.values().map(|done| &*done.row)
    }

    /// Whether an earlier call has done an image that was not taken.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.earlier.contains_key(name)
    }

    /// The row of an image, if an earlier call has done it and its file is still the same.
    pub(crate) fn take(&mut self, name: &str, content: impl FnOnce() -> Option<FileContent>) -> Option<Row> {
        let done = self.earlier.remove(name)?;
        (content().map(identity) == Some(done.file)).then_some(*done.row)
    }

    /// From now on the file is of this call.
    pub(crate) fn start(&mut self) -> Result<()> {
        let Some(call) = self.anew.take() else { return Ok(()) };
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.with_context(|| format!("cannot write `{}`", self.path.display()))?;
        self.append(&Call { written_by: Purpose::UnderWay.mark(), call })
    }

    /// Keeps that files of images are about to be written.
    pub(crate) fn begin(&mut self, names: Vec<String>) -> Result<()> {
        self.append(&Line::<&Row>::Begun(names))
    }

    /// Keeps that an image is done; its files are written.
    pub(crate) fn add(&mut self, content: FileContent, row: &Row) -> Result<()> {
        self.append(&Line::Done(Done { file: identity(content), row }))
    }

    /// Forgets everything: all is done.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { path, file, .. } = self;
        drop(file);
        Overwriting::default().remove(&path, Purpose::UnderWay)?;
        Ok(())
    }

    /// Leaves what lay there, of another call, as it is.
    pub(crate) fn leave(self) -> Result<()> {
        let is_empty = self.file.metadata().is_ok_and(|found| found.len() == 0);
        if is_empty { self.finish() } else { Ok(()) }
    }

    fn append(&mut self, line: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

fn identity(content: FileContent) -> (u64, u32) {
    (content.length(), content.checksum)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;
    use crate::data::content::FileContents;
    use crate::metrics::Doubt;
    use crate::prediction::{Flag, Unfit};

    #[test]
    fn the_same_call_goes_on_and_another_begins_anew() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, image) = (folder.path().join(FILE), folder.path().join("a.png"));
        let content = || FileContents::default().of(&image).expect("it was written");
        let images = BTreeSet::from(["a", "b", "c"]);
        let open = |call: u32| UnderWay::open(folder.path(), json!({ "call": call }), &images).expect("it is writable");
        let begun = || names(folder.path()).expect("it can be read").into_iter().collect::<Vec<_>>();
        let row = |name: &str| Row {
            vcdr: Some(0.1 + 0.2),
            flags: vec![Flag::Unfit(Unfit::WholePhotograph), Flag::Doubt(Doubt::NoCup)],
            ..Row::empty(name)
        };
        fs::write(&image, "an image").expect("the folder is writable");
        let mut first = open(1);
        first.start().expect("the folder is writable");
        first.begin(vec!["a".to_string(), "b".to_string()]).expect("the folder is writable");
        for name in ["a", "b"] {
            first.add(content(), &row(name)).expect("the folder is writable");
        }
        let error = UnderWay::open(folder.path(), json!(1), &images).err().expect("it is in use").to_string();
        assert!(error.contains("another program"), "{error}");
        drop(first);
        // Killed within a line.
        let written = fs::read(&path).expect("it is there");
        fs::write(&path, &written[..written.len() - 9]).expect("the folder is writable");
        let mut again = open(1);
        assert_eq!(again.rows().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(begun(), ["a", "b"], "files of both may be there");
        let taken = again.take("a", || Some(content())).expect("it is the same image");
        assert_eq!((taken.vcdr, taken.flags), (row("a").vcdr, row("a").flags));
        assert!(again.take("a", || Some(content())).is_none() && again.take("b", || Some(content())).is_none());
        again.add(content(), &row("c")).expect("the folder is writable");
        drop(again);

        fs::write(&image, "an Image").expect("the folder is writable");
        let mut changed = open(1);
        assert_eq!(changed.rows().len(), 2);
        assert!(changed.take("a", || Some(content())).is_none(), "another image");
        changed.begin(vec!["c".to_string()]).expect("the folder is writable");
        drop(changed);
        assert_eq!(open(1).rows().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["a"], "c is being replaced");
        let fewer =
            UnderWay::open(folder.path(), json!({ "call": 1 }), &BTreeSet::from(["b"])).expect("it is writable");
        assert_eq!(fewer.rows().len(), 0, "a is no image of this call");
        drop(fewer);

        let mut another = open(2);
        assert_eq!(another.rows().len(), 0);
        assert_eq!(begun(), ["a", "b", "c"], "nothing is forgotten before there is something else");
        another.start().expect("the folder is writable");
        assert!(begun().is_empty());
        drop(another);
        open(2).finish().expect("it is there");
        assert!(!path.exists());
        open(2).leave().expect("the folder is writable");
        assert!(!path.exists(), "it was made to be locked");
        fs::write(&path, "a note\nof somebody\n").expect("the folder is writable");
        assert!(begun().is_empty());
    }
}
