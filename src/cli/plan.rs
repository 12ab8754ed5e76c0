//! `papilla plan`: what a training step needs, without running it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};

use super::families::{FAMILY_TITLES, family_json, family_line};
use super::settings::{Flags, OfStep};
use super::{Global, WrongFlags, output};
use crate::device::{Device, DeviceError};
use crate::gpu::{Capabilities, Ceiling, FamilyWork, Gpu, GpuError, GpuOptions, KernelReport};
use crate::graph::Graph;
use crate::method::step::OPTIMISER;
use crate::train::{Config, fitting_step, validation_bytes};

/// Print the memory, the arithmetic, the traffic and the launches of a training step, before anything is run
///
/// The plan is for the limits and kernels of the adapter on which `train` would run here, or of --device; where there is none,
/// or with --typical, for a typical GPU. Traffic is what launches read and write in memory, as if each read every operand once and
/// wrote every result once. With --device the ceilings of the adapter are measured, and the time is told that a step is expected
/// to take; --ceilings tells it for any other.
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
    /// Expect the time for these ceilings of arithmetic and of copying, not for measured ones: `12.7TFLOPS,360GB/s`
    #[arg(long, value_name = "FLOPS,BYTES", value_parser = parse_ceilings)]
    ceilings: Option<Ceiling>,
    /// Images of the source in the epoch of which the time is told [REFUGE has 288 for training]
    #[arg(long, value_name = "N", default_value_t = 288, value_parser = clap::value_parser!(u64).range(1..))]
    images: u64,
}

/// Reads `12.7TFLOPS,360GB/s`.
fn parse_ceilings(text: &str) -> std::result::Result<Ceiling, String> {
    let rate = |text: &str, units: [(&str, f64); 2]| {
        let (number, scale) = units.iter().find_map(|(unit, scale)| Some((text.trim().strip_suffix(unit)?, scale)))?;
        let rate = number.trim().parse::<f64>().ok()? * scale;
        (rate.is_finite() && rate > 0.0).then_some(rate)
    };
    let read = |(flops, bytes)| {
        Some(Ceiling {
            gflops: rate(flops, [("TFLOPS", 1e3), ("GFLOPS", 1.0)])?,
            gigabytes_per_second: rate(bytes, [("TB/s", 1e3), ("GB/s", 1.0)])?,
        })
    };
    text.split_once(',').and_then(read).ok_or_else(|| "ceilings are two rates, as 12.7TFLOPS,360GB/s".to_owned())
}

/// How long a step is expected to take.
struct Expected {
    ceiling: Ceiling,
    step_seconds: f64,
    epoch_seconds: f64,
}

/// What a plan is for, and what that can do at best, if it was asked for by name.
fn planned_for(global: &Global, typical: bool) -> Result<(Capabilities, &'static str, Option<Arc<Gpu>>)> {
    if typical {
        return Ok((Capabilities::typical_hardware(), "as --typical says", None));
    }
    match Device::open(global.device.as_deref(), GpuOptions::default()) {
        Ok(device) if global.device.is_some() => {
            Ok((device.capabilities(), "as --device says", device.adapter().cloned()))
        }
        Ok(device) => {
            Ok((device.capabilities(), "on which train would run here; --typical plans for a typical GPU", None))
        }
        Err(DeviceError::Gpu(GpuError::NoAdapter)) if global.device.is_none() => {
            Ok((Capabilities::typical_hardware(), "for this machine has no adapter", None))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let mut config = Config::new(PathBuf::new());
    arguments.settings.apply(&mut config);
    config.check_step().map_err(WrongFlags::of)?;
    let (capabilities, assumed, gpu) = planned_for(global, arguments.typical)?;
    let (step, needs) = fitting_step(&config, true, &capabilities, 0)?;
    let validation = validation_bytes(&config, &capabilities, 1)?;
    let graph = step.graph;
    let ceiling = match (arguments.ceilings, gpu) {
        (Some(given), _) => Some(given),
        (None, gpu) => gpu.map(|gpu| gpu.ceiling()).transpose()?,
    };
    let expected = ceiling.map(|ceiling| {
        let step_seconds = ceiling.expected_seconds(&needs.launches);
        // As training counts them; no epoch has less than a step.
        let steps = (arguments.images / config.batch as u64).max(1);
        Expected { ceiling, step_seconds, epoch_seconds: step_seconds * steps as f64 }
    });
    let families = FamilyWork::of(&needs.launches);
    let traffic: u64 = families.iter().map(|family| family.work.bytes()).sum();
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
            "dispatches": needs.launches.len(),
            "traffic_bytes": traffic,
            "families": families.iter().map(family_json).collect::<Vec<Value>>(),
        });
        if let Some(Expected { ceiling, step_seconds, epoch_seconds }) = expected {
            document["expected"] = json!({
                "ceiling": { "gflops": ceiling.gflops, "gbs": ceiling.gigabytes_per_second },
                "step_seconds": step_seconds,
                "epoch_images": arguments.images,
                "epoch_seconds": epoch_seconds,
            });
        }
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
    output::line(format_args!("{:26} {:10.1} MB", "traffic", traffic as f64 * 1e-6))?;
    output::line(format_args!("{:26} {:8}", "launches", needs.launches.len()))?;
    output::line(FAMILY_TITLES)?;
    for family in &families {
        output::line(family_line(family))?;
    }
    match expected {
        Some(Expected { ceiling, step_seconds, epoch_seconds }) => output::line(format_args!(
            "expected: about {} a step, {} an epoch of {} images, at {:.1} GFLOP/s and copies of {:.1} GB/s",
            about(step_seconds),
            about(epoch_seconds),
            arguments.images,
            ceiling.gflops,
            ceiling.gigabytes_per_second,
        ))?,
        None if global.device.is_some() && !arguments.typical => {}
        None => output::line(
            "--device measures an adapter and tells the time that it needs; --ceilings tells it for others",
        )?,
    }
    for KernelReport { operator, count, kernel, declined } in &kernels {
        output::line(format_args!("{count:4} {operator}: {kernel}"))?;
        for reason in declined {
            output::line(format_args!("       not {}: {}", reason.variant, reason.why))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A time in two digits or so.
fn about(seconds: f64) -> String {
    match seconds {
        ..1.0 => format!("{:.0} ms", seconds * 1e3),
        ..10.0 => format!("{seconds:.1} s"),
        ..600.0 => format!("{seconds:.0} s"),
        _ => format!("{:.0} min", seconds / 60.0),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_are_two_rates_with_their_units() {
        let ceiling = |gflops, gigabytes_per_second| Ok(Ceiling { gflops, gigabytes_per_second });
        assert_eq!(parse_ceilings("12.5TFLOPS,360GB/s"), ceiling(12500.0, 360.0));
        assert_eq!(parse_ceilings("79.5 GFLOPS, 1 TB/s"), ceiling(79.5, 1000.0));
        for wrong in
            ["", "12TFLOPS", "12,360", "360GB/s,12TFLOPS", "0TFLOPS,1GB/s", "-1TFLOPS,1GB/s", "NaNTFLOPS,1GB/s"]
        {
            assert!(parse_ceilings(wrong).is_err_and(|error| error.contains("12.7TFLOPS,360GB/s")), "{wrong}");
        }
    }

    #[test]
    fn times_have_about_two_digits() {
        assert_eq!([0.043, 1.23, 43.6, 2700.0].map(about), ["43 ms", "1.2 s", "44 s", "45 min"]);
    }
}
