//! `papilla bench`: what it prints, not how fast things are.

use assert_cmd::Command;
use serde_json::Value;

fn bench(flags: &str) -> Value {
    let output = Command::cargo_bin("papilla")
        .expect("the program is built")
        .args(["--json", "bench"])
        .args(flags.split_whitespace())
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{flags}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("--json prints one document")
}

fn assert_positive(values: &Value, names: &[&str]) {
    for name in names {
        let value = values[name].as_f64().unwrap_or_else(|| panic!("`{name}` is missing in {values}"));
        assert!(value > 0.0 && value.is_finite(), "{name}: {value}");
    }
}

#[test]
fn kernels_in_every_direction() {
    let document = bench("--kernels --size 32 --batch 1");
    assert_positive(&document["ceiling"], &["gflops", "gbs"]);
    let kernels = document["kernels"].as_array().expect("a list");
    assert_eq!(kernels.len() % 3, 0);
    for direction in ["forward", "input gradient", "weight gradient"] {
        let count = kernels.iter().filter(|k| k["name"].as_str().is_some_and(|n| n.ends_with(direction))).count();
        assert_eq!(count, kernels.len() / 3, "{direction}");
    }
    for kernel in kernels {
        assert_positive(kernel, &["ms", "gflops", "share"]);
    }
    assert!(document.get("step").is_none());
    assert!(document["command"].as_str().is_some_and(|c| c.contains("bench --kernels")));
}

#[test]
fn a_step() {
    let document = bench("--step --size 32 --batch 2 --dropout off");
    assert_positive(&document["step"], &["ms", "images_per_second", "peak_bytes", "dispatches", "cold_start_ms"]);
    assert!(document.get("kernels").is_none());
    let hottest = document["step"]["hottest"].as_array().expect("a list");
    assert!(hottest.len() <= 10);
    let times: Vec<f64> = hottest.iter().filter_map(|h| h["ms"].as_f64()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "the dearest first: {times:?}");
}
