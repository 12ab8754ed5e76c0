//! Starts that are refused, and what lies in the folder of a run before it starts.

use std::fs;

use bytesize::ByteSize;
use tempfile::TempDir;

use crate::clinics::clinics;
use crate::running::{refusal, succeed, text};

/// Bytes that the step which does not fit, and its validation, are said to need.
fn needed(arguments: &[&str]) -> u64 {
    let error = refusal(&[arguments, &["--memory-budget", "1KiB"]].concat());
    let size = |before: &str, after: &str| -> u64 {
        let said = error.split(before).nth(1).and_then(|rest| rest.split(after).next());
        let size: Option<ByteSize> = said.and_then(|size| size.parse().ok());
        size.unwrap_or_else(|| panic!("no size is in: {error}")).as_u64()
    };
    size("the step needs ", " (") + size("and its validation ", ", more")
}

#[test]
fn a_step_that_does_not_fit_is_refused_before_anything_is_made_if_the_run_comes_to_it() {
    let folder = TempDir::new().expect("a temporary folder");
    let clinics = clinics(&folder);
    let (source, target, run) = (clinics.join("clinic-a"), clinics.join("clinic-b"), folder.path().join("run"));
    let mut begin = vec!["train", "--source", text(&source), "--target", text(&target), "--out", text(&run)];
    begin.extend("--method clr --size 32 --batch 6 --epochs 2".split(' '));

    let in_warm_up = needed(&[&begin[..], &["--steps", "1", "--warmup-epochs", "0"]].concat());
    let after_it = needed(&[&begin[..], &["--steps", "1", "--warmup-epochs", "-1"]].concat());
    // Far enough apart for sizes that are printed with one decimal.
    assert!(after_it > in_warm_up + (1 << 19), "{after_it} bytes after the warm-up, {in_warm_up} in it");
    let between = ((in_warm_up + after_it) / 2).to_string();
    let with = |steps| [&begin[..], &["--warmup-epochs", "0", "--memory-budget", &between, "--steps", steps]].concat();
    // An epoch has three steps, and the first one is the warm-up.
    let error = refusal(&with("4"));
    assert!(error.contains("--memory-budget"), "{error}");
    assert!(!run.exists(), "refused starts leave nothing behind");
    // Nobody has asked for a warm-up as long as the run; whoever does is told what it lacks.
    let error = refusal(&[&begin[..], &["--steps", "3"]].concat());
    assert!(error.contains("3 steps in its warm-up") && error.contains("--warmup-epochs"), "{error}");
    assert!(!run.exists(), "refused starts leave nothing behind");
    let printed = succeed(&with("3"));
    assert!(printed.contains("the category-level losses never run"), "{printed}");
    let page = std::fs::read_to_string(run.join("report.html")).expect("the run ended");
    assert!(page.contains("<title>run · warm-up only: the category-level losses of clr never ran"), "{}", &page[..400]);
    assert!(page.contains("clr without its category-level losses"));
}

/// Of a driver that computes in software, whose memory the system can refuse.
#[test]
#[cfg(target_os = "linux")]
fn memory_that_cannot_be_had_is_an_error_and_leaves_nothing_behind() {
    let device = "llvmpipe";
    if !succeed(&["devices"]).contains(device) {
        return harness::skip(format_args!("there is no adapter `{device}`"));
    }
    let folder = TempDir::new().expect("a temporary folder");
    let (source, run) = (clinics(&folder).join("clinic-a"), folder.path().join("run"));
    let script = "ulimit -v 2500000 && exec \"$@\"";
    let output = std::process::Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(env!("CARGO_BIN_EXE_papilla"))
        .args(["train", "--device", device, "--source", text(&source), "--out", text(&run)])
        .args(["--size", "512", "--batch", "8", "--memory-budget", "100GiB"])
        .output()
        .expect("there is a shell");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("error: out of memory on") && error.contains("use a smaller --batch or --size"), "{error}");
    assert!(!run.exists());
}

#[test]
fn files_in_the_way_of_a_new_run_are_named_and_kept() {
    let folder = TempDir::new().expect("a temporary folder");
    let run = folder.path().join("run");
    for name in
        ["log.csv", "metrics.jsonl", "config.toml", "checkpoints/best.safetensors", "tensorboard/events.out.tfevents.7"]
    {
        let file = run.join(name);
        fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("a temporary folder can be written");
        fs::write(&file, "kept").expect("a temporary folder can be written");
        // Found before the source is looked at, which is no dataset here.
        let error = refusal(&["train", "--source", text(folder.path()), "--out", text(&run)]);
        let named = name.split("/events").next().expect("a name");
        assert!(error.contains(text(&run.join(named))) && error.contains("--out"), "{error}");
        assert_eq!(fs::read_to_string(&file).expect("the file stays"), "kept");
        assert_eq!(fs::read_dir(&run).expect("the folder stays").count(), 1, "nothing is added");
        fs::remove_dir_all(&run).expect("the folder is there");
    }
}

#[test]
fn half_written_files_of_a_killed_program_are_removed() {
    let folder = TempDir::new().expect("a temporary folder");
    let (source, run) = (clinics(&folder).join("clinic-a"), folder.path().join("run"));
    let left = [run.join(".papilla-a1B2c3.tmp"), run.join("checkpoints/.papilla-a1B2c3.tmp")];
    let begin = "--size 32 --batch 2 --steps 1".split(' ');
    let begin = ["train", "--source", text(&source), "--out", text(&run)].into_iter().chain(begin).collect();
    for arguments in [begin, vec!["train", "--resume", text(&run)]] {
        fs::create_dir_all(run.join("checkpoints")).expect("a temporary folder can be written");
        for file in &left {
            fs::write(file, "half of it").expect("a temporary folder can be written");
        }
        succeed(&arguments);
        assert!(!left.iter().any(|file| file.exists()), "{arguments:?}");
    }
    let files = fs::read_dir(run.join("checkpoints")).expect("the run ended").count();
    assert_eq!(files, 3, "the last, the previous and the best checkpoint");
}
