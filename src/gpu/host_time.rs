//! What a replayed step costs the host before any driver sees it.

use std::sync::Arc;
use std::time::Instant;

use super::capabilities::Capabilities;
use super::context::{Gpu, GpuOptions};
use super::error::{GpuError, Result};
use super::program::Program;
use super::states::States;
use super::submissions::Divisions;
use crate::graph::Graph;

/// Replays of which the median counts, after one that is not counted.
const REPEATS: usize = 21;

impl Gpu {
    /// Milliseconds of the host for one replay of a graph outside the driver: the same launches as here are recorded
    /// and submitted to wgpu's backend that does nothing. Takes as much memory of the host as the plan takes here.
    pub fn host_milliseconds(&self, graph: &Graph) -> Result<f64> {
        let idle = Arc::new(self.without_driver()?);
        idle.divide(Divisions::clone(&self.divisions()));
        let program = Program::with(&idle, graph, &States::new(idle.clone()), &Capabilities::of(self))?;
        program.run()?;
        let mut times = Vec::with_capacity(REPEATS);
        for _ in 0..REPEATS {
            let begun = Instant::now();
            program.run()?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            idle.wait()?;
        }
        times.sort_by(f64::total_cmp);
        Ok(times[REPEATS / 2])
    }

    /// A device with this adapter's limits that accepts everything and computes nothing.
    fn without_driver(&self) -> Result<Gpu> {
        let description = self.description().clone();
        let mut instance = wgpu::InstanceDescriptor::new_without_display_handle();
        instance.backends = wgpu::Backends::NOOP;
        instance.backend_options.noop = wgpu::NoopBackendOptions {
            limits: Some(description.limits.clone()),
            subgroup_min_size: Some(description.info.subgroup_min_size),
            subgroup_max_size: Some(description.info.subgroup_max_size),
            ..wgpu::NoopBackendOptions::enabled()
        };
        let open = async {
            let adapter = wgpu::Instance::new(instance).request_adapter(&Default::default()).await;
            let adapter = adapter.map_err(|e| e.to_string())?;
            let required_limits = description.limits.clone();
            let required_features = description.features & (wgpu::Features::SHADER_F16 | wgpu::Features::SUBGROUP);
            let device = wgpu::DeviceDescriptor { required_limits, required_features, ..Default::default() };
            adapter.request_device(&device).await.map_err(|e| e.to_string())
        };
        let (device, queue) =
            pollster::block_on(open).map_err(|reason| GpuError::Open { adapter: "noop".to_string(), reason })?;
        let options = GpuOptions { timestamps: false, ..self.options() };
        Ok(Gpu::of_device(description, device, queue, options))
    }
}
