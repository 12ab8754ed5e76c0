//! Adapters as `papilla devices` lists them for other programs.

use serde_json::{Value, json};

use super::adapter::AdapterDescription;

/// Features that kernels can use.
const FEATURES: [(&str, wgpu::Features); 4] = [
    ("f16", wgpu::Features::SHADER_F16),
    ("subgroups", wgpu::Features::SUBGROUP),
    ("timestamps", wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES),
    ("pipeline cache", wgpu::Features::PIPELINE_CACHE),
];

impl AdapterDescription {
    /// Names of the features that kernels can use and the adapter has.
    pub fn feature_names(&self) -> Vec<String> {
        let known = FEATURES.iter().filter(|(_, feature)| self.features.contains(*feature));
        let matrices = self.matrices.map(|m| format!("cooperative matrices of {0}x{0}", m.size));
        known.map(|(name, _)| name.to_string()).chain(matrices).collect()
    }

    /// All that is listed of it.
    pub fn as_json(&self) -> Value {
        json!({
            "index": self.index,
            "name": self.info.name,
            "backend": format!("{:?}", self.info.backend),
            "type": format!("{:?}", self.info.device_type),
            "software": self.is_software(),
            "driver": self.info.driver,
            "driver_info": self.info.driver_info,
            "memory_bytes": self.memory,
            "max_storage_buffer_binding_size": self.limits.max_storage_buffer_binding_size,
            "max_buffer_size": self.limits.max_buffer_size,
            "max_compute_workgroup_storage_size": self.limits.max_compute_workgroup_storage_size,
            "max_compute_invocations_per_workgroup": self.limits.max_compute_invocations_per_workgroup,
            "subgroup_min_size": self.info.subgroup_min_size,
            "subgroup_max_size": self.info.subgroup_max_size,
            "features": self.feature_names(),
        })
    }
}
