//! The figures of each image.

use image::{GrayImage, RgbImage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::flag::Flag;
use super::place::Place;
use crate::data::contact_sheet::Tile;
use crate::metrics::{Eye, RimSectors};

/// The figures of an image: a row of the table of `predict`.
#[derive(Serialize, Deserialize)]
pub struct Row {
    /// of the image
    pub name: String,
    /// vertical cup-to-disc ratio; `None` without a disc or a cup
    pub vcdr: Option<f64>,
    /// pixels of the cup
    pub cup_area: u64,
    /// pixels of the disc
    pub disc_area: u64,
    /// mean of the larger of p and 1 − p over the disc; `None` of what is flagged
    pub confidence: Option<f64>,
    /// which the image shows, if that is known
    pub eye: Option<Eye>,
    /// shares of the disc that are rim; `None` without a cup
    pub rim: Option<RimSectors>,
    /// mean deviation over passes with dropouts: in the disc, and along the outlines
    pub uncertainty: Option<[Option<f64>; 2]>,
    /// of a whole photograph, where its region lies
    pub place: Option<Place>,
    /// what to look at
    pub flags: Vec<Flag>,
    /// what to know of the image
    pub notes: Vec<String>,
}

impl Row {
    /// Names and values, in the order of the columns.
    pub fn cells(&self) -> Vec<(&'static str, Value)> {
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

    /// The same as an object.
    pub fn as_json(&self) -> Value {
        let cells = self.cells().into_iter().map(|(name, value)| (name.to_string(), value));
        Value::Object(cells.collect::<Map<_, _>>())
    }

    /// The image's place in the contact sheet: what the network saw, and the mask of that.
    pub fn tile(&self, seen: &RgbImage, mask: &GrayImage) -> Tile {
        let flags: Vec<&str> = self.flags.iter().map(|flag| flag.name()).collect();
        let tile = Tile::new(&self.name, seen, Some(mask), &flags);
        match self.place {
            Some(Place { finding, square }) => tile.with_disc(finding.disc.within(&square, 1.0), finding.confidence),
            None => tile,
        }
    }

    /// A row without any figure.
    pub fn empty(name: &str) -> Self {
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
}
