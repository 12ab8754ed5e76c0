//! `papilla bench`: how fast an adapter computes, and how close that is to what it can do.

mod compare;
mod page;
mod portability;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::families::{FAMILY_TITLES, family_json, family_line};
use super::settings::{Flags, OfStep};
use super::{Global, WrongFlags, output};
use crate::bench::{Direction, FamilyTime, Hot, KernelResult, StepResult, Trace, layers, measure, measure_step};
use crate::device::{Device, DeviceError};
use crate::gpu::{Ceiling, GpuError, GpuOptions};
use crate::own_file::{Purpose, WRITTEN_BY};
use crate::train::Config;

/// Images of a step and rows of an image where the adapter computes on the CPU; kernels take fewer images.
const SOFTWARE_STEP: (usize, usize) = (8, 128);
const SOFTWARE_BATCH: usize = 2;

/// Measure kernels and a whole training step, with their share of what the adapter can do
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    compare: Option<Action>,
    /// Only the kernels
    #[arg(long, conflicts_with = "step")]
    kernels: bool,
    /// Only the whole training step
    #[arg(long)]
    step: bool,
    #[arg(long, value_name = "TEXT", conflicts_with = "step", help = layer_help())]
    layer: Option<String>,
    /// Write what ran when in one step, launch by launch, as a trace that Perfetto (ui.perfetto.dev) and chrome://tracing open
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kernels", "layer", "portability"])]
    trace: Option<PathBuf>,
    #[command(flatten)]
    portability: portability::Options,
    #[command(flatten)]
    settings: Flags<OfStep>,
}

/// Why a share of the ceiling can be more than all of it.
const ABOVE: &str = "Above 100 %: the operations of the plain convolution are counted, and over transformed tiles (Winograd) a \
                     kernel needs fewer; small maps are read from caches, faster than memory.";

fn layer_names() -> Vec<&'static str> {
    // Names are the same at any size.
    layers(SOFTWARE_STEP.1, 1).iter().map(|layer| layer.name).collect()
}

