//! From the pixels of a region to the numbers of a training sample.

use super::augment::consistency::augment_target;
use super::augment::{Augment, augment, augment_lightly};
use super::boundary::{BoundaryBand, boundary_target};
use super::mask::decode_mask;
use super::region::{RegionPixels, image_planes};
use super::rng::{Purpose, SampleKey};

/// One training sample at size S, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// `[3, S, S]`, byte / 127.5 - 1.
    pub image: Vec<f32>,
    /// `[2, S, S]` of 0 and 1: cup, then disc; empty without a mask.
    pub mask: Vec<f32>,
    /// `[1, S, S]` in [0, 1]; empty without a mask.
    pub boundary: Vec<f32>,
    /// `[3, S, S]`, the image as augmented, changed photometrically again; empty unless asked for.
    pub image_augmented: Vec<f32>,
}

/// Augments a square region and turns it into numbers. The result depends on the arguments alone.
pub fn prepare_sample(
    mut region: RegionPixels,
    augmentation: Augment,
    photometric_copy: bool,
    key: SampleKey,
) -> Sample {
    let (image, mask) = (&mut region.image, region.mask.as_mut());
    match augmentation {
        Augment::Full => augment(image, mask, &mut key.rng(Purpose::Augment)),
        Augment::Light => augment_lightly(image, mask, &mut key.rng(Purpose::Augment)),
        Augment::None => {}
    }
    let side = region.image.width();
    let mask = region.mask.as_ref().map_or_else(Vec::new, |mask| decode_mask(mask.as_raw()));
    let boundary = if mask.is_empty() {
        Vec::new()
    } else {
        boundary_target(&mask, side as usize, side as usize, BoundaryBand::for_size(side))
    };
    let image_augmented = if photometric_copy {
        image_planes(&augment_target(&region.image, &mut key.rng(Purpose::PhotometricCopy)))
    } else {
        Vec::new()
    };
    Sample { image: image_planes(&region.image), mask, boundary, image_augmented }
}
