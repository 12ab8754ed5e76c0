//! An opened adapter: device, queue, pipelines made once, and errors caught where they arise.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::lock::lock;
use super::pipeline_cache::PipelineCache;
use crate::gpu::kernel::{ALIGNED_ELEMENTS, BufferAccess, Dispatch, PipelineKey, TextureAccess, shader};
use crate::gpu::machine::{
    AdapterDescription, Capabilities, Choices, ConvVariant, Divisions, GpuError, GpuOptions, Matrices, Result,
    WATCHDOG, again, choose,
};

/// An opened adapter.
pub struct Gpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    description: AdapterDescription,
    options: GpuOptions,
    failure: Arc<Mutex<Option<GpuError>>>,
    pipelines: Mutex<HashMap<PipelineKey, Arc<Pipeline>>>,
    kept: Option<PipelineCache>,
    divisions: Mutex<Arc<Divisions>>,
}

/// A compiled shader with the layout of its bindings.
pub(crate) struct Pipeline {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
}

impl Gpu {
    /// Opens the adapter with an index, the first whose name contains `wanted`, or the best one.
    pub fn open(wanted: Option<&str>, options: GpuOptions) -> Result<Gpu> {
        let (description, adapter) = choose(wanted)?;
        Gpu::open_adapter(description, &adapter, options)
    }

    /// Opens the same adapter anew, after it was lost.
    pub fn reopen(&self) -> Result<Gpu> {
        let (description, adapter) = again(&self.description)?;
        Gpu::open_adapter(description, &adapter, self.options)
    }

