//! Paths that programs stumble over: blanks, quotes, bytes that are no UTF-8, links in a circle, media that cannot be
//! written, through `train`, `evaluate` and `predict`.

#![cfg(unix)]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::clinics::{copy, unchanged_clinics};
use crate::jobs::Job;
use crate::running::{output, refused};

/// A folder name that a shell, a format string or a parser of settings might take apart.
const AWKWARD: &str = " a 'clinic' of \"Dr. O'Neil\" $(true) %s {} \\ [1] é眼 #1";
/// One that is no UTF-8.
const NO_TEXT: &[u8] = b"clinic \xff\xfe";

fn list(arguments: &[&dyn AsRef<OsStr>]) -> Vec<OsString> {
    arguments.iter().map(|argument| argument.as_ref().to_owned()).collect()
}

fn succeed(arguments: &[&dyn AsRef<OsStr>]) -> String {
    crate::running::succeed(&list(arguments))
}

/// The one error of a failure.
fn refusal(arguments: &[&dyn AsRef<OsStr>]) -> String {
    crate::running::refusal(&list(arguments))
}

fn error_of(output: &Output) -> String {
    refused(output, 1)
}

/// A small dataset under a name.
fn clinic(folder: &Path, name: &OsStr) -> PathBuf {
    let clinic = folder.join(name);
    copy(&unchanged_clinics().join("clinic-a"), &clinic);
    clinic
}

/// Images of its test split.
const IMAGES: usize = 3;

const STEP: [&str; 6] = ["--size", "32", "--batch", "4", "--steps", "1"];

/// A run of one step, and the arguments that made it.
fn train(source: &Path, run: &Path) -> Vec<OsString> {
    let mut arguments = list(&[&"--json", &"train", &"--source", &source, &"--out", &run]);
    arguments.extend(STEP.map(OsString::from));
    arguments
}

/// Evaluates and predicts with the checkpoint of a run; the two documents.
fn use_run(run: &Path, clinic: &Path, out: &Path) -> [Value; 2] {
    let (checkpoint, test) = (run.join("checkpoints/last.safetensors"), clinic.join("test"));
    let (measured, drawn) = (out.join("measured"), out.join("drawn"));
    let images = test.join("ROIs/image");
    let evaluated =
        succeed(&[&"--json", &"evaluate", &"--checkpoint", &checkpoint, &"--data", &test, &"--out", &measured]);
    let predicted =
        succeed(&[&"--json", &"predict", &"--checkpoint", &checkpoint, &images, &"--out", &drawn, &"--logits"]);
    // Of each image a mask, an overlay and logits; a table and a contact sheet.
    assert_eq!(fs::read_dir(&drawn).expect("it was made").count(), IMAGES * 3 + 2);
    // Metrics raw and post-processed, and their summary twice.
    assert_eq!(fs::read_dir(&measured).expect("it was made").count(), 4);
    [evaluated, predicted].map(|text| serde_json::from_str(&text).expect("one document"))
}

#[test]
fn blanks_and_quotes() {
    let folder = TempDir::new().expect("a temporary folder");
    let clinic = clinic(folder.path(), OsStr::new(AWKWARD));
    let run = folder.path().join(format!("run on{AWKWARD}"));
    let output = output(&train(&clinic, &run));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(document["last"].as_str().map(Path::new), Some(run.join("checkpoints/last.safetensors").as_path()));
    // The settings name the dataset so that it is found again.
    succeed(&[&"train", &"--resume", &run]);
    let [evaluated, predicted] = use_run(&run, &clinic, &folder.path().join(AWKWARD.repeat(2)));
    assert_eq!([&evaluated["images"], &predicted["images"]], [IMAGES, IMAGES]);

    // Commands that are told can be given to a shell.
    fs::write(run.join("checkpoints/last.safetensors"), "").expect("the run can be written");
    let error = refusal(&[&"train", &"--resume", &run]);
    let command = error.split('`').find(|part| part.starts_with("papilla train --resume")).expect("a command");
    let command = command.replacen("papilla", &format!("'{}'", env!("CARGO_BIN_EXE_papilla")), 1);
    let output = Command::new("sh").args(["-c", &command]).output().expect("a shell runs");
    assert!(output.status.success() || error_of(&output).contains("no other whole"), "{command}");
}

