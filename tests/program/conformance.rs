//! The golden cases, where they lie beside the project: all of them, on the adapter and on the reference.

use papilla::conformance::{cases, run_case};
use papilla::device::Device;
use papilla::gpu::{ConvVariant, GpuOptions};

fn check(device: &Device, wanted: impl Fn(&str) -> bool) {
    let Some(folder) = harness::shared("goldens") else { return };
    let mut failures = Vec::new();
    let mut ran = 0;
    for path in cases(&folder).expect("the folder holds cases") {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        if !wanted(&name) {
            continue;
        }
        ran += 1;
        match run_case(&path, device) {
            Ok(verdict) if verdict.passed() => {}
            Ok(verdict) => {
                failures.push(format!("{name}: {} is at {:.3} of its tolerance", verdict.value, verdict.ratio))
            }
            Err(error) => failures.push(format!("{name}: {error:#}")),
        }
    }
    assert!(ran > 0, "no case was wanted");
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn on_the_adapter() {
    let wanted = std::env::var("PAPILLA_DEVICE").ok();
    let device = Device::open(wanted.as_deref(), GpuOptions::default()).expect("tests need an adapter");
    check(&device, |_| true);
}

/// A whole step of the smallest training case.
const STEP: &str = "train_two_steps_source-only";

/// Whatever an adapter is given, or a tuner chooses, has passed the cases of convolutions and a whole step.
#[test]
fn with_every_kernel_of_convolutions() {
    let wanted = std::env::var("PAPILLA_DEVICE").ok();
    for conv in [ConvVariant::Direct, ConvVariant::Tiled, ConvVariant::Texture] {
        let options = GpuOptions { conv: Some(conv), ..GpuOptions::default() };
        let device = Device::open(wanted.as_deref(), options).expect("tests need an adapter");
        check(&device, |name| name.starts_with("conv2d_") || name == STEP);
    }
}

#[test]
fn on_the_reference() {
    check(&Device::Cpu, |_| true);
}
