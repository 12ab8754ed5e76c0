//! Pipelines kept between runs: written, read again, and ignored when damaged.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use kernels_tests::Case;
use papilla::gpu::{Gpu, GpuOptions};

/// Opens the adapter with a folder and computes something; whether it keeps pipelines at all.
fn run_with(folder: &Path) -> bool {
    let wanted = std::env::var("PAPILLA_DEVICE").ok();
    let mut gpu = Gpu::open(wanted.as_deref(), GpuOptions::default()).expect("tests need an adapter");
    let keeps = gpu.keep_pipelines(folder);
    let mut case = Case::new(1);
    let x = case.input([3, 5]);
    let y = case.graph.sigmoid(x).expect("any shape");
    case.graph.output("y", y);
    case.check_on(&Arc::new(gpu));
    keeps
}

#[test]
fn pipelines_are_kept_and_damaged_ones_compiled_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    if !run_with(folder.path()) {
        return harness::skip("the adapter does not hand out its pipelines");
    }
    let kept = fs::read_dir(folder.path()).expect("the folder is there").next().expect("a file").expect("readable");
    assert!(run_with(folder.path()));
    for damaged in [&b""[..], b"nonsense", &[0; 1000]] {
        fs::write(kept.path(), damaged).expect("writable");
        assert!(run_with(folder.path()));
        assert_ne!(fs::read(kept.path()).expect("there"), damaged, "good pipelines replace the damaged ones");
    }
}

/// A folder that cannot be written to is no reason to stop.
#[test]
fn a_file_in_place_of_the_folder_does_no_harm() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    run_with(file.path());
}
