//! The training step that fits the memory it may use.

use std::collections::BTreeSet;

use super::Config;
use super::error::{MemoryLimit, MemoryShortage, TrainError};
use super::validation::validation_batch;
use crate::gpu::{Capabilities, Requirements};
use crate::graph::{Precision, Prepared};
use crate::inference::{FOLDED, trace_evaluation};
use crate::method::step::{StepSettings, TrainingStep, trace};
use crate::nn::Domain;

type Result<T> = std::result::Result<T, TrainError>;

/// Traces the step of a stage for a machine: with values made again in the backward pass where memory is dearer than
/// arithmetic, or where nothing else fits the budget, or the memory that the machine is known to have. Every choice gives
/// the same values to the last bit. The run validates with as many `networks`, whose memory lies beside the step's.
///
/// # Errors
/// [`TrainError::Memory`] of a step that does not fit, with the settings that would make it fit.
pub fn fitting_step(
    config: &Config,
    warm: bool,
    capabilities: &Capabilities,
    networks: usize,
) -> Result<(TrainingStep, Requirements)> {
    let limit = config.memory_budget.map(|budget| budget.as_u64()).or(capabilities.memory);
    let usual = config.memory_budget.is_none() && capabilities.memory_is_dear;
    let first = attempt(config, warm, capabilities, usual)?;
    let Some(limit) = limit else { return Ok(first) };
    let beside = validation_bytes(config, capabilities, networks)?;
    if first.1.bytes() + beside <= limit {
        return Ok(first);
    }
    let small = if usual { first } else { attempt(config, warm, capabilities, true)? };
    if small.1.bytes() + beside <= limit {
        return Ok(small);
    }
    let plain = attempt(config, warm, capabilities, false)?;
    let [recomputing, keeping] = [&small, &plain].map(|(_, needs)| needs.bytes());
    let limit = match config.memory_budget {
        Some(budget) => MemoryLimit::Budget(budget.as_u64()),
        None => MemoryLimit::Machine { bytes: limit, name: capabilities.name.clone() },
    };
    Err(Box::new(shortage(config, warm, capabilities, networks, [recomputing, keeping, beside], limit)).into())
}

/// Bytes of the networks that a run validates with: their values, and their weights with normalisations folded in.
pub fn validation_bytes(config: &Config, capabilities: &Capabilities, networks: usize) -> Result<u64> {
    if networks == 0 {
        return Ok(0);
    }
    // One domain's network is as large as the other's.
    let (Prepared { prepare, rest }, _) =
        trace_evaluation(config.network(), Domain::Source, config.size, validation_batch(config))?;
    let folded = rest.states().iter().filter(|state| state.name.starts_with(FOLDED));
    let mut bytes: u64 = folded.map(|state| state.shape.bytes()).sum();
    for graph in [&prepare, &rest] {
        let needs = Requirements::of(graph, capabilities)?;
        bytes += needs.bytes() - needs.state_bytes;
    }
    Ok(bytes * networks as u64)
}

