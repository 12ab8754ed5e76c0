//! `prepare`: what it says of folders as people have them, where, and with which exit status.

use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{output, refusal, succeed, text};

/// 2 in the cup, 1 in the rim, 0 around the disc.
fn class(x: u32, y: u32) -> usize {
    let distance = x.abs_diff(100).max(y.abs_diff(60));
    if distance < 12 { 2 } else { usize::from(distance < 25) }
}

fn save(path: &Path, image: impl Into<DynamicImage>) {
    fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("the folder is writable");
    image.into().save(path).expect("the folder is writable");
}

fn save_photograph(path: &Path) {
    let colours = [[90, 50, 20], [200, 120, 60], [250, 220, 160]];
    save(path, RgbImage::from_fn(160, 120, |x, y| Rgb(colours[class(x, y)])));
}

fn coloured(colours: [[u8; 3]; 3]) -> RgbImage {
    RgbImage::from_fn(160, 120, |x, y| Rgb(colours[class(x, y)]))
}

/// A clinic of these photographs, without masks.
fn clinic(names: &[&str]) -> (TempDir, PathBuf, PathBuf) {
    let folder = TempDir::new().expect("a temporary folder");
    let (input, out) = (folder.path().join("clinic"), folder.path().join("out"));
    names.iter().for_each(|name| save_photograph(&input.join("images").join(name)));
    (folder, input, out)
}

fn arguments<'a>(input: &'a Path, out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let own = ["prepare", "--layout", "pairs", "--input", text(input), "--output", text(out), "--size", "64"];
    [&own, more].concat()
}

#[test]
fn notes_come_once_and_failures_by_name_with_status_1() {
    let names = ["a.png", "b.png", "c.png", "d.png", "e.png"];
    let (_folder, input, out) = clinic(&names);
    let levels = GrayImage::from_fn(80, 60, |x, y| Luma([[255, 128, 0][class(2 * x, 2 * y)]]));
    names.iter().skip(1).for_each(|name| save(&input.join("masks").join(name.replace('.', "_mask.")), levels.clone()));
    save(&input.join("masks/z_mask.png"), levels);
    fs::write(input.join("images/e.png"), b"no picture").expect("the folder is writable");

    let ran = output(&arguments(&input, &out, &[]));
    let (said, printed) = (String::from_utf8_lossy(&ran.stderr), String::from_utf8_lossy(&ran.stdout));
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(printed.starts_with("3 regions of 64x64 from 5 photographs"), "{printed}");
    for words in ["divided by name: one in 5 is a test image", "mean area over 3 masks: cup ", "ratio over 3 masks: "] {
        assert!(printed.contains(words), "`{words}` is not in {printed}");
    }
    let lines: Vec<&str> = said.lines().collect();
    let only = |start: &str, words: &[&str]| {
        let found: Vec<_> = lines.iter().filter(|line| words.iter().all(|word| line.contains(word))).collect();
        assert!(found.len() == 1 && found[0].starts_with(start), "{words:?} in {said}");
    };
    only("error: ", &["e.png"]);
    only("note: 3 regions: ", &["they were scaled", "`b` (80x60 to 160x120)", "`c`", "`d`"]);
    only("note: 3 regions: ", &["with an addition", "`b` (b_mask.png)", "`c`", "`d`"]);
    only("note: 1 photograph left out: ", &["no annotation", "a.png"]);
    only("note: 1 file not used: ", &["belong to no image", "z_mask.png"]);
    assert_eq!(lines.len(), 5, "{said}");

    let ran = output(&[&["--json", "--quiet"], &arguments(&input, &out, &[])[..]].concat());
    assert_eq!(ran.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&ran.stderr).lines().count(), 1, "the error alone");
    let document: Value = serde_json::from_slice(&ran.stdout).expect("one document");
    assert_eq!((document["regions"].as_u64(), document["notes"].as_array().map(Vec::len)), (Some(3), Some(6)));
    assert_eq!(document["notes"][0]["kind"], "scaled");
    assert_eq!(document["unused"][0]["kind"], "mask");
    let failed: Vec<_> = document["skipped"].as_array().expect("a list").iter().map(|s| &s["failed"]).collect();
    assert_eq!(failed, [&Value::Bool(false), &Value::Bool(true)]);
}

#[test]
fn values_that_mean_nothing_are_answered_with_the_flags_that_read_them() {
    let (_folder, input, out) = clinic(&["a.png"]);
    let (black, red, yellow) = ([0; 3], [255, 0, 0], [255, 255, 0]);
    save(&input.join("masks/a.png"), coloured([black, red, yellow]));
    let error = refusal(&arguments(&input, &out, &[]));
    let flags = "--cup \"#ffff00\" --disc \"#ff0000\" --background \"#000000\"";
    assert!(error.contains("colours #000000 (") && error.contains(flags), "{error}");
    let flags = ["--cup", "#ffff00", "--disc", "#ff0000", "--background", "#000000"];
    let printed = succeed(&arguments(&input, &out, &flags));
    assert!(printed.contains("mean area over 1 mask: cup 9."), "{printed}");

    save(&input.join("masks/a.png"), coloured([black, red, red]));
    let error = refusal(&arguments(&input, &out, &["--cup", "1"]));
    assert!(error.contains("--disc-masks"), "{error}");
    let printed = succeed(&arguments(&input, &out, &["--disc-masks", "masks"]));
    assert!(printed.contains("mean area over 1 mask: disc ") && printed.contains("no mask shows a cup"), "{printed}");

    fs::rename(input.join("masks/a.png"), input.join("masks/other.png")).expect("the folder is writable");
    let error = refusal(&arguments(&input, &out, &[]));
    assert!(error.contains("1 mask, such as") && error.contains("other.png") && error.contains("--masks"), "{error}");
    let ran = output(&arguments(&input, &out, &["--cup", "red"]));
    assert_eq!(ran.status.code(), Some(2));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(
        said.contains("neither a level such as 128 nor a colour") && said.contains("did you mean \"#ff0000\""),
        "{said}"
    );
}
