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

named_enum! {
    /// Outputs of a workgroup of [`ConvVariant::Tiled`]: rows (filters) × columns (pixels), from the fewest registers to the most.
    #[derive(PartialOrd, Ord)]
    pub enum Tile {
        /// 4 × 256, by 256 invocations: heads of one or two filters
        Thin = "thin",
        /// 64 × 32, by 64 invocations
        Small = "small",
        /// 64 × 64, by 128 invocations
        Medium = "medium",
        /// 32 × 128, by 128 invocations
        Flat = "flat",
        /// 128 × 64, by 256 invocations
        Large = "large",
        /// 128 × 128, by 256 invocations
        Wide = "wide",
    }
}

impl Tile {
    /// Invocations along the rows and the columns of the product.
    pub(crate) fn threads(self) -> [usize; 2] {
        match self {
            Tile::Thin => [4, 64],
            Tile::Flat => [4, 32],
            Tile::Small => [8, 8],
            Tile::Medium => [8, 16],
            Tile::Large | Tile::Wide => [16, 16],
        }
    }

    /// Rows and columns of each invocation.
    pub(crate) fn sums(self) -> [usize; 2] {
        match self {
            Tile::Thin => [1, 4],
            Tile::Flat | Tile::Small | Tile::Medium | Tile::Large => [8, 4],
            Tile::Wide => [8, 8],
        }
    }

    /// Terms of the sums that the workgroup loads at once.
    pub(crate) fn depth(self) -> usize {
        match self {
            // More columns would not fit the memory that every adapter grants a workgroup.
            Tile::Thin => 8,
            _ => 16,
        }
    }
}

/// A kernel for a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConvChoice {
    /// [`ConvVariant::Direct`]
    Direct,
    /// [`ConvVariant::Tiled`] with [`Tile::Thin`]
    Thin,
    /// [`ConvVariant::Tiled`] with [`Tile::Flat`]
    Flat,
    /// [`ConvVariant::Tiled`] with [`Tile::Small`]
    Small,
    /// [`ConvVariant::Tiled`] with [`Tile::Medium`]
    Medium,
    /// [`ConvVariant::Tiled`] with [`Tile::Large`]
    Large,
    /// [`ConvVariant::Tiled`] with [`Tile::Wide`]
    Wide,
    /// [`ConvVariant::Texture`]
    Texture,
    /// [`ConvVariant::Cooperative`], of [`GpuOptions::matrices`](super::options::GpuOptions::matrices)
    Cooperative,
}

impl ConvChoice {
    /// All kernels that every adapter can run.
    pub const ALL: [ConvChoice; 8] = [
        ConvChoice::Direct,
        ConvChoice::Thin,
        ConvChoice::Small,
        ConvChoice::Medium,
        ConvChoice::Flat,
        ConvChoice::Large,
        ConvChoice::Wide,
        ConvChoice::Texture,
    ];

    pub(crate) fn variant(self) -> (ConvVariant, Option<Tile>) {
        match self {
            ConvChoice::Direct => (ConvVariant::Direct, None),
            ConvChoice::Thin => (ConvVariant::Tiled, Some(Tile::Thin)),
            ConvChoice::Flat => (ConvVariant::Tiled, Some(Tile::Flat)),
            ConvChoice::Small => (ConvVariant::Tiled, Some(Tile::Small)),
            ConvChoice::Medium => (ConvVariant::Tiled, Some(Tile::Medium)),
            ConvChoice::Large => (ConvVariant::Tiled, Some(Tile::Large)),
            ConvChoice::Wide => (ConvVariant::Tiled, Some(Tile::Wide)),
            ConvChoice::Texture => (ConvVariant::Texture, None),
            ConvChoice::Cooperative => (ConvVariant::Cooperative, None),
        }
    }
}

/// Kernels by class of convolutions; classes that are not there keep to [`Capabilities::conv`](super::Capabilities::conv).
pub type Choices = BTreeMap<ConvClass, ConvChoice>;
