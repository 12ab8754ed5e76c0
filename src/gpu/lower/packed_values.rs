//! Which textures hold which values.

use std::collections::HashMap;

use crate::gpu::kernel::{Target, TextureId};

/// What is packed, and where.
#[derive(Default)]
pub(super) struct Packed {
    /// feature maps of values
    pub(super) maps: HashMap<Target, Maps>,
    /// where weights in some layout begin in their texture: each is packed once in a run, at its first use
    pub(super) weights: HashMap<(Target, WeightLayout), usize>,
    pub(super) weights_texture: Option<TextureId>,
    pub(super) weights_end: usize,
}

/// Feature maps four channels to a texel: texel `1 + (sample·⌈channels/4⌉ + block)·plane + pixel`. Channels beyond the
/// last are zero.
#[derive(Clone, Copy)]
pub(super) struct Maps {
    pub(super) texture: TextureId,
    pub(super) channels: usize,
    pub(super) plane: usize,
}

/// How the weights of a convolution lie in their texture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum WeightLayout {
    /// of a dense convolution, or `transposed` of its input's gradient
    Dense { transposed: bool },
    /// one filter for each channel
    Filters,
    /// of a dense convolution in transformed tiles, or `transposed` of its input's gradient
    Winograd { transposed: bool },
}
