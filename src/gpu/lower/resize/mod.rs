//! Resizes and max pooling.

mod block;
mod buffer;
mod pass;
mod texture;

pub(super) use pass::{Pass, Shifted};
