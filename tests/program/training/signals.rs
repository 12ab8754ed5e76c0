//! Signals and second programs: what is asked to stop saves and can be continued; nobody else trains into a run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use image::{Rgb, RgbImage};
use papilla::train::Checkpoint;
use serde_json::Value;

use super::metrics;
use super::resume::assert_resumes_to;
use crate::jobs::{Job, logged};
use crate::running::{DEFECT, output, papilla, refusal, text};

/// Sends signals, by name, one right after the other.
fn send(child: &Child, signals: &[&str]) {
    let commands: Vec<String> = signals.iter().map(|signal| format!("kill -{signal} {}", child.id())).collect();
    let status = Command::new("sh").args(["-c", &commands.join(" && ")]).status().expect("a shell runs");
    assert!(status.success(), "the child has ended already");
}

/// Waits for the end of a program; its exit status and what it said.
fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().expect("the child ends");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn saved(run: &Path) -> u64 {
    Checkpoint::read(&run.join("checkpoints/last.safetensors")).expect("the checkpoint loads").progress.step
}

#[test]
fn a_run_asked_to_stop_finishes_its_step_and_saves_and_one_asked_twice_stops_at_once() {
    // Minutes between checkpoints that never pass here.
    let job = Job::plain().saving_every("1000");
    let undisturbed = job.undisturbed();
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let (run, child) = job.reached(&format!("stopped by {signal}"), |run| logged(run) >= 2);
        send(&child, &[signal]);
        let (code, said) = end(child);
        assert_eq!(code, Some(status), "{said}");
        let step = saved(&run);
        let steps = metrics(&run).iter().filter(|line| line.get("step").is_some()).count();
        assert!(step >= 2 && step as usize == steps, "{step} of {steps} steps are saved");
        let line =
            format!("stopped after step {step}, with a checkpoint; `papilla train --resume '{}'`", run.display());
        assert!(said.lines().any(|l| l.starts_with(&line)), "`{line}` is not in: {said}");
        assert_resumes_to(undisturbed, &run);
    }

    let (run, child) = job.reached("stopped at once", |run| logged(run) >= 2);
    // Two different ones, for equal ones might become one.
    send(&child, &["INT", "TERM"]);
    let (code, said) = end(child);
    assert!([Some(130), Some(143)].contains(&code), "{code:?}: {said}");
    assert!(!said.contains("stopped after step"), "{said}");
    assert_eq!(saved(&run), 0, "the checkpoint that stands is the first");
    assert_resumes_to(undisturbed, &run);
}

#[test]
fn a_second_program_is_kept_out_of_a_run_until_the_first_has_ended() {
    let job = Job::plain();
    let undisturbed = job.undisturbed();
    let (run, child) = job.reached("run", |run| logged(run) >= 2);
    send(&child, &["STOP"]);
    let error = refusal(&["train", "--resume", text(&run)]);
    for words in ["another program", &format!("process {}", child.id()), text(&run), "--out"] {
        assert!(error.contains(words), "`{words}` is not in: {error}");
    }
    let output = job.command(&run).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1), "nor does a new run begin there");
    send(&child, &["KILL"]);
    end(child);
    assert_resumes_to(undisturbed, &run);
}

/// Names that the table of a prediction lists, and those that have a mask.
fn listed(out: &Path) -> [BTreeSet<String>; 2] {
    let table = fs::read_to_string(out.join("predictions.csv")).unwrap_or_default();
    let rows =
        table.lines().skip(1).filter_map(|row| Some(row.split(',').next()?.trim_start_matches('\'').to_string()));
    let files = fs::read_dir(out).into_iter().flatten().map(|entry| entry.expect("listed").file_name());
    let masks = files.filter_map(|file| Some(file.to_str()?.strip_suffix("_mask.png")?.to_string()));
    [rows.collect(), masks.collect()]
}

#[test]
fn a_prediction_that_is_killed_or_stopped_goes_on_and_ends_as_if_it_had_not_been() {
    let job = Job::plain();
    let checkpoint = job.undisturbed().join("checkpoints/best.safetensors");
    let images = job.place("images");
    fs::create_dir(&images).expect("a folder");
    for (index, entry) in fs::read_dir(job.clinic("clinic-a").join("train/ROIs/image")).expect("a split").enumerate() {
        let photograph = entry.expect("listed").path();
        for copy in 0..2 {
            fs::copy(&photograph, images.join(format!("{index}-{copy}.png"))).expect("it can be copied");
        }
    }
    for name in ["=1+1.png", "\u{1b}[31mred.png"] {
        fs::copy(images.join("0-0.png"), images.join(name)).expect("it can be copied");
    }
    let count = fs::read_dir(&images).expect("a folder").count();
    RgbImage::from_pixel(1, 1, Rgb([200, 90, 60])).save(images.join("dot.png")).expect("it can be written");
    let arguments = |out: &Path| {
        ["predict", "--checkpoint", text(&checkpoint), text(&images), "--out", text(out)].map(str::to_string)
    };

    let whole = job.place("whole");
    let said = output(&arguments(&whole));
    assert_eq!(said.status.code(), Some(1), "one image cannot be segmented");
    let said = [said.stdout, said.stderr].concat();
    assert!(!said.contains(&0x1b), "no escape sequence reaches a terminal");
    let said = String::from_utf8_lossy(&said);
    let bad: Vec<&str> = said.lines().filter(|line| line.contains("dot.png")).collect();
    let is_told = matches!(bad[..], [line] if line.starts_with("error: ") && line.contains("1x1"));
    assert!(is_told && !said.contains(DEFECT), "{said}");
    let table = fs::read_to_string(whole.join("predictions.csv")).expect("a table");
    assert!(table.contains("\n'=1+1,"), "no spreadsheet takes a name for a formula");
    assert_eq!(table.lines().count(), 1 + count);

    let out = job.place("disturbed");
    for (signal, rows) in [("KILL", 3), ("INT", 12)] {
        let mut command = papilla(&arguments(&out));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program runs");
        while listed(&out)[0].len() < rows && child.try_wait().expect("the child can be asked").is_none() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        send(&child, &[signal]);
        let (code, said) = end(child);
        let [listed, masks] = listed(&out);
        assert!(listed.len() < count, "it came too late: {said}");
        match signal {
            "INT" => {
                assert_eq!(code, Some(130), "{said}");
                assert!(said.contains("the same command goes on"), "{said}");
                assert_eq!(listed, masks, "each mask has its row");
            }
            _ => assert!(masks.is_superset(&listed) && masks.len() <= listed.len() + 4, "{listed:?} {masks:?}"),
        }
    }
    let said = output(&[&["--json".to_string()][..], &arguments(&out)[..]].concat());
    assert_eq!(said.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&said.stdout).expect("one document");
    assert!(document["earlier"].as_u64().is_some_and(|earlier| earlier >= 12), "{}", document["earlier"]);
    assert_eq!(document["images"], count);
    let names = |folder: &Path| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).expect("it was made");
        entries.map(|entry| entry.expect("listed").file_name().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names(&out), names(&whole));
    for name in names(&whole) {
        assert!(fs::read(out.join(&name)).ok() == fs::read(whole.join(&name)).ok(), "{name} differs");
    }
}
