//! Kernel families: the variants of each, in order of preference, and what each of them admits.

mod conv2d;
mod declined;
mod geometry;
mod packed;
mod winograd;

pub(crate) use conv2d::{ConvKernel, ConvProblem};
pub use declined::Declined;
pub(crate) use geometry::{Geometry, Phase, direction};
pub(crate) use packed::{PackedSlots, admits_packed, enlarges, texels_of};
pub(crate) use winograd::{POSITIONS, Tiling, samples_for_parts};
