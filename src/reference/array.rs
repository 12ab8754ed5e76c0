//! A tensor of f64 in host memory.

use crate::graph::Shape;

/// A dense row-major tensor; `data` holds `shape.elements()` values.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// extents
    pub shape: Shape,
    /// values, the last axis fastest
    pub data: Vec<f64>,
}

impl Array {
    /// A tensor of the given values.
    ///
    /// # Panics
    /// If the number of values is not that of the shape.
    pub fn new(shape: impl Into<Shape>, data: Vec<f64>) -> Self {
        let shape = shape.into();
        assert_eq!(shape.elements(), data.len(), "{} values do not fill shape {shape}", data.len());
        Array { shape, data }
    }

    /// A tensor of the given values, widened.
    ///
    /// # Panics
    /// If the number of values is not that of the shape.
    pub fn from_f32(shape: impl Into<Shape>, data: &[f32]) -> Self {
        Self::new(shape, data.iter().map(|&v| f64::from(v)).collect())
    }

    /// The values rounded to f32.
    pub fn to_f32(&self) -> Vec<f32> {
        self.data.iter().map(|&v| v as f32).collect()
    }

    /// A tensor of zeros.
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Self::filled(shape, 0.0)
    }

    /// A tensor of one value throughout.
    pub fn filled(shape: impl Into<Shape>, value: f64) -> Self {
        let shape = shape.into();
        let data = vec![value; shape.elements()];
        Array { shape, data }
    }

    /// The four extents of a feature map or a convolution's weight.
    pub(super) fn nchw(&self) -> [usize; 4] {
        self.shape.nchw().expect("shapes were checked when the graph was built")
    }

    /// The values of one map `[H, W]` of a tensor `[N, C, H, W]`, `index` counting over N and C.
    pub(super) fn plane(&self, index: usize) -> &[f64] {
        let [_, _, h, w] = self.nchw();
        &self.data[index * h * w..(index + 1) * h * w]
    }
}
