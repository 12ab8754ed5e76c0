//! From published full-field photographs and their annotations to disc regions in the dataset layout.
//!
//! A layout's module lists photographs and where their annotations lie; everything after that is the same for all:
//! the disc is measured in the annotation (or found in the photograph), a square around it is cut out, image and mask
//! are brought to one size, and the result is written with a table and a contact sheet.

mod annotation;
mod crop;
mod drishti;
mod error;
mod origa;
mod output;
mod pairs;
mod pipeline;
mod reason;
mod refuge;
mod rim_one;
mod summary;
#[cfg(test)]
mod tests;
mod tree;

use std::path::PathBuf;

use super::dataset::Split;
use crate::named::named_enum;
pub use annotation::{Annotation, Legend};
pub use error::{OptionError, PrepareError};
pub use output::TABLE;
pub use pipeline::prepare;
pub use reason::{Reason, Remedy};
pub use summary::{Found, Prepared, Skipped, Summary};

named_enum! {
    /// How a data set's files are laid out, as its authors publish it.
    pub enum Layout {
        /// Drishti-GS1: soft maps of four experts
        DrishtiGs = "drishti-gs",
        /// REFUGE: three parts of 400, masks 0 cup, 128 rim, 255 background
        Refuge = "refuge",
        /// RIM-ONE DL: crops around the disc, disc and cup in masks of their own
        RimOneDl = "rim-one-dl",
        /// ORIGA: masks 0 background, 1 rim, 2 cup
        Origa = "origa",
        /// any folder of images, with masks in another or in two
        Pairs = "pairs",
    }
}

named_enum! {
    /// Where REFUGE's validation part goes.
    pub enum ValidationPart {
        /// to `train`
        Train = "train",
        /// to `test`, together with the test part
        Test = "test",
        /// nowhere
        None = "none",
    }
}

named_enum! {
    /// Which of RIM-ONE DL's two divisions into training and test images is taken.
    pub enum Division {
        /// trained on one hospital, tested on the others
        Hospital = "hospital",
        /// at random
        Random = "random",
    }
}

/// What is prepared, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// how the data set is laid out
    pub layout: Layout,
    /// folder with the data set as it is unpacked
    pub input: PathBuf,
    /// folder of the dataset that is made
    pub output: PathBuf,
    /// rows and columns of a region as written
    pub size: u32,
    /// side of the square that is cut out, in pixels of the photograph; `None`: the layout's, or by `scale`
    pub side: Option<u32>,
    /// side of the square in median disc diameters of the part
    pub scale: Option<f64>,
    /// Drishti-GS1: experts of four who must agree
    pub agreement: u8,
    /// REFUGE
    pub validation: ValidationPart,
    /// RIM-ONE DL
    pub division: Division,
    /// without a published division: every n-th by name is a test image, with 0 none
    pub test_every: usize,
    /// `pairs`: levels of a mask that holds both structures
    pub legend: Legend,
    /// `pairs`: folders, relative to `input` unless absolute
    pub images: Option<PathBuf>,
    /// masks that hold both structures
    pub masks: Option<PathBuf>,
    /// masks of the disc alone
    pub disc_masks: Option<PathBuf>,
    /// masks of the cup alone
    pub cup_masks: Option<PathBuf>,
}

/// Side of a region in disc diameters, where the layout does not say: as in the published regions of REFUGE, in which
/// the disc is two thirds of the width.
pub const SCALE: f64 = 1.5;

/// How large a square is cut out of the photographs of a part.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Extent {
    /// pixels of the photograph
    Pixels(u32),
    /// median disc diameters of the part
    Diameters(f64),
    /// the whole picture: it is a crop already
    Whole,
}

/// A photograph of a data set: files, not pixels.
#[derive(Debug, Clone)]
struct Photograph {
    /// name of the region, unique in its split
    name: String,
    split: Split,
    /// photographs of one camera, which share the side of their regions
    part: String,
    image: PathBuf,
    annotation: Annotation,
    /// file with the disc's centre, used without an annotation
    centre: Option<PathBuf>,
    extent: Extent,
}

/// What a layout's module finds.
#[derive(Debug, Default)]
struct Listing {
    photographs: Vec<Photograph>,
    skipped: Vec<Skipped>,
}

impl Listing {
    /// Divides photographs, sorted by name, where nothing published does: every `n`-th is a test image.
    fn divide_every(&mut self, n: usize) {
        self.photographs.sort_by(|a, b| a.name.cmp(&b.name));
        for (index, photograph) in self.photographs.iter_mut().enumerate() {
            let is_test = n > 0 && index % n == n - 1;
            photograph.split = if is_test { Split::Test } else { Split::Train };
            photograph.part = "all".to_string();
        }
    }
}
