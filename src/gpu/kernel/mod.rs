//! Shaders as text, and launches of them as data.

mod direction;
mod dispatch;
mod interface;
mod kernel_family;
pub mod shader;
pub mod translate;
mod uniform;
mod work;

pub(crate) use direction::Direction;
pub(crate) use dispatch::{
    ALIGNED_ELEMENTS, ALIGNMENT, BufferUse, Dispatch, Launch, MAX_GROUPS, PipelineKey, Row, TEXTURE_WIDTH, Target,
    TextureId, View, bytes_of, fold_groups,
};
pub use interface::{BufferAccess, Interface, TextureAccess};
pub use kernel_family::KernelFamily;
pub(crate) use shader::Shader;
pub(super) use uniform::Field;
pub use uniform::Scalar;
pub(crate) use uniform::{Uniform, UniformValue, uniform};
pub use work::{FamilyWork, LaunchWork, Work};
