//! What lowering and planning must know of an adapter.

use std::sync::Arc;

use super::adapter::Matrices;
use super::kernels::{Choices, ConvVariant, Tile};
use super::operator_class::{Divisions, WATCHDOG};
use crate::gpu::kernel::{ALIGNED_ELEMENTS, TEXTURE_WIDTH};

/// Limits and preferences of an adapter, or of a machine that is only thought of.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// for error messages
    pub name: String,
    /// largest range that one storage binding may cover, in elements, a multiple of the alignment
    pub binding_elements: usize,
    /// largest buffer, in bytes
    pub buffer_bytes: u64,
    /// rows and columns of the largest texture
    pub texture_side: usize,
    /// invocations of a workgroup that reduces together
    pub lanes: u32,
    /// kernel of dense convolutions
    pub conv: ConvVariant,
    /// tile of `ConvVariant::Tiled`, if not the one that fits the product
    pub tile: Option<Tile>,
    /// largest tile that fits the adapter
    pub largest_tile: Tile,
    /// cooperative matrices, if the adapter was opened with them
    pub matrices: Option<Matrices>,
    /// subgroups of eight invocations can send values round (of use to [`ConvVariant::Texture`] only)
    pub subgroups_of_eight: bool,
    /// kernels measured to be the fastest, before `conv` and `tile`
    pub choices: Arc<Choices>,
    /// shaders may have 16-bit floats
    pub half: bool,
    /// memory is worth more than the arithmetic to make cheap values twice
    pub memory_is_dear: bool,
    /// bytes that values may take, as far as that is known
    pub memory: Option<u64>,
    /// seconds that a launch may take, where a watchdog may reset an adapter that takes longer
    pub watchdog: Option<f64>,
    /// operators whose launches were measured to take longer than that
    pub divisions: Arc<Divisions>,
}

impl Capabilities {
    /// Texels of the largest texture; the last of its rows may be a power of two, which no texture has.
    pub(crate) fn texture_capacity(&self) -> usize {
        self.texture_side.saturating_sub(1) * TEXTURE_WIDTH as usize
    }

    /// Those of today's discrete GPUs.
    pub fn typical_hardware() -> Capabilities {
        Capabilities {
            name: "a typical GPU".to_string(),
            binding_elements: (1 << 29) / ALIGNED_ELEMENTS * ALIGNED_ELEMENTS,
            buffer_bytes: 1 << 31,
            texture_side: 16384,
            lanes: 64,
            conv: ConvVariant::Tiled,
            tile: None,
            largest_tile: Tile::Wide,
            matrices: None,
            subgroups_of_eight: false,
            choices: Arc::default(),
            half: true,
            memory_is_dear: true,
            memory: None,
            watchdog: Some(WATCHDOG),
            divisions: Arc::default(),
        }
    }
}
