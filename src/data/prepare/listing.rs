//! What is found in a data set, before any pixel is read.

use std::path::PathBuf;

use super::annotation::Annotation;
use super::unused::{Skipped, Unused};
use crate::data::dataset::Split;
use crate::data::patients::every_nth;

/// Side of a region in disc diameters, where the layout does not say: as in the published regions of REFUGE, in which
/// the disc is two thirds of the width.
pub const SCALE: f64 = 1.5;

/// The part of photographs that are divided by their names, of one camera.
pub(super) const ALL: &str = "all";

/// How large a square is cut out of the photographs of a part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Extent {
    /// pixels of the photograph
    Pixels(u32),
    /// median disc diameters of the part
    Diameters(f64),
    /// the whole picture: it is a crop already
    Whole,
}

/// A photograph of a data set: files, not pixels.
#[derive(Debug, Clone)]
pub(super) struct Photograph {
    /// name of the region, unique in its split
    pub name: String,
    pub split: Split,
    /// photographs of one camera, which share the side of their regions
    pub part: String,
    pub image: PathBuf,
    pub annotation: Annotation,
    /// file with the disc's centre, used without an annotation
    pub centre: Option<PathBuf>,
    pub extent: Extent,
    /// whether the data set has it in its validation part
    pub is_validation: bool,
}

/// What a layout's module finds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub photographs: Vec<Photograph>,
    pub skipped: Vec<Skipped>,
    pub unused: Vec<Unused>,
    /// every so many-th by name is a test image, with 0 none; `None` where files say what is
    pub test_every: Option<usize>,
}

impl Listing {
    /// Divides photographs, sorted by name, where nothing published does: every `n`-th is a test image, with both eyes of a
    /// patient in one part, see [`every_nth`].
    pub(crate) fn divide_every(&mut self, n: usize) {
        self.photographs.sort_by(|a, b| a.name.cmp(&b.name));
        let chosen = every_nth(self.photographs.iter().map(|photograph| photograph.name.as_str()), n);
        for (photograph, is_test) in self.photographs.iter_mut().zip(chosen) {
            photograph.split = if is_test { Split::Test } else { Split::Train };
            photograph.part = ALL.to_string();
        }
        self.test_every = Some(n);
    }
}
