//! One region: its files, and its pixels, read, resized and turned into numbers.

use std::path::{Path, PathBuf};

use image::{GrayImage, RgbImage};

use super::error::DataError;
use super::fit::{Lying, Pair};
use super::image_file::{ImageNote, Orientation, Photograph, read_mask, read_photograph};
use super::mask::{MaskSummary, canonical_levels, check_mask};
use super::remarks::Remark;
use super::resize::{resize_image, resize_mask};
use super::square::Square;

/// Pixels a side of which a region has at least so many: fewer show nothing.
const SMALLEST: u32 = 16;
/// Times that a region is longer than wide at most: what is longer shows no disc in the middle of its surroundings.
const LONGEST: u32 = 4;

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
    /// Whether the mask's file has other levels, which are read as the nearest of these.
    pub has_other_levels: bool,
    /// What a user should know about the image's file.
    pub image_notes: Vec<ImageNote>,
    /// What a user should know about the mask's file.
    pub mask_notes: Vec<ImageNote>,
    /// How the mask lies, and the orientation of the image's file, where that has one and the mask's has none.
    pub lying: Option<(Lying, Orientation)>,
}

impl RegionPixels {
    /// Decodes a region's files at their own size; the mask's levels are made canonical. A mask that covers the pixels as
    /// stored of an image that its file says to turn is turned with it.
    ///
    /// # Errors
    /// What [`read_photograph`], [`check_shape`], [`read_mask`] and [`check_mask`] refuse, a mask in colour, and an image and
    /// a mask of different sizes.
    pub fn read(region: &Region) -> Result<Self, DataError> {
        let Photograph { image, orientation, notes: image_notes } = read_photograph(&region.image, None)?;
        check_shape(image.dimensions(), &region.image)?;
        let Some(path) = &region.mask else {
            let (mask_notes, has_other_levels) = (Vec::new(), false);
            return Ok(Self { image, mask: None, has_other_levels, image_notes, mask_notes, lying: None });
        };
        let stored = read_mask(path)?;
        let orientations = (orientation, stored.orientation);
        let upright = stored.upright();
        let mut mask = upright.to_grey(path)?;
        check_mask(&mask, path)?;
        let has_other_levels = canonical_levels(&mut mask);
        let (size, mask_size) = (image.dimensions(), mask.dimensions());
        let mask_is_turned = orientations.1 != Orientation::NoTransforms;
        let pair = Pair { mask: &mask, mask_is_turned, size, orientation };
        let Some((fit, lying)) = pair.fit(|own, other| own == other, || Ok::<_, DataError>(&image))? else {
            return Err(DataError::sizes_differ((&region.image, path), (size, mask_size), orientations));
        };
        let (mask, lying) = (Some(fit.apply(mask)), lying.map(|lying| (lying, orientation)));
        Ok(Self { image, mask, has_other_levels, image_notes, mask_notes: upright.notes, lying })
    }

    /// Completed to a square by mirroring the edges: nothing is stretched.
    pub fn squared(self) -> Self {
        let (width, height) = self.image.dimensions();
        if width == height {
            return self;
        }
        let square = Square::containing(width, height);
        let mask = self.mask.as_ref().map(|mask| square.cut_mask(mask));
        Self { image: square.cut_image(&self.image), mask, ..self }
    }

    /// The region at `size` x `size` pixels, [squared](Self::squared): image antialiased bilinear, mask nearest.
    pub fn resized(self, size: u32) -> Self {
        if self.image.dimensions() == (size, size) {
            return self;
        }
        let whole = self.squared();
        let mask = whole.mask.as_ref().map(|mask| resize_mask(mask, size, size));
        Self { image: resize_image(&whole.image, size, size), mask, ..whole }
    }

    /// What the mask contains, where there is one.
    pub fn summary(&self) -> Option<MaskSummary> {
        self.mask.as_ref().map(|mask| MaskSummary::of(mask.as_raw()))
    }

    /// What a user should know about the image and the files, before the region is resized.
    pub fn remarks(&self) -> Vec<Remark> {
        let of_mask = self.mask_notes.iter().copied().map(Remark::Mask);
        let lying = self.lying.map(|(lying, orientation)| Remark::Turned { lying, orientation });
        Remark::on_region(&self.image, &self.image_notes).into_iter().chain(of_mask).chain(lying).collect()
    }

    /// Bytes of memory the pixels take.
    pub fn bytes(&self) -> usize {
        self.image.as_raw().len() + self.mask.as_ref().map_or(0, |mask| mask.as_raw().len())
    }
}

/// Refuses what cannot be a region around a disc, whatever is in it.
///
/// # Errors
/// [`DataError::NoRegion`] of an image of less than 16 pixels a side, or more than four times as long as wide.
pub fn check_shape((width, height): (u32, u32), path: &Path) -> Result<(), DataError> {
    let (shorter, longer) = (width.min(height), width.max(height));
    if shorter < SMALLEST || longer > LONGEST.saturating_mul(shorter) {
        return Err(DataError::NoRegion { path: path.to_path_buf(), width, height });
    }
    Ok(())
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
