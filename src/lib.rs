//! `papilla`: a GPU compute engine on wgpu with hand-written shaders, and on it the segmentation of optic disc and
//! cup in fundus photographs, trained on one camera and adapted to another.
//!
//! [`graph`] says what to compute, [`reference`] computes it slowly and exactly, [`gpu`] runs it; [`device`] is one
//! face for both. [`nn`] and [`method`] trace networks and training steps, [`train`] runs them, [`inference`] uses
//! them and [`export`] hands on the results; [`data`], [`formats`] and [`metrics`] surround them with files and figures,
//! [`report`] shows what came out, [`conformance`] proves it and [`bench`] measures it; [`variants`] lists every shader that they launch.
//!
//! [`reference`]: mod@reference
//! [`bench`]: mod@bench
//!
//! A computation is traced into a graph, which is then compiled for a device, given its inputs and run. Gradients are
//! nodes of the same graph:
//!
//! ```
//! use papilla::device::Device;
//! use papilla::graph::{ConvSpec, Graph, Shape, vector_jacobian_product};
//!
//! # fn main() -> anyhow::Result<()> {
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

#![warn(missing_docs)]

pub mod bench;
pub mod cli;
pub mod conformance;
pub mod data;
pub mod device;
pub mod export;
pub mod formats;
pub mod gpu;
pub mod graph;
pub mod inference;
pub mod method;
pub mod metrics;
pub mod nn;
pub mod reference;
pub mod report;
pub mod train;
pub mod variants;
