//! The figures of each image, as a table and as JSON.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cli::masking::{MASK_COLUMNS, mask_cells};
use crate::csv_cell::{original, write_row};
use crate::data::names::{shown, shown_path};
use crate::metrics::Masking;
use crate::own_file::{Overwriting, Purpose, open_existing, open_to_go_on};
use crate::prediction::Row;

/// The table of a prediction; a folder that holds one holds earlier results.
pub(super) const TABLE: &str = "predictions.csv";

/// What all rows of a table were made by and from.
#[derive(Clone)]
pub(super) struct MadeBy {
    /// the file of the network
    pub checkpoint: PathBuf,
    /// of its run, after which it was written; nothing of weights alone
    pub steps: Option<u64>,
    pub masking: Masking,
}

impl MadeBy {
    /// Columns that every row has alike, so that rows of several tables can be put together.
    fn columns() -> Vec<&'static str> {
        [&MASK_COLUMNS[..], &["checkpoint", "steps"]].concat()
    }

    fn texts(&self) -> Vec<String> {
        let steps = self.steps.map_or(String::new(), |steps| steps.to_string());
        [&mask_cells(self.masking)[..], &[self.checkpoint.display().to_string(), steps]].concat()
    }
}

/// Names of the columns, which a table without rows has too.
pub(super) fn columns() -> Vec<&'static str> {
    Row::empty("").cells().into_iter().map(|(name, _)| name).chain(MadeBy::columns()).collect()
}

fn texts(row: &Row, made_by: &MadeBy) -> impl Iterator<Item = String> {
    row.cells().into_iter().map(|(_, value)| cell(&value)).chain(made_by.texts())
}

/// Writes the table; what is unknown is an empty cell.
pub(super) fn write_table<'r>(
    overwriting: &Overwriting,
    path: &Path,
    rows: impl Iterator<Item = &'r Row>,
    made_by: &MadeBy,
) -> Result<()> {
    Ok(overwriting.write_table(path, &columns(), rows.map(|row| texts(row, made_by)))?)
}

/// A table that grows as images are done.
pub(super) struct GrowingTable {
    path: PathBuf,
    table: csv::Writer<File>,
    made_by: MadeBy,
}

impl GrowingTable {
    /// Begins with these rows.
    pub(crate) fn begin<'r>(
        overwriting: &Overwriting,
        path: PathBuf,
        rows: impl Iterator<Item = &'r Row>,
        made_by: &MadeBy,
    ) -> Result<Self> {
        write_table(overwriting, &path, rows, made_by)?;
        let file = open_to_go_on(&path).and_then(|mut file| file.seek(SeekFrom::End(0)).map(|_| file));
        let file = file.with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self { path, table: csv::Writer::from_writer(file), made_by: made_by.clone() })
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: &Row) -> Result<()> {
        let written = write_row(&mut self.table, texts(row, &self.made_by)).and_then(|()| self.table.flush());
        written.with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

/// A sentence on an earlier table that was made by another network, or of other masks, and is replaced.
pub(super) fn replaced(path: &Path, made_by: &MadeBy) -> Option<String> {
    if !Purpose::Table(&columns()).is_at(path).unwrap_or(false) {
        return None;
    }
    let first = csv::Reader::from_reader(open_existing(path).ok()?).into_records().next()?.ok()?;
    let own = made_by.texts();
    let was: Vec<&str> = first.iter().skip(first.len() - own.len()).map(original).collect();
    let [masks, cup, disc, _, checkpoint, _] = was[..] else { return None };
    (was != own).then(|| {
        format!(
            "`{}` held predictions by `{}` ({masks} masks at {cup} and {disc}), which are replaced",
            shown_path(path.parent().unwrap_or(path)),
            shown(checkpoint)
        )
    })
}

/// Names of the images that a table of an earlier call lists, if this program wrote it.
pub(super) fn listed(path: &Path) -> BTreeSet<String> {
    if !Purpose::Table(&columns()).is_at(path).unwrap_or(false) {
        return BTreeSet::new();
    }
    let Ok(file) = open_existing(path) else { return BTreeSet::new() };
    let names = csv::Reader::from_reader(file).into_records().flatten();
    names.filter_map(|row| Some(original(row.get(0)?).to_string())).collect()
}

/// Fractions with four digits, and lists in one cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(cell).collect::<Vec<_>>().join("; "),
        Value::Number(number) if number.is_f64() => format!("{:.4}", number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Eye, Masks, RimSectors};

    #[test]
    fn rows_say_which_eye_they_are_of_and_what_they_were_made_by() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(TABLE);
        let rim = Some(RimSectors { inferior: 0.4, superior: 0.3, left: 0.2, right: 0.1 });
        let rows = [Some(Eye::Left), Some(Eye::Right), None].map(|eye| Row { rim, eye, ..Row::empty("a") });
        let masking = Masking { masks: Masks::Postprocessed, thresholds: [0.1, 0.75], erosion: 0 };
        let made_by = MadeBy { checkpoint: PathBuf::from("run/last"), steps: Some(192), masking };
        let mut table = GrowingTable::begin(&Overwriting::default(), path.clone(), rows[..1].iter(), &made_by)
            .expect("it is writable");
        rows[1..].iter().for_each(|row| table.add(row).expect("it is writable"));
        drop(table);
        assert_eq!(replaced(&path, &made_by), None, "it is the same again");
        let other = MadeBy { masking: Masking { thresholds: [0.5; 2], ..masking }, ..made_by };
        let told = replaced(&path, &other).expect("other masks");
        assert!(told.ends_with("by `run/last` (postprocessed masks at 0.1 and 0.75), which are replaced"), "{told}");
        assert_eq!(replaced(&folder.path().join("absent"), &other), None);
        let written = std::fs::read_to_string(&path).expect("it was written");
        let mut lines = written.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let titles = lines.next().expect("titles");
        let of = |names: [&str; 3]| names.map(|name| titles.iter().position(|title| *title == name).expect("a column"));
        let (eye, last) = (of(["eye", "rim_nasal", "rim_temporal"]), titles.len() - 6);
        assert_eq!(titles[last..], ["masks", "threshold_cup", "threshold_disc", "erosion", "checkpoint", "steps"]);
        for (line, want) in lines.zip([["left", "0.2000", "0.1000"], ["right", "0.1000", "0.2000"], [""; 3]]) {
            assert_eq!(eye.map(|column| line[column]), want);
            assert_eq!(line[last..], ["postprocessed", "0.1", "0.75", "0", "run/last", "192"]);
        }
    }
}
