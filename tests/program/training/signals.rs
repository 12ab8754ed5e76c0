//! Signals and second programs: a run that is asked to stop saves and can be continued; nobody else trains into it.

use std::path::Path;
use std::process::{Child, Command};

use papilla::train::Checkpoint;

use super::metrics;
use super::resume::assert_resumes_to;
use crate::jobs::{Job, logged};
use crate::running::{refusal, text};

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
