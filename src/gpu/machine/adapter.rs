//! Which adapters there are, which one to use, and what it can do.

use wgpu::{Adapter, AdapterInfo, CooperativeScalarType, DeviceType};

use super::error::{GpuError, Result};
use super::kernels::Tile;
use super::memory;

/// An adapter as the user sees it in the list of devices.
#[derive(Clone, Debug)]
pub struct AdapterDescription {
    /// place in the list, by which it can be chosen
    pub index: usize,
    /// name, kind, backend and driver
    pub info: AdapterInfo,
    /// its own limits, for which it is opened
    pub limits: wgpu::Limits,
    /// what it offers, asked for or not
    pub features: wgpu::Features,
    /// cooperative matrices, if there are some that convolutions can use
    pub matrices: Option<Matrices>,
    /// bytes that values on the adapter may take, as far as that is known
    pub memory: Option<u64>,
}

/// Cooperative matrices of `size` rows and columns, f16 factors and f32 sums, held by one subgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrices {
    /// rows and columns
    pub size: u32,
    /// the most invocations that a subgroup has
    pub lanes: u32,
}

impl Matrices {
    /// Features without which they are of no use.
    pub(crate) const FEATURES: wgpu::Features = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
        .union(wgpu::Features::SHADER_F16)
        .union(wgpu::Features::SUBGROUP);

    fn of(adapter: &Adapter) -> Option<Matrices> {
        let lanes = adapter.get_info().subgroup_max_size;
        let fits = |p: &wgpu::CooperativeMatrixProperties| {
            let types = (p.ab_type, p.cr_type) == (CooperativeScalarType::F16, CooperativeScalarType::F32);
            types && p.m_size == p.n_size && p.n_size == p.k_size
        };
        let sizes = adapter.cooperative_matrix_properties().into_iter().filter(fits).map(|p| p.m_size);
        let possible = adapter.features().contains(Self::FEATURES)
            && 4 * lanes <= adapter.limits().max_compute_invocations_per_workgroup;
        sizes.max().filter(|_| possible).map(|size| Matrices { size, lanes })
    }
}

impl AdapterDescription {
    /// Whether the adapter computes on the CPU (lavapipe, SwiftShader, WARP).
    pub fn is_software(&self) -> bool {
        self.info.device_type == DeviceType::Cpu
    }

    /// The largest tile of convolutions whose invocations a workgroup may have, and whose sums fit their registers.
    pub(crate) fn largest_tile(&self) -> Tile {
        let most = match self.info.vendor {
            // Qualcomm, in Vulkan and in Windows: invocations of a workgroup of 256 have registers for 128 values.
            0x5143 | 0x4d4f_4351 => Tile::Medium,
            // Apple: an invocation never has more than 128.
            0x106b => Tile::Large,
            _ if self.info.backend == wgpu::Backend::Metal => Tile::Large,
            _ => Tile::Wide,
        };
        let fits = |tile: &Tile| {
            let invocations: usize = tile.threads().iter().product();
            *tile <= most && invocations <= self.limits.max_compute_invocations_per_workgroup as usize
        };
        Tile::ALL.into_iter().rev().find(fits).unwrap_or(Tile::Small)
    }

    /// Whether it has this index, or a name that contains this text, or is of this backend.
    pub fn is_called(&self, wanted: &str) -> bool {
        let wanted = wanted.to_lowercase();
        match wanted.parse::<usize>() {
            Ok(index) => self.index == index,
            Err(_) => {
                self.info.name.to_lowercase().contains(&wanted)
                    || format!("{:?}", self.info.backend).to_lowercase() == wanted
            }
        }
    }

    /// Whether a software adapter's subgroups have eight invocations, always, and can send values round.
    pub(crate) fn has_subgroups_of_eight(&self) -> bool {
        let sizes = [self.info.subgroup_min_size, self.info.subgroup_max_size];
        self.is_software() && sizes == [8, 8] && self.features.contains(wgpu::Features::SUBGROUP)
    }
}

/// Keeps Mesa's layer that selects a device quiet: it moves the desktop's adapter to the front by asking the Wayland server for it,
/// and where there is none that library writes to the terminal. [`adapters`] orders them itself.
///
/// # Safety
/// As [`std::env::set_var`]: no other thread may look at the environment meanwhile.
pub unsafe fn without_device_selection() {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: as the caller says.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

/// All adapters, hardware before software, discrete before integrated, native backends before OpenGL.
pub fn adapters() -> Vec<(AdapterDescription, Adapter)> {
    // OpenGL repeats what Vulkan offers, and its loaders print to the terminal: only where there is nothing else.
    let mut found = enumerate(wgpu::Backends::PRIMARY);
    if found.is_empty() {
        found = enumerate(wgpu::Backends::GL);
    }
    found.sort_by_key(|a| {
        let info = a.get_info();
        let kind = match info.device_type {
            DeviceType::DiscreteGpu => 0,
            DeviceType::IntegratedGpu => 1,
            DeviceType::VirtualGpu => 2,
            DeviceType::Other => 3,
            DeviceType::Cpu => 4,
        };
        (kind, info.backend == wgpu::Backend::Gl)
    });
    let describe = |(index, adapter): (usize, Adapter)| {
        let description = AdapterDescription {
            index,
            info: adapter.get_info(),
            limits: adapter.limits(),
            features: adapter.features(),
            matrices: Matrices::of(&adapter),
            memory: memory::of(&adapter),
        };
        (description, adapter)
    };
    found.into_iter().enumerate().map(describe).collect()
}

/// Adapters of some backends (or of those named by `WGPU_BACKEND`) that have compute shaders.
fn enumerate(backends: wgpu::Backends) -> Vec<Adapter> {
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    let descriptor = wgpu::InstanceDescriptor { backends, ..descriptor }.with_env();
    let instance = wgpu::Instance::new(descriptor);
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()))
        .into_iter()
        .filter(|a| a.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS))
        .collect()
}

/// The adapter with an index, the first whose name contains `wanted`, or the first of all.
pub(crate) fn choose(wanted: Option<&str>) -> Result<(AdapterDescription, Adapter)> {
    let mut found = adapters();
    if found.is_empty() {
        return Err(GpuError::NoAdapter);
    }
    let Some(wanted) = wanted else { return Ok(found.swap_remove(0)) };
    match found.iter().position(|(adapter, _)| adapter.is_called(wanted)) {
        Some(position) => Ok(found.swap_remove(position)),
        None => {
            let names: Vec<String> = found.iter().map(|(d, _)| format!("{} `{}`", d.index, d.info.name)).collect();
            Err(GpuError::UnknownAdapter { wanted: wanted.to_string(), found: names.join(", ") + ", and `cpu`" })
        }
    }
}

/// The adapter of a description, found anew.
pub(crate) fn again(description: &AdapterDescription) -> Result<(AdapterDescription, Adapter)> {
    let mut found = adapters();
    found.retain(|(other, _)| other.info == description.info);
    // Of several that nothing tells apart, the one at the same place.
    found.sort_by_key(|(other, _)| other.index.abs_diff(description.index));
    found.into_iter().next().ok_or(GpuError::NoAdapter)
}
