//! The list of skipped tests from the test that skips to what is printed, and files that are forgotten.

#![allow(clippy::disallowed_methods, reason = "tests write files as others do")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An empty folder of its own under the build folder.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("harness").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the build folder can be written");
    folder
}

#[test]
#[ignore = "skips; the test below runs it with a list of its own"]
fn a_test_that_skips() {
    harness::skip("no\n  tea\tat all");
    assert_eq!(harness::shared("nothing/of.this"), None);
}

#[test]
fn a_skipped_test_is_listed_by_name_with_its_reason() {
    let list = folder("listed").join("list");
    let program = std::env::current_exe().expect("a test program has a path");
    let mut command = Command::new(program);
    command.args(["--ignored", "--exact", "a_test_that_skips", "--test-threads=2"]).env(harness::LIST, &list);
    for _ in 0..2 {
        let output = command.output().expect("this program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let once = "no tea at all\tharness: a_test_that_skips\n\
                `../shared/nothing` does not lie beside the repository\tharness: a_test_that_skips\n";
    assert_eq!(fs::read_to_string(&list).expect("it was made"), once.repeat(2));
}

/// What `.ci/skipped` prints after the lines of a command, and the status with which it ends.
#[cfg(unix)]
fn listed(lines: &str, status: i32) -> (String, Option<i32>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/skipped");
    let command = format!("printf '{lines}' >>\"${}\"; exit {status}", harness::LIST);
    let output = Command::new("sh").arg(script).args(["sh", "-c", &command]).env_remove(harness::LIST).output();
    let output = output.expect("a shell runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (String::from_utf8(output.stdout).expect("text"), output.status.code())
}

#[test]
#[cfg(unix)]
fn the_list_is_printed_by_reason_and_a_failure_stays_one() {
    let lines = "no tea\\tb: y\\nno milk\\ta: x\\nno tea\\ta: x\\nno tea\\tb: y\\n";
    let printed = "\nskipped, 2 reasons:\n\n\
                   no milk (1)\n    a: x\n\
                   no tea (2)\n    a: x\n    b: y\n";
    assert_eq!(listed(lines, 0), (printed.to_string(), Some(0)));
    assert_eq!(listed(lines, 3), (printed.to_string(), Some(3)));
    assert_eq!(listed("", 0), ("\nskipped: nothing\n".to_string(), Some(0)));
}

#[test]
fn files_that_no_module_names_are_found() {
    let folder = folder("modules");
    fs::create_dir(folder.join("inner")).expect("the build folder can be written");
    fs::create_dir(folder.join("data")).expect("the build folder can be written");
    for (file, text) in [
        ("main.rs", "mod one;\n#[cfg(unix)]\npub mod inner;\n// mod two;\n"),
        ("one.rs", ""),
        ("two.rs", ""),
        ("inner/mod.rs", ""),
        ("inner/three.rs", ""),
        ("data/four.txt", ""),
    ] {
        fs::write(folder.join(file), text).expect("the build folder can be written");
    }
    let mut found = harness::forgotten_modules(&folder);
    found.sort();
    assert_eq!(found, ["inner/three.rs", "two.rs"].map(|file| folder.join(file).display().to_string()));
}
