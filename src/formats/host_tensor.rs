//! A tensor in main memory.

use std::borrow::Cow;

/// Values of a tensor, row-major, with its shape. A scalar has the empty shape.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// As many values as the product of `shape`.
    pub data: Vec<f32>,
}

impl HostTensor {
    /// Whether shape and every bit of every value agree (so a NaN equals itself).
    pub fn same_bits(&self, other: &Self) -> bool {
        self.shape == other.shape
            && self.data.len() == other.data.len()
            && self.data.iter().zip(&other.data).all(|(a, b)| a.to_bits() == b.to_bits())
    }

    /// Whether no value is a NaN or an infinity.
    pub fn is_finite(&self) -> bool {
        self.data.iter().all(|value| value.is_finite())
    }

    /// Whether the number of values is the product of the shape.
    pub(super) fn is_consistent(&self) -> bool {
        element_count(&self.shape) == Some(self.data.len())
    }
}

/// Product of the extents, if it fits.
pub(super) fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent))
}

/// Values as files hold them, lowest byte first: where memory does too, without a copy.
pub(super) fn little_endian(values: &[f32]) -> Cow<'_, [u8]> {
    match cfg!(target_endian = "little") {
        true => Cow::Borrowed(bytemuck::cast_slice(values)),
        false => Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
    }
}
