//! The figures of each image, as a table and as JSON.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::{GrayImage, RgbImage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::flag::Flag;
use super::whole_photograph::Place;
use crate::cli::masking::{MASK_COLUMNS, mask_cells};
use crate::csv_cell::{original, write_row};
use crate::data::contact_sheet::Tile;
use crate::data::names::{shown, shown_path};
use crate::metrics::{Eye, Masking, RimSectors};
use crate::own_file::{Overwriting, Purpose, open_existing, open_to_go_on};

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

/// A row of the table.
#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub name: String,
    pub vcdr: Option<f64>,
    pub cup_area: u64,
    pub disc_area: u64,
    /// `None` of what is flagged
    pub confidence: Option<f64>,
    /// which the image shows, if that is known
    pub eye: Option<Eye>,
    pub rim: Option<RimSectors>,
    /// mean deviation over passes with dropouts: in the disc, and along the outlines
    pub uncertainty: Option<[Option<f64>; 2]>,
    pub place: Option<Place>,
    /// what to look at
    pub flags: Vec<Flag>,
    /// what to know of the image
    pub notes: Vec<String>,
}

impl Row {
    /// Names and values, in the order of the columns.
    fn cells(&self) -> Vec<(&'static str, Value)> {
        let number = |value: Option<f64>| value.map_or(Value::Null, Value::from);
        let rim = |share: fn(&RimSectors) -> f64| number(self.rim.as_ref().map(share));
        let side = |index: usize| number(self.rim.zip(self.eye).map(|(rim, eye)| rim.sides(eye)[index]));
        let uncertainty = |index: usize| number(self.uncertainty.and_then(|u| u[index]));
        let place = |value: fn(&Place) -> Value| self.place.as_ref().map_or(Value::Null, value);
        vec![
            ("name", self.name.clone().into()),
            ("vcdr", number(self.vcdr)),
            ("cup_area", self.cup_area.into()),
            ("disc_area", self.disc_area.into()),
            ("confidence", number(self.confidence)),
            ("eye", self.eye.map_or(Value::Null, |eye| eye.name().into())),
            ("rim_inferior", rim(|rim| rim.inferior)),
            ("rim_superior", rim(|rim| rim.superior)),
            ("rim_nasal", side(0)),
            ("rim_temporal", side(1)),
            ("rim_left", rim(|rim| rim.left)),
            ("rim_right", rim(|rim| rim.right)),
            ("uncertainty_disc", uncertainty(0)),
            ("uncertainty_outline", uncertainty(1)),
            ("region_left", place(|place| place.square.left.into())),
            ("region_top", place(|place| place.square.top.into())),
            ("region_side", place(|place| place.square.side.into())),
            ("finder_confidence", number(self.place.map(|place| place.finding.confidence))),
            ("flag", self.flags.iter().map(|flag| flag.name()).collect()),
            ("notes", self.notes.iter().cloned().collect()),
        ]
    }

    pub(super) fn as_json(&self) -> Value {
        let cells = self.cells().into_iter().map(|(name, value)| (name.to_string(), value));
        Value::Object(cells.collect::<Map<_, _>>())
    }

    /// The image's place in the contact sheet: what the network saw, and the mask of that.
    pub(crate) fn tile(&self, seen: &RgbImage, mask: &GrayImage) -> Tile {
        let flags: Vec<&str> = self.flags.iter().map(|flag| flag.name()).collect();
        let tile = Tile::new(&self.name, seen, Some(mask), &flags);
        match self.place {
            Some(Place { finding, square }) => tile.with_disc(finding.disc.within(&square, 1.0), finding.confidence),
            None => tile,
        }
    }

    fn texts(&self, made_by: &MadeBy) -> impl Iterator<Item = String> {
        self.cells().into_iter().map(|(_, value)| cell(&value)).chain(made_by.texts())
    }

    /// A row without any figure.
    pub(crate) fn empty(name: &str) -> Self {
        Self {
            name: name.to_string(),
            vcdr: None,
            cup_area: 0,
            disc_area: 0,
            confidence: None,
            eye: None,
            rim: None,
            uncertainty: None,
            place: None,
            flags: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Names of the columns, which a table without rows has too.
    pub(crate) fn columns() -> Vec<&'static str> {
        Self::empty("").cells().into_iter().map(|(name, _)| name).chain(MadeBy::columns()).collect()
    }
}

/// Writes the table; what is unknown is an empty cell.
pub(super) fn write_table<'r>(
    overwriting: &Overwriting,
    path: &Path,
    rows: impl Iterator<Item = &'r Row>,
    made_by: &MadeBy,
) -> Result<()> {
    Ok(overwriting.write_table(path, &Row::columns(), rows.map(|row| row.texts(made_by)))?)
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
        let written = write_row(&mut self.table, row.texts(&self.made_by)).and_then(|()| self.table.flush());
        written.with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

/// A sentence on an earlier table that was made by another network, or of other masks, and is replaced.
pub(super) fn replaced(path: &Path, made_by: &MadeBy) -> Option<String> {
    if !Purpose::Table(&Row::columns()).is_at(path).unwrap_or(false) {
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
    if !Purpose::Table(&Row::columns()).is_at(path).unwrap_or(false) {
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
    use crate::metrics::Masks;

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
