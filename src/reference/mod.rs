//! How it runs on the CPU: every operator and update in f64, in plain loops. It proves the shaders, whose families
//! its files are named after, and runs whole graphs where there is no GPU.
//!
//! Loops are split between threads over independent results only, so the bits of a result do not depend on their
//! number.

mod array;
mod batch_norm;
mod bounds;
mod conv2d;
pub mod dropout;
mod elementwise;
mod evaluate;
mod interpreter;
mod layout;
mod max_pool;
mod optimizer;
mod prototype;
mod reduce;
mod resize;
#[cfg(test)]
mod tests;
mod vector;

pub use array::Array;
pub use bounds::{Bounded, BoundedRun, run_bounded};
pub use evaluate::evaluate;
pub use interpreter::{ReferenceError, run};
