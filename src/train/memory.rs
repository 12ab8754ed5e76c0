//! The training step that fits the memory it may use.

use anyhow::{Result, bail};
use bytesize::ByteSize;

use super::Config;
use crate::gpu::{Capabilities, Requirements};
use crate::method::step::{StepSettings, TrainingStep, trace};

/// Traces the step of a stage for a machine: with values made again in the backward pass where memory is dearer than
/// arithmetic, or where the budget asks for it. Every choice gives the same values to the last bit.
pub fn fitting_step(config: &Config, warm: bool, capabilities: &Capabilities) -> Result<(TrainingStep, Requirements)> {
    let attempt = |recompute: bool| -> Result<(TrainingStep, Requirements)> {
        let step = trace(&StepSettings { recompute, ..config.step_settings(warm) })?;
        let needs = Requirements::of(&step.graph, capabilities)?;
        Ok((step, needs))
    };
    let Some(budget) = config.memory_budget else {
        return attempt(capabilities.memory_is_dear);
    };
    let plain = attempt(false)?;
    if plain.1.bytes() <= budget.as_u64() {
        return Ok(plain);
    }
    let small = attempt(true)?;
    if small.1.bytes() <= budget.as_u64() {
        return Ok(small);
    }
    let [needed, without] = [&small, &plain].map(|(_, needs)| ByteSize(needs.bytes()).display().iec());
    bail!(
        "the step needs {needed} ({without} without recomputing), more than --memory-budget {}; use a smaller --batch \
         (now {}) or --size (now {})",
        budget.display().iec(),
        config.batch,
        config.size
    )
}
