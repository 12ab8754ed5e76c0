//! The golden cases: those that come with the code, and the larger ones where they lie beside it. All of them, on the
//! adapter and on the reference.

use std::collections::BTreeSet;
use std::path::PathBuf;

use papilla::conformance::{Case, Operation, cases, run_case};
use papilla::device::Device;
use papilla::gpu::{ConvVariant, GpuOptions};

/// Bytes of the cases that come with the code, at most.
const MOST_BYTES: u64 = 6_000_000;

fn check(device: &Device, wanted: impl Fn(&str) -> bool) {
    let mut failures = Vec::new();
    let mut ran = 0;
    for folder in [Some(harness::golden("")), harness::shared("goldens")].into_iter().flatten() {
        for path in cases(&folder).expect("the folder holds cases") {
            if !wanted(&path.file_stem().expect("a file has a name").to_string_lossy()) {
                continue;
            }
            ran += 1;
            let outcome = run_case(&path, device);
            let path = path.display();
            match outcome {
                Ok(verdict) if verdict.passed() => {}
                Ok(verdict) => {
                    failures.push(format!("{path}: {} is at {:.3} of its tolerance", verdict.value, verdict.ratio))
                }
                Err(error) => failures.push(format!("{path}: {error:#}")),
            }
        }
    }
    assert!(ran > 0, "no case was wanted");
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn every_operation_has_a_case_and_all_are_small() {
    let paths = cases(&harness::golden("")).expect("cases come with the code");
    let size: u64 = paths.iter().map(|path| path.metadata().expect("the file is there").len()).sum();
    assert!(size <= MOST_BYTES, "{} cases have {size} bytes, more than {MOST_BYTES}", paths.len());
    let operation = |path: &PathBuf| Case::read(path).unwrap_or_else(|error| panic!("{error:#}")).op;
    let found: BTreeSet<Operation> = paths.iter().map(operation).collect();
    let small = Operation::ALL.iter().filter(|operation| !operation.is_whole_network());
    let missing: Vec<_> = small.filter(|operation| !found.contains(operation)).collect();
    assert!(missing.is_empty(), "no case in kernels-tests/golden is about {missing:?}");
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
    let device = Device::open(wanted.as_deref(), GpuOptions::default()).expect("tests need an adapter");
    let own = device.capabilities().conv;
    // The adapter's own passes all cases, in another test.
    for conv in [ConvVariant::Direct, ConvVariant::Tiled, ConvVariant::Texture].into_iter().filter(|conv| *conv != own)
    {
        let options = GpuOptions { conv: Some(conv), ..GpuOptions::default() };
        let device = Device::open(wanted.as_deref(), options).expect("tests need an adapter");
        check(&device, |name| name.starts_with("conv2d_") || name == STEP);
    }
}

#[test]
fn on_the_reference() {
    check(&Device::Cpu, |_| true);
}
