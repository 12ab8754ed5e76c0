//! The normalisations and their gradients.

mod buffer;
mod product;
mod statistics;
mod texture;
