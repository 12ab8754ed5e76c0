//! What is prepared, and how.

use std::path::PathBuf;

use super::legend::Legend;
use crate::named::named_enum;

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
    /// Where a validation part goes.
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
    /// REFUGE, and `pairs` with a folder for it
    pub validation: ValidationPart,
    /// RIM-ONE DL
    pub division: Division,
    /// without a published division: every n-th by name is a test image, with 0 none
    pub test_every: usize,
    /// bits of a photograph's samples, where they are fewer than its file has room for and this does not show
    pub bits: Option<u8>,
    /// `pairs`: values of a mask that holds both structures
    pub legend: Legend,
    /// `pairs`: folder of images, in `input` (or anywhere below it, by its name) unless absolute
    pub images: Option<PathBuf>,
    /// masks that hold both structures
    pub masks: Option<PathBuf>,
    /// masks of the disc alone
    pub disc_masks: Option<PathBuf>,
    /// masks of the cup alone
    pub cup_masks: Option<PathBuf>,
}
