//! The convolutions in their three directions.

mod cooperative;
mod depthwise;
mod depthwise_texture;
mod direct;
mod operands;
mod product;
mod texture;
mod texture_blocks;
mod tiled;
mod variant;
mod winograd;

pub(super) use operands::Operands;
