//! How much memory an adapter has, where that can be known.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};
use wgpu::{Adapter, DeviceType};

/// Bytes that values on an adapter may take: the memory of a discrete adapter; of one that shares the machine's, what
/// the machine has left.
pub(super) fn of(adapter: &Adapter) -> Option<u64> {
    match adapter.get_info().device_type {
        DeviceType::Cpu | DeviceType::IntegratedGpu => Some(available()),
        DeviceType::DiscreteGpu | DeviceType::VirtualGpu => largest_heap(adapter),
        DeviceType::Other => None,
    }
}

/// Bytes that this program could still have, within the limits of its container if it runs in one.
fn available() -> u64 {
    let system =
        System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram()));
    let machine = system.available_memory();
    system.cgroup_limits().map_or(machine, |limits| machine.min(limits.free_memory))
}

/// The largest heap of an adapter's own.
#[cfg(not(target_vendor = "apple"))]
fn largest_heap(adapter: &Adapter) -> Option<u64> {
    /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT`
    const DEVICE_LOCAL: u32 = 1;
    // SAFETY: the handle is only read from while the adapter is borrowed, and nothing of it is destroyed.
    let vulkan = unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }?;
    let instance = vulkan.shared_instance().raw_instance();
    // SAFETY: the physical device is one of this instance, and both outlive the call.
    let properties = unsafe { instance.get_physical_device_memory_properties(vulkan.raw_physical_device()) };
    let own = properties.memory_heaps_as_slice().iter().filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0);
    own.map(|heap| heap.size).max()
}

/// Metal's adapters share the machine's memory.
#[cfg(target_vendor = "apple")]
fn largest_heap(_: &Adapter) -> Option<u64> {
    Some(available())
}
