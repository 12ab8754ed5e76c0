//! What was noticed about the images of a folder, gathered so that each kind is told once, however many images have it.

use std::mem::{Discriminant, discriminant};

use image::RgbImage;

use super::disc_finder::is_whole_photograph;
use super::fit::Lying;
use super::image_file::{ImageNote, Orientation};
use super::mask::looks_like_mask;
use super::names::{several, shown};

/// Pixels a side of a region below which a pixel more or less changes what is measured.
pub const FEW_PIXELS: u32 = 64;

/// What somebody should know of an image although it can be used.
#[derive(Debug, Clone)]
pub enum Remark {
    /// it looks like a whole photograph where a region is expected
    WholePhotograph,
    /// it looks like a region where a whole photograph is expected
    AlreadyRegion,
    /// it looks like a mask where a photograph is expected
    LikeMask,
    /// it has so few pixels that outlines in it are no more than guesses
    FewPixels {
        /// columns
        width: u32,
        /// rows
        height: u32,
    },
    /// it is completed to a square by mirroring its edges
    NotSquare {
        /// columns
        width: u32,
        /// rows
        height: u32,
    },
    /// something about its file
    File(ImageNote),
    /// something about the file of its mask
    Mask(ImageNote),
    /// its file has an orientation, and that of its mask none
    Turned {
        /// how the mask lies
        lying: Lying,
        /// of the image's file
        orientation: Orientation,
    },
}

impl Remark {
    /// What is noticed about an image that is taken for a region; `notes` are on its file.
    pub fn on_region(image: &RgbImage, notes: &[ImageNote]) -> Vec<Self> {
        let (width, height) = image.dimensions();
        let mut remarks = Self::on_file(notes);
        if Self::is_like_mask(image, notes) {
            remarks.push(Self::LikeMask);
        } else if is_whole_photograph(image) {
            remarks.push(Self::WholePhotograph);
        } else if width != height {
            remarks.push(Self::NotSquare { width, height });
        }
        remarks
    }

    /// What is noticed about an image that is taken for a whole photograph; `notes` are on its file.
    pub fn on_photograph(image: &RgbImage, notes: &[ImageNote]) -> Vec<Self> {
        let mut remarks = Self::on_file(notes);
        if Self::is_like_mask(image, notes) {
            remarks.push(Self::LikeMask);
        } else if !is_whole_photograph(image) {
            remarks.push(Self::AlreadyRegion);
        }
        remarks
    }

    /// What is noticed about the size of a region.
    pub fn on_size((width, height): (u32, u32)) -> Option<Self> {
        (width.min(height) < FEW_PIXELS).then_some(Self::FewPixels { width, height })
    }

    /// Whether an image looks like a mask; `notes` are on its file.
    pub fn is_like_mask(image: &RgbImage, notes: &[ImageNote]) -> bool {
        // No mask has levels of 12 bits.
        let is_deep = |note: &ImageNote| matches!(note, ImageNote::BitsScaled { bits, .. } if *bits > 8);
        !notes.iter().any(is_deep) && looks_like_mask(image)
    }

    /// What is noticed about the file of an image.
    pub fn on_file(notes: &[ImageNote]) -> Vec<Self> {
        notes.iter().copied().map(Self::File).collect()
    }

    /// A sentence without the name of the image.
    pub fn sentence(&self) -> String {
        match self {
            Self::WholePhotograph => "it looks like a whole photograph, not like a region around a disc".to_string(),
            Self::AlreadyRegion => {
                "it looks like a region around a disc already, not like a whole photograph".to_string()
            }
            Self::LikeMask => "it looks like a mask, not like a photograph".to_string(),
            Self::FewPixels { width, height } => {
                format!("its region has only {width}x{height} pixels: outlines in it are no more than guesses")
            }
            Self::NotSquare { width, height } => {
                format!("it is {width}x{height} and was completed to a square by mirroring its edges")
            }
            Self::File(note) => note.to_string(),
            Self::Mask(note) => format!("of its mask: {note}"),
            Self::Turned { lying, orientation } => {
                let exif = orientation.to_exif();
                match lying {
                    Lying::Upright => {
                        format!("its EXIF orientation is {exif} and its mask has none: the mask fits as drawn, upright")
                    }
                    Lying::OnStored => format!(
                        "its mask covers the pixels as stored, before their EXIF orientation, {exif}: it was turned with them"
                    ),
                    Lying::Unclear => format!(
                        "its EXIF orientation, {exif}, was applied to it and not to its mask; whether that is upright does not \
                         show, so look at both"
                    ),
                }
            }
        }
    }

    /// What remarks of one kind have in common.
    fn kind(&self) -> (Discriminant<Self>, Option<Discriminant<ImageNote>>, Option<Lying>) {
        let (note, lying) = match self {
            Self::File(note) | Self::Mask(note) => (Some(discriminant(note)), None),
            Self::Turned { lying, .. } => (None, Some(*lying)),
            Self::WholePhotograph
            | Self::AlreadyRegion
            | Self::LikeMask
            | Self::FewPixels { .. }
            | Self::NotSquare { .. } => (None, None),
        };
        (discriminant(self), note, lying)
    }
}

/// Remarks by kind, each with the names of its images, in the order in which they came.
#[derive(Debug, Default)]
pub struct Remarks(Vec<(Remark, Vec<String>)>);

