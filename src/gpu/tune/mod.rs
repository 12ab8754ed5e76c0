//! Kernels measured against each other, each checked before it may be chosen.

mod sampling;
mod tuner;

pub use tuner::Tuner;
