//! Names of the kernels that compete for a convolution, and choices among them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::conv_class::ConvClass;
use crate::named::named_enum;

named_enum! {
    /// How convolutions are computed; each variant is proven against the twin.
    #[derive(PartialOrd, Ord)]
    pub enum ConvVariant {
        /// one thread for each output, straight from the buffers
        Direct = "direct",
        /// implicit GEMM with shared-memory tiles, for hardware
        Tiled = "tiled",
        /// implicit GEMM from `rgba32float` storage textures, for software adapters
        Texture = "texture",
        /// implicit GEMM in cooperative matrices, for adapters that report them
        Cooperative = "cooperative",
    }
}

/// Outputs of a workgroup of [`ConvVariant::Tiled`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tile {
    /// 64 × 32, by 64 invocations
    Small,
    /// 64 × 64, by 128 invocations
    Medium,
    /// 128 × 64, by 256 invocations
    Large,
}

impl Tile {
    /// Invocations along the rows and the columns of the product.
    pub(crate) fn threads(self) -> [usize; 2] {
        match self {
            Tile::Small => [8, 8],
            Tile::Medium => [8, 16],
            Tile::Large => [16, 16],
        }
    }
}

/// A kernel for a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConvChoice {
    /// [`ConvVariant::Direct`]
    Direct,
    /// [`ConvVariant::Tiled`] with [`Tile::Small`]
    Small,
    /// [`ConvVariant::Tiled`] with [`Tile::Medium`]
    Medium,
    /// [`ConvVariant::Tiled`] with [`Tile::Large`]
    Large,
    /// [`ConvVariant::Texture`]
    Texture,
    /// [`ConvVariant::Cooperative`], of [`GpuOptions::matrices`](super::options::GpuOptions::matrices)
    Cooperative,
}

impl ConvChoice {
    /// All kernels that every adapter can run.
    pub const ALL: [ConvChoice; 5] =
        [ConvChoice::Direct, ConvChoice::Small, ConvChoice::Medium, ConvChoice::Large, ConvChoice::Texture];

    pub(crate) fn variant(self) -> (ConvVariant, Option<Tile>) {
        match self {
            ConvChoice::Direct => (ConvVariant::Direct, None),
            ConvChoice::Small => (ConvVariant::Tiled, Some(Tile::Small)),
            ConvChoice::Medium => (ConvVariant::Tiled, Some(Tile::Medium)),
            ConvChoice::Large => (ConvVariant::Tiled, Some(Tile::Large)),
            ConvChoice::Texture => (ConvVariant::Texture, None),
            ConvChoice::Cooperative => (ConvVariant::Cooperative, None),
        }
    }
}

/// Kernels by class of convolutions; classes that are not there keep to [`Capabilities::conv`](super::Capabilities::conv).
pub type Choices = BTreeMap<ConvClass, ConvChoice>;
