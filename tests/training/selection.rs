//! What a run is validated on, and what the best checkpoint is chosen by.

use std::fs;

use tempfile::TempDir;

use crate::runs::{clinics, papilla, text};

#[test]
fn a_camera_without_any_label_can_be_adapted_to() {
    let folder = TempDir::new().expect("a temporary folder");
    let clinics = clinics(&folder);
    let (source, target, run) = (clinics.join("clinic-a"), clinics.join("clinic-b"), folder.path().join("run"));
    fs::remove_dir_all(target.join("train/ROIs/mask")).expect("the folder is there");
    fs::remove_dir_all(target.join("test")).expect("the folder is there");
    let flags = "--method beal --size 32 --batch 4 --steps 1 --seed 3";
    let mut arguments = vec!["train", "--source", text(&source), "--target", text(&target), "--out", text(&run)];
    arguments.extend(flags.split(' '));
    let output = papilla(&arguments).output().expect("the program runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("no labelled test regions"), "{stderr}");

    // Logs that were lost are not made up.
    fs::write(run.join("log.csv"), "").expect("the run can be written");
    let output = papilla(&["train", "--resume", text(&run)]).output().expect("the program runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("log.csv") && stderr.contains("0 bytes"), "{stderr}");
}
