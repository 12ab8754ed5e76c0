//! The convolutions in their three directions.

mod depthwise;
mod depthwise_texture;
mod direct;
mod geometry;
mod operands;
mod texture;
mod tiled;
mod variant;
mod winograd;

pub(crate) use geometry::{Geometry, direction};
