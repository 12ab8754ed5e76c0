//! Places that take nothing more: what is to be kept is an error then, what is only said is not.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use walkdir::WalkDir;

use crate::running::{papilla, refused, text};

/// Two clinics of one photograph each.
const SYNTH: [&str; 7] = ["synth", "--size", "256", "--train", "1", "--test", "0"];

/// Runs a script with a folder as its first argument, and the program as its second.
fn run(script: &str, folder: &Path) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", text(folder), env!("CARGO_BIN_EXE_papilla")]).args(SYNTH);
    command.args(["--out", text(&folder.join("clinics"))]).output().expect("there is a shell")
}

fn assert_nothing_is_cut_short(folder: &Path) {
    for entry in WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file()) {
        let path = entry.path();
        assert!(path.extension().is_some_and(|extension| extension == "png"), "{} is left", path.display());
        image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

#[test]
fn pictures_on_a_full_disk_are_an_error_and_none_is_cut_short() {
    let folder = TempDir::new().expect("a temporary folder");
    let limited = run("folder=$1; shift; ulimit -f 20; exec \"$@\"", folder.path());
    assert!(refused(&limited, 1).contains("cannot write"), "{limited:?}");
    assert_nothing_is_cut_short(folder.path());

    // A disk of its own, as far as a user may mount one; looked at from where it is mounted.
    let kept = TempDir::new().expect("a temporary folder");
    let mounted = format!(
        "mount -t tmpfs -o size=128k none \"$1\" || exit 77; folder=$1; shift; \"$@\"; status=$?; cp -r \"$folder/.\" '{}'; exit $status",
        kept.path().display()
    );
    let script = "exec unshare --user --map-root-user --mount sh -c \"$SCRIPT\" sh \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", text(folder.path()), env!("CARGO_BIN_EXE_papilla")]).args(SYNTH);
    command.args(["--out", text(&folder.path().join("mounted"))]).env("SCRIPT", mounted);
    let full = command.output().expect("there is a shell");
    let said = String::from_utf8_lossy(&full.stderr);
    if full.status.code() == Some(77) || said.contains("unshare") {
        return harness::skip("a file system in memory cannot be mounted here");
    }
    assert!(refused(&full, 1).contains("No space left"), "{said}");
    assert_nothing_is_cut_short(kept.path());
}

#[test]
fn what_cannot_be_said_costs_no_work() {
    let folder = TempDir::new().expect("a temporary folder");
    let full = || fs::File::options().write(true).open("/dev/full").expect("there is such a device");
    let input = folder.path().join("in/images");
    fs::create_dir_all(&input).expect("a folder");
    fs::write(input.join("a.png"), "no picture").expect("a file");
    let colours = |x: u32, y: u32| if x.abs_diff(80).max(y.abs_diff(60)) < 20 { [255, 230, 160] } else { [90, 50, 20] };
    image::RgbImage::from_fn(160, 120, |x, y| image::Rgb(colours(x, y))).save(input.join("b.png")).expect("a file");
    let out = folder.path().join("out");
    let prepare = ["prepare", "--layout", "pairs", "--input", text(&folder.path().join("in")), "--output", text(&out)]
        .map(str::to_string);
    // An error of one photograph is told to nobody; the others are there, and the status says so.
    let ended = papilla(&prepare).stderr(full()).stdout(Stdio::null()).status().expect("the program runs");
    assert_eq!(ended.code(), Some(1));
    assert!(out.join("prepare.csv").is_file());
    // Results that cannot be kept are an error; a reader that has enough is none.
    let ended = papilla(&prepare).stderr(Stdio::null()).stdout(full()).status().expect("the program runs");
    assert_eq!(ended.code(), Some(1));
    let config = papilla(&["config"]).stderr(full()).stdout(full()).status().expect("the program runs");
    assert_eq!(config.code(), Some(1));
    let mut child =
        papilla(&["config"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("the program ends");
    assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0));
}
