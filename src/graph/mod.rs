//! What to compute: a traced, static graph of operators, shapes checked as it is built.
//!
//! Nodes are stored in an order in which they can be evaluated. Everything else — gradients, rewrites, the
//! memory plan, execution on a GPU or in f64 on the CPU — is done to this structure. See `Op` for the
//! operators and `Update` for what a run does to state.

pub(crate) mod bits;
mod build;
mod cost;
mod fold;
mod gradient;
mod half;
mod id;
mod infer;
mod op;
mod plan;
mod precision;
mod recompute;
mod rewrite;
mod shape;
mod structure;
#[cfg(test)]
pub(crate) mod tests;
mod traits;
mod update;

pub use fold::{Prepared, fold_norms, prepare};
pub use gradient::vector_jacobian_product;
pub use id::{NodeId, StateId};
pub use infer::ShapeError;
pub use op::{Activation, Binary, ConvSpec, Op, PoolSpec, ResizeMode, Unary};
#[cfg(test)]
pub(crate) use op::{OpKind, UnaryKind};
pub use plan::{Lifetime, MemoryPlan, assign_offsets};
pub use precision::Precision;
pub use recompute::recompute;
pub use rewrite::simplify;
pub use shape::Shape;
pub use structure::{Graph, Node, State};
pub use traits::{Arity, Cost, Half, Memory, Traits, Value};
pub use update::{AdamSettings, SgdSettings, Update};
