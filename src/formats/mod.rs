//! Files that hold tensors: safetensors, PyTorch checkpoints, and the naming conventions of published weights; and
//! the event files that TensorBoard reads.
//!
//! Everything read here may come from a stranger: no reader executes anything, allocates more than a small multiple
//! of the file's own size, or panics on damaged input.

mod class_name;
mod element_type;
mod error;
mod facts;
mod host_tensor;
mod imagenet;
mod load_report;
pub mod onnx;
mod pickle;
mod pickle_objects;
#[cfg(feature = "pytorch")]
mod pickle_writer;
mod pytorch;
#[cfg(feature = "pytorch")]
mod pytorch_writer;
#[cfg(feature = "pytorch")]
mod pytorch_zip;
mod rebuild;
mod safetensors;
mod state_dict;
mod tensorboard;
mod value;
mod weights;
mod wrapper;

#[cfg(all(test, feature = "pytorch"))]
mod tests;

pub use self::safetensors::{CHECKSUM, TensorFile};
pub use class_name::ClassName;
pub use error::{FormatError, PickleError};
pub use facts::{Fact, Facts};
pub use host_tensor::HostTensor;
pub use load_report::{LoadReport, ShapeMismatch, match_tensors, shortened};
pub use pytorch::read_pytorch;
#[cfg(feature = "pytorch")]
pub use pytorch_writer::{Object, Stored, StoredState, write_pytorch};
pub use state_dict::StateDict;
pub use tensorboard::{EventFileError, EventWriter};
pub use value::Value;
pub use weights::{BATCH_COUNTER, DISCRIMINATOR_ENTRIES, GENERATOR_ENTRY, Weights, published_alias};
