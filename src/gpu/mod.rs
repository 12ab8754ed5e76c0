//! How it runs: adapters, pipelines, launchers, and programs that replay a graph.
//!
//! The vocabulary is small. A [`Gpu`] is an opened adapter. A [`States`] holds named buffers. A [`Program`] is a
//! graph compiled for both: memory planned, pipelines and bind groups made once, replayed for each step. A
//! `Dispatch` is one launch of a shader; `lower` turns an operator into a few of them.

mod adapter;
mod capabilities;
mod ceiling;
mod context;
mod dispatch;
mod error;
mod grouped;
mod host_time;
mod lower;
mod memory;
mod pipeline_cache;
mod plan;
mod profile;
mod program;
mod record;
mod sampling;
pub mod shader;
mod states;
mod submissions;
mod textures;
pub mod translate;
mod tuning;
mod variant;

pub use adapter::{AdapterDescription, Matrices, adapters};
pub use capabilities::Capabilities;
pub use ceiling::Ceiling;
pub use context::{ConvVariant, Gpu, GpuOptions, Tile, is_waiting};
pub use error::{GpuError, Result};
pub use plan::Requirements;
pub use profile::KernelTime;
pub use program::Program;
pub use states::States;
pub use submissions::Divisions;
pub use tuning::{Choices, ConvChoice};
pub use variant::Variant;
