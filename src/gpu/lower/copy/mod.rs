//! Operators that only move elements.

mod buffer;
mod texture;

pub(super) use buffer::strided_copy;