#[test]
#[cfg(target_os = "linux")]
fn names_that_are_no_text() {
    let folder = TempDir::new().expect("a temporary folder");
    let clinic = clinic(folder.path(), OsStr::from_bytes(NO_TEXT));
    let run = folder.path().join(OsStr::from_bytes(b"run \xff"));
    let error = error_of(&output(&train(&clinic, &run)));
    assert!(error.contains("not valid UTF-8") && error.contains("rename"), "{error}");
    assert!(!run.exists(), "a refused run leaves nothing behind");

    // What settings need not hold may have any name.
    let plain = folder.path().join("plain");
    fs::rename(&clinic, &plain).expect("the folder can be renamed");
    let output = output(&train(&plain, &run));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&plain, &clinic).expect("the folder can be renamed");
    let images = clinic.join("test/ROIs/image");
    for kind in ["image", "mask"] {
        let kind = clinic.join("test/ROIs").join(kind);
        let first = fs::read_dir(&kind).expect("it is there").map(|e| e.expect("listed").path()).min();
        fs::rename(first.expect("there are files"), kind.join(OsStr::from_bytes(b"\xff.png")))
            .expect("it can be renamed");
    }
    let [evaluated, predicted] = use_run(&run, &clinic, &folder.path().join(OsStr::from_bytes(b"out \xff")));
    assert_eq!([&evaluated["images"], &predicted["images"]], [IMAGES, IMAGES]);
    assert!(images.is_dir());
    let (checkpoint, [weights, charts]) = (
        run.join("checkpoints/last.safetensors"),
        [&b"\xff.pth"[..], b"charts \xff"].map(|name| folder.path().join(OsStr::from_bytes(name))),
    );
    for document in [
        succeed(&[&"--json", &"convert", &checkpoint, &weights]),
        succeed(&[&"--json", &"report", &"--no-images", &run, &"--charts", &charts]),
    ] {
        assert!(serde_json::from_str::<Value>(&document).is_ok(), "one document: {document}");
    }
}

