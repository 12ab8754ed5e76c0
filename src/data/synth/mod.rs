//! Synthetic optic nerve heads: one model of anatomy, photographed by two cameras in two clinics.
//!
//! The data a first run needs, without any data set: `clinic-a` and `clinic-b` differ as two real cameras do, so that a
//! network trained on the one fails on the other until it is adapted. Every picture is a function of seed, clinic, split,
//! index and size alone.

pub mod anatomy;
pub mod camera;
pub mod noise;
pub mod outline;
pub mod render;
pub mod vessel_layer;
pub mod vessels;
mod write;

#[cfg(test)]
mod tests;

use image::{GrayImage, RgbImage};

use anatomy::Eye;
use camera::Camera;
use noise::Draw;

pub use write::{Error, SynthOptions, write_clinics};

/// One of the two synthetic clinics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clinic {
    /// The clinic with [`Camera::A`].
    A,
    /// The clinic with [`Camera::B`].
    B,
}

impl Clinic {
    /// Both clinics.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// Name of the clinic's folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "clinic-a",
            Self::B => "clinic-b",
        }
    }

    /// The clinic's camera.
    pub fn camera(self) -> &'static Camera {
        match self {
            Self::A => &Camera::A,
            Self::B => &Camera::B,
        }
    }
}

/// Training or test part of a clinic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// Photographs to train on.
    Train,
    /// Photographs to evaluate on, of other eyes.
    Test,
}

impl Split {
    /// Both splits.
    pub const ALL: [Self; 2] = [Self::Train, Self::Test];

    /// Name of the split's folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// The photograph `index` of a clinic's split and its mask (0 cup, 128 rim, 255 background), `size` pixels a side.
///
/// The same arguments give the same bytes on every platform; another `size` shows the same eye.
pub fn generate(seed: u64, clinic: Clinic, split: Split, index: u64, size: u32) -> (RgbImage, GrayImage) {
    let key = [seed, clinic as u64, split as u64, index];
    let eye = Eye::draw(&mut Draw::new(key, 0));
    let camera = clinic.camera();
    let scene = render::scene(&eye, camera.zoom, size);
    (camera.photograph(&scene, &mut Draw::new(key, 1)), render::mask(&eye, camera.zoom, size))
}
