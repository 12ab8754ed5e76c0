//! `papilla`: a GPU compute engine on wgpu with hand-written shaders, and on it the segmentation of optic disc and
//! cup in fundus photographs, trained on one camera and adapted to another.
//!
//! [`graph`] says what to compute, [`reference`] computes it slowly and exactly, [`gpu`] runs it; [`device`] is one
//! face for both. [`nn`] and [`method`] trace networks and training steps, [`train`] runs them, [`inference`] uses
//! them; [`data`], [`formats`] and [`metrics`] surround them with files and figures, [`report`] shows what came out,
//! [`conformance`] proves them and [`bench`] measures them.

pub mod bench;
pub mod cli;
pub mod conformance;
pub mod data;
pub mod device;
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
