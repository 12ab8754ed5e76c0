//! Which values are in textures, and where.

use std::collections::{HashMap, HashSet};

use crate::gpu::kernel::{Target, TextureId};

/// What is packed, and where.
#[derive(Default)]
pub(super) struct Packed {
    /// feature maps of values
    pub(super) maps: HashMap<Target, Maps>,
    /// values that are packed and in their buffers as well
    pub(super) in_buffer: HashSet<Target>,
    /// where weights in some layout begin in their texture: each is packed once in a run, at its first use
    pub(super) weights: HashMap<(Target, &'static str), usize>,
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
