//! How it runs: adapters, pipelines, launchers, and programs that replay a graph.
//!
//! The vocabulary is small. A [`Gpu`] is an opened adapter. A [`States`] holds named buffers. A [`Program`] is a
//! graph compiled for both: memory planned, pipelines and bind groups made once, replayed for each step. A
//! `Dispatch` is one launch of a shader; `lower` turns an operator into a few of them.
//!
//! Each folder knows only folders below it in this table:
//!
//! | folder | holds | knows |
//! |---|---|---|
//! | `tune` | kernels measured against each other, each checked before it may be chosen | `device`, `family`, `kernel`, `machine`, `run` |
//! | `run` | programs that replay, their submissions, profiles and ceilings | `device`, `kernel`, `layout`, `machine`, `plan` |
//! | `device` | an opened adapter: pipelines and their cache, buffers, textures | `kernel`, `machine`, `plan` |
//! | `plan` | where every value lies, launches over many tensors at once, the variants of shaders that a graph launches | `kernel`, `layout`, `lower`, `machine` |
//! | `lower` | one folder a kernel family: from operators to launches | `family`, `kernel`, `layout`, `machine` |
//! | `layout` | which value is in which memory, and which are packed in textures: a pass over the graph | `family`, `kernel`, `machine` |
//! | `family` | the variants of each kernel family in order of preference, and what each of them admits | `kernel`, `machine` |
//! | `machine` | adapters and what they can do, as plain data; names of kernels and choices among them; errors | `kernel` |
//! | `kernel` | the text of shaders, their specialisation and translation; launches as data | |

mod device;
mod family;
mod kernel;
mod layout;
mod lower;
mod machine;
mod plan;
mod run;
mod tune;

pub use device::{Gpu, States, is_waiting};
pub use family::Declined;
pub use kernel::{
    BufferAccess, FamilyWork, Interface, KernelFamily, LaunchWork, Scalar, TextureAccess, Work, shader, translate,
};
pub use layout::{KernelReport, Reason};
pub use machine::{
    AdapterDescription, Attained, Capabilities, Ceiling, Choices, ConvChoice, ConvClass, ConvVariant, Divisions,
    GpuError, GpuOptions, Matrices, OperatorClass, Result, Tile, adapters, without_device_selection,
};
pub use plan::{Requirements, Variant};
pub use run::{KernelTime, Program, StepPart};
pub use tune::Tuner;
