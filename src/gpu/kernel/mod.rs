//! Shaders as text, and launches of them as data.

mod dispatch;
pub mod shader;
pub mod translate;

pub(crate) use dispatch::{
    ALIGNED_ELEMENTS, ALIGNMENT, Dispatch, Launch, MAX_GROUPS, Row, TEXTURE_WIDTH, Target, TextureId, TextureUse, View,
    fold_groups,
};