    fn open_adapter(description: AdapterDescription, adapter: &wgpu::Adapter, options: GpuOptions) -> Result<Gpu> {
        let name = description.info.name.clone();
        let mut features = description.features & (wgpu::Features::PIPELINE_CACHE | wgpu::Features::SHADER_F16);
        features.set(wgpu::Features::SUBGROUP, options.uses_subgroups_of(&description));
        if options.timestamps {
            let needed = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES;
            if !description.features.contains(needed) {
                return Err(GpuError::Unsupported { op: "profiling", adapter: name, reason: "no timestamps".into() });
            }
            features |= needed;
        }
        let mut experimental_features = wgpu::ExperimentalFeatures::disabled();
        if options.matrices {
            if description.matrices.is_none() {
                return Err(GpuError::NoMatrices { adapter: name });
            }
            features |= Matrices::FEATURES;
            // SAFETY: the one experimental feature is asked for by the user and used by one shader, which is tested
            // against the reference.
            experimental_features = unsafe { wgpu::ExperimentalFeatures::enabled() };
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("papilla"),
            experimental_features,
            required_features: features,
            required_limits: description.limits.clone(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| GpuError::Open { adapter: name, reason: e.to_string() })?;
        Ok(Gpu::of_device(description, device, queue, options))
    }

    /// A device under the description of its adapter, with its errors kept for [`Gpu::check`].
    pub(crate) fn of_device(
        description: AdapterDescription,
        device: wgpu::Device,
        queue: wgpu::Queue,
        options: GpuOptions,
    ) -> Gpu {
        let name = description.info.name.clone();
        let failure = Arc::new(Mutex::new(None));
        let (errors, adapter_name) = (failure.clone(), name.clone());
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let adapter = adapter_name.clone();
            lock(&errors).get_or_insert(match error {
                wgpu::Error::OutOfMemory { .. } => GpuError::MemoryFull { adapter },
                error => GpuError::Driver { adapter, message: one_line(&error.to_string()) },
            });
        }));
        let losses = failure.clone();
        device.set_device_lost_callback(move |_, message| {
            let message = if message.is_empty() { "it was given up".to_string() } else { one_line(&message) };
            // Whatever else went wrong with it only follows.
            *lock(&losses) = Some(GpuError::Lost { adapter: name.clone(), message });
        });
        let pipelines = Mutex::new(HashMap::new());
        let divisions = Mutex::default();
        Gpu { device, queue, description, options, failure, pipelines, kept: None, divisions }
    }

    /// Keeps compiled pipelines in a folder from one run to the next; false where the adapter does not hand them out.
    pub fn keep_pipelines(&mut self, folder: &Path) -> bool {
        self.kept = PipelineCache::open(&self.device, &self.description.info, folder);
        self.kept.is_some()
    }

    /// Writes pipelines made since the last time to their folder, if there is one.
    pub(crate) fn save_pipelines(&self) {
        if let Some(kept) = &self.kept {
            kept.save();
        }
    }

    /// The adapter's identity, limits and features.
    pub fn description(&self) -> &AdapterDescription {
        &self.description
    }

    /// Name of the adapter, as in the list of devices.
    pub fn name(&self) -> &str {
        &self.description.info.name
    }

    /// The options the adapter was opened with.
    pub fn options(&self) -> GpuOptions {
        self.options
    }

    /// The convolution variant that suits the adapter, unless one was asked for.
    pub fn conv_variant(&self) -> ConvVariant {
        let fitting = if self.description.is_software() { ConvVariant::Texture } else { ConvVariant::Tiled };
        self.options.conv.unwrap_or(fitting)
    }

    /// Largest range that one storage binding may cover, in elements, a multiple of the alignment.
    pub fn binding_elements(&self) -> usize {
        let own = self.device.limits().max_storage_buffer_binding_size;
        let limit = self.options.binding_limit.map_or(own, |l| l.min(own));
        (limit / 4) as usize / ALIGNED_ELEMENTS * ALIGNED_ELEMENTS
    }

    /// What lowering and planning must know of the adapter, with the table's kernels.
    pub fn capabilities(&self) -> Capabilities {
        let limits = self.device.limits();
        let software = self.description.is_software();
        Capabilities {
            name: self.name().to_string(),
            binding_elements: self.binding_elements(),
            buffer_bytes: limits.max_buffer_size,
            texture_side: limits.max_texture_dimension_2d as usize,
            // Lanes beyond a software adapter's vector width only make its barriers dearer.
            lanes: if software { 8 } else { 64 },
            conv: self.conv_variant(),
            tile: self.options.tile,
            largest_tile: self.description.largest_tile(),
            matrices: self.description.matrices.filter(|_| self.options.matrices),
            subgroups_of_eight: self.options.uses_subgroups_of(&self.description),
            choices: Arc::new(Choices::new()),
            half: self.description.features.contains(wgpu::Features::SHADER_F16),
            memory_is_dear: !software,
            memory: self.description.memory,
            watchdog: self.options.watchdog.or((!software).then_some(WATCHDOG)),
            divisions: self.divisions(),
        }
    }

    /// Operators whose launches were found too long so far.
    pub fn divisions(&self) -> Arc<Divisions> {
        lock(&self.divisions).clone()
    }

    /// Divides these operators too, in programs compiled from now on.
    pub fn divide(&self, further: Divisions) {
        Arc::make_mut(&mut lock(&self.divisions)).extend(further);
    }

    /// The first error since the adapter was opened, if there was one.
    pub fn check(&self) -> Result<()> {
        match lock(&self.failure).as_ref() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// A buffer, or the reason why there is no memory for it.
    pub(crate) fn buffer(&self, what: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let limit = self.device.limits().max_buffer_size;
        if bytes > limit {
            let adapter = self.name().to_string();
            return Err(GpuError::TooLarge { adapter, what: what.to_string(), bytes, limit });
        }
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let size = bytes.next_multiple_of(256).max(256);
        let descriptor = wgpu::BufferDescriptor { label: Some(what), size, usage, mapped_at_creation: false };
        let buffer = self.device.create_buffer(&descriptor);
        match pollster::block_on(scope.pop()) {
            Some(_) => Err(GpuError::OutOfMemory { adapter: self.name().into(), what: what.to_string(), bytes }),
            None => Ok(buffer),
        }
    }

    /// The pipeline of a launch, compiled when first asked for.
    pub(crate) fn pipeline(&self, dispatch: &Dispatch) -> Result<Arc<Pipeline>> {
        let Dispatch { shader, entry, constants, half, .. } = dispatch;
        let key = dispatch.pipeline_key();
        if let Some(known) = lock(&self.pipelines).get(&key) {
            return Ok(known.clone());
        }
        let text = shader::specialise(shader, constants, half)?;
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let descriptor = wgpu::ShaderModuleDescriptor { label: Some(shader), source: wgpu::ShaderSource::Wgsl(text) };
        let module = if self.options.checked_shaders {
            self.device.create_shader_module(descriptor)
        } else {
            // SAFETY: these shaders have no unbounded loops, and index within their bindings: the kernel tests
            // run each of them with the checks on.
            unsafe { self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
        };
        let layout = self.bind_group_layout(dispatch);
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(shader),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(shader),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: self.kept.as_ref().map(|kept| &kept.cache),
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            let message = format!("shader `{shader}`: {}", one_line(&error.to_string()));
            return Err(GpuError::Driver { adapter: self.name().to_string(), message });
        }
        let compiled = Arc::new(Pipeline { pipeline, layout });
        lock(&self.pipelines).insert(key, compiled.clone());
        Ok(compiled)
    }

    fn bind_group_layout(&self, dispatch: &Dispatch) -> wgpu::BindGroupLayout {
        let buffers = dispatch.accesses();
        let entry = |binding: usize, ty| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty,
            count: None,
        };
        let buffer =
            |ty, min_binding_size| wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size };
        let block_bytes = wgpu::BufferSize::new(4 * dispatch.params.len() as u64);
        let mut entries = vec![entry(0, buffer(wgpu::BufferBindingType::Uniform, block_bytes))];
        let storage =
            |access: &BufferAccess| wgpu::BufferBindingType::Storage { read_only: *access == BufferAccess::Read };
        entries.extend(buffers.iter().enumerate().map(|(i, access)| entry(1 + i, buffer(storage(access), None))));
        entries.extend(dispatch.textures.iter().enumerate().map(|(i, texture)| {
            let access = match texture.access {
                TextureAccess::Write => wgpu::StorageTextureAccess::WriteOnly,
                TextureAccess::Read => wgpu::StorageTextureAccess::ReadOnly,
            };
            let ty = wgpu::BindingType::StorageTexture {
                access,
                format: wgpu::TextureFormat::Rgba32Float,
                view_dimension: wgpu::TextureViewDimension::D2,
            };
            entry(1 + buffers.len() + i, ty)
        }));
        let descriptor = wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries };
        self.device.create_bind_group_layout(&descriptor)
    }

    /// Waits until everything submitted is done.
    pub(crate) fn wait(&self) -> Result<()> {
        POLLING.set(true);
        // wgpu panics where the driver loses the adapter in the meantime, after it has told so.
        let polled = catch_unwind(AssertUnwindSafe(|| self.device.poll(wgpu::PollType::wait_indefinitely())));
        POLLING.set(false);
        self.check()?;
        let failed = |message: String| GpuError::Driver { adapter: self.name().to_string(), message };
        match polled {
            Ok(polled) => polled.map(|_| ()).map_err(|e| failed(e.to_string())),
            Err(_) => Err(failed("it could not be waited for".to_string())),
        }
    }

    /// Loses the adapter, as a driver that resets it would; for tests.
    pub fn lose(&self) {
        self.device.destroy();
        // The loss is told when somebody waits; what waiting says then is of no interest.
        let _ = self.wait();
    }
}

thread_local! {
    /// Whether this thread waits for an adapter.
    static POLLING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread waits for an adapter: a panic then is caught, and becomes an error.
pub fn is_waiting() -> bool {
    POLLING.get()
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
