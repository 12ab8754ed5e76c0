//! Where a network's weights come from: the seed, or a file.

use std::path::Path;

use anyhow::{Result, bail};

use crate::device::States;
use crate::formats::{LoadReport, Weights, match_tensors};
use crate::method::step::GENERATOR;
use crate::nn::TensorSpec;
use crate::nn::init::initial_values;

/// Gives every tensor of the network whose states have a prefix its initial values from the seed.
pub fn initialise(states: &States, prefix: &str, tensors: &[TensorSpec], seed: u64) -> Result<()> {
    for spec in tensors {
        let state = format!("{prefix}.{}", spec.name);
        // Two discriminators have the same names, and are to begin apart.
        let name = if prefix == GENERATOR { spec.name.clone() } else { state.clone() };
        states.write(&state, &initial_values(&TensorSpec { name, ..spec.clone() }, seed))?;
    }
    Ok(())
}

/// Loads what a file of weights has of the network, and tells what it did not use or find. `complete` demands
/// every tensor; otherwise a file that matches nothing, or differs in a shape, is refused.
pub fn load_generator(
    states: &States,
    tensors: &[TensorSpec],
    path: &Path,
    complete: bool,
) -> Result<(LoadReport, Vec<String>)> {
    let weights = Weights::read(path)?;
    let wanted: Vec<_> = tensors.iter().map(|t| (t.name.clone(), t.shape.to_vec())).collect();
    let report = match_tensors(&wanted, &weights.generator);
    if report.matched.is_empty() || !report.mismatched.is_empty() || (complete && !report.is_complete()) {
        bail!("`{}` does not fit this network: {report}", path.display());
    }
    for name in &report.matched {
        if let Some(tensor) = weights.generator.get(name) {
            states.write(&format!("{GENERATOR}.{name}"), &tensor.data)?;
        }
    }
    Ok((report, weights.not_used))
}
