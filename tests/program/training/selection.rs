//! What a run is validated on, and what the best checkpoint is chosen by.

use std::fs;

use papilla::formats::TensorFile;
use serde_json::Value;
use tempfile::TempDir;

use super::{VALIDATED, validations};
use crate::clinics::clinics;
use crate::running::{output, succeed, text};

#[test]
fn chosen_by_the_target_the_best_checkpoint_is_that_of_its_best_validation() {
    let folder = TempDir::new().expect("a temporary folder");
    let clinics = clinics(&folder);
    let (source, target, run) = (clinics.join("clinic-a"), clinics.join("clinic-b"), folder.path().join("run"));
    let flags = "--select target --size 32 --batch 10 --epochs 3 --validate-every 1 --seed 3";
    let mut arguments = vec!["train", "--source", text(&source), "--target", text(&target), "--out", text(&run)];
    arguments.extend(flags.split(' '));
    succeed(&arguments);

    let settings = fs::read_to_string(run.join("config.toml")).expect("the run has its settings");
    assert!(settings.lines().any(|line| line == r#"select = "target""#), "{settings}");
    let validations = validations(&run);
    assert_eq!(validations.len(), 3);
    let mut best: Option<(u64, f64, &Value)> = None;
    for line in &validations {
        assert_eq!([&line["dataset"], &line["select"]], ["target", "target"]);
        let values = &line["validation"];
        for name in VALIDATED {
            assert!(values[name].as_f64().is_some_and(|v| (0.0..=1.0).contains(&v)), "{name}: {line}");
            assert_eq!(values[name], values[format!("target_{name}")], "{name}");
        }
        assert_eq!(values.as_object().map(|values| values.len()), Some(2 * VALIDATED.len()), "nothing is held out");
        let [cup, disc, mean] = ["cup_dice", "disc_dice", "mean_dice"].map(|name| values[name].as_f64());
        let mean = mean.expect("a number");
        assert!(cup.zip(disc).is_some_and(|(cup, disc)| ((cup + disc) / 2.0 - mean).abs() < 1e-12), "{line}");
        if best.is_none_or(|(_, dice, _)| mean > dice) {
            best = Some((line["epoch"].as_u64().expect("epochs are counted"), mean, values));
        }
    }
    let (epoch, dice, values) = best.expect("there are validations");

    let checkpoint = run.join("checkpoints/best.safetensors");
    let metadata = TensorFile::read_metadata(&checkpoint).expect("the run ended");
    assert_eq!(metadata["step"], (2 * (epoch + 1)).to_string(), "two batches of 10 in an epoch");
    let kept = metadata["best_mean_dice_bits"].parse().map(f64::from_bits).expect("the bits of a number");
    assert!((kept - dice).abs() < 1e-12, "{kept} and {dice}");
    let test = target.join("test");
    let evaluated = succeed(&["--json", "evaluate", "--checkpoint", text(&checkpoint), "--data", text(&test)]);
    let document: Value = serde_json::from_str(&evaluated).expect("--json prints one document");
    // Nobody takes these figures for those of new images.
    let (seen, regions) = (&document["seen_in_training"], &document["regions"]);
    assert_eq!((&seen["trained_on"], &seen["chosen_by"]), (&0.into(), regions), "{seen}");
    let notes = document["notes"].as_array().expect("a list");
    assert!(notes.iter().any(|note| note.as_str().is_some_and(|note| note.contains("chose its best checkpoint"))));
    for (structure, name) in [("cup", "cup_dice"), ("disc", "disc_dice")] {
        let [evaluated, logged] = [&document["postprocessed"][structure]["dice"], &values[name]].map(Value::as_f64);
        // Other batches may be computed by other kernels, and then a pixel may fall on the threshold's other side.
        let close = evaluated.zip(logged).is_some_and(|(a, b)| (a - b).abs() < 2e-3);
        assert!(close, "{name}: {evaluated:?} and {logged:?}");
    }
}

#[test]
fn target_regions_without_masks_are_counted_and_the_source_is_named_instead() {
    let folder = TempDir::new().expect("a temporary folder");
    let clinics = clinics(&folder);
    let (source, target, run) = (clinics.join("clinic-a"), clinics.join("clinic-b"), folder.path().join("run"));
    let mut masks = fs::read_dir(target.join("test/ROIs/mask")).expect("the folder is there");
    fs::remove_file(masks.next().expect("three masks").expect("listed").path()).expect("the file is there");
    let mut arguments = vec!["train", "--source", text(&source), "--target", text(&target), "--out", text(&run)];
    arguments.extend(["--size", "32", "--batch", "4", "--steps", "1"]);
    let output = output(&arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    for words in ["2 of 3 test regions", "not validated on", "Dice source cup"] {
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
    let trained = output(&arguments);
    let stderr = String::from_utf8_lossy(&trained.stderr);
    assert!(trained.status.success(), "{stderr}");
    assert!(stderr.contains("no labelled test regions"), "{stderr}");

    // Logs that were lost are not made up, and keep nothing from going on.
    fs::write(run.join("log.csv"), "").expect("the run can be written");
    let output = output(&["train", "--resume", text(&run)]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("log.csv") && stderr.contains("holds 0 of the"), "{stderr}");
}
