//! All that is worth knowing of an adapter, in one document that can be compared with another adapter's.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::{Direction, Drift, layers, measure, measure_step};
use crate::conformance::{PROBES, Probe, ROUNDING};
use crate::device::Device;
use crate::gpu::AdapterDescription;
use crate::train::Config;

/// What was measured of an adapter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Portability {
    /// version of this program
    pub papilla: String,
    /// year, month and day
    pub date: String,
    /// who computed
    pub adapter: Identity,
    /// limits that matter here, by WebGPU's names
    pub limits: BTreeMap<String, u64>,
    /// features that the adapter has, by wgpu's names
    pub features: Vec<String>,
    /// GFLOP/s of multiply-adds in registers
    pub ceiling_gflops: f64,
    /// GB/s of a copy
    pub ceiling_gbs: f64,
    /// each operator against the f64 twin
    pub operators: Vec<OperatorResult>,
    /// single layers
    pub kernels: Vec<LayerResult>,
    /// a whole training step
    pub step: StepFigures,
    /// losses of a short run
    pub training: Drift,
}

/// Which adapter, and what drives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// as the driver calls it
    pub name: String,
    /// Vulkan, Metal, Dx12 or Gl
    pub backend: String,
    /// discrete, integrated, virtual or CPU
    pub kind: String,
    /// name of the driver
    pub driver: String,
    /// its version
    pub driver_info: String,
    /// fewest and most invocations of a subgroup
    pub subgroups: [u32; 2],
}

/// How an operator and its gradients compare with the f64 twin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OperatorResult {
    /// the probe
    pub name: String,
    /// the output, gradient or state that is worst
    pub value: String,
    /// its largest error, over all that was added up and handed on to the element; absent where that is nothing
    pub error: Option<f64>,
    /// whether that is what rounding may make of it
    pub passed: bool,
    /// why it could not be computed
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
}

/// Time of a layer in one direction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LayerResult {
    /// layer and direction
    pub name: String,
    /// `[N, I, H, W] -> O`
    pub shape: String,
    /// median, without packing
    pub ms: f64,
    /// packing of feature maps beside it, if that was told apart
    #[serde(default)]
    pub packing_ms: Option<f64>,
    /// rate of arithmetic
    pub gflops: f64,
    /// of the ceiling that binds it, 0 to 1
    pub share: f64,
}

/// Figures of a training step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepFigures {
    /// method, size and batch
    pub what: String,
    /// median
    pub ms: f64,
    /// images of one camera
    pub images_per_second: f64,
    /// of the values of a step
    pub peak_bytes: u64,
    /// launches
    pub dispatches: usize,
    /// host time outside the driver
    pub host_without_driver_ms: f64,
    /// from the traced graph to the first loss
    pub cold_start_ms: f64,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// rows and columns of the images that the layers belong to, and their batch
    pub layers: (usize, usize),
    /// steps of the training run
    pub steps: u64,
}

/// What is measured, for whoever watches: a part of it has begun.
pub type Watch<'a> = &'a mut dyn FnMut(&str);

