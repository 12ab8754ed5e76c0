//! `papilla bench`: what it prints, not how fast things are.

use std::path::Path;

use serde_json::Value;

use crate::running::{papilla, refusal, succeeded, text};

fn bench(flags: &str) -> Value {
    let output = papilla(&["--json", "bench"]).args(flags.split_whitespace()).output().expect("the program runs");
    serde_json::from_str(&succeeded(output)).expect("--json prints one document")
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
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let trace = folder.path().join("trace.json");
    let document = bench(&format!("--step --size 32 --batch 2 --dropout off --trace {}", text(&trace)));
    let figures = ["ms", "expected_ms", "images_per_second", "peak_bytes", "dispatches", "cold_start_ms"];
    assert_positive(&document["step"], &figures);
    assert!(document.get("kernels").is_none());
    let hottest = document["step"]["hottest"].as_array().expect("a list");
    assert!(hottest.len() <= 10);
    let times: Vec<f64> = hottest.iter().filter_map(|h| h["ms"].as_f64()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "the dearest first: {times:?}");
    let families = document["step"]["families"].as_array().expect("a list");
    families.iter().for_each(|family| assert_positive(family, &["launches", "read_bytes", "expected_ms", "ms"]));
    assert_trace(&trace, &document["step"]);
}

/// Every launch of a step has its place in the trace, after the one before.
fn assert_trace(file: &Path, step: &Value) {
    let trace: Value = serde_json::from_slice(&std::fs::read(file).expect("it was written")).expect("it is JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    let launches: Vec<&Value> = events.iter().filter(|event| event["ph"] == "X").collect();
    assert_eq!(Some(launches.len() as u64), step["dispatches"].as_u64());
    let mut end = 0.0;
    for launch in &launches {
        let [begin, duration] = ["ts", "dur"].map(|name| launch[name].as_f64().expect("a number"));
        // A thousandth of a microsecond is what rounding may make of it.
        assert!(begin >= end - 1e-3 && duration >= 0.0, "{launch} begins before {end}");
        end = begin + duration;
        assert!(launch["name"].as_str().is_some_and(|name| name.contains(".")), "{launch} names no variant");
        assert!(launch["args"]["workgroups"].as_array().is_some_and(|axes| axes.len() == 3));
    }
    let total = |of: fn(&Value) -> &Value, list: &[&Value]| list.iter().filter_map(|one| of(one).as_u64()).sum::<u64>();
    let families: Vec<&Value> = step["families"].as_array().expect("a list").iter().collect();
    assert_eq!(total(|launch| &launch["args"]["flops"], &launches), total(|family| &family["flops"], &families));
    for part in ["forward", "backward", "updates"] {
        let row = events.iter().find(|event| event["name"] == "thread_name" && event["args"]["name"] == part);
        let row = &row.expect("it is named")["tid"];
        assert!(launches.iter().any(|launch| launch["tid"] == *row), "nothing runs {part}");
    }
}

#[test]
fn all_about_an_adapter_and_its_comparison_with_itself() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let out = folder.path().to_str().expect("temporary paths are UTF-8");
    let document = bench(&format!("--portability --size 32 --batch 2 --drift-steps 3 --out {out}"));
    let measured = &document["measured"];
    let operators = measured["operators"].as_array().expect("a list");
    assert!(operators.len() >= 40 && operators.iter().all(|o| o["passed"] == true), "{operators:?}");
    assert_eq!(measured["training"]["losses"].as_array().map(Vec::len), Some(3));
    assert_positive(&measured["step"], &["ms", "images_per_second", "peak_bytes", "dispatches", "cold_start_ms"]);
    let [file, page] = ["document", "page"].map(|name| document[name].as_str().expect("a path"));
    let written: Value = serde_json::from_slice(&std::fs::read(file).expect("it was written")).expect("it is JSON");
    assert_eq!(&written, measured, "the file holds what is printed, to the last digit");
    let page = std::fs::read_to_string(page).expect("it was written");
    assert!(page.contains("prototype_distance") && !page.contains("http") && !page.contains("WRONG"), "{page}");

    let same = bench(&format!("compare {file} {file}"));
    let drift = same["drift"].as_array().expect("a list");
    assert_eq!(drift.len(), 2, "steps 1 and 2 of 3");
    assert!(drift.iter().all(|d| d["apart"] == 0.0) && same["same_batches"] == true);
    assert!(same["layers"].as_array().expect("a list").iter().all(|layer| layer["ratio"] == 1.0));
}

#[test]
fn a_comparison_with_something_else() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = folder.path().join("other.json");
    std::fs::write(&file, "{\"kernels\": []}").expect("a temporary file");
    let file = file.to_str().expect("temporary paths are UTF-8");
    let refusals =
        [(file, "is not what `papilla bench --portability` writes"), ("absent.json", "cannot read `absent.json`")];
    for (path, words) in refusals {
        let error = refusal(&["bench", "compare", path, file]);
        assert!(error.contains(words), "{error}");
    }
}
