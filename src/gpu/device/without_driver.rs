//! A device that accepts everything and computes nothing.

use super::gpu::Gpu;
use crate::gpu::machine::{GpuError, GpuOptions, Result};

impl Gpu {
    /// A device with this adapter's limits that accepts everything and computes nothing.
    pub(crate) fn without_driver(&self) -> Result<Gpu> {
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
