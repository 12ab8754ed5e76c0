//! What has come of one image, as Python takes it.

use papilla::data::mask::mask_image;
use papilla::inference::Logits;
use papilla::prediction::{Segmented, Subject};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyDict};

/// Masks, maps and figures of an image.
pub(crate) struct Outcome {
    /// columns and rows of the image and the mask
    size: (u32, u32),
    image: Vec<u8>,
    mask: Vec<u8>,
    /// columns and rows of the maps
    seen: (usize, usize),
    probabilities: Vec<f32>,
    boundary: Vec<f32>,
    deviation: Vec<f32>,
    /// the row of the table
    row: String,
}

impl Outcome {
    pub(crate) fn of(subject: Subject, segmented: &Segmented, logits: Logits) -> Self {
        let size = subject.image.dimensions();
        let [cup, disc] = segmented.whole.each_ref().map(|mask| mask.pixels().collect::<Vec<bool>>());
        Self {
            size,
            image: subject.image.into_raw(),
            mask: mask_image(size, &cup, &disc).into_raw(),
            seen: (logits.width, logits.height),
            probabilities: [logits.probability(0), logits.probability(1)].concat(),
            boundary: logits.boundary_probability(),
            deviation: logits.deviation,
            row: segmented.row.as_json().to_string(),
        }
    }

    /// The same as a dictionary; arrays are bytes.
    pub(crate) fn into_dict(self, py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let floats = |values: &[f32]| PyByteArray::new(py, bytemuck::cast_slice(values));
        let dict = PyDict::new(py);
        dict.set_item("size", self.size)?;
        dict.set_item("image", PyByteArray::new(py, &self.image))?;
        dict.set_item("mask", PyByteArray::new(py, &self.mask))?;
        dict.set_item("seen", self.seen)?;
        dict.set_item("probabilities", floats(&self.probabilities))?;
        dict.set_item("boundary", floats(&self.boundary))?;
        dict.set_item("deviation", floats(&self.deviation))?;
        dict.set_item("row", self.row)?;
        Ok(dict)
    }
}
