//! From the pixels of a region to the numbers of a training sample.

use image::RgbImage;

use super::augment::consistency::augment_target;
use super::augment::strong::{change_appearance, move_region};
use super::augment::{Augment, PhotometricCopy, augment, augment_lightly};
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
    /// `[3, S, S]`, the photometric copy; empty unless asked for.
    pub image_augmented: Vec<f32>,
}

/// Augments a square region and turns it into numbers. The result depends on the arguments alone.
pub fn prepare_sample(
    mut region: RegionPixels,
    augmentation: Augment,
    photometric_copy: PhotometricCopy,
    key: SampleKey,
) -> Sample {
    let (image, mask) = (&mut region.image, region.mask.as_mut());
    let moves = &mut key.rng(Purpose::Augment);
    match augmentation {
        Augment::Full => augment(image, mask, moves),
        Augment::Strong => move_region(image, mask, moves),
        Augment::Light => augment_lightly(image, mask, moves),
        Augment::None => {}
    }
    let looking_otherwise = |image: &RgbImage| {
        let mut image = image.clone();
        change_appearance(&mut image, &mut key.rng(Purpose::Appearance));
        image
    };
    if augmentation == Augment::Strong && photometric_copy != PhotometricCopy::Strong {
        region.image = looking_otherwise(&region.image);
    }
    let side = region.image.width();
    let mask = region.mask.as_ref().map_or_else(Vec::new, |mask| decode_mask(mask.as_raw()));
    let boundary = if mask.is_empty() {
        Vec::new()
    } else {
        boundary_target(&mask, side as usize, side as usize, BoundaryBand::for_size(side))
    };
    let image_augmented = match photometric_copy {
        PhotometricCopy::None => Vec::new(),
        PhotometricCopy::Consistency => {
            image_planes(&augment_target(&region.image, &mut key.rng(Purpose::PhotometricCopy)))
        }
        PhotometricCopy::Strong => image_planes(&looking_otherwise(&region.image)),
    };
    Sample { image: image_planes(&region.image), mask, boundary, image_augmented }
}
