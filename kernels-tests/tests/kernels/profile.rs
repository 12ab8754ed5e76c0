//! Timestamps: one for each launch, where the adapter has them.

use std::sync::Arc;

use papilla::gpu::{Gpu, GpuError, GpuOptions, Program, States};
use papilla::graph::Graph;

#[test]
fn every_launch_has_a_time() {
    let wanted = std::env::var("PAPILLA_DEVICE").ok();
    let options = GpuOptions { timestamps: true, ..GpuOptions::default() };
    let gpu = match Gpu::open(wanted.as_deref(), options) {
        Ok(gpu) => Arc::new(gpu),
        Err(GpuError::Unsupported { .. }) => return harness::skip("the adapter has no timestamps"),
        Err(error) => panic!("{error}"),
    };
    let mut graph = Graph::new();
    let x = graph.input("x", [64, 64, 8, 8]);
    let y = graph.relu(x).expect("shapes fit");
    let y = graph.sigmoid(y).expect("shapes fit");
    graph.output("y", y);
    let program = Program::new(&gpu, &graph, &States::new(gpu.clone())).expect("the graph compiles");
    let times = program.run_profiled().expect("the program runs");
    assert_eq!(times.len(), program.dispatches());
    assert_eq!(times.iter().map(|t| t.label).collect::<Vec<_>>(), ["relu", "sigmoid"]);
    assert!(times.iter().all(|t| t.milliseconds.is_finite() && t.milliseconds >= 0.0));
    assert!(times.iter().any(|t| t.milliseconds > 0.0));
    assert!(times[1].begin_milliseconds >= times[0].begin_milliseconds + times[0].milliseconds);
}
