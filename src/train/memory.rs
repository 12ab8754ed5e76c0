//! The training step that fits the memory it may use.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use bytesize::ByteSize;

use super::Config;
use crate::gpu::{Capabilities, Requirements};
use crate::graph::Precision;
use crate::method::step::{StepSettings, TrainingStep, trace};

/// Traces the step of a stage for a machine: with values made again in the backward pass where memory is dearer than
/// arithmetic, or where nothing else fits the budget, or the memory that the machine is known to have. Every choice gives
/// the same values to the last bit.
///
/// # Errors
/// A step that does not fit, with the flags that would make it fit.
pub fn fitting_step(config: &Config, warm: bool, capabilities: &Capabilities) -> Result<(TrainingStep, Requirements)> {
    let limit = config.memory_budget.map(|budget| budget.as_u64()).or(capabilities.memory);
    let usual = config.memory_budget.is_none() && capabilities.memory_is_dear;
    let first = attempt(config, warm, capabilities, usual)?;
    let Some(limit) = limit else { return Ok(first) };
    if first.1.bytes() <= limit {
        return Ok(first);
    }
    let small = if usual { first } else { attempt(config, warm, capabilities, true)? };
    if small.1.bytes() <= limit {
        return Ok(small);
    }
    let plain = attempt(config, warm, capabilities, false)?;
    let [needed, without] = [&small, &plain].map(|(_, needs)| ByteSize(needs.bytes()).display().iec());
    let allowed = match config.memory_budget {
        Some(budget) => format!("--memory-budget {}", budget.display().iec()),
        None => format!("the {} that `{}` has", ByteSize(limit).display().iec(), capabilities.name),
    };
    bail!(
        "the step needs {needed} ({without} without recomputing), more than {allowed}; {}",
        advice(config, warm, capabilities, limit)
    )
}

/// Refuses a run whose steps in one of these epochs do not fit the memory.
pub(super) fn check_memory(config: &Config, epochs: [u64; 2], capabilities: &Capabilities) -> Result<()> {
    if config.memory_budget.is_some() || capabilities.memory.is_some() {
        for warm in epochs.map(|epoch| config.is_warm(epoch)).into_iter().collect::<BTreeSet<_>>() {
            fitting_step(config, warm, capabilities)?;
        }
    }
    Ok(())
}

fn attempt(
    config: &Config,
    warm: bool,
    capabilities: &Capabilities,
    recompute: bool,
) -> Result<(TrainingStep, Requirements)> {
    let step = trace(&StepSettings { recompute, ..config.step_settings(warm) })?;
    let needs = Requirements::of(&step.graph, capabilities)?;
    Ok((step, needs))
}

/// The least changes of single settings with which a step fits.
fn advice(config: &Config, warm: bool, capabilities: &Capabilities, limit: u64) -> String {
    let fits =
        |config: &Config| attempt(config, warm, capabilities, true).is_ok_and(|(_, needs)| needs.bytes() <= limit);
    let (batch, size) = (config.batch, config.size);
    let smaller = |of: usize| [3 * of / 4, of / 2, of / 4, of / 8, of / 16];
    let with_batch = |batch: &usize| *batch >= 2 && fits(&Config { batch: *batch, ..config.clone() });
    let with_size = |size: &usize| *size >= 32 && fits(&Config { size: *size, ..config.clone() });
    let precision = Precision::F16;
    let half = config.precision == Precision::F32 && capabilities.half && fits(&Config { precision, ..config.clone() });
    let flags = [
        smaller(batch).into_iter().find(with_batch).map(|batch| format!("--batch {batch}")),
        // Sizes that every stride divides.
        smaller(size).map(|size| size / 16 * 16).into_iter().find(with_size).map(|size| format!("--size {size}")),
        half.then(|| "--precision f16".to_string()),
    ];
    let flags: Vec<String> = flags.into_iter().flatten().collect();
    match flags.is_empty() {
        true => format!("use a much smaller --batch (now {batch}) and --size (now {size})"),
        false => format!("it would fit with {} (now --batch {batch} --size {size})", flags.join(", or with ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_does_not_fit_the_machine_is_refused_with_flags_that_do() {
        let config = Config { size: 64, batch: 8, ..Config::new(Default::default()) };
        let typical = Capabilities::typical_hardware();
        let needs = |config: &Config, capabilities: &Capabilities| {
            fitting_step(config, false, capabilities).map(|(_, needs)| needs.bytes())
        };
        let all = needs(&config, &typical).expect("no limit is known");
        let with = |memory| Capabilities { memory: Some(memory), ..typical.clone() };
        assert_eq!(needs(&config, &with(all)).ok(), Some(all));

        let error = needs(&config, &with(all - 1)).expect_err("a byte too little").to_string();
        assert!(error.contains("that `a typical GPU` has"), "{error}");
        for (flag, fitting) in [
            ("--batch 6", Config { batch: 6, ..config.clone() }),
            ("--size 48", Config { size: 48, ..config.clone() }),
            ("--precision f16", Config { precision: Precision::F16, ..config.clone() }),
        ] {
            assert!(error.contains(&format!("with {flag}")), "{flag}: {error}");
            assert!(needs(&fitting, &with(all - 1)).is_ok(), "{flag} does fit");
        }
        let without_half = Capabilities { half: false, ..with(all - 1) };
        let error = needs(&config, &without_half).expect_err("a byte too little").to_string();
        assert!(!error.contains("f16"), "{error}");
        // What the user allows counts, not what the machine is thought to have.
        let budget = Some(ByteSize(2 * all));
        assert!(needs(&Config { memory_budget: budget, ..config.clone() }, &with(1)).is_ok());
        let error = needs(&config, &with(1)).expect_err("a single byte").to_string();
        assert!(error.contains("much smaller"), "{error}");
    }

    #[test]
    fn values_are_computed_again_before_a_step_is_refused() {
        let config = Config { size: 64, batch: 8, ..Config::new(Default::default()) };
        let software = Capabilities { memory_is_dear: false, ..Capabilities::typical_hardware() };
        let bytes = |recompute| attempt(&config, false, &software, recompute).expect("it traces").1.bytes();
        let (plain, small) = (bytes(false), bytes(true));
        assert!(small < plain);
        let with = |memory| fitting_step(&config, false, &Capabilities { memory: Some(memory), ..software.clone() });
        assert_eq!(with(plain).map(|(_, needs)| needs.bytes()).ok(), Some(plain));
        assert_eq!(with(plain - 1).map(|(_, needs)| needs.bytes()).ok(), Some(small));
        assert!(with(small - 1).is_err());
    }
}
