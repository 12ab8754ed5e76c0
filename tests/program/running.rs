//! The program run, and what it says when it refuses.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// What a panic is told as.
pub const DEFECT: &str = "defect of papilla";

/// The program with arguments.
pub fn papilla<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_papilla"));
    command.args(arguments);
    command
}

/// Runs to an end, whichever.
pub fn output<S: AsRef<OsStr>>(arguments: &[S]) -> Output {
    papilla(arguments).output().expect("the program runs")
}

/// Runs to a successful end and gives what was printed on stdout.
pub fn succeed<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    succeeded(output(arguments))
}

/// What a successful run has printed on stdout.
pub fn succeeded(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains(DEFECT), "{said}");
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// Runs to a failure and gives the one line that explains it.
pub fn refusal<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    refused(&output(arguments), 1)
}

/// The one line that explains a failure with this status.
pub fn refused(output: &Output, status: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    for forbidden in [DEFECT, "panicked", "backtrace", "RUST_"] {
        assert!(!said.contains(forbidden), "{said}");
    }
    // Another error is a driver's own complaint.
    let errors: Vec<&str> =
        said.lines().filter(|line| line.starts_with("error: ") && !line.contains("XDG_RUNTIME_DIR")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    errors[0].to_string()
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}
