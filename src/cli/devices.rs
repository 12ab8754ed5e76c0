//! `papilla devices`: the adapters there are.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;
use wgpu::DeviceType;

use super::{Global, output};
use crate::data::names::shown;
use crate::gpu::{AdapterDescription, adapters};

/// List adapters: backend, type, driver, the limits and features that matter, and which is the default
#[derive(clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(global: &Global, _: &Arguments) -> Result<ExitCode> {
    let found: Vec<AdapterDescription> = adapters().into_iter().map(|(description, _)| description).collect();
    let wanted = global.device.as_deref();
    let is_reference = wanted.is_some_and(|wanted| wanted.eq_ignore_ascii_case("cpu"));
    let chosen = wanted.and_then(|wanted| found.iter().position(|device| device.is_called(wanted)));
    if let (Some(wanted), None, false) = (wanted, chosen, is_reference) {
        global.note(&format!("none of these is called `{}`, as --device or PAPILLA_DEVICE has it", shown(wanted)));
    }
    if global.json {
        let list: Vec<_> = found.iter().map(AdapterDescription::as_json).collect();
        output::json(&json!({ "devices": list, "default": found.first().map(|_| 0), "chosen": chosen }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for device in &found {
        let mark = match device.index {
            0 => " (default)",
            index if chosen == Some(index) => " (chosen by --device or PAPILLA_DEVICE)",
            _ => "",
        };
        output::line(format_args!("{} {}{mark}", device.index, device.info.name))?;
        output::line(format_args!("    {:?}, {:?}", device.info.backend, device.info.device_type))?;
        output::line(format_args!("    driver {} {}", device.info.driver, device.info.driver_info))?;
        let shares = matches!(device.info.device_type, DeviceType::Cpu | DeviceType::IntegratedGpu);
        let memory = match device.memory.map(mebibytes) {
            Some(memory) if shares => format!("{memory} of the machine's, free now"),
            Some(memory) => memory,
            None => "of unknown size".to_string(),
        };
        output::line(format_args!("    memory {memory}"))?;
        output::line(format_args!(
            "    binding {}, buffer {}, workgroup memory {} KiB, {} invocations, subgroups of {}",
            mebibytes(device.limits.max_storage_buffer_binding_size),
            mebibytes(device.limits.max_buffer_size),
            device.limits.max_compute_workgroup_storage_size / 1024,
            device.limits.max_compute_invocations_per_workgroup,
            subgroup_sizes(device),
        ))?;
        output::line(format_args!("    features: {}", device.feature_names().join(", ")))?;
    }
    let default = if found.is_empty() { ", default" } else { "" };
    output::line(format_args!("cpu (f64 reference, slow; chosen by `--device cpu`{default})"))?;
    if found.is_empty() {
        global.note("no graphics adapter was found; on Debian or Ubuntu `apt-get install mesa-vulkan-drivers` brings one in software");
    }
    Ok(ExitCode::SUCCESS)
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

fn subgroup_sizes(device: &AdapterDescription) -> String {
    let (low, high) = (device.info.subgroup_min_size, device.info.subgroup_max_size);
    if low == high { low.to_string() } else { format!("{low} to {high}") }
}
