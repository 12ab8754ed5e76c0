//! Augmentation for networks that shall serve cameras they have never seen.
//!
//! What a network must not depend on is drawn afresh for each sample, and everything at once: nothing is left out for a coin. Two
//! parts, apart because a student may have to learn from a picture that looks otherwise what a teacher said of the same picture as it was:
//!
//! - A region is *moved*: turned by up to 20 degrees, shown at 0.7 to 1.4 of its size, stretched by 8 %, sheared by 10 %, shifted by a
//!   tenth of its side and slightly bent, all in one resampling. Regions have an upright orientation (the arcades of the vessels leave
//!   the disc above and below, and cups are taller than wide), so there are no quarter turns, which no photograph shows. Left and right
//!   are exchanged in half of the samples, for a person has an eye of each kind, top and bottom, which differ little, in a quarter.
//!   What lies outside is mirrored, as where `prepare` completes a region at the border of a photograph: black would be up to half of a
//!   sample, regions have a strip of it at most, and the running statistics of the normalisations would be those of other images than
//!   the network then sees. The disc takes 0.5 to 0.7 of the height of REFUGE's regions and 0.6 to 0.9 of other cameras'; below a size
//!   of 0.7 the mirror would show a second one. The mask is mirrored with the image: what looks like a disc is labelled as one.
//! - Its *appearance* is changed: blur, uneven light, gains and offsets of channels, contrast, saturation and hue, gamma, noise, and a
//!   covered rectangle in a quarter of the samples.

mod appearance;
mod field;
#[cfg(test)]
mod tests;
mod warp;

use image::{GrayImage, RgbImage};
use rand::Rng;

use appearance::Appearance;
use warp::Warp;

/// Moves a square region in place, its mask with it. The mask keeps to its levels, and the same numbers are drawn whether or not it is
/// given.
///
/// # Panics
/// When the image is not square or the mask has another size.
pub fn move_region(image: &mut RgbImage, mask: Option<&mut GrayImage>, rng: &mut impl Rng) {
    assert_eq!(image.width(), image.height(), "a region is square when it is augmented");
    assert!(mask.as_ref().is_none_or(|mask| mask.dimensions() == image.dimensions()), "image and mask differ in size");
    Warp::random(rng).apply(image, mask);
}

/// Changes how a square region looks, in place. Nothing moves.
pub fn change_appearance(image: &mut RgbImage, rng: &mut impl Rng) {
    Appearance::random(rng).apply(image, rng);
}
