//! Settings in a file: a run's own reproduces it, flags win over it, and what is wrong in one is named.

use std::fs;

use tempfile::TempDir;

use super::resume::assert_same;
use crate::jobs::Job;
use crate::running::{output, refusal, succeed, text};

#[test]
fn the_settings_of_a_run_reproduce_it() {
    let job = Job::plain();
    let run = job.undisturbed();
    let (settings, again) = (run.join("config.toml"), job.place("again"));
    succeed(&["train", "--config", text(&settings), "--out", text(&again)]);
    assert_same(run, &again);
    assert_eq!(fs::read(&settings).expect("settings"), fs::read(again.join("config.toml")).expect("settings"));
    // The usual warm-up is held like one that was given: it stays when a run's epochs are changed.
    let text_of = fs::read_to_string(&settings).expect("settings");
    assert!(text_of.lines().any(|line| line == "warmup_epochs = 0"), "{text_of}");
    let shorter = job.place("shorter");
    let printed = succeed(&["train", "--config", text(&settings), "--steps", "1", "--out", text(&shorter)]);
    assert!(printed.starts_with("1 step done"), "flags win: {printed}");
}

#[test]
fn the_commented_settings_are_those_of_the_flags() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("run.toml");
    let printed =
        succeed(&["config", "--source", "clinic", "--method", "clr", "--lr", "0.002", "--memory-budget", "6GiB"]);
    for line in [
        "source = \"clinic\"",
        "method = \"clr\"",
        "lr = 0.002",
        "memory_budget = \"6.0 GiB\"",
        "# target = \"Drishti-GS\"",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "`{line}` is not in {printed}");
    }
    fs::write(&file, printed).expect("a temporary file");
    let out = folder.path().join("run");
    let error = refusal(&["train", "--config", text(&file), "--out", text(&out)]);
    assert!(error.contains("`clinic` cannot be found"), "{error}");
    fs::write(&file, "source = 'clinic'\nwarmup-epoch = 3\n").expect("a temporary file");
    let error = refusal(&["train", "--config", text(&file), "--out", text(&out)]);
    assert_eq!(
        error,
        format!("error: `{}` has an unknown setting `warmup-epoch`; did you mean `warmup_epochs`?", file.display())
    );
    let output = output(&["config", "--backbone", "drn", "--output-stride", "16"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn completions_and_manual_pages_know_every_verb() {
    let folder = TempDir::new().expect("a temporary folder");
    let man = folder.path().join("man1");
    succeed(&["man", "--out", text(&man)]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = succeed(&["completions", shell]);
        for word in ["evaluate", "threshold-cup", "source-only"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let help = succeed(&["--help"]);
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|verb| !verb.is_empty() && *verb != "help")
        .collect();
    assert!(verbs.len() >= 12, "{help}");
    for verb in verbs {
        let page = fs::read_to_string(man.join(format!("papilla-{verb}.1"))).expect("each verb has a page");
        assert!(page.contains(".ie") && page.contains(".TH") && page.contains("Examples"), "{verb}");
    }
}
