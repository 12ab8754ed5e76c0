//! Runs of the program on small synthetic clinics.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub fn papilla(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("papilla"));
    command.args(arguments);
    command
}

/// Runs to a successful end and gives what was printed on stdout.
pub fn succeed(arguments: &[&str]) -> String {
    let output = papilla(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

pub fn clinics(folder: &TempDir) -> PathBuf {
    let out = folder.path().join("clinics");
    succeed(&["synth", "--out", text(&out), "--size", "64", "--train", "20", "--test", "3", "--seed", "7"]);
    out
}
