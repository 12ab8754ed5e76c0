//! What lowering and planning must know of an adapter.

use std::sync::Arc;

use super::adapter::Matrices;
use super::context::{ConvVariant, Gpu, Tile};
use super::dispatch::ALIGNMENT;
use super::submissions::{Divisions, WATCHDOG};
use super::tuning::Choices;

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
    /// Those of an opened adapter.
    pub fn of(gpu: &Gpu) -> Capabilities {
        let limits = gpu.device.limits();
        Capabilities {
            name: gpu.name().to_string(),
            binding_elements: gpu.binding_elements(),
            buffer_bytes: limits.max_buffer_size,
            texture_side: limits.max_texture_dimension_2d as usize,
            // Lanes beyond a software adapter's vector width only make its barriers dearer.
            lanes: if gpu.description().is_software() { 8 } else { 64 },
            conv: gpu.conv_variant(),
            tile: gpu.options().tile,
            matrices: gpu.description().matrices.filter(|_| gpu.options().matrices),
            subgroups_of_eight: gpu.options().uses_subgroups_of(gpu.description()),
            choices: gpu.choices(),
            half: gpu.description().features.contains(wgpu::Features::SHADER_F16),
            memory_is_dear: !gpu.description().is_software(),
            memory: gpu.description().memory,
            watchdog: gpu.options().watchdog.or((!gpu.description().is_software()).then_some(WATCHDOG)),
            divisions: gpu.divisions(),
        }
    }

    /// Those of today's discrete GPUs.
    pub fn typical_hardware() -> Capabilities {
        Capabilities {
            name: "a typical GPU".to_string(),
            binding_elements: (1 << 29) / ALIGNMENT * ALIGNMENT,
            buffer_bytes: 1 << 31,
            texture_side: 16384,
            lanes: 64,
            conv: ConvVariant::Tiled,
            tile: None,
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
