//! `papilla plan`: figures of a step without an adapter.

use assert_cmd::Command;
use serde_json::Value;

fn plan(flags: &str) -> Value {
    let output = Command::cargo_bin("papilla")
        .expect("the program is built")
        .args(["--json", "plan"])
        .args(flags.split_whitespace())
        // No driver is needed.
        .env_remove("PAPILLA_DEVICE")
        .env("VK_ICD_FILENAMES", "/nonexistent.json")
        .env("VK_DRIVER_FILES", "/nonexistent.json")
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{flags}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("--json prints one document")
}

fn number(plan: &Value, name: &str) -> f64 {
    plan[name].as_f64().unwrap_or_else(|| panic!("`{name}` is missing in {plan}"))
}

#[test]
fn cost_grows_linearly_in_pixels_and_in_the_batch() {
    for method in ["source-only", "clr"] {
        let base = plan(&format!("--method {method} --size 128 --batch 2"));
        let larger = plan(&format!("--method {method} --size 256 --batch 2"));
        let fuller = plan(&format!("--method {method} --size 128 --batch 8"));
        for (what, other) in [("pixels", &larger), ("batch", &fuller)] {
            // Weights and what each image has once do not grow.
            for name in ["flops", "arena_bytes"] {
                let ratio = number(other, name) / number(&base, name);
                assert!((3.6..4.1).contains(&ratio), "{name} of {method} with 4 times the {what}: {ratio} times");
            }
            assert_eq!(number(other, "parameter_bytes"), number(&base, "parameter_bytes"));
        }
        let parts = ["arena_bytes", "parameter_bytes", "optimiser_bytes", "input_bytes", "texture_bytes"];
        assert_eq!(number(&base, "peak_bytes"), parts.iter().map(|name| number(&base, name)).sum::<f64>());
        assert!(number(&base, "dispatches") > 500.0);
    }
}

#[test]
fn weights_of_zero_cost_nothing() {
    let beal = plan("--method beal --size 64 --batch 2");
    let off =
        plan("--method clr --size 64 --batch 2 --align-weight 0 --discriminative-weight 0 --consistency-weight 0");
    assert_eq!(off, beal);
}