#[test]
fn links_in_a_circle_and_pipes() {
    let folder = TempDir::new().expect("a temporary folder");
    let clinic = clinic(folder.path(), OsStr::new("clinic"));
    let run = folder.path().join("run");
    copy(Job::plain().undisturbed(), &run);

    // A folder that holds itself is no image and is not entered.
    let images = clinic.join("test/ROIs/image");
    symlink(&clinic, images.join("clinic.png")).expect("links can be made");
    use_run(&run, &clinic, &folder.path().join("out"));

    // One that leads to itself is an image that cannot be read.
    symlink("loop.png", images.join("loop.png")).expect("links can be made");
    let checkpoint = run.join("checkpoints/last.safetensors");
    let out = folder.path().join("drawn");
    let predict: [&dyn AsRef<OsStr>; 6] = [&"predict", &"--checkpoint", &checkpoint, &images, &"--out", &out];
    assert!(refusal(&predict).contains("loop.png"));
    assert_eq!(fs::read_dir(&out).expect("it was made").count(), IMAGES * 2 + 2, "the others are segmented");
    let data = clinic.join("test");
    let error = refusal(&[&"evaluate", &"--checkpoint", &checkpoint, &"--data", &data]);
    assert!(error.contains("loop.png"), "{error}");
    fs::remove_file(images.join("loop.png")).expect("the link is there");

    // A pipe that nobody writes to would be read for ever.
    let made = Command::new("mkfifo").arg(images.join("pipe.png")).status();
    if made.is_ok_and(|status| status.success()) {
        assert!(refusal(&predict).contains("not a regular file"));
        fs::remove_file(images.join("pipe.png")).expect("the pipe is there");
    } else {
        harness::skip("pipes cannot be made here");
    }

    for (place, name) in [(folder.path(), "weights.pth"), (folder.path(), "run.toml"), (&run, "metrics.jsonl")] {
        let _ = fs::remove_file(place.join(name));
        let made = Command::new("mkfifo").arg(place.join(name)).status();
        if !made.is_ok_and(|status| status.success()) {
            fs::create_dir(place.join(name)).expect("the folder is writable");
        }
    }
    let none = folder.path().join("none.pth");
    for arguments in [
        list(&[&"convert", &folder.path().join("weights.pth"), &none]),
        list(&[&"train", &"--config", &folder.path().join("run.toml"), &"--out", &none]),
        list(&[&"train", &"--config", &"/dev/zero", &"--out", &none]),
        list(&[&"report", &"--no-images", &run]),
    ] {
        assert!(error_of(&output(&arguments)).contains("not a regular file"), "{arguments:?}");
    }

    let circle = folder.path().join("circle");
    symlink(&circle, &circle).expect("links can be made");
    for arguments in [
        list(&[&"train", &"--source", &circle, &"--out", &folder.path().join("none")]),
        list(&[&"train", &"--source", &clinic, &"--out", &circle]),
        list(&[&"train", &"--resume", &circle]),
        list(&[&"evaluate", &"--checkpoint", &circle, &"--data", &data]),
        list(&[&"predict", &"--checkpoint", &checkpoint, &circle, &"--out", &out]),
    ] {
        assert!(error_of(&output(&arguments)).contains("circle"), "{arguments:?}");
    }
}

/// Runs with a folder mounted so that it cannot be written; `None` where this user may not mount.
#[cfg(target_os = "linux")]
fn with_read_only<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Option<Output> {
    let mounted = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\"";
    let inside = |script: String| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"]).arg(folder);
        command
    };
    if !inside(format!("{mounted} && ! touch \"$1\"/x 2>/dev/null")).status().is_ok_and(|status| status.success()) {
        harness::skip("folders cannot be mounted here");
        return None;
    }
    let mut command = inside(format!("{mounted} && shift && exec \"$@\""));
    Some(command.arg(env!("CARGO_BIN_EXE_papilla")).args(arguments).output().expect("a shell runs"))
}

#[test]
#[cfg(target_os = "linux")]
fn media_that_cannot_be_written() {
    let folder = TempDir::new().expect("a temporary folder");
    let clinic = clinic(folder.path(), OsStr::new("clinic"));
    let run = folder.path().join("run");
    // A dataset there is as good as any.
    let Some(output) = with_read_only(&clinic, &train(&clinic, &run)) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let checkpoint = run.join("checkpoints/last.safetensors");
    let (data, measured) = (clinic.join("test"), folder.path().join("measured"));
    let evaluate = list(&[&"evaluate", &"--checkpoint", &checkpoint, &"--data", &data, &"--out", &measured]);
    assert!(with_read_only(&clinic, &evaluate).is_some_and(|output| output.status.success()));

    // A run there can neither begin nor go on, nor is anything of it changed.
    let before = fs::read(&checkpoint).expect("the run ended");
    let new = run.join("new");
    for arguments in [train(&clinic, &new), list(&[&"train", &"--resume", &run])] {
        let output = with_read_only(&run, &arguments).expect("it worked before");
        let error = error_of(&output);
        assert!(error.contains("Read-only") && error.contains("run"), "{error}");
    }
    assert!(!new.exists());
    assert!(before == fs::read(&checkpoint).expect("it is there"));
    let output = with_read_only(
        &run,
        &list(&[&"predict", &"--checkpoint", &checkpoint, &data.join("ROIs/image"), &"--out", &new]),
    );
    assert!(error_of(&output.expect("it worked before")).contains("Read-only"));
}
