//! The adapter under test.

use std::sync::LazyLock;

use papilla::device::Device;
use papilla::gpu::GpuOptions;

/// The adapter under test, opened once: what one test has compiled for it the next one need not.
pub fn adapter() -> Device {
    static OPENED: LazyLock<Device> = LazyLock::new(|| {
        let wanted = std::env::var("PAPILLA_DEVICE").ok();
        Device::open(wanted.as_deref(), GpuOptions::default()).expect("tests need an adapter")
    });
    OPENED.clone()
}
