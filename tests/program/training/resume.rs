//! A killed run that is resumed ends like an undisturbed one, bit for bit.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use papilla::formats::{HostTensor, TensorFile};
use serde_json::Value;

use super::metrics;
use crate::jobs::{Job, logged};
use crate::running::{refusal, succeed, text};

/// Tensors of a checkpoint, and the metadata that do not depend on how long steps took.
pub fn contents(run: &Path, checkpoint: &str) -> (BTreeMap<String, HostTensor>, String, String) {
    let file = TensorFile::read(&run.join(format!("checkpoints/{checkpoint}.safetensors"))).expect("the run ended");
    (file.tensors, file.metadata["step"].clone(), file.metadata["best_mean_dice_bits"].clone())
}

/// Lines of `metrics.jsonl` and rows of `log.csv`, without how long steps took.
fn logs(run: &Path) -> (Vec<Value>, Vec<Vec<String>>) {
    let mut lines = metrics(run);
    for line in &mut lines {
        line.as_object_mut().expect("lines are objects").remove("seconds");
    }
    let table = fs::read_to_string(run.join("log.csv")).expect("the run logs");
    let mut rows: Vec<Vec<String>> = table.lines().map(|l| l.split(',').map(str::to_string).collect()).collect();
    let seconds = rows[0].iter().position(|title| title == "seconds").expect("a column of the table");
    for row in &mut rows {
        row.remove(seconds);
    }
    (lines, rows)
}

/// Whether a checkpoint is being written, or was when the program was killed.
fn is_writing(run: &Path) -> bool {
    let Ok(entries) = fs::read_dir(run.join("checkpoints")) else { return false };
    entries
        .flatten()
        .any(|e| e.file_name().to_string_lossy().ends_with(".tmp") && e.metadata().is_ok_and(|m| m.len() > 0))
}

/// Resumes a run and compares all it leaves with that of the undisturbed one.
pub fn assert_resumes_to(undisturbed: &Path, run: &Path) {
    succeed(&["train", "--resume", text(run)]);
    assert_same(undisturbed, run);
}

/// Compares all that a run has left with what the undisturbed one has.
pub fn assert_same(undisturbed: &Path, run: &Path) {
    let name = run.display();
    for checkpoint in ["last", "best"] {
        let (expected, got) = (contents(undisturbed, checkpoint), contents(run, checkpoint));
        assert_eq!((&got.1, &got.2), (&expected.1, &expected.2), "{name}");
        assert_eq!(got.0.len(), expected.0.len(), "{name}");
        for (tensor, value) in &expected.0 {
            assert!(value.same_bits(&got.0[tensor]), "`{tensor}` of {checkpoint} differs in {name}");
        }
    }
    assert_eq!(logs(run), logs(undisturbed), "{name}");
    assert!(!is_writing(run), "{name} holds a half-written checkpoint");
}

#[test]
fn a_killed_run_ends_like_an_undisturbed_one() {
    let job = Job::plain();
    let undisturbed = job.undisturbed();
    for steps in [1, 5] {
        let run = job.killed(&format!("killed-{steps}"), |run| logged(run) >= steps);
        assert_resumes_to(undisturbed, &run);
    }

    // So does one that was begun with another length; and it says when there is nothing more to do.
    let run = job.ended_with("shorter", "--epochs", "1");
    let longer = ["train", "--resume", text(&run), "--epochs", "2"];
    succeed(&longer);
    assert_same(undisturbed, &run);
    let settings = fs::read_to_string(run.join("config.toml")).expect("the run has settings");
    assert!(settings.contains("\nepochs = 2\n"), "{settings}");
    let error = refusal(&["train", "--resume", text(&run), "--epochs", "1"]);
    assert!(
        error.contains("6 steps already, of which an epoch has 3") && error.contains("from the beginning"),
        "{error}"
    );
    let told = succeed(&longer);
    assert!(told.contains("is complete, and nothing was trained") && told.contains("--epochs N"), "{told}");
    assert_same(undisturbed, &run);
}

#[test]
fn an_adaptation_killed_before_and_after_the_warm_up_and_within_a_checkpoint_ends_like_an_undisturbed_one() {
    let job = Job::adapted();
    let undisturbed = job.undisturbed();
    assert_eq!(logged(undisturbed), 6 + 2, "steps, and validations");
    let in_warm_up = job.killed("killed-in-warm-up", |run| logged(run) >= 2);
    assert_resumes_to(undisturbed, &in_warm_up);
    assert_same(undisturbed, job.resumed());
    // A kill may come just after the last byte; a few attempts make sure that one comes before it.
    let torn = (0..5).map(|attempt| job.killed(&format!("torn-{attempt}"), |run| logged(run) >= 5 && is_writing(run)));
    let torn = torn.into_iter().find(|run| is_writing(run)).expect("a kill within a write leaves its temporary file");
    assert_resumes_to(undisturbed, &torn);
}

#[test]
fn an_adaptation_with_trans_norm_keeps_statistics_of_both_cameras_through_a_kill() {
    let job = Job::with_trans_norm();
    let run = job.resumed();
    assert_same(job.undisturbed(), run);

    let (tensors, ..) = contents(run, "last");
    let sources = tensors.keys().filter(|name| name.ends_with("_source") && name.contains(".running_"));
    let mut norms = 0;
    for name in sources {
        let target = name.replace("_source", "_target");
        let [source_values, target_values] = [name, &target].map(|name| &tensors[name].data);
        let initial = if name.contains("running_mean") { 0.0 } else { 1.0 };
        assert!(source_values != target_values, "{name} is that of the target");
        for (name, values) in [(name, source_values), (&target, target_values)] {
            assert!(values.iter().any(|value| *value != initial), "{name} is as it began");
        }
        norms += 1;
    }
    assert!(norms > 2 * 50, "mean and variance of {norms} / 2 normalisations");
    assert!(!tensors.keys().any(|name| name.ends_with(".running_mean")), "no statistics of both cameras together");

    let best = run.join("checkpoints/best.safetensors");
    let test = job.clinic("clinic-b").join("test");
    let evaluated = succeed(&["--json", "evaluate", "--checkpoint", text(&best), "--data", text(&test)]);
    let document: Value = serde_json::from_str(&evaluated).expect("--json prints one document");
    assert_eq!(document["images"], 3);
    assert!(document["raw"]["disc"]["dice"].is_number(), "{document}");
    // The run's own architecture counts, and a flag that says otherwise is not passed over.
    for (flag, value) in [("--size", "96"), ("--backbone", "resnet101"), ("--output-stride", "8")] {
        let error = refusal(&["evaluate", "--checkpoint", text(&best), "--data", text(&test), flag, value]);
        assert!(error.contains(flag) && error.contains(value) && error.contains(text(&best)), "{error}");
    }
}
