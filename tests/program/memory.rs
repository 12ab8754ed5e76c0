//! `predict` and `evaluate` need no more memory for many images than for few.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;

use crate::running::{papilla, text};

/// Images that few and many are: the more must not be held at once.
const COUNTS: [usize; 2] = [8, 40];
/// Rows and columns of each: its pixels and logits take 3.8 MiB.
const SIZE: &str = "512";
/// KiB that the peaks may differ by, a quarter of what the further images take together.
const ALLOWED: u64 = 30 << 10;

/// Runs the program to its end; its largest resident memory in KiB, as the system told last.
fn peak(arguments: &[&str]) -> u64 {
    let mut child = papilla(arguments)
        .arg("--quiet")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program is built");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let told = fs::read_to_string(&status).unwrap_or_default();
        let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(peak);
        if let Some(status) = child.try_wait().expect("the child is ours") {
            assert!(status.success(), "{arguments:?} ends with {status}");
            return peak;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn run(arguments: &[&str]) {
    peak(arguments);
}

/// A split of `count` regions, all of them links to the one of `from`.
fn linked(from: &Path, to: PathBuf, count: usize) -> PathBuf {
    for kind in ["image", "mask"] {
        let folder = to.join("ROIs").join(kind);
        fs::create_dir_all(&folder).expect("a temporary folder can be written");
        let source = fs::read_dir(from.join("ROIs").join(kind)).expect("the region exists").next();
        let source = source.expect("there is one region").expect("it can be read").path();
        for index in 0..count {
            fs::hard_link(&source, folder.join(format!("{index:04}.png"))).expect("files can be linked");
        }
    }
    to
}

#[test]
fn many_images_need_no_more_memory_than_few() {
    let folder = TempDir::new().expect("a temporary folder");
    let (clinics, large) = (folder.path().join("clinics"), folder.path().join("large"));
    run(&["synth", "--out", text(&clinics), "--size", "32", "--train", "12", "--test", "1"]);
    run(&["synth", "--out", text(&large), "--size", SIZE, "--train", "1", "--test", "1"]);
    let trained = folder.path().join("run");
    let source = clinics.join("clinic-a");
    run(&["train", "--source", text(&source), "--size", "32", "--batch", "4", "--steps", "1", "--out", text(&trained)]);
    let checkpoint = trained.join("checkpoints/last.safetensors");

    let splits =
        COUNTS.map(|count| linked(&large.join("clinic-a/test"), folder.path().join(format!("{count} regions")), count));
    for verb in ["predict", "evaluate"] {
        let [few, many] = splits.each_ref().map(|split| {
            // Beside the split, which is read.
            let out = split.with_extension(verb);
            let images = split.join("ROIs/image");
            let mut arguments = vec![verb, "--checkpoint", text(&checkpoint), "--out", text(&out)];
            match verb {
                "predict" => arguments.push(text(&images)),
                _ => arguments.extend(["--data", text(split)]),
            }
            peak(&arguments)
        });
        assert!(few > 10 << 10, "{verb}: {few} KiB is too little to be true");
        assert!(many < few + ALLOWED, "{verb}: {} images need {few} KiB, {} need {many} KiB", COUNTS[0], COUNTS[1]);
    }
}