impl Portability {
    /// Measures an adapter; temporary files go into `folder`.
    pub fn measure(
        device: &Device,
        extent: Extent,
        step: &Config,
        date: String,
        folder: &Path,
        watch: Watch,
    ) -> Result<Portability> {
        let Device::Gpu(tuner) = device else { bail!("the reference is not made to be fast; choose an adapter") };
        let gpu = tuner.gpu();
        let description = gpu.description();
        watch("ceiling");
        let ceiling = gpu.ceiling()?;
        let operators = PROBES.iter().enumerate().map(|(seed, (name, build))| {
            watch(&format!("operator {name}"));
            let mut probe = Probe::new(seed as u64);
            build(&mut probe).expect("the probes' shapes fit");
            judge(name, &probe, device)
        });
        let operators = operators.collect();
        let mut kernels = Vec::new();
        for layer in layers(extent.layers.0, extent.layers.1) {
            for direction in Direction::ALL {
                let name = format!("{} {}", layer.name, direction.name());
                watch(&format!("layer {name}"));
                let found = measure(tuner, layer, direction)?;
                let (ms, gflops, share) = (found.milliseconds, found.gflops(), found.share(&ceiling));
                let packing_ms = found.packing_milliseconds;
                kernels.push(LayerResult { name, shape: layer.shape(), ms, packing_ms, gflops, share });
            }
        }
        watch("training step");
        let found = measure_step(device, step)?;
        let step = StepFigures {
            what: format!("{}, {}x{}, batch {}", step.method.name(), step.size, step.size, step.batch),
            ms: found.milliseconds,
            images_per_second: found.images_per_second,
            peak_bytes: found.peak_bytes,
            dispatches: found.dispatches,
            host_without_driver_ms: found.host_without_driver_milliseconds,
            cold_start_ms: found.cold_start_milliseconds,
        };
        let steps = extent.steps;
        let training = Drift::measure(device, steps, folder, |done| watch(&format!("step {done} of {steps}")))?;
        Ok(Portability {
            papilla: env!("CARGO_PKG_VERSION").to_string(),
            date,
            adapter: Identity::of(description),
            limits: limits(&description.limits),
            features: description.features.iter_names().map(|(name, _)| name.to_string()).collect(),
            ceiling_gflops: ceiling.gflops,
            ceiling_gbs: ceiling.gigabytes_per_second,
            operators,
            kernels,
            step,
            training,
        })
    }

    /// Operators that differ from the twin by more than roundings, or could not be computed.
    pub fn wrong_operators(&self) -> impl Iterator<Item = &OperatorResult> {
        self.operators.iter().filter(|operator| !operator.passed)
    }
}

impl Identity {
    /// What an adapter says of itself.
    pub fn of(description: &AdapterDescription) -> Identity {
        let info = &description.info;
        Identity {
            name: info.name.clone(),
            backend: format!("{:?}", info.backend),
            kind: format!("{:?}", info.device_type),
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
            subgroups: [info.subgroup_min_size, info.subgroup_max_size],
        }
    }

    /// Name of files about it.
    pub fn file_stem(&self) -> String {
        let words = format!("{} {} {} {}", self.name, self.backend, self.driver, self.driver_info).to_lowercase();
        let mut parts: Vec<&str> = words.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').collect();
        parts.retain(|part| !part.is_empty());
        parts.join("-")
    }
}

fn judge(name: &str, probe: &Probe, device: &Device) -> OperatorResult {
    let name = name.to_string();
    match probe.deviation(device, ROUNDING) {
        Ok(found) => OperatorResult {
            name,
            value: found.value,
            error: Some(found.error).filter(|error| error.is_finite()),
            passed: found.error <= ROUNDING,
            failure: None,
        },
        Err(error) => {
            OperatorResult { name, value: String::new(), error: None, passed: false, failure: Some(error.to_string()) }
        }
    }
}

fn limits(limits: &wgpu::Limits) -> BTreeMap<String, u64> {
    let of = |name: &str, value: u64| (name.to_string(), value);
    BTreeMap::from([
        of("maxBufferSize", limits.max_buffer_size),
        of("maxStorageBufferBindingSize", limits.max_storage_buffer_binding_size),
        of("maxStorageBuffersPerShaderStage", limits.max_storage_buffers_per_shader_stage.into()),
        of("maxComputeWorkgroupStorageSize", limits.max_compute_workgroup_storage_size.into()),
        of("maxComputeInvocationsPerWorkgroup", limits.max_compute_invocations_per_workgroup.into()),
        of("maxComputeWorkgroupsPerDimension", limits.max_compute_workgroups_per_dimension.into()),
        of("maxTextureDimension2D", limits.max_texture_dimension_2d.into()),
        of("minStorageBufferOffsetAlignment", limits.min_storage_buffer_offset_alignment.into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_adapter_and_driver() {
        let identity = Identity {
            name: "llvmpipe (LLVM 15.0.6, 256 bits)".into(),
            backend: "Vulkan".into(),
            kind: "Cpu".into(),
            driver: "llvmpipe".into(),
            driver_info: "Mesa 22.3.6".into(),
            subgroups: [8, 8],
        };
        assert_eq!(identity.file_stem(), "llvmpipe-llvm-15.0.6-256-bits-vulkan-llvmpipe-mesa-22.3.6");
    }
}
