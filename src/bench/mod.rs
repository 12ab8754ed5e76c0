//! How fast an adapter computes: single layers in every direction, and whole training steps.

mod layers;
mod step;

pub use layers::{Direction, KernelResult, Layer, layers, measure};
pub use step::{Hot, StepResult, measure_step};

/// The middle of an odd number of values, the upper middle of an even one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
