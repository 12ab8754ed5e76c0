//! One region: its files, and its pixels, read, resized and turned into numbers.

use std::path::{Path, PathBuf};

use image::{GrayImage, RgbImage};

use super::error::DataError;
use super::image_file::{ImageNote, Photograph, read_mask, read_photograph};
use super::mask::{MaskSummary, canonical_levels, check_mask};
use super::resize::{resize_image, resize_mask};

/// One region of interest around a disc: files, not pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Stem of the image file.
    pub name: String,
    /// The photograph's crop.
    pub image: PathBuf,
    /// Its grey-level mask.
    pub mask: Option<PathBuf>,
}

/// An image and, for a labelled region, a mask of the same size; both upright.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionPixels {
    /// The photograph's crop.
    pub image: RgbImage,
    /// Grey levels 0, 128 and 255 only.
    pub mask: Option<GrayImage>,
    /// What a user should know about the image's file.
    pub image_notes: Vec<ImageNote>,
    /// What a user should know about the mask's file.
    pub mask_notes: Vec<ImageNote>,
}

impl RegionPixels {
    /// Decodes a region's files at their own size; the mask's levels are made canonical.
    ///
    /// # Errors
    /// What [`read_photograph`], [`read_mask`] and [`check_mask`] refuse, a mask in colour, and an image and a mask of
    /// different sizes.
    pub fn read(region: &Region) -> Result<Self, DataError> {
        let Photograph { image, orientation, notes: image_notes } = read_photograph(&region.image, None)?;
        let mut pixels = Self { image, mask: None, image_notes, mask_notes: Vec::new() };
        if let Some(path) = &region.mask {
            let stored = read_mask(path)?;
            let orientations = (orientation, stored.orientation);
            let upright = stored.upright();
            let mut mask = upright.to_grey(path)?;
            if pixels.image.dimensions() != mask.dimensions() {
                let sizes = (pixels.image.dimensions(), mask.dimensions());
                return Err(DataError::sizes_differ((&region.image, path), sizes, orientations));
            }
            check_mask(&mask, path)?;
            canonical_levels(&mut mask);
            (pixels.mask, pixels.mask_notes) = (Some(mask), upright.notes);
        }
        Ok(pixels)
    }

    /// The region at `size` x `size` pixels: image antialiased bilinear, mask nearest.
    pub fn resized(self, size: u32) -> Self {
        if self.image.dimensions() == (size, size) {
            return self;
        }
        Self {
            image: resize_image(&self.image, size, size),
            mask: self.mask.map(|mask| resize_mask(&mask, size, size)),
            ..self
        }
    }

    /// What the mask contains, where there is one.
    pub fn summary(&self) -> Option<MaskSummary> {
        self.mask.as_ref().map(|mask| MaskSummary::of(mask.as_raw()))
    }

    /// What a user should know about the files of the region that these are the pixels of.
    pub fn notes<'a>(&self, region: &'a Region) -> Vec<(&'a Path, ImageNote)> {
        let of_image = self.image_notes.iter().map(|note| (region.image.as_path(), *note));
        let of_mask = region.mask.iter().flat_map(|mask| self.mask_notes.iter().map(|note| (mask.as_path(), *note)));
        of_image.chain(of_mask).collect()
    }

    /// Bytes of memory the pixels take.
    pub fn bytes(&self) -> usize {
        self.image.as_raw().len() + self.mask.as_ref().map_or(0, |mask| mask.as_raw().len())
    }
}

/// An image as `[3, H, W]`, each value byte / 127.5 - 1.
pub fn image_planes(image: &RgbImage) -> Vec<f32> {
    let bytes = image.as_raw();
    let mut planes = vec![0.0; bytes.len()];
    let (red, others) = planes.split_at_mut(bytes.len() / 3);
    let (green, blue) = others.split_at_mut(bytes.len() / 3);
    let value = |byte: u8| f32::from(byte) / 127.5 - 1.0;
    for (((rgb, red), green), blue) in bytes.chunks_exact(3).zip(red).zip(green).zip(blue) {
        (*red, *green, *blue) = (value(rgb[0]), value(rgb[1]), value(rgb[2]));
    }
    planes
}
