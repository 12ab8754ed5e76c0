//! What a user should know about a file that is read all the same.

use std::fmt::{self, Display};
use std::path::Path;

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
    /// Only the first page of several was read.
    OtherPages {
        /// How many there are.
        pages: u32,
    },
    /// Pixels that are not opaque were read as if they were.
    AlphaDropped,
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

/// One sentence for each kind of note, in the order of their first files: how many files it is about, and the first of them.
pub fn summarise<'a>(notes: impl IntoIterator<Item = (&'a Path, ImageNote)>) -> Vec<String> {
    let mut kinds: Vec<(ImageNote, &Path, usize)> = Vec::new();
    for (path, note) in notes {
        match kinds.iter_mut().find(|(kind, ..)| *kind == note) {
            Some((.., count)) => *count += 1,
            None => kinds.push((note, path, 1)),
        }
    }
    let sentence = |(note, path, count): (ImageNote, &Path, usize)| match count {
        1 => format!("`{}`: {note}", path.display()),
        _ => format!("{count} files, `{}` the first of them: each has this to be known: {note}", path.display()),
    };
    kinds.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_of_one_kind_make_one_sentence() {
        let [a, b, c] = ["a.jpg", "b.jpg", "c.jpg"].map(Path::new);
        let turned = ImageNote::OrientationApplied(Orientation::Rotate180);
        let notes = [(a, turned), (b, ImageNote::AlphaDropped), (b, turned), (c, turned)];
        let [many, one] = <[String; 2]>::try_from(summarise(notes)).expect("two kinds");
        assert!(many.contains("3 files") && many.contains("`a.jpg`") && many.contains("EXIF orientation, 3"), "{many}");
        assert_eq!(one, "`b.jpg`: it is transparent in places, which is not heeded");
    }
}