/// Refuses a run whose steps in one of these epochs do not fit the memory, with what it validates with.
pub(super) fn check_memory(
    config: &Config,
    epochs: [u64; 2],
    capabilities: &Capabilities,
    networks: usize,
) -> Result<()> {
    if config.memory_budget.is_some() || capabilities.memory.is_some() {
        for warm in epochs.map(|epoch| config.is_warm(epoch)).into_iter().collect::<BTreeSet<_>>() {
            fitting_step(config, warm, capabilities, networks)?;
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
    let step = trace(&StepSettings { recompute, ..config.step_settings_for(warm, capabilities) })?;
    let needs = Requirements::of(&step.graph, capabilities)?;
    Ok((step, needs))
}

/// Why a step that takes as many bytes recomputing, keeping and for its validation does not fit, and what would.
fn shortage(
    config: &Config,
    warm: bool,
    capabilities: &Capabilities,
    networks: usize,
    [recomputing, keeping, validation]: [u64; 3],
    limit: MemoryLimit,
) -> MemoryShortage {
    let (MemoryLimit::Budget(most) | MemoryLimit::Machine { bytes: most, .. }) = limit;
    let needed = |config: &Config| -> Result<u64> {
        let (_, needs) = attempt(config, warm, capabilities, true)?;
        Ok(needs.bytes() + validation_bytes(config, capabilities, networks)?)
    };
    let fits = |config: &Config| needed(config).is_ok_and(|bytes| bytes <= most);
    let (batch, size) = (config.batch, config.size);
    let smaller = |of: usize| [3 * of / 4, of / 2, of / 4, of / 8, of / 16];
    let with_batch = |batch: &usize| *batch >= 2 && fits(&Config { batch: *batch, ..config.clone() });
    let with_size = |size: &usize| *size >= 32 && fits(&Config { size: *size, ..config.clone() });
    let precision = Precision::F16;
    let half = config.precision == Precision::F32 && capabilities.half && fits(&Config { precision, ..config.clone() });
    MemoryShortage {
        recomputing,
        keeping,
        validation,
        limit,
        batch: (batch, smaller(batch).into_iter().find(with_batch)),
        // Sizes that every stride divides.
        size: (size, smaller(size).map(|size| size / 16 * 16).into_iter().find(with_size)),
        precision: half.then_some(precision),
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;
    use crate::gpu::ConvVariant;
    use crate::train::settings::Method;

    #[test]
    fn a_step_that_does_not_fit_the_machine_is_refused_with_flags_that_do() {
        let config = Config { size: 64, batch: 8, ..Config::new(Default::default()) };
        let typical = Capabilities::typical_hardware();
        let needs = |config: &Config, capabilities: &Capabilities| {
            fitting_step(config, false, capabilities, 0).map(|(_, needs)| needs.bytes())
        };
        let all = needs(&config, &typical).expect("no limit is known");
        let with = |memory| Capabilities { memory: Some(memory), ..typical.clone() };
        assert_eq!(needs(&config, &with(all)).ok(), Some(all));

        let shortage = |capabilities: &Capabilities| match needs(&config, capabilities) {
            Err(TrainError::Memory(shortage)) => *shortage,
            other => panic!("{other:?} where memory is short"),
        };
        let found = shortage(&with(all - 1));
        assert!(found.to_string().ends_with("that `a typical GPU` has"), "{found}");
        assert_eq!((found.batch, found.size), ((8, Some(6)), (64, Some(48))));
        assert_eq!(found.precision, Some(Precision::F16));
        for fitting in [
            Config { batch: 6, ..config.clone() },
            Config { size: 48, ..config.clone() },
            Config { precision: Precision::F16, ..config.clone() },
        ] {
            assert!(needs(&fitting, &with(all - 1)).is_ok(), "{fitting:?} does fit");
        }
        let without_half = Capabilities { half: false, ..with(all - 1) };
        assert_eq!(shortage(&without_half).precision, None);
        // What the user allows counts, not what the machine is thought to have.
        let budget = Some(ByteSize(2 * all));
        assert!(needs(&Config { memory_budget: budget, ..config.clone() }, &with(1)).is_ok());
        let nothing = shortage(&with(1));
        assert_eq!((nothing.batch.1, nothing.size.1, nothing.precision), (None, None, None));
    }

    /// Nor of one that computes without tiles, which is slower.
    #[test]
    fn no_launch_of_a_step_is_too_long_for_a_watchdog() {
        let config = Config { size: 512, batch: 8, method: Method::Clr, ..Config::new(Default::default()) };
        for (conv, most) in [(ConvVariant::Tiled, 64_000_000_000), (ConvVariant::Direct, 8_000_000_000)] {
            let (_, needs) = attempt(&config, false, &Capabilities { conv, ..Capabilities::typical_hardware() }, false)
                .expect("no limit is known");
            let longest = needs.launches.iter().map(|launch| launch.work.flops).max();
            assert!(longest.is_some_and(|flops| (most / 2..=most).contains(&flops)), "{longest:?} by {conv:?}");
        }
    }

    #[test]
    fn what_a_run_validates_with_counts_too() {
        let config = Config { size: 64, batch: 8, ..Config::new(Default::default()) };
        let typical = Capabilities::typical_hardware();
        let (_, step) = fitting_step(&config, false, &typical, 0).expect("no limit is known");
        let network = validation_bytes(&config, &typical, 1).expect("it traces");
        assert!(network > 0 && validation_bytes(&config, &typical, 2).ok() == Some(2 * network));
        let with = |memory, networks| {
            fitting_step(&config, false, &Capabilities { memory: Some(memory), ..typical.clone() }, networks)
        };
        let both = step.bytes() + 2 * network;
        assert!(with(both, 2).is_ok() && with(both - 1, 1).is_ok());
        let Err(TrainError::Memory(shortage)) = with(both - 1, 2) else { panic!("statistics of two cameras") };
        assert!(shortage.to_string().contains(" and its validation "), "{shortage}");
        assert_eq!(shortage.batch.1, Some(6), "fewer images are validated at once too");
    }

    #[test]
    fn values_are_computed_again_before_a_step_is_refused() {
        let config = Config { size: 64, batch: 8, ..Config::new(Default::default()) };
        let software = Capabilities { memory_is_dear: false, ..Capabilities::typical_hardware() };
        let bytes = |recompute| attempt(&config, false, &software, recompute).expect("it traces").1.bytes();
        let (plain, small) = (bytes(false), bytes(true));
        assert!(small < plain);
        let with = |memory| fitting_step(&config, false, &Capabilities { memory: Some(memory), ..software.clone() }, 0);
        assert_eq!(with(plain).map(|(_, needs)| needs.bytes()).ok(), Some(plain));
        assert_eq!(with(plain - 1).map(|(_, needs)| needs.bytes()).ok(), Some(small));
        assert!(with(small - 1).is_err());
    }
}