fn layer_list() -> String {
    let names: Vec<String> = layer_names().iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn layer_help() -> String {
    format!("Only layers whose names contain this: {}", layer_list())
}

#[derive(clap::Subcommand)]
enum Action {
    Compare(compare::Arguments),
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    if let Some(Action::Compare(arguments)) = &arguments.compare {
        return compare::run(global, arguments);
    }
    if let Some(part) = arguments.layer.as_deref()
        && !layer_names().iter().any(|name| name.contains(part))
    {
        return Err(WrongFlags(anyhow!("no layer's name contains --layer `{part}`; there are {}", layer_list())).into());
    }
    if let Some(file) = &arguments.trace {
        arguments.portability.overwrite.rule().check(file, Purpose::Trace)?;
    }
    let device = open_with_timestamps(global)?;
    if arguments.portability.portability {
        let step = step_config(&device, arguments)?;
        return portability::run(global, &device, &arguments.portability, &step, layer_extent(&device, arguments));
    }
    let Device::Gpu(tuner) = &device else { bail!("the reference is not made to be fast; choose an adapter") };
    let gpu = tuner.gpu();
    if arguments.trace.is_some() && !gpu.options().timestamps {
        bail!(
            "`{}` has no timestamps, so that it cannot be told what runs when: --trace needs another adapter",
            device.name()
        );
    }
    let with_step = !arguments.kernels && arguments.layer.is_none();
    let config = step_config(&device, arguments)?;
    let ceiling = gpu.ceiling()?;
    let mut document = Map::new();
    let command: Vec<String> = std::env::args().skip(1).collect();
    document.insert("papilla".into(), json!(env!("CARGO_PKG_VERSION")));
    document.insert("date".into(), json!(Timestamp::now().strftime("%Y-%m-%d").to_string()));
    document.insert("command".into(), json!(format!("papilla {}", command.join(" "))));
    document.insert("device".into(), json!(device.name()));
    document.insert("driver".into(), json!(gpu.description().info.driver_info));
    document.insert("ceiling".into(), json!({ "gflops": ceiling.gflops, "gbs": ceiling.gigabytes_per_second }));
    if !global.json {
        let (gflops, rate) = (ceiling.gflops, ceiling.gigabytes_per_second);
        output::line(format_args!("{}: at most {gflops:.1} GFLOP/s, copies {rate:.2} GB/s", device.name()))?;
    }
    if !arguments.step {
        let (size, batch) = layer_extent(&device, arguments);
        let mut list = Vec::new();
        let chosen = |name: &str| arguments.layer.as_deref().is_none_or(|part| name.contains(part));
        for layer in layers(size, batch).into_iter().filter(|layer| chosen(layer.name)) {
            for direction in Direction::ALL {
                let result = measure(tuner, layer, direction)?;
                list.push(kernel_json(&result, &ceiling));
                if !global.json {
                    output::line(kernel_line(&result, &ceiling))?;
                }
            }
        }
        let is_above = |kernel: &Value| kernel["share"].as_f64().is_some_and(|share| share > 1.0);
        if !global.json && list.iter().any(is_above) {
            output::line(ABOVE)?;
        }
        document.insert("kernels".into(), Value::Array(list));
    }
    if with_step {
        let result = measure_step(&device, &config)?;
        if let Some(file) = &arguments.trace {
            let about = json!({ WRITTEN_BY: Purpose::Trace.mark(), "step": step_name(&config), "papilla": env!("CARGO_PKG_VERSION") });
            let text = serde_json::to_string(&Trace::of(&device.name(), &result.times, about))?;
            let rule = arguments.portability.overwrite.rule();
            rule.write(file, Purpose::Trace, |file| file.write_all(text.as_bytes()))?;
        }
        if !global.json {
            print_step(&config, &result, &ceiling)?;
        }
        document.insert("step".into(), step_json(&result, &ceiling));
    }
    if global.json {
        output::json(&Value::Object(document))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Settings of the step that is measured: small where the adapter computes on the CPU.
fn step_config(device: &Device, arguments: &Arguments) -> Result<Config> {
    let mut config = Config::new(PathBuf::new());
    if device.is_software() {
        (config.batch, config.size) = SOFTWARE_STEP;
    }
    arguments.settings.apply(&mut config);
    if !arguments.kernels && arguments.layer.is_none() {
        config.check_step().map_err(WrongFlags::of)?;
    }
    Ok(config)
}

/// Size of the images that the layers belong to, and their batch.
fn layer_extent(device: &Device, arguments: &Arguments) -> (usize, usize) {
    let mut config = Config::new(PathBuf::new());
    if device.is_software() {
        config.batch = SOFTWARE_BATCH;
    }
    arguments.settings.apply(&mut config);
    (config.size, config.batch)
}

/// The device with timestamps where it has them.
fn open_with_timestamps(global: &Global) -> Result<Device> {
    let device = global.open_device_with(GpuOptions { timestamps: true, ..global.tuned_options() });
    match device.as_ref().err().and_then(|error| error.downcast_ref::<DeviceError>()) {
        Some(DeviceError::Gpu(GpuError::Unsupported { .. })) => global.open_tuned(),
        _ => device,
    }
}

fn kernel_line(result: &KernelResult, ceiling: &Ceiling) -> String {
    let (layer, percent) = (&result.layer, 100.0 * result.share(ceiling));
    let packing = match result.packing_milliseconds {
        Some(milliseconds) if milliseconds > 0.0 => format!(", and {milliseconds:.3} ms packing"),
        _ => String::new(),
    };
    format!(
        "{:22} {:15} {:26} {:10.3} ms {:9.2} GFLOP/s {:8.2} GB/s {percent:6.1} % of {}{packing}",
        layer.name,
        result.direction.name(),
        layer.shape(),
        result.milliseconds,
        result.gflops(),
        result.gigabytes_per_second(),
        if layer.is_depthwise() { "copying" } else { "arithmetic" },
    )
}

fn kernel_json(result: &KernelResult, ceiling: &Ceiling) -> Value {
    json!({
        "name": format!("{} {}", result.layer.name, result.direction.name()),
        "shape": result.layer.shape(),
        "ms": result.milliseconds,
        "packing_ms": result.packing_milliseconds,
        "gflops": result.gflops(),
        "gbs": result.gigabytes_per_second(),
        "share": result.share(ceiling),
    })
}

fn step_json(result: &StepResult, ceiling: &Ceiling) -> Value {
    let list = |hot: &[Hot]| -> Vec<Value> {
        let entry = |h: &Hot| json!({ "operator": h.operator, "kernel": h.kernel, "shapes": h.shapes, "launches": h.launches, "ms": h.milliseconds });
        hot.iter().map(entry).collect()
    };
    let families = result.families(ceiling).into_iter().map(|family| {
        let FamilyTime { of, expected_milliseconds, milliseconds } = family;
        let mut json = family_json(&of);
        json["expected_ms"] = json!(expected_milliseconds);
        json["ms"] = json!(milliseconds);
        json
    });
    json!({
        "ms": result.milliseconds,
        "expected_ms": result.expected_milliseconds(ceiling),
        "families": families.collect::<Vec<Value>>(),
        "images_per_second": result.images_per_second,
        "peak_bytes": result.peak_bytes,
        "dispatches": result.dispatches,
        "host_ms": result.host_milliseconds,
        "host_without_driver_ms": result.host_without_driver_milliseconds,
        "cold_start_ms": result.cold_start_milliseconds,
        "operators": list(&result.operators),
        "hottest": list(&result.hottest),
    })
}

/// The step that the settings describe.
fn step_name(config: &Config) -> String {
    let (size, batch, method) = (config.size, config.batch, config.method.name());
    format!("{method} step, {size}x{size}, batch {batch}")
}

fn print_step(config: &Config, result: &StepResult, ceiling: &Ceiling) -> Result<()> {
    let expected = result.expected_milliseconds(ceiling);
    output::line(format_args!(
        "{}: {:.1} ms, by these ceilings {expected:.1} ms were expected, {:.2} images/s, {} launches, {} MiB for the values of a step",
        step_name(config),
        result.milliseconds,
        result.images_per_second,
        result.dispatches,
        result.peak_bytes >> 20
    ))?;
    output::line(format_args!(
        "host {:.2} ms a step, {:.2} ms of it outside the driver, cold start {:.1} s",
        result.host_milliseconds,
        result.host_without_driver_milliseconds,
        result.cold_start_milliseconds * 1e-3
    ))?;
    output::line(format_args!("{FAMILY_TITLES} {:>12} {:>12}", "expected ms", "ms"))?;
    for FamilyTime { of, expected_milliseconds, milliseconds } in result.families(ceiling) {
        let measured = milliseconds.map_or(String::new(), |milliseconds| format!("{milliseconds:12.2}"));
        let line = format!("{} {expected_milliseconds:12.2} {measured}", family_line(&of));
        output::line(line.trim_end())?;
    }
    for (title, list) in [("operators", &result.operators), ("the ten dearest", &result.hottest)] {
        if !list.is_empty() {
            output::line(format_args!("{:>12} {:>8}  {title}", "ms", "launches"))?;
        }
        for hot in list {
            let Hot { operator, kernel, shapes, launches, milliseconds } = hot;
            output::line(format!("{milliseconds:12.2} {launches:8}  {operator}, {kernel} {shapes}").trim_end())?;
        }
    }
    Ok(())
}
