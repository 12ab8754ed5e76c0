//! `papilla`: a GPU compute engine on wgpu with hand-written shaders, and on it the segmentation of optic disc and
//! cup in fundus photographs, trained on one camera and adapted to another.
//!
//! # Floors
//!
//! Each part knows those below it that its row names, and no other: a test holds the source to this table. No files use each
//! other in a circle.
//!
//! [`reference`]: mod@reference
//! [`bench`]: mod@bench
//!
//! | part | holds | knows |
//! |---|---|---|
//! | `main` | the program `papilla` | `cli` `gpu` |
//! | [`cli`] | its verbs, a file each | `report` `bench` `export` `variants` `conformance` `train` `prediction` `inference` `method` `nn` `device` `gpu` `graph` `data` `metrics` `formats` `own_file` `input_file` `atomic_file` `csv_cell` `causes` `named` |
//! | [`report`] | what came out of runs, as HTML, SVG and JSON | `train` `inference` `method` `device` `data` `metrics` `own_file` `input_file` `csv_cell` |
//! | [`bench`] | how fast an adapter is, and whether it computes rightly | `conformance` `train` `method` `device` `gpu` `graph` `data` `domain` |
//! | [`export`] | a trained network as ONNX | `train` `inference` `method` `device` `graph` `formats` `domain` |
//! | [`variants`] | every shader that any of this launches | `train` `inference` `method` `nn` `gpu` `graph` `domain` |
//! | [`conformance`] | golden cases, and operators against their twins | `method` `nn` `device` `reference` `graph` `data` `metrics` `formats` `domain` |
//! | [`train`] | runs: settings, schedule, validation, checkpoints, logs | `inference` `method` `nn` `device` `gpu` `graph` `data` `metrics` `formats` `domain` `own_file` `input_file` `atomic_file` `named` |
//! | [`prediction`] | what is told of images that a network has segmented | `inference` `data` `metrics` `named` |
//! | [`inference`] | a trained network on photographs | `method` `nn` `device` `graph` `data` `metrics` `domain` |
//! | [`method`] | losses and whole training steps | `nn` `graph` `domain` |
//! | [`nn`] | layers and networks | `graph` `domain` `named` |
//! | [`device`] | one face of an adapter and of the reference | `gpu` `reference` `graph` |
//! | [`gpu`] | how a graph is computed: kernels, memory, programs | `graph` `input_file` `atomic_file` `named` |
//! | [`reference`] | the same slowly and exactly, in f64 | `graph` |
//! | [`graph`] | what to compute: operators, gradients, rewrites | `named` |
//! | [`data`] | photographs and masks: datasets, augmentation, synthetic eyes | `metrics` `domain` `own_file` `input_file` `atomic_file` `csv_cell` `named` |
//! | [`metrics`] | overlap, surfaces, cup-to-disc ratio, intervals | `named` |
//! | [`formats`] | safetensors, PyTorch, ONNX, TensorBoard | `own_file` `input_file` `atomic_file` |
//! | [`domain`] | the two cameras |  |
//! | [`named`] | enumerations whose values users write |  |
//! | [`own_file`] | files that this program wrote, which alone it may replace | `atomic_file` |
//! | [`input_file`] | files that are read: regular ones |  |
//! | [`atomic_file`] | files that are whole or absent | `csv_cell` |
//! | [`causes`] | an error and its causes in one line |  |
//! | [`csv_cell`] | cells that no spreadsheet takes for formulas |  |
//!
//! Without the feature `cli`, which is on by default, there are no `cli`, `report` and `bench`, and nothing that they alone
//! depend on. The feature `pytorch`, which `cli` has, reads and writes PyTorch's zip archives.
//!
//! # How to compute
//!
//! A computation is traced into a graph, which is then compiled for a device, given its inputs and run. Gradients are
//! nodes of the same graph:
//!
//! ```
//! use papilla::device::Device;
//! use papilla::graph::{ConvSpec, Graph, Shape, vector_jacobian_product};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut g = Graph::new();
//! let image = g.input("image", [1, 1, 2, 3]); // [N, C, H, W]
//! let kernel = g.input("kernel", [1, 1, 1, 2]); // [O, I, KH, KW]
//! let steps = g.conv2d(image, kernel, None, ConvSpec::default())?;
//! let rises = g.relu(steps)?;
//! let total = g.sum_all(rises)?;
//! let one = g.constant(1.0, Shape::scalar());
//! let gradient = vector_jacobian_product(&mut g, &[(total, one)], &[image])?.remove(0);
//! g.output("rises", rises);
//! g.output("gradient", gradient.expect("the total depends on the image"));
//!
//! let device = Device::Cpu; // the f64 reference; `Device::open` opens an adapter
//! let program = device.compile(&g, &device.states())?;
//! program.write("image", &[1.0, 3.0, 2.0, 4.0, 4.0, 9.0])?;
//! program.write("kernel", &[-1.0, 1.0])?;
//! program.run()?;
//! let values = program.read(&["rises", "gradient"])?;
//! assert_eq!(values[0], [2.0, 0.0, 0.0, 5.0]);
//! assert_eq!(values[1], [-1.0, 1.0, 0.0, 0.0, -1.0, 1.0]);
//! # Ok(())
//! # }
//! ```
//!
//! Two examples go further: `examples/train_small_network.rs` defines a network, trains it with Adam and evaluates it;
//! `examples/operator_and_twin.rs` runs an operator and its gradients on an adapter and compares them with the
//! reference. `cargo run --release --example NAME` runs them.

#![warn(missing_docs, unreachable_pub)]
// Both end the program where nobody can read them: `cli::output` says what is to be said.
#![warn(clippy::print_stdout, clippy::print_stderr)]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files as others do"))]

pub mod atomic_file;
#[cfg(feature = "cli")]
pub mod bench;
pub mod causes;
#[cfg(feature = "cli")]
pub mod cli;
pub mod conformance;
pub mod csv_cell;
pub mod data;
pub mod device;
pub mod domain;
pub mod export;
pub mod formats;
pub mod gpu;
pub mod graph;
pub mod inference;
pub mod input_file;
pub mod method;
pub mod metrics;
pub mod named;
pub mod nn;
pub mod own_file;
pub mod prediction;
pub mod reference;
#[cfg(feature = "cli")]
pub mod report;
pub mod train;
pub mod variants;
