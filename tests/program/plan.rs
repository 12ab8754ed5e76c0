//! `papilla plan`: figures of a step without an adapter.

use std::process::Output;

use serde_json::Value;

use crate::running::{papilla, succeed};

fn output_of(flags: &str) -> Output {
    papilla(&["--json", "plan"])
        .args(flags.split_whitespace())
        // No driver is needed; OpenGL would bring one of its own.
        .env_remove("PAPILLA_DEVICE")
        .env("VK_ICD_FILENAMES", "/nonexistent.json")
        .env("VK_DRIVER_FILES", "/nonexistent.json")
        .env("WGPU_BACKEND", "vulkan")
        .output()
        .expect("the program runs")
}

fn plan(flags: &str) -> Value {
    let output = output_of(flags);
    assert!(output.status.success(), "{flags}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("--json prints one document")
}

fn number(plan: &Value, name: &str) -> f64 {
    plan[name].as_f64().unwrap_or_else(|| panic!("`{name}` is missing in {plan}"))
}

#[test]
fn cost_grows_linearly_in_pixels_and_in_the_batch() {
    for method in ["source-only", "clr"] {
        let sizes = [128, 256, 512].map(|size| plan(&format!("--method {method} --size {size} --batch 2")));
        // At 2 images gradients of weights, which do not grow with the batch, are most of what is alive at the peak.
        let batches = [4, 8, 16].map(|batch| plan(&format!("--method {method} --size 128 --batch {batch}")));
        for (what, factor, plans) in [("pixels", 4.0, &sizes), ("images", 2.0, &batches)] {
            for name in ["flops", "arena_bytes"] {
                // Differences, for what does not grow (gradients of the weights) is no part of them.
                let [a, b, c] = [0, 1, 2].map(|index| number(&plans[index], name));
                let ratio = (c - b) / (b - a) / factor;
                assert!(
                    (0.85..1.15).contains(&ratio),
                    "{name} of {method}: {a}, {b}, {c} with {factor} times the {what}"
                );
            }
            assert_eq!(number(&plans[2], "parameter_bytes"), number(&plans[0], "parameter_bytes"));
        }
        let parts = ["arena_bytes", "parameter_bytes", "optimiser_bytes", "input_bytes", "texture_bytes"];
        assert_eq!(number(&sizes[0], "peak_bytes"), parts.iter().map(|name| number(&sizes[0], name)).sum::<f64>());
        assert!(number(&sizes[0], "dispatches") > 500.0);
    }
}

#[test]
fn weights_of_zero_cost_nothing() {
    let beal = plan("--method beal --size 64 --batch 2");
    let off =
        plan("--method clr --size 64 --batch 2 --align-weight 0 --discriminative-weight 0 --consistency-weight 0");
    assert_eq!(off, beal);
}

#[test]
fn a_plan_is_for_the_adapter_of_the_machine_and_says_so() {
    let [none, typical] = ["--size 64 --batch 2", "--size 64 --batch 2 --typical"].map(plan);
    assert_eq!(none["assumed"], "for this machine has no adapter");
    assert_eq!((&typical["for"], &typical["flops"]), (&none["for"], &none["flops"]));
    assert_eq!(typical.get("expected"), None, "nothing is known of a typical GPU's ceilings");
    let own = papilla(&["plan", "--size", "64", "--batch", "2"]).env_remove("PAPILLA_DEVICE").output();
    let told = crate::running::succeeded(own.expect("the program runs"));
    let first = succeed(&["devices"]).lines().next().map(str::to_owned).expect("an adapter, or the reference");
    let name = first.trim_start_matches("0 ").trim_end_matches(" (default)");
    assert!(told.contains(&format!("for {name} (on which train would run here")), "{told} on {name}");
    if name == "cpu" {
        return;
    }
    let asked = succeed(&["--json", "plan", "--device", name, "--size", "64", "--batch", "2", "--images", "5"]);
    let expected = &serde_json::from_str::<Value>(&asked).expect("--json prints one document")["expected"];
    let [step, epoch] = ["step_seconds", "epoch_seconds"].map(|name| number(expected, name));
    assert!(step > 0.0 && epoch == 2.0 * step, "{expected}: two batches of 2 of 5 images");
    assert!(number(&expected["ceiling"], "gflops") > 0.0 && number(&expected["ceiling"], "gbs") > 0.0);
}

#[test]
fn the_published_size_fits_eight_gibibytes_and_has_its_time() {
    let clr = plan("--method clr --size 512 --batch 8 --ceilings 10TFLOPS,400GB/s --images 80");
    assert!(number(&clr, "peak_bytes") < 8.0 * 1024f64.powi(3), "{clr}");
    let families = clr["families"].as_array().expect("a list");
    let total = |name: &str| families.iter().map(|family| number(family, name)).sum::<f64>();
    // No kernel of a typical GPU saves products.
    assert_eq!((total("flops"), total("launches")), (number(&clr, "flops"), number(&clr, "dispatches")));
    let traffic = total("read_bytes") + total("written_bytes");
    assert_eq!(traffic, number(&clr, "traffic_bytes"));
    let (step, epoch) = (number(&clr["expected"], "step_seconds"), number(&clr["expected"], "epoch_seconds"));
    let [computing, copying] = [total("flops") / 10e12, traffic / 400e9];
    assert!(
        step > computing.max(copying) && step < 4.0 * (computing + copying),
        "{step} s of {computing} and {copying}"
    );
    assert!((epoch / step - 10.0).abs() < 1e-9, "80 images in batches of 8");
}

#[test]
fn feature_maps_in_16_bits_need_half_of_the_memory() {
    let [whole, half] = ["f32", "f16"]
        .map(|precision| number(&plan(&format!("--size 512 --batch 8 --precision {precision}")), "arena_bytes"));
    assert!(half < 0.6 * whole, "{half} of {whole} bytes");
}

#[test]
fn a_budget_makes_the_step_recompute_or_says_what_it_needs() {
    let flags = "--method clr --size 128 --batch 4";
    let usual = plan(flags);
    let small = number(&usual, "peak_bytes");
    let roomy = plan(&format!("{flags} --memory-budget 4GiB"));
    let [more, fewer] = ["peak_bytes", "dispatches"].map(|name| number(&roomy, name) / number(&usual, name));
    assert!(more > 1.0 && fewer < 1.0, "nothing is computed again where there is room: {more}, {fewer}");
    let tight = plan(&format!("{flags} --memory-budget {small}B"));
    assert_eq!(number(&tight, "peak_bytes"), small);
    let output = output_of(&format!("{flags} --memory-budget 100MiB"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("--memory-budget 100.0 MiB") && error.contains("--batch"), "{error}");
}

#[test]
fn every_operator_is_listed_with_its_kernel() {
    let plan = plan("--method clr --size 64 --batch 2 --kernels");
    let kernels = plan["kernels"].as_array().expect("a list");
    let operators: Vec<&str> = kernels.iter().filter_map(|kernel| kernel["operator"].as_str()).collect();
    for name in ["conv2d ", "conv2d_weight_grad ", "batch_norm ", "resize ", "weighted_sum "] {
        assert!(operators.iter().any(|operator| operator.starts_with(name)), "{name}");
    }
    let expand = kernels.iter().find(|kernel| kernel["operator"] == "conv2d [2, 24, 16, 16] [144, 24, 1, 1]");
    let expand = expand.expect("the network expands 24 channels to 144");
    assert_eq!((expand["kernel"].as_str(), expand["count"].as_u64().is_some_and(|n| n > 0)), (Some("tiled"), true));
    let declined: Vec<[&str; 2]> = expand["declined"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|reason| [&reason["variant"], &reason["why"]].map(|text| text.as_str().expect("text")))
        .collect();
    assert!(declined.contains(&["texture", "tiled kernels were chosen"]), "{declined:?}");
    assert!(declined.contains(&["depthwise", "it is not depthwise"]), "{declined:?}");
}
