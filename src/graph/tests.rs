//! What is promised of the graph: gradients are derivatives, rewrites change nothing, plans never overlap, and shapes
//! that do not fit are named.

mod elementwise_gradients;
pub(crate) mod every_operator;
pub(crate) mod finite_differences;
mod layer_gradients;
mod memory_plan;
mod rewrites;
mod shape_errors;
