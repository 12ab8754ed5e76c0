//! Settings of operators are the same if their bits are: 0 and −0 are two constants, and a NaN is itself.

use std::hash::{Hash, Hasher};

pub(crate) fn eq(a: &f32, b: &f32) -> bool {
    a.to_bits() == b.to_bits()
}

pub(crate) fn hash<H: Hasher>(value: &f32, state: &mut H) {
    value.to_bits().hash(state);
}
