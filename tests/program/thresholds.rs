//! Thresholds that a run calibrates on what it holds out, and who keeps them.

use std::fs;
use std::path::{Path, PathBuf};

use papilla::data::colours::Colours;
use papilla::data::{Dataset, Labels, RegionPixels, Split};
use papilla::device::Device;
use papilla::metrics::Calibration;
use papilla::train::{Checkpoint, Config, ResumeFrom, load_predictor};
use serde_json::Value;
use tempfile::TempDir;

use crate::clinics::unchanged_clinics;
use crate::running::{refusal, succeed, text};

/// A dataset with so many training regions that thresholds can be calibrated: those of the first clinic, five times.
pub fn enough_regions(folder: &TempDir) -> PathBuf {
    let (clinic, enough) = (unchanged_clinics().join("clinic-a"), folder.path().join("enough"));
    for kind in ["image", "mask"] {
        let [from, to] = [&clinic, &enough].map(|dataset| dataset.join("train/ROIs").join(kind));
        fs::create_dir_all(&to).expect("a folder");
        for entry in fs::read_dir(&from).expect("regions").map(|entry| entry.expect("listed")) {
            let name = entry.file_name().into_string().expect("a name");
            for copy in 'a'..='e' {
                fs::copy(entry.path(), to.join(format!("{copy}-{name}"))).expect("the folder is writable");
            }
        }
    }
    enough
}

fn document(stdout: &str) -> Value {
    serde_json::from_str(stdout).expect("--json prints one document")
}

#[test]
fn a_run_keeps_the_thresholds_of_the_weights_that_it_has_validated() {
    let folder = TempDir::new().expect("a temporary folder");
    let (source, run) = (enough_regions(&folder), folder.path().join("run"));
    let settings = ["--size", "32", "--batch", "4", "--steps", "1", "--checkpoint-every", "0.00001", "--seed", "3"];
    let settings = [&settings[..], &["--match-colours", "source"]].concat();
    let flags = ["--json", "train", "--source", text(&source), "--out", text(&run)];
    let told = document(&succeed(&[&flags[..], &settings].concat()));
    let kept = |which: ResumeFrom| Checkpoint::read(&which.path(&run)).expect("it is there").progress.calibration;
    let own: Calibration = kept(ResumeFrom::Last).expect("ten regions are enough");
    assert_eq!((own.regions, kept(ResumeFrom::Best)), (10, Some(own)));
    assert_eq!(told["thresholds"], own.to_string());
    let logged = fs::read_to_string(run.join("metrics.jsonl")).expect("the run logs");
    let validation = document(logged.lines().last().expect("a validation"));
    assert_eq!(validation["thresholds"]["regions"], 10);

    // Whoever calibrates the same weights afterwards comes to the same.
    let (last, out) = (ResumeFrom::Last.path(&run), folder.path().join("calibrated.safetensors"));
    let flags = ["--json", "adapt", "--thresholds", "--source", text(&source), "--checkpoint", text(&last)];
    let again = document(&succeed(&[&flags[..], &["--out", text(&out)]].concat()));
    assert_eq!(again["thresholds"], own.to_string());

    // And to the same colours: those of the regions that were trained on, which go with the weights.
    let (trained_on, _) =
        Dataset::open_split(&source, Split::Train, Labels::Required).expect("it is").hold_out_every_tenth();
    let colours = Colours::of_regions(trained_on.regions(), 32, || ()).expect("they are readable").expect("some");
    assert_eq!(again["colours"], colours.to_string());
    let image = RegionPixels::read(&trained_on.regions()[0]).expect("it is readable").image;
    let seen = [&last, &out].map(|file| {
        let network = load_predictor(&Device::Cpu, file, &Config::new(source.clone()), 1).expect("it is one");
        network.predictor.logits(&[&image]).expect("one image fits").remove(0).mask
    });
    assert_eq!(seen[0], seen[1], "the checkpoint brings images to them, and so do its weights");
    let flags = ["adapt", "--colours", "--source", text(&source), "--checkpoint", text(&last)];
    let error = refusal(&[&flags[..], &["--out", text(&folder.path().join("twice.safetensors"))]].concat());
    assert!(error.contains("was trained on images brought to the colours of its source"), "{error}");

    // After another step the weights are others; two steps on they have been validated.
    succeed(&["train", "--resume", text(&run), "--steps", "3"]);
    assert_eq!(kept(ResumeFrom::Previous), None);
    assert!(kept(ResumeFrom::Last).is_some());
}

#[test]
fn few_regions_calibrate_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    let (source, out) = (unchanged_clinics().join("clinic-a"), folder.path().join("a.safetensors"));
    let flags = ["adapt", "--thresholds", "--source", text(&source), "--checkpoint", text(Path::new("none"))];
    let error = refusal(&[&flags[..], &["--out", text(&out)]].concat());
    assert!(error.contains("has 20 training regions, of which 2 would be held out; thresholds need 10"), "{error}");
    assert!(!out.exists());
}
