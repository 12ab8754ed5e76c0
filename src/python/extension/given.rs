//! Images as Python gives them: pixels, or the path of a file.

use std::path::{Path, PathBuf};

use image::RgbImage;
use papilla::data::image_file::{MAX_SIDE, Orientation, Photograph, read_photograph};
use papilla::data::names::stem;
use papilla::data::region::check_shape;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::error::{Answer, in_words};

/// Red, green and blue of each pixel, row after row.
#[derive(FromPyObject)]
pub(crate) struct Pixels(PyBackedBytes, u32, u32);

impl Pixels {
    /// The same as an image.
    pub(crate) fn image(&self) -> Answer<RgbImage> {
        let Self(bytes, width, height) = self;
        if *width.max(height) > MAX_SIDE {
            return Err(format!("the image is {width}x{height}; {MAX_SIDE} pixels a side are the most"));
        }
        RgbImage::from_raw(*width, *height, bytes.to_vec())
            .ok_or_else(|| format!("an image of {width}x{height} has three values for each pixel"))
    }
}

/// An image that is to be looked at.
#[derive(FromPyObject)]
pub(crate) enum Given {
    #[pyo3(transparent)]
    Pixels(Pixels),
    #[pyo3(transparent)]
    File(PathBuf),
}

impl Given {
    /// What it is called: a file by its name, another by its place among those that are given.
    pub(crate) fn name(&self, index: usize) -> String {
        match self {
            Given::Pixels(_) => format!("image {index}"),
            Given::File(path) => stem(path),
        }
    }

    /// The image, as the program takes it.
    pub(crate) fn read(&self) -> Answer<Photograph> {
        match self {
            Given::File(path) => read_photograph(path, None).map_err(|error| in_words(&error)),
            Given::Pixels(pixels) => {
                Ok(Photograph { image: pixels.image()?, orientation: Orientation::NoTransforms, notes: Vec::new() })
            }
        }
    }

    /// Refuses what cannot be a region.
    pub(crate) fn check_region(&self, photograph: &Photograph, index: usize) -> Answer<()> {
        let name = self.name(index);
        let path = match self {
            Given::File(path) => path,
            Given::Pixels(_) => Path::new(&name),
        };
        check_shape(photograph.image.dimensions(), path).map_err(|error| in_words(&error))
    }
}
