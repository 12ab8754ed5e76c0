//! What had to be assumed or mended to use a photograph with its annotation: no error, but its owner should know.

use std::fmt;

use crate::data::fit::Lying;
use crate::data::image_file::{ImageNote, Orientation};
use crate::named::named_enum;

/// One thing about one photograph or its annotation.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// the photograph was brought into its usual form as it was read
    Photograph(ImageNote),
    /// and so was the mask
    Mask(ImageNote),
    /// pixels whose value lay between those of the classes
    NearestValue {
        /// so many
        pixels: u64,
    },
    /// the mask had another size than the photograph
    Scaled {
        /// width and height of the mask
        from: (u32, u32),
        /// of the photograph
        to: (u32, u32),
    },
    /// the photograph is stored turned, and the mask has no orientation of its own
    Turned {
        /// how it lies
        lying: Lying,
        /// of the photograph
        orientation: Orientation,
    },
    /// the mask of the disc shows its rim without the cup, which was added
    RimWithoutCup,
    /// a structure was drawn as a closed line, which was filled
    OutlineFilled,
    /// a structure had holes, which were filled
    HolesFilled,
}

named_enum! {
    /// Notes of a kind are told together.
    #[derive(PartialOrd, Ord)]
    pub enum NoteKind {
        /// photographs were brought into their usual form as they were read
        Photograph = "photograph",
        /// masks were brought into their usual form as they were read
        Mask = "mask",
        /// masks hold values between those of the classes, as after JPEG or smooth resizing: such pixels have the nearest
        /// class
        NearestValue = "nearest-value",
        /// masks have the proportions of their photographs and not their size: they were scaled
        Scaled = "scaled",
        /// masks cover the pixels as stored, before the photographs' EXIF orientation: they were turned with them
        DrawnOnStored = "drawn-on-stored",
        /// photographs have an EXIF orientation and their masks none: they fit as drawn, on the upright photographs
        DrawnUpright = "drawn-upright",
        /// photographs have an EXIF orientation, which was applied to them and not to their masks; whether those are upright
        /// does not show, so look at the contact sheet
        OrientationUnclear = "orientation-unclear",
        /// masks of the disc show the rim without the cup, which was added
        RimWithoutCup = "rim-without-cup",
        /// structures are drawn as a closed line, which was filled
        OutlineFilled = "outline-filled",
        /// structures have holes, which were filled
        HolesFilled = "holes-filled",
    }
}

impl Note {
    /// What it is a case of.
    pub fn kind(&self) -> NoteKind {
        match self {
            Self::Photograph(_) => NoteKind::Photograph,
            Self::Mask(_) => NoteKind::Mask,
            Self::NearestValue { .. } => NoteKind::NearestValue,
            Self::Scaled { .. } => NoteKind::Scaled,
            Self::Turned { lying: Lying::OnStored, .. } => NoteKind::DrawnOnStored,
            Self::Turned { lying: Lying::Upright, .. } => NoteKind::DrawnUpright,
            Self::Turned { lying: Lying::Unclear, .. } => NoteKind::OrientationUnclear,
            Self::RimWithoutCup => NoteKind::RimWithoutCup,
            Self::OutlineFilled => NoteKind::OutlineFilled,
            Self::HolesFilled => NoteKind::HolesFilled,
        }
    }
}

/// What is particular to this case; nothing where its kind says all.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Photograph(note) | Self::Mask(note) => write!(f, "{note}"),
            Self::NearestValue { pixels } => write!(f, "{pixels} pixels"),
            Self::Scaled { from, to } => write!(f, "{}x{} to {}x{}", from.0, from.1, to.0, to.1),
            Self::Turned { orientation, .. } => write!(f, "EXIF orientation {}", orientation.to_exif()),
            Self::RimWithoutCup | Self::OutlineFilled | Self::HolesFilled => Ok(()),
        }
    }
}
