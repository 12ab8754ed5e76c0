//! The figures of each image, as a table and as JSON.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::whole_photograph::Place;
use crate::formats::write_atomically;
use crate::metrics::{Eye, RimSectors};

/// A row of the table.
pub(super) struct Row {
    pub name: String,
    pub vcdr: Option<f64>,
    pub cup_area: u64,
    pub disc_area: u64,
    pub confidence: f64,
    pub rim: Option<RimSectors>,
    /// mean deviation over passes with dropouts: in the disc, and along the outlines
    pub uncertainty: Option<[Option<f64>; 2]>,
    pub place: Option<Place>,
}

impl Row {
    /// Names and values, in the order of the columns.
    fn cells(&self, eye: Option<Eye>) -> Vec<(&'static str, Value)> {
        let rounded = |value: Option<f64>| value.map_or(Value::Null, |v| ((v * 1e4).round() / 1e4).into());
        let rim = |share: fn(&RimSectors) -> f64| rounded(self.rim.as_ref().map(share));
        let side = |index: usize| rounded(self.rim.zip(eye).map(|(rim, eye)| rim.sides(eye)[index]));
        let uncertainty = |index: usize| rounded(self.uncertainty.and_then(|u| u[index]));
        let place = |value: fn(&Place) -> Value| self.place.as_ref().map_or(Value::Null, value);
        vec![
            ("name", self.name.clone().into()),
            ("vcdr", rounded(self.vcdr)),
            ("cup_area", self.cup_area.into()),
            ("disc_area", self.disc_area.into()),
            ("confidence", rounded(Some(self.confidence))),
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
            ("finder_confidence", rounded(self.place.map(|place| place.finding.confidence))),
        ]
    }

    pub fn as_json(&self, eye: Option<Eye>) -> Value {
        let cells = self.cells(eye).into_iter().map(|(name, value)| (name.to_string(), value));
        Value::Object(cells.collect::<Map<_, _>>())
    }
}

/// Writes the table; what is unknown is an empty cell.
pub(super) fn write_table(path: &Path, rows: &[Row], eye: Option<Eye>) -> Result<()> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let columns = Row::columns();
    table.write_record(&columns)?;
    for row in rows {
        let cells = row.cells(eye).into_iter().map(|(_, value)| match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            Value::Number(number) => {
                number.as_f64().filter(|_| number.is_f64()).map_or(number.to_string(), |v| format!("{v:.4}"))
            }
            other => other.to_string(),
        });
        table.write_record(cells)?;
    }
    let bytes = table.into_inner().context("a table in memory can always be finished")?;
    Ok(write_atomically(path, |file| file.write_all(&bytes))?)
}

impl Row {
    /// Names of the columns, which a table without rows has too.
    fn columns() -> Vec<&'static str> {
        let (vcdr, rim, uncertainty, place) = (None, None, None, None);
        let empty =
            Self { name: String::new(), vcdr, cup_area: 0, disc_area: 0, confidence: 0.0, rim, uncertainty, place };
        empty.cells(None).into_iter().map(|(name, _)| name).collect()
    }
}
