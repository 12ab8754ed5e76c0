//! What stands between a launch and its shader: the uniform block, the buffers and the textures.

use super::uniform::Scalar;

/// How a shader uses a storage buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BufferAccess {
    /// it reads elements
    Read,
    /// it writes elements, and may read them
    ReadWrite,
}

/// How a shader uses a storage texture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextureAccess {
    /// it reads texels
    Read,
    /// it writes texels
    Write,
}

/// Bindings of one group: the uniform block at 0, then the buffers, then the textures.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interface {
    /// names and types of the uniform block's fields, four bytes each, in order
    pub fields: Vec<(String, Scalar)>,
    /// storage buffers
    pub buffers: Vec<BufferAccess>,
    /// `rgba32float` storage textures
    pub textures: Vec<TextureAccess>,
}
