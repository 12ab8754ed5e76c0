//! How far a value that a device computes in f32 may lie from the twin's.
//!
//! Beside each value stands a radius (Wilkinson's running error analysis, as balls: van der Hoeven 2009). Inputs and
//! states are what they are, radius 0. An operator `y = f(x)` whose inputs may be off by `r_x` hands on
//!
//! ```text
//! r_y = max |f(x′) − f(x)| over |x′ − x| ≤ r_x  +  u · Σ|terms of f|
//! ```
//!
//! The first part is what its inputs' errors make of its value: `Σ |∂f/∂x|·r_x` where `f` is smooth, the whole step
//! where a ball lies across a threshold or a kink, and nothing where it does not. The second is its own rounding. Terms
//! are what `f` adds up: the products of a convolution, the summands of a sum. A value that f32 gives to its last digit
//! (a product, one difference of two exact values) is its own only term, and a value that is only moved or chosen has
//! none. So a small sum of large terms may lose what f32 must lose, and a small value that nothing cancelled may not.
//!
//! `u` is a few ulp (2⁻²³): what WGSL allows a division (2.5) or an exponential (3 + 2|x|), and what sums of many terms
//! gather in the order of a kernel.

mod ball;
mod batch_norm;
mod bounded;
mod elementwise;
mod linear;
mod max_pool;
mod operator;
mod optimizer;
mod run;

pub use bounded::Bounded;
#[cfg(test)]
pub(super) use operator::radius;
pub use run::{BoundedRun, run_bounded};
