//! The twin against definitions, values worked out by hand, and what a run promises.

mod bounds;
mod convolution;
mod interpreter;
mod operators;
