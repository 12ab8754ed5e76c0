//! Elementwise operators and dropout.

mod buffer;
mod texture;
