//! `papilla adapt`: a trained network fitted to another camera.

use std::fs;
use std::path::Path;

use papilla::data::colours::Colours;
use papilla::formats::{Facts, Weights};
use papilla::metrics::Calibration;
use serde_json::Value;
use tempfile::TempDir;

use crate::jobs::Job;
use crate::running::{output, refusal, succeed, text};
use crate::thresholds::enough_regions;
use crate::training::metrics;

#[test]
fn statistics_of_the_other_camera_move_and_weights_stay() {
    let (job, folder) = (Job::plain(), TempDir::new().expect("a temporary folder"));
    let (run, out) = (job.undisturbed(), folder.path().join("adapted.safetensors"));
    let (source, target) = (job.clinic("clinic-a"), job.clinic("clinic-b"));
    // As many as are computed at once.
    let (all, few) = (target.join("train/ROIs/image"), folder.path().join("few"));
    fs::create_dir(&few).expect("a folder");
    for image in fs::read_dir(&all).expect("it is there").take(8).map(|entry| entry.expect("listed")) {
        fs::copy(image.path(), few.join(image.file_name())).expect("it can be copied");
    }
    let enough = enough_regions(&folder);
    let flags = ["adapt", "--json", "--statistics", "--checkpoint", text(run), "--target", text(&few)];
    let thresholds = ["--thresholds", "--source", text(&enough)];
    let stdout = succeed(&[&flags[..], &thresholds, &["--out", text(&out)]].concat());
    let document: Value = serde_json::from_str(&stdout).expect("one document");
    let moved = "0.6 of the way to those of 8 images";
    assert_eq!((&document["statistics"], &document["colours"]), (&moved.into(), &Value::Null), "{document}");
    let read = |path: &Path| Weights::read(path).expect("weights");
    let (before, after) = (read(&run.join("checkpoints/best.safetensors")), read(&out));
    assert_eq!(before.generator.len(), after.generator.len());
    for (name, tensor) in before.generator.iter() {
        let is_statistic = name.contains(".running_");
        assert_eq!(after.generator.get(name) == Some(tensor), !is_statistic, "{name}");
    }
    let stated = after.facts.get(Facts::STATISTICS).map(ToString::to_string);
    assert_eq!(stated.as_deref(), Some(moved));
    assert_eq!(after.facts.count(Facts::SIZE), Some(32));
    let stated = after.facts.get(Facts::THRESHOLDS).map(ToString::to_string).expect("they are stated");
    assert_eq!((stated.parse().map(|own: Calibration| own.regions), &document["thresholds"]), (Ok(10), &stated.into()));

    // The colours of the source, beside weights that stay, and no adapter is needed.
    let brought = folder.path().join("brought.safetensors");
    let flags = ["adapt", "--colours", "--source", text(&source), "--checkpoint", text(run), "--out", text(&brought)];
    let told = succeed(&flags);
    assert!(told.ends_with("images are brought to the colours of 20 images\n"), "{told}");
    let after = read(&brought);
    assert_eq!(before.generator, after.generator);
    let colours = after.facts.get(Facts::COLOURS).expect("they are stated").to_string();
    assert!(colours.parse::<Colours>().is_ok(), "{colours}");

    // Scales, which need no images and change what is predicted; whoever runs an ONNX file has to know them.
    let scaled = folder.path().join("scaled.safetensors");
    let told = succeed(&["adapt", "--scales", "0.8,1,1.25", "--checkpoint", text(&brought), "--out", text(&scaled)]);
    assert!(told.ends_with("images are seen at 3 scales (0.8,1,1.25)\n"), "{told}");
    assert!(read(&scaled).facts.get(Facts::COLOURS).is_some(), "what was there is kept");
    let masks = [&brought, &scaled].map(|weights| {
        let out = weights.with_extension("masks");
        succeed(&["predict", "--logits", "--checkpoint", text(weights), text(&few), "--out", text(&out)]);
        let file = fs::read_dir(&out).expect("it was made").map(|entry| entry.expect("listed").path());
        let file = file.filter(|path| path.extension().is_some_and(|end| end == "safetensors")).min();
        fs::read(file.expect("logits of an image")).expect("it is there")
    });
    assert!(masks[0] != masks[1], "scales make a difference");
    let onnx = output(&["convert", text(&scaled), text(&folder.path().join("scaled.onnx"))]);
    let said = String::from_utf8_lossy(&onnx.stderr);
    assert!(onnx.status.success() && said.contains("the scales at which images are seen"), "{said}");
    let wrong = ["adapt", "--scales", "0.8", "--checkpoint", text(&brought), "--out", text(&scaled)];
    let refused = output(&wrong);
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && error.contains("none of the scales is 1 or more"), "{error}");

    // Nothing is computed of what cannot be kept or used, and what is there stays.
    let (image, empty) = (target.join("train/ROIs/image"), folder.path().join("empty"));
    fs::create_dir(&empty).expect("a folder");
    let trans = Job::with_trans_norm();
    let [best, trans] = [run, trans.undisturbed()].map(|run| run.join("checkpoints/best.safetensors"));
    let bytes = fs::read(&best).expect("it is there");
    for (checkpoint, target, out, told) in [
        (&best, &image, folder.path().join("a.pth"), "does not end in `.safetensors`"),
        (&best, &image, best.clone(), "is read"),
        (&best, &empty, folder.path().join("a.safetensors"), "and 0 can be used"),
        (&trans, &image, folder.path().join("a.safetensors"), "TransNorm"),
        (&out, &image, folder.path().join("a.safetensors"), "moved already"),
    ] {
        let flags = ["--checkpoint", text(checkpoint), "--target", text(target), "--out", text(&out)];
        let error = refusal(&[&["adapt", "--statistics"], &flags[..]].concat());
        assert!(error.contains(told), "{error}");
        assert!(!folder.path().join("a.safetensors").exists());
    }
    assert!(fs::read(&best).expect("it is there") == bytes);
}

