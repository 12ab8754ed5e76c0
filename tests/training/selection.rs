//! What a run is validated on, and what the best checkpoint is chosen by.

use std::fs;

use tempfile::TempDir;

use crate::runs::{clinics, papilla, text};
use crate::{VALIDATED, validations};

#[test]
fn target_regions_without_masks_are_counted_and_the_source_is_named_instead() {
    let folder = TempDir::new().expect("a temporary folder");
    let clinics = clinics(&folder);
    let (source, target, run) = (clinics.join("clinic-a"), clinics.join("clinic-b"), folder.path().join("run"));
    let mut masks = fs::read_dir(target.join("test/ROIs/mask")).expect("the folder is there");
    fs::remove_file(masks.next().expect("three masks").expect("listed").path()).expect("the file is there");
    let mut arguments = vec!["train", "--source", text(&source), "--target", text(&target), "--out", text(&run)];
    arguments.extend(["--size", "32", "--batch", "2", "--steps", "1"]);
    let output = papilla(&arguments).output().expect("the program runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    for words in ["2 of 3 test regions", "not validated on", "Dice of source cup"] {
        assert!(stderr.contains(words), "`{words}` is not in: {stderr}");
    }

    let validations = validations(&run);
    assert_eq!(validations.len(), 1);
    assert_eq!([&validations[0]["dataset"], &validations[0]["select"]], ["source", "source"]);
    let values = &validations[0]["validation"];
    assert_eq!(values["cup_dice"], values["source_cup_dice"]);
    assert_eq!(values.as_object().map(|values| values.len()), Some(2 * VALIDATED.len()));
    let table = fs::read_to_string(run.join("log.csv")).expect("the run logs");
    assert!(table.lines().next().is_some_and(|titles| titles.ends_with(",cup_dice,disc_dice,dataset")), "{table}");
    assert!(table.lines().last().is_some_and(|row| row.ends_with(",source")), "{table}");
}

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
