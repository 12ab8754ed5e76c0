//! The normalisations and their gradients.

mod buffer;
mod product;
mod texture;
