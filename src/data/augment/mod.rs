//! Augmentation of training regions.
//!
//! The published steps, in order: scale and crop, quarter turn, flips, elastic deformation (these move image and mask alike);
//! salt or pepper, gamma, random erasing (these change the image only). Lengths given for 512 pixels are scaled by
//! side / 512, so a region looks alike at every size. [`strong`] has steps of its own.

mod blur;
pub mod consistency;
mod elastic;
mod geometry;
mod photometric;
mod sampling;
pub mod strong;
#[cfg(test)]
mod tests;

use image::{GrayImage, RgbImage};
use rand::{Rng, RngExt};

/// Which augmentation a data set gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Augment {
    /// Every step of [`augment`].
    Full,
    /// Both parts of [`strong`].
    Strong,
    /// Quarter turns, flips and gamma only.
    Light,
    /// Regions as they are.
    None,
}

/// Which further copy of each image is made, one that looks otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhotometricCopy {
    /// There is none.
    None,
    /// The image as augmented, changed as the published consistency loss asks for, see [`consistency`].
    Consistency,
    /// The image with another [appearance](strong::change_appearance), which [`Augment::Strong`] then gives to the copy and not to
    /// the image: that is moved alone.
    Strong,
}

/// Quarter turn, flips and gamma, each drawn as in [`augment`]: for short runs, which full augmentation slows down.
pub fn augment_lightly(image: &mut RgbImage, mut mask: Option<&mut GrayImage>, rng: &mut impl Rng) {
    if rng.random_bool(0.5) {
        geometry::quarter_turn(image, mask.as_deref_mut(), rng);
    }
    geometry::flip(image, mask, rng.random_bool(0.5), rng.random_bool(0.5));
    if rng.random_bool(0.5) {
        photometric::gamma(image, rng.random_range(0.5..3.5));
    }
}

/// Augments a square region in place. `mask` holds the levels 0, 128 and 255 and keeps to them; the same numbers are
/// drawn whether or not it is given.
///
/// # Panics
/// When the image is not square or the mask has another size.
pub fn augment(image: &mut RgbImage, mut mask: Option<&mut GrayImage>, rng: &mut impl Rng) {
    assert_eq!(image.width(), image.height(), "a region is square when it is augmented");
    assert!(mask.as_ref().is_none_or(|mask| mask.dimensions() == image.dimensions()), "image and mask differ in size");
    if rng.random_bool(0.5) {
        geometry::scale_and_crop(image, mask.as_deref_mut(), rng);
    }
    if rng.random_bool(0.5) {
        geometry::quarter_turn(image, mask.as_deref_mut(), rng);
    }
    geometry::flip(image, mask.as_deref_mut(), rng.random_bool(0.5), rng.random_bool(0.5));
    if rng.random_bool(0.5) {
        elastic::deform(image, mask, rng);
    }
    match rng.random_range(0..4u32) {
        0 => photometric::salt(image, rng),
        1 => photometric::pepper(image, rng),
        _ => {}
    }
    if rng.random_bool(0.5) {
        photometric::gamma(image, rng.random_range(0.5..3.5));
    }
    if rng.random_bool(0.5) {
        photometric::erase(image, rng);
    }
}
