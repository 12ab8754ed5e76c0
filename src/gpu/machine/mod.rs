//! What is known of a machine before anything is opened: its adapters, what they can do, and which kernels suit them.

mod adapter;
mod capabilities;
mod ceiling;
mod conv_class;
mod error;
mod kernels;
mod listing;
mod memory;
mod operator_class;
mod options;

pub use adapter::{AdapterDescription, Matrices, adapters, without_device_selection};
pub(crate) use adapter::{again, choose};
pub use capabilities::Capabilities;
pub use ceiling::{Attained, Ceiling};
pub use conv_class::ConvClass;
pub use error::{GpuError, Result};
pub use kernels::{Choices, ConvChoice, ConvVariant, Tile};
pub(crate) use operator_class::WATCHDOG;
pub use operator_class::{Divisions, OperatorClass};
pub use options::GpuOptions;
