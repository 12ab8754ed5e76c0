//! Extents of a tensor, row-major, at most five axes.

use std::fmt;
use std::ops::Deref;

/// Extents of a row-major tensor; `[]` is a scalar. Feature maps are `[N, C, H, W]`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// A scalar, shape `[]`.
    pub fn scalar() -> Self {
        Shape(Vec::new())
    }

    /// Number of elements, 1 for a scalar.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// Size in bytes as f32.
    pub fn bytes(&self) -> u64 {
        self.elements() as u64 * 4
    }

    /// The four extents of a feature map, or `None` if the rank is not 4.
    pub fn nchw(&self) -> Option<[usize; 4]> {
        self.0.as_slice().try_into().ok()
    }

    /// Row-major strides, in elements.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.0.len()];
        for axis in (1..self.0.len()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis];
        }
        strides
    }

    /// Shape of an elementwise result under NumPy's broadcasting rule.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.len().max(other.len());
        let extent = |shape: &Shape, axis: usize| {
            let missing = rank - shape.len();
            if axis < missing { 1 } else { shape[axis - missing] }
        };
        (0..rank)
            .map(|axis| match (extent(self, axis), extent(other, axis)) {
                (a, b) if a == b => Some(a),
                (1, b) => Some(b),
                (a, 1) => Some(a),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(Shape)
    }

    /// Strides that read a tensor of this shape as if it had shape `target`: 0 where an axis is repeated.
    /// The caller has checked that this shape broadcasts to `target`.
    pub fn broadcast_strides(&self, target: &Shape) -> Vec<usize> {
        let missing = target.len() - self.len();
        let own = self.strides();
        (0..target.len())
            .map(|axis| match axis.checked_sub(missing) {
                Some(a) if self.0[a] != 1 => own[a],
                _ => 0,
            })
            .collect()
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl From<Vec<usize>> for Shape {
    fn from(extents: Vec<usize>) -> Self {
        Shape(extents)
    }
}

impl From<&[usize]> for Shape {
    fn from(extents: &[usize]) -> Self {
        Shape(extents.to_vec())
    }
}

impl<const R: usize> From<[usize; R]> for Shape {
    fn from(extents: [usize; R]) -> Self {
        Shape(extents.to_vec())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