#[test]
fn the_recipe_is_a_run_that_learns_what_its_averages_say_of_the_target() {
    let (job, folder) = (Job::plain(), TempDir::new().expect("a temporary folder"));
    let (trained, out) = (job.undisturbed(), folder.path().join("adapted"));
    let (source, target) = (job.clinic("clinic-a"), job.clinic("clinic-b"));
    let from = ["adapt", "--checkpoint", text(trained)];
    let places = ["--source", text(&source), "--target", text(&target), "--out", text(&out)];
    let told = succeed(&[&from[..], &places, &["--steps", "1", "--seed", "5"]].concat());
    assert!(told.contains("1 step done") && told.contains("take the last"), "{told}");
    let lines = metrics(&out);
    let step = lines.iter().find(|line| line["step"] == 0).expect("the step is logged");
    // A network that has learnt so little may be sure of nothing, which gives 0.
    assert!(step["teacher"].as_f64().is_some_and(|loss| loss >= 0.0), "{step}");
    let validation = lines.iter().find(|line| line["validation"].is_object()).expect("a validation is logged");
    let entropy = validation["validation"]["unlabelled_disc_entropy"].as_f64().expect("the target is watched");
    assert!(entropy > 0.0 && entropy <= 1.0, "{validation}");
    let settings = fs::read_to_string(out.join("config.toml")).expect("a run has settings");
    for line in ["method = \"teacher\"", "augment = \"strong\"", "seed = 5", "steps = 1", "size = 32", "batch = 6"] {
        assert!(settings.lines().any(|own| own == line), "`{line}` is not in {settings}");
    }
    // The run begins with what it is to adapt, and is used like any other.
    assert!(settings.contains("best.safetensors"), "{settings}");
    let images = target.join("test/ROIs/image");
    succeed(&["predict", "--checkpoint", text(&out), text(&images), "--out", text(&folder.path().join("masks"))]);

    for (flags, words) in [
        (&["--source", text(&source)][..], "--source and --target are needed"),
        (&["--colours", "--source", text(&source), "--target", text(&target)], "looks at --target"),
        (&["--statistics", "--source", text(&source), "--target", text(&target)], "looks at --source"),
        (&["--colours", "--source", text(&source), "--steps", "3"], "--steps"),
        (&["--scales", "1,1.25", "--target", text(&target)], "looks at --target"),
    ] {
        let refused = output(&[&from[..], flags, &["--out", text(&out)]].concat());
        let error = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(2) && error.contains(words), "{flags:?}: {error}");
    }
    let error = refusal(&[&from[..], &places].concat());
    assert!(error.contains("already holds a run"), "{error}");
}
