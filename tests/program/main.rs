//! The program from outside, and the library as a caller sees it: one test program, because each one costs a link.

mod backbones;
mod bad_input;
mod bench;
mod conformance;
mod convert;
mod hostile_paths;
mod memory;
mod plan;
mod progress;
mod report;
mod tensorboard;
mod training;
mod whole_photographs;
