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
use crate::csv_cell::{original, write_row};
use crate::data::contact_sheet::Tile;
use crate::metrics::{Eye, RimSectors};
use crate::own_file::{Overwriting, Purpose, open_existing, open_to_go_on};

/// The table of a prediction; a folder that holds one holds earlier results.
pub(super) const TABLE: &str = "predictions.csv";

/// A row of the table.
#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub name: String,
    pub vcdr: Option<f64>,
    pub cup_area: u64,
    pub disc_area: u64,
    /// `None` without a disc
    pub confidence: Option<f64>,
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
    fn cells(&self, eye: Option<Eye>) -> Vec<(&'static str, Value)> {
        let number = |value: Option<f64>| value.map_or(Value::Null, Value::from);
        let rim = |share: fn(&RimSectors) -> f64| number(self.rim.as_ref().map(share));
        let side = |index: usize| number(self.rim.zip(eye).map(|(rim, eye)| rim.sides(eye)[index]));
        let uncertainty = |index: usize| number(self.uncertainty.and_then(|u| u[index]));
        let place = |value: fn(&Place) -> Value| self.place.as_ref().map_or(Value::Null, value);
        vec![
            ("name", self.name.clone().into()),
            ("vcdr", number(self.vcdr)),
            ("cup_area", self.cup_area.into()),
            ("disc_area", self.disc_area.into()),
            ("confidence", number(self.confidence)),
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

    pub(super) fn as_json(&self, eye: Option<Eye>) -> Value {
        let cells = self.cells(eye).into_iter().map(|(name, value)| (name.to_string(), value));
        Value::Object(cells.collect::<Map<_, _>>())
    }

    /// Whether somebody should look at the image.
    fn is_doubtful(&self) -> bool {
        !self.flags.is_empty() || self.place.is_some_and(|place| place.is_doubtful())
    }

    /// The image's place in the contact sheet: what the network saw, and the mask of that.
    pub(crate) fn tile(&self, seen: &RgbImage, mask: &GrayImage) -> Tile {
        let tile = Tile::new(&self.name, seen, Some(mask), self.is_doubtful());
        match self.place {
            Some(Place { finding, square }) => tile.with_disc(finding.disc.within(&square, 1.0), finding.confidence),
            None => tile,
        }
    }

    fn texts(&self, eye: Option<Eye>) -> impl Iterator<Item = String> {
        self.cells(eye).into_iter().map(|(_, value)| cell(&value))
    }

    /// A row without any figure.
    pub(crate) fn empty(name: &str) -> Self {
        Self {
            name: name.to_string(),
            vcdr: None,
            cup_area: 0,
            disc_area: 0,
            confidence: None,
            rim: None,
            uncertainty: None,
            place: None,
            flags: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Names of the columns, which a table without rows has too.
    pub(crate) fn columns() -> Vec<&'static str> {
        Self::empty("").cells(None).into_iter().map(|(name, _)| name).collect()
    }
}

/// Writes the table; what is unknown is an empty cell.
pub(super) fn write_table<'r>(
    overwriting: &Overwriting,
    path: &Path,
    rows: impl Iterator<Item = &'r Row>,
    eye: Option<Eye>,
) -> Result<()> {
    Ok(overwriting.write_table(path, &Row::columns(), rows.map(|row| row.texts(eye)))?)
}

/// A table that grows as images are done.
pub(super) struct GrowingTable {
    path: PathBuf,
    table: csv::Writer<File>,
    eye: Option<Eye>,
}

impl GrowingTable {
    /// Begins with these rows.
    pub(crate) fn begin<'r>(
        overwriting: &Overwriting,
        path: PathBuf,
        rows: impl Iterator<Item = &'r Row>,
        eye: Option<Eye>,
    ) -> Result<Self> {
        write_table(overwriting, &path, rows, eye)?;
        let file = open_to_go_on(&path).and_then(|mut file| file.seek(SeekFrom::End(0)).map(|_| file));
        let file = file.with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self { path, table: csv::Writer::from_writer(file), eye })
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: &Row) -> Result<()> {
        let written = write_row(&mut self.table, row.texts(self.eye)).and_then(|()| self.table.flush());
        written.with_context(|| format!("cannot write `{}`", self.path.display()))
    }
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
