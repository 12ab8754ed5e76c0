//! `papilla plan`: what a training step needs, without running it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use super::settings::{Flags, OfStep};
use super::{Global, WrongFlags, output};
use crate::device::{Device, DeviceError};
use crate::gpu::{Capabilities, GpuError, GpuOptions, KernelReport};
use crate::graph::Graph;
use crate::method::step::OPTIMISER;
use crate::train::{Config, fitting_step, validation_bytes};

/// Print the memory, the arithmetic and the launches of a training step, before anything is run
///
/// The plan is for the limits and kernels of the adapter on which `train` would run here, or of --device; where there is none,
/// or with --typical, for a typical GPU.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: Flags<OfStep>,
    /// Also list the kernel of each operator, and why others that were asked first decline
    #[arg(long)]
    kernels: bool,
    /// Plan for a typical GPU, whatever this machine has and --device says; needs no adapter
    #[arg(long)]
    typical: bool,
}

/// What a plan is for.
fn planned_for(global: &Global, typical: bool) -> Result<(Capabilities, &'static str)> {
    if typical {
        return Ok((Capabilities::typical_hardware(), "as --typical says"));
    }
    match Device::open(global.device.as_deref(), GpuOptions::default()) {
        Ok(device) if global.device.is_some() => Ok((device.capabilities(), "as --device says")),
        Ok(device) => Ok((device.capabilities(), "on which train would run here; --typical plans for a typical GPU")),
        Err(DeviceError::Gpu(GpuError::NoAdapter)) if global.device.is_none() => {
            Ok((Capabilities::typical_hardware(), "for this machine has no adapter"))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let mut config = Config::new(PathBuf::new());
    arguments.settings.apply(&mut config);
    config.check_step().map_err(WrongFlags::of)?;
    let (capabilities, assumed) = planned_for(global, arguments.typical)?;
    let (step, needs) = fitting_step(&config, true, &capabilities, 0)?;
    let validation = validation_bytes(&config, &capabilities, 1)?;
    let graph = step.graph;
    let kernels = if arguments.kernels { KernelReport::of_graph(&graph, &capabilities) } else { Vec::new() };
    let (parameters, optimiser) =
        (state_bytes(&graph, |n| !n.starts_with(OPTIMISER)), state_bytes(&graph, |n| n.starts_with(OPTIMISER)));
    if global.json {
        let mut document = json!({
            "for": capabilities.name,
            "assumed": assumed,
            "peak_bytes": needs.bytes(),
            "arena_bytes": needs.arena_bytes,
            "parameter_bytes": parameters,
            "optimiser_bytes": optimiser,
            "input_bytes": needs.input_bytes,
            "texture_bytes": needs.texture_bytes,
            "validation_bytes": validation,
            "flops": graph.flops(),
            "dispatches": needs.dispatches,
        });
        if arguments.kernels {
            document["kernels"] = kernels.iter().map(kernel_json).collect();
        }
        output::json(&document)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (size, batch, method) = (config.size, config.batch, config.method.name());
    output::line(format_args!("{method} step, {size}x{size}, batch {batch}, for {} ({assumed})", capabilities.name))?;
    for (what, bytes) in [
        ("all memory", needs.bytes()),
        ("  values of the step", needs.arena_bytes),
        ("  weights and statistics", parameters),
        ("  optimisers' states", optimiser),
        ("  inputs and constants", needs.input_bytes),
        ("  packed values", needs.texture_bytes),
        ("a network to validate with", validation),
    ] {
        output::line(format_args!("{what:26} {:10.1} MiB", bytes as f64 / f64::from(1 << 20)))?;
    }
    output::line(format_args!("{:26} {:10.1} GFLOP", "arithmetic", graph.flops() as f64 * 1e-9))?;
    output::line(format_args!("{:26} {:8}", "launches", needs.dispatches))?;
    for KernelReport { operator, count, kernel, declined } in &kernels {
        output::line(format_args!("{count:4} {operator}: {kernel}"))?;
        for reason in declined {
            output::line(format_args!("       not {}: {}", reason.variant, reason.why))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn kernel_json(report: &KernelReport) -> Value {
    let KernelReport { operator, count, kernel, declined } = report;
    let reasons = declined.iter().map(|reason| json!({ "variant": reason.variant, "why": reason.why.to_string() }));
    json!({
        "operator": operator,
        "count": count,
        "kernel": kernel,
        "declined": reasons.collect::<Vec<Value>>(),
    })
}

/// Bytes of the states whose names pass.
fn state_bytes(graph: &Graph, passes: impl Fn(&str) -> bool) -> u64 {
    graph.states().iter().filter(|state| passes(&state.name)).map(|state| state.shape.bytes()).sum()
}
