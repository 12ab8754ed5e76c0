//! An opened adapter: pipelines made once, buffers of states, textures.

mod gpu;
mod lock;
mod pipeline_cache;
mod states;
mod textures;
mod without_driver;

pub(crate) use gpu::Pipeline;
pub use gpu::{Gpu, is_waiting};
pub(crate) use lock::lock;
pub use states::States;
pub(crate) use states::{StateBuffer, read_ranges, read_through};
pub(crate) use textures::Textures;
