//! What a training run shows: a bar with its facts on a terminal, the same facts in lines elsewhere, nothing when quiet.

#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::clinics::clinics;
use crate::running::{output, text};

/// Of six steps, three before the first validation.
const SETTINGS: &str = "--size 32 --batch 6 --epochs 2 --validate-every 1 --seed 3";

fn arguments(folder: &TempDir, name: &str) -> Vec<String> {
    let clinics = folder.path().join("clinics");
    let [source, target] = ["clinic-a", "clinic-b"].map(|clinic| clinics.join(clinic));
    let out = folder.path().join(name);
    let places = ["train", "--source", text(&source), "--target", text(&target), "--out", text(&out)];
    places.into_iter().chain(SETTINGS.split_whitespace()).map(str::to_string).collect()
}

fn assert_has(shown: &str, facts: &[&str]) {
    for fact in facts {
        assert!(shown.contains(fact), "`{fact}` is not in: {shown}");
    }
}

#[test]
fn lines_where_there_is_no_terminal_and_nothing_when_quiet() {
    let folder = TempDir::new().expect("a temporary folder");
    clinics(&folder);
    let run = |name: &str, more: &[&str]| {
        let mut arguments = arguments(&folder, name);
        arguments.extend(more.iter().map(|flag| flag.to_string()));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = output(&arguments);
        assert!(output.status.success());
        let told = String::from_utf8(output.stderr).expect("messages are UTF-8");
        // A driver's own complaint.
        told.lines().filter(|line| !line.contains("XDG_RUNTIME_DIR")).map(str::to_string).collect::<Vec<_>>()
    };
    let told = run("lines", &[]);
    let line = |begin: &str| told.iter().find(|line| line.starts_with(begin)).expect("the line is there");
    let first = line("step 1/6  epoch 0  total ");
    assert_has(first, &["  seg ", " images/s  ", " s left  "]);
    assert!(!first.contains("Dice"), "nothing is validated yet: {first}");
    let last = line("step 6/6  epoch 1  total ");
    assert_has(last, &["  seg ", "  Dice target cup 0.", ", disc 0.", " images/s  0 s left"]);
    if cfg!(target_os = "linux") {
        assert_has(last, &["  memory: program ", "iB, step on the adapter "]);
    }
    assert!(!told.concat().contains('\u{1b}'), "no escape sequences in a log: {told:?}");
    assert_eq!(run("quiet", &["--quiet", "--steps", "1"]), Vec::<String>::new());
}

/// Runs a training in a pseudo-terminal of so many columns; what it shows, or `None` where none can be had.
#[cfg(target_os = "linux")]
fn in_terminal(folder: &TempDir, steps: &str, columns: usize, no_color: Option<&str>) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_papilla");
    let quoted = |word: &str| format!("'{word}'");
    let words = arguments(folder, &columns.to_string()).into_iter().chain(["--steps".to_string(), steps.to_string()]);
    let words: Vec<String> = words.map(|word| quoted(&word)).collect();
    let line = format!("stty cols {columns} rows 30; exec {} {}", quoted(program), words.join(" "));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR").stdin(Stdio::null());
    command.envs(no_color.map(|value| ("NO_COLOR", value)));
    let Ok(output) = command.output() else {
        harness::skip("`script`, which makes a pseudo-terminal, is not installed");
        return None;
    };
    let shown = String::from_utf8(output.stdout).expect("messages are UTF-8");
    assert!(output.status.success(), "{shown}");
    Some(shown)
}

/// Text without escape sequences.
#[cfg(target_os = "linux")]
fn plain(shown: &str) -> String {
    let mut parts = shown.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_string();
    let rest = parts.map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'));
    first + &rest.map(|part| part.get(1..).unwrap_or_default()).collect::<String>()
}

#[test]
#[cfg(target_os = "linux")]
fn a_bar_that_fits_the_terminal_without_colours_on_request() {
    let folder = TempDir::new().expect("a temporary folder");
    clinics(&folder);
    for (steps, columns, no_color) in [("4", 80, None), ("1", 120, Some("1"))] {
        let Some(shown) = in_terminal(&folder, steps, columns, no_color) else { return };
        let text = plain(&shown);
        assert_has(&text, &["training ━", &format!("{steps}/{steps}"), " s left", "  total ", "seg ", " images/s"]);
        assert_has(&text, &["memory: program ", "iB, step on the adapter "]);
        // The first of two epochs ends with a validation, and the bar shows it in the second.
        assert_eq!(text.contains("epoch 1  total ") && text.contains("Dice target cup 0."), steps == "4");
        // Rows are filled up to the terminal's width rather than ended.
        for bar in text.split(['\r', '\n']).filter(|line| line.starts_with("training ")) {
            let letters: Vec<char> = bar.chars().collect();
            let rows: Vec<String> = letters.chunks(columns).map(|row| row.iter().collect()).collect();
            assert_eq!(letters.len(), rows.len() * columns, "{rows:#?}");
            let begins = |row: &String| row.starts_with("  ") && !row.starts_with("   ");
            assert!(rows[1..].iter().all(begins), "{columns} columns: {rows:#?}");
            assert!(rows.iter().all(|row| row.ends_with(' ')), "{columns} columns: {rows:#?}");
        }
        assert_eq!(shown.contains("\u{1b}[36m"), no_color.is_none(), "cyan: {shown:?}");
    }
}
