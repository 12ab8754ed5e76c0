//! The program from outside, and the library as a caller sees it: one test program, because each one costs a link.

#![allow(clippy::disallowed_methods, reason = "tests write files as others do")]

mod adapt;
mod adapter;
mod backbones;
mod bad_input;
mod bench;
mod brought;
mod check;
mod clinics;
mod conformance;
mod convert;
mod examples;
mod floors;
mod full;
mod hostile_paths;
mod interruptions;
mod jobs;
mod lasting;
mod memory;
mod overwriting;
mod plan;
mod prepare;
mod progress;
mod report;
mod running;
mod tensorboard;
mod thresholds;
mod training;
mod whole_photographs;

#[test]
fn every_file_is_a_module() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program");
    assert_eq!(harness::forgotten_modules(folder.as_ref()), Vec::<String>::new());
}
