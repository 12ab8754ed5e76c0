//! Tests of what a whole process has, such as its hook for panics.

use std::process::Command;

/// Runs one test of this program again, alone and with its output shown. Of tests that are only to be run so, `#[ignore]` keeps
/// the others away.
///
/// `test` is the path to it, as `concat!(module_path!(), "::name")` gives it.
///
/// # Panics
/// When `test` is no such path, or the running program is not known.
pub fn alone(test: &str) -> Command {
    let mut again = Command::new(std::env::current_exe().expect("this test runs"));
    let (_, name) = test.split_once("::").expect("the crate's name comes first");
    again.args(["--exact", name, "--ignored", "--nocapture"]);
    again
}
