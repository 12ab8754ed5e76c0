//! How fast an adapter computes: single layers in every direction, whole training steps; and whether it computes rightly.

mod drift;
mod layers;
mod portability;
mod step;
mod trace;

pub use drift::Drift;
pub use layers::{Direction, KernelResult, Layer, layers, measure};
pub use portability::{Extent, Identity, LayerResult, OperatorResult, Portability, StepFigures, Watch};
pub use step::{FamilyTime, Hot, StepResult, measure_step};
pub use trace::Trace;

/// The middle of an odd number of values, the upper middle of an even one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
