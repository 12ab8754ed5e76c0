//! Resizes and max pooling.

mod buffer;
mod texture;
