//! What had to be assumed or mended to use a photograph with its annotation: no error, but its owner should know.

use std::fmt;

use crate::data::fit::Lying;
use crate::data::image_file::{ImageNote, Orientation};
use crate::data::remarks::FEW_PIXELS;
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
    /// the mask shows something apart from the disc
    Apart {
        /// so much of it
        pixels: u64,
    },
    /// the mask of a structure is dark inside and bright around it
    DarkInside,
    /// the mask is called otherwise than its photograph
    OtherName {
        /// name of the mask's file
        mask: String,
    },
    /// the annotation is what experts agree on
    Agreement {
        /// so many at least
        agreement: u8,
        /// of so many
        experts: u8,
    },
    /// the photograph seems to be a region already
    AlreadyRegion,
    /// the disc touches the border of the region
    DiscCut,
    /// the region reaches so far beyond the photograph that a part of the disc is mirrored in
    DiscMirrored,
    /// the region has many times more pixels than the photograph has there
    Enlarged {
        /// pixels a side in the photograph
        from: u32,
        /// in the region
        to: u32,
    },
    /// the region has so few pixels in the photograph that a pixel more or less changes what is measured
    FewPixels {
        /// so many a side
        side: u32,
    },
}

/// Times that a region is enlarged of which nobody need know.
const ENLARGED: u32 = 4;
/// Share of a photograph's shorter side that its disc is wide at most; of a region's it is more.
const WIDEST: f64 = 0.45;

impl Note {
    /// What is odd about how small a region is cut out: `side` pixels become `size`.
    pub(super) fn on_side(side: u32, size: u32) -> Option<Self> {
        let is_enlarged = u64::from(size) > u64::from(ENLARGED) * u64::from(side);
        let few = (side < FEW_PIXELS).then_some(Self::FewPixels { side });
        if is_enlarged { Some(Self::Enlarged { from: side, to: size }) } else { few }
    }

    /// What is odd about how wide the disc of a photograph of this size is.
    pub(super) fn on_disc(diameter: f64, (width, height): (u32, u32)) -> Option<Self> {
        (diameter > WIDEST * f64::from(width.min(height))).then_some(Self::AlreadyRegion)
    }
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
        /// photographs have an EXIF orientation and their masks none: the masks were drawn on the photographs as a viewer shows
        /// them, and were not turned
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
        /// masks show a little apart from the disc, which stays in them
        Apart = "apart",
        /// masks of one structure are dark inside and bright around it: inside is what the corners are not
        DarkInside = "dark-inside",
        /// masks have the names of their photographs with an addition, or another spelling
        OtherName = "other-name",
        /// disc and cup are where so many of the experts agree
        Agreement = "agreement",
        /// photographs look like regions around a disc already, and squares were cut out of them once more; regions are used as
        /// they are if they lie in `train/ROIs/image` and `train/ROIs/mask`
        AlreadyRegion = "already-region",
        /// discs touch the border of their regions, which are too small for them or lie beside them
        DiscCut = "disc-cut",
        /// regions reach so far beyond their photographs that a part of the disc is mirrored in; the masks are background there
        DiscMirrored = "disc-mirrored",
        /// regions were enlarged more than four times, so that they show no more than a blur
        Enlarged = "enlarged",
        /// regions have fewer than 64 pixels a side, so that outlines in them are no more than guesses
        FewPixels = "few-pixels",
    }
}

impl Note {
    /// Whether somebody should look at the region before it is used.
    pub fn is_doubt(&self) -> bool {
        matches!(
            self,
            Self::AlreadyRegion
                | Self::DiscCut
                | Self::DiscMirrored
                | Self::Enlarged { .. }
                | Self::FewPixels { .. }
                | Self::Turned { lying: Lying::Unclear, .. }
        )
    }

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
            Self::Apart { .. } => NoteKind::Apart,
            Self::DarkInside => NoteKind::DarkInside,
            Self::OtherName { .. } => NoteKind::OtherName,
            Self::Agreement { .. } => NoteKind::Agreement,
            Self::AlreadyRegion => NoteKind::AlreadyRegion,
            Self::DiscCut => NoteKind::DiscCut,
            Self::DiscMirrored => NoteKind::DiscMirrored,
            Self::Enlarged { .. } => NoteKind::Enlarged,
            Self::FewPixels { .. } => NoteKind::FewPixels,
        }
    }
}

/// What is particular to this case; nothing where its kind says all.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Photograph(note) | Self::Mask(note) => write!(f, "{note}"),
            Self::NearestValue { pixels } | Self::Apart { pixels } => write!(f, "{pixels} pixels"),
            Self::Scaled { from, to } => write!(f, "{}x{} to {}x{}", from.0, from.1, to.0, to.1),
            Self::Turned { orientation, .. } => write!(f, "EXIF orientation {}", orientation.to_exif()),
            Self::OtherName { mask } => f.write_str(mask),
            Self::Agreement { agreement, experts } => write!(f, "{agreement} of {experts} experts"),
            Self::Enlarged { from, to } => write!(f, "{from}x{from} to {to}x{to} pixels"),
            Self::FewPixels { side } => write!(f, "{side}x{side} pixels"),
            Self::RimWithoutCup
            | Self::OutlineFilled
            | Self::HolesFilled
            | Self::DarkInside
            | Self::AlreadyRegion
            | Self::DiscCut
            | Self::DiscMirrored => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::named::Named;

    #[test]
    fn regions_of_few_pixels_are_noticed_however_large_they_become() {
        assert_eq!(Note::on_side(63, 512), Some(Note::Enlarged { from: 63, to: 512 }));
        assert_eq!(Note::on_side(63, 128), Some(Note::FewPixels { side: 63 }));
        assert_eq!(Note::on_side(64, 256), None);
        let told = NoteKind::FewPixels.help().expect("each has a sentence");
        assert!(told.contains(&format!("than {FEW_PIXELS} pixels")), "{told}");
    }
}
