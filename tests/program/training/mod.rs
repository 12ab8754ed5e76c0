//! Small runs from synthetic clinics to predictions: killed, stopped and resumed, damaged, chosen from, refused, out of bounds.

mod damaged;
mod foreign;
mod lost;
mod overflow;
mod resume;
mod selection;
mod settings;
#[cfg(unix)]
mod signals;
mod starts;

use std::fs;
use std::path::Path;

use papilla::formats::TensorFile;
use serde_json::Value;
use tempfile::TempDir;

use crate::clinics::clinics;
use crate::jobs::Job;
use crate::running::{output, succeed, text};

/// What is measured of the regions of a camera in a validation.
const VALIDATED: [&str; 7] =
    ["cup_dice", "disc_dice", "mean_dice", "cup_iou", "disc_iou", "cup_pixel_accuracy", "disc_pixel_accuracy"];

/// Lines of `metrics.jsonl` that are of validations.
fn validations(run: &Path) -> Vec<Value> {
    metrics(run).into_iter().filter(|line| line.get("validation").is_some()).collect()
}

/// Lines of `metrics.jsonl`.
pub fn metrics(run: &Path) -> Vec<Value> {
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).expect("the run logs");
    metrics.lines().map(|line| serde_json::from_str(line).expect("lines are JSON")).collect()
}

#[test]
fn from_synthetic_clinics_to_predictions() {
    let folder = TempDir::new().expect("a temporary folder");
    let job = Job::plain();
    let (target, run) = (clinics(&folder).join("clinic-b"), job.undisturbed());

    let lines = metrics(run);
    let steps: Vec<&Value> = lines.iter().filter(|l| l.get("step").is_some()).collect();
    assert_eq!(steps.len(), 6, "18 regions without the held-out ones give 3 batches of 6, twice");
    for (index, line) in steps.iter().enumerate() {
        assert_eq!(line["step"], index);
        assert!(line["total"].as_f64().is_some_and(|v| v > 0.0 && v.is_finite()), "{line}");
        assert_eq!(line["total"], line["seg"]);
    }
    let validations = validations(run);
    assert_eq!(validations.len(), 2);
    for line in &validations {
        // The target is named without a prefix too.
        assert_eq!([&line["dataset"], &line["select"]], ["target", "source"]);
        for name in VALIDATED {
            let [plain, target, source] =
                ["", "target_", "source_"].map(|prefix| &line["validation"][format!("{prefix}{name}")]);
            for value in [target, source] {
                assert!(value.as_f64().is_some_and(|v| (0.0..=1.0).contains(&v)), "{name}: {line}");
            }
            assert_eq!(plain, target, "{name}");
        }
        assert_eq!(line["validation"].as_object().map(|values| values.len()), Some(3 * VALIDATED.len()));
    }
    let rows = fs::read_to_string(run.join("log.csv")).expect("the run logs");
    assert_eq!(rows.lines().count(), 1 + 6 + 2);
    let columns = rows.lines().next().map_or(0, |l| l.split(',').count());
    assert!(rows.lines().all(|l| l.split(',').count() == columns), "{rows}");

    let best = run.join("checkpoints/best.safetensors");
    let test = target.join("test");
    let out = folder.path().join("evaluation");
    let evaluated =
        succeed(&["--json", "evaluate", "--checkpoint", text(run), "--data", text(&target), "--out", text(&out)]);
    let document: Value = serde_json::from_str(&evaluated).expect("--json prints one document");
    assert_eq!(document["checkpoint"], text(&best), "of a run its best checkpoint is taken");
    assert_eq!([&document["size"], &document["size_is_assumed"]], [&Value::from(32), &Value::from(false)]);
    assert!(document["steps"].as_u64().is_some_and(|steps| [3, 6].contains(&steps)), "{document}");
    assert_eq!(document["data"], text(&test), "of a dataset its test regions are taken");
    assert_eq!(document["images"], 3);
    for stage in ["raw", "postprocessed"] {
        assert!(document[stage]["disc"]["dice"].is_number());
        assert!(document[stage]["cup"]["iou_ci95"].is_null(), "three images are too few for an interval");
        for (values, mean, missing) in [
            (&document[stage]["cup"], "asd", "asd_missing"),
            (&document[stage]["disc"], "hd95", "hd95_missing"),
            (&document[stage], "vcdr_mae", "vcdr_missing"),
        ] {
            let count = |key: &str| values[key].as_u64().expect("a number of images");
            assert_eq!(count(&format!("{mean}_n")) + count(missing), 3, "{stage} {mean}");
            assert!(values[format!("{mean}_worst_case")].is_number(), "{stage} {mean}");
        }
    }
    let means = fs::read_to_string(out.join("summary.csv")).expect("the means are written");
    assert_eq!(means.lines().count(), 1 + 2 * 11, "{means}");
    assert_eq!(fs::read_to_string(out.join("metrics.csv")).expect("the table is written").lines().count(), 4);

    let predicted = folder.path().join("predicted");
    let images = test.join("ROIs/image");
    succeed(&["predict", "--checkpoint", text(&best), text(&test), "--output", text(&predicted), "--logits"]);
    let names: Vec<_> =
        fs::read_dir(&images).expect("the folder is there").map(|e| e.expect("listed").path()).collect();
    for image in names {
        let name = image.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let mask = image::open(predicted.join(format!("{name}_mask.png"))).expect("a mask is written").to_luma8();
        assert_eq!(mask.dimensions(), (64, 64));
        assert!(mask.pixels().all(|p| [0, 128, 255].contains(&p.0[0])));
        assert!(predicted.join(format!("{name}_overlay.png")).exists());
        let logits = TensorFile::read(&predicted.join(format!("{name}.safetensors"))).expect("logits are written");
        assert_eq!(logits.tensors["mask"].shape, [1, 2, 64, 64]);
        assert_eq!(logits.tensors["boundary"].shape, [1, 1, 64, 64]);
    }
    assert_eq!(fs::read_to_string(predicted.join("predictions.csv")).expect("the table is written").lines().count(), 4);

    // A damaged image costs its own results only.
    fs::write(images.join("damaged.png"), "no image").expect("a temporary file can be written");
    let again = folder.path().join("predicted-again");
    let arguments = ["predict", "--checkpoint", text(&best), text(&images), "--out", text(&again)];
    let output = output(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("damaged.png"));
    let tables = [&predicted, &again].map(|f| fs::read_to_string(f.join("predictions.csv")).expect("a table"));
    assert_eq!(tables[0], tables[1]);
}
