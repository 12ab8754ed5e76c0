//! What a caller may ask of an adapter when it is opened.

use super::adapter::AdapterDescription;
use super::kernels::{ConvVariant, Tile};

/// Choices that a caller may make for an adapter.
#[derive(Clone, Copy, Debug, Default)]
pub struct GpuOptions {
    /// keep the bounds checks that naga writes into shaders, for tests
    pub checked_shaders: bool,
    /// largest range bound at once, if smaller than the adapter's own limit
    pub binding_limit: Option<u64>,
    /// convolution variant, if not the adapter's default
    pub conv: Option<ConvVariant>,
    /// tile of [`ConvVariant::Tiled`], if not the one that fits the product
    pub tile: Option<Tile>,
    /// seconds from which a launch is divided; without it half a second on hardware, and none in software
    pub watchdog: Option<f64>,
    /// ask for timestamps, to profile kernels
    pub timestamps: bool,
    /// measure kernels on first use and keep the choice, see [`Tuner`](crate::gpu::Tuner)
    pub tune: bool,
    /// send no values round subgroups, as where an adapter has none of eight invocations, for tests
    pub without_subgroups: bool,
    /// let kernels compete that multiply in cooperative matrices, whose factors are rounded to f16
    pub matrices: bool,
}

impl GpuOptions {
    /// Whether kernels for software adapters may send values round subgroups.
    pub(crate) fn uses_subgroups_of(&self, description: &AdapterDescription) -> bool {
        description.has_subgroups_of_eight() && !self.without_subgroups
    }
}
