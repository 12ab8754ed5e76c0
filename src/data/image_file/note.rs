//! What a user should know about a file that is read all the same.

use std::fmt::{self, Display};

use image::metadata::Orientation;

/// Something about a file that is read; as text a clause about "it", the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageNote {
    /// The pixels were turned as the file says.
    OrientationApplied(Orientation),
    /// A JPEG whose pixels are all there, and whose last two bytes are not.
    EndMarkerMissing,
    /// Samples that use fewer bits than they take were scaled to the whole range.
    BitsScaled {
        /// Bits that a sample takes in the file.
        stored: u8,
        /// Bits that are used: by the largest sample, or as the user says.
        bits: u8,
    },
    /// Only the first page, or picture of a film, of several was read.
    OtherPages {
        /// How many there are.
        pages: u32,
    },
    /// Pixels that are not opaque were read as if they were.
    AlphaDropped,
    /// Real numbers of a mask from 0 to 1 were read as shares of white.
    SharesOfWhite,
    /// All pixels of a mask have one colour, so that it was read from how opaque they are.
    AlphaIsMask,
}

impl Display for ImageNote {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::OrientationApplied(orientation) => {
                let exif = orientation.to_exif();
                write!(f, "its EXIF orientation, {exif}, is applied: it is stored {}", stored(*orientation))
            }
            Self::EndMarkerMissing => f.write_str("its end-of-image marker is missing, but no pixel is"),
            Self::BitsScaled { stored, bits } => {
                write!(f, "its samples of {stored} bits are scaled as of {bits} bits, beyond which none of them goes")
            }
            Self::OtherPages { pages } => write!(f, "of its {pages} pages only the first is read"),
            Self::SharesOfWhite => f.write_str("its real numbers from 0 to 1 are read as levels from 0 to 255"),
            Self::AlphaIsMask => f.write_str("it has one colour alone, so that its transparency is read as the mask"),
            Self::AlphaDropped => f.write_str("it is transparent in places, which is not heeded"),
        }
    }
}

/// How what lies in a file differs from what a viewer shows.
fn stored(orientation: Orientation) -> &'static str {
    match orientation {
        Orientation::NoTransforms => "upright",
        Orientation::Rotate180 => "upside down",
        Orientation::Rotate90 | Orientation::Rotate270 => "on its side",
        Orientation::FlipHorizontal | Orientation::FlipVertical => "mirrored",
        Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => "mirrored and on its side",
    }
}
