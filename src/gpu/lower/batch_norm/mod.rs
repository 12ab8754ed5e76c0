//! The normalisations and their gradients.

mod buffer;
mod texture;