impl Remarks {
    /// Takes up what was noticed about an image.
    pub fn add(&mut self, name: &str, remarks: impl IntoIterator<Item = Remark>) {
        for remark in remarks {
            match self.0.iter_mut().find(|(first, _)| first.kind() == remark.kind()) {
                Some((_, names)) => names.push(name.to_string()),
                None => self.0.push((remark, vec![name.to_string()])),
            }
        }
    }

    /// Images that look like whole photographs.
    pub fn whole_photographs(&self) -> &[String] {
        let found = self.0.iter().find(|(remark, _)| matches!(remark, Remark::WholePhotograph));
        found.map_or(&[], |(_, names)| names)
    }

    /// A sentence for each kind; `of` images were looked at. What to do about whole photographs, or about regions in their place,
    /// is `advice`.
    pub fn sentences(&self, of: usize, advice: &str) -> Vec<String> {
        let sentence = |(remark, names): &(Remark, Vec<String>)| {
            let (count, told) = (names.len(), several(names));
            let look = |one: &str, many: &str| match count {
                1 => format!("1 of {of} looks like {one} ({told})"),
                _ => format!("{count} of {of} look like {many} ({told})"),
            };
            match (remark, names.split_first()) {
                (Remark::WholePhotograph, _) => {
                    let one = "a whole photograph, not like a region around a disc";
                    look(one, "whole photographs, not like regions around a disc") + advice
                }
                (Remark::AlreadyRegion, _) => {
                    let one = "a region around a disc already, not like a whole photograph";
                    look(one, "regions around a disc already, not like whole photographs") + advice
                }
                (Remark::LikeMask, _) => look("a mask, not like a photograph", "masks, not like photographs"),
                (Remark::FewPixels { .. }, _) if count > 1 => format!(
                    "regions of {count} of {of} have fewer than {FEW_PIXELS} pixels a side, and outlines in them are no more than \
                     guesses ({told})"
                ),
                (Remark::NotSquare { .. }, _) if count > 1 => {
                    format!("{count} of {of} are not square and were completed by mirroring their edges ({told})")
                }
                (_, Some((first, others))) if !others.is_empty() => {
                    let (first, sentence) = (shown(first), remark.sentence());
                    format!("`{first}`: {sentence}; likewise {} more: {}", others.len(), several(others))
                }
                _ => format!("{told}: {}", remark.sentence()),
            }
        };
        self.0.iter().map(sentence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_once() {
        let mut remarks = Remarks::default();
        assert!(remarks.whole_photographs().is_empty() && remarks.sentences(3, "").is_empty());
        let narrow = Remark::NotSquare { width: 30, height: 40 };
        remarks.add("a", [narrow.clone()]);
        assert_eq!(remarks.sentences(9, ""), ["`a`: it is 30x40 and was completed to a square by mirroring its edges"]);
        remarks.add("b\n", [Remark::WholePhotograph]);
        for name in ["c", "d", "e"] {
            remarks.add(name, [narrow.clone()]);
        }
        assert_eq!(
            remarks.sentences(9, "; do this"),
            [
                "4 of 9 are not square and were completed by mirroring their edges (`a`, `c`, `d` and 1 more)",
                "1 of 9 looks like a whole photograph, not like a region around a disc (`b\\n`); do this",
            ]
        );
        assert_eq!(remarks.whole_photographs(), ["b\n"]);
        let mut remarks = Remarks::default();
        let mask = RgbImage::from_fn(40, 40, |x, _| image::Rgb([if x < 20 { 0 } else { 255 }; 3]));
        remarks.add("m", Remark::on_region(&mask, &[]));
        assert_eq!(remarks.sentences(2, ""), ["1 of 2 looks like a mask, not like a photograph (`m`)"]);
        let deep = ImageNote::BitsScaled { stored: 16, bits: 12 };
        assert!(!Remark::on_region(&mask, &[deep]).iter().any(|remark| matches!(remark, Remark::LikeMask)));
    }

    #[test]
    fn regions_in_the_place_of_photographs_and_few_pixels_are_noticed() {
        // Dark in every corner, as around a field of view, or nowhere.
        let field = |side: u32, radius: f64| {
            RgbImage::from_fn(side, side, |x, y| {
                let middle = f64::from(side) / 2.0;
                let is_inside = (f64::from(x) - middle).hypot(f64::from(y) - middle) < radius * f64::from(side);
                image::Rgb(if is_inside { [150 + (x % 50) as u8, 80, (y % 40) as u8] } else { [3; 3] })
            })
        };
        let (whole, region) = (field(200, 0.49), field(200, 1.0));
        let mut remarks = Remarks::default();
        let found = Remark::on_photograph(&whole, &[]);
        assert!(found.is_empty(), "{found:?}");
        assert!(matches!(Remark::on_region(&whole, &[])[..], [Remark::WholePhotograph]));
        assert!(Remark::on_region(&region, &[]).is_empty());
        for name in ["a", "b"] {
            remarks.add(name, Remark::on_photograph(&region, &[]));
            remarks.add(name, Remark::on_size((63, 64)));
        }
        remarks.add("c", Remark::on_size((64, 64)));
        assert_eq!(
            remarks.sentences(9, "; do this"),
            [
                "2 of 9 look like regions around a disc already, not like whole photographs (`a` and `b`); do this",
                "regions of 2 of 9 have fewer than 64 pixels a side, and outlines in them are no more than guesses (`a` and `b`)",
            ]
        );
    }
}
