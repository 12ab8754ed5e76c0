//! `papilla`: a GPU compute engine on wgpu with hand-written shaders, and on it the segmentation of optic disc and
//! cup in fundus photographs, trained on one camera and adapted to another.
//!
//! [`graph`] says what to compute, [`reference`] computes it slowly and exactly, [`gpu`] runs it.

pub mod device;
pub mod gpu;
pub mod graph;
pub mod reference;
