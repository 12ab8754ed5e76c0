//! A small run from synthetic clinics to predictions, and a killed run that ends like an undisturbed one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use papilla::formats::{HostTensor, TensorFile};
use serde_json::Value;
use tempfile::TempDir;

fn papilla(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("papilla"));
    command.args(arguments);
    command
}

/// Runs to a successful end and gives what was printed on stdout.
fn succeed(arguments: &[&str]) -> String {
    let output = papilla(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

fn clinics(folder: &TempDir) -> PathBuf {
    let out = folder.path().join("clinics");
    succeed(&["synth", "--out", text(&out), "--size", "64", "--train", "20", "--test", "3", "--seed", "7"]);
    out
}

const SETTINGS: [&str; 10] = ["--size", "32", "--batch", "4", "--epochs", "2", "--validate-every", "1", "--seed", "3"];

#[test]
fn from_synthetic_clinics_to_predictions() {
    let folder = TempDir::new().expect("a temporary folder");
    let clinics = clinics(&folder);
    let (source, target, run) = (clinics.join("clinic-a"), clinics.join("clinic-b"), folder.path().join("run"));
    let mut arguments = vec!["train", "--source", text(&source), "--target", text(&target), "--out", text(&run)];
    arguments.extend(SETTINGS);
    succeed(&arguments);

    let metrics = fs::read_to_string(run.join("metrics.jsonl")).expect("the run logs");
    let lines: Vec<Value> = metrics.lines().map(|l| serde_json::from_str(l).expect("lines are JSON")).collect();
    let steps: Vec<&Value> = lines.iter().filter(|l| l.get("step").is_some()).collect();
    assert_eq!(steps.len(), 8, "18 regions without the held-out ones give 4 batches of 4, twice");
    for (index, line) in steps.iter().enumerate() {
        assert_eq!(line["step"], index);
        assert!(line["total"].as_f64().is_some_and(|v| v > 0.0 && v.is_finite()), "{line}");
        assert_eq!(line["total"], line["seg"]);
    }
    let validations: Vec<&Value> = lines.iter().filter(|l| l.get("validation").is_some()).collect();
    assert_eq!(validations.len(), 2);
    for name in ["cup_dice", "disc_dice", "source_mean_dice"] {
        assert!(validations[1]["validation"][name].is_number(), "{name}: {}", validations[1]);
    }
    let rows = fs::read_to_string(run.join("log.csv")).expect("the run logs");
    assert_eq!(rows.lines().count(), 1 + 8 + 2);
    let columns = rows.lines().next().map_or(0, |l| l.split(',').count());
    assert!(rows.lines().all(|l| l.split(',').count() == columns), "{rows}");

    let best = run.join("checkpoints/best.safetensors");
    let test = target.join("test");
    let out = folder.path().join("evaluation");
    let evaluated =
        succeed(&["--json", "evaluate", "--checkpoint", text(&best), "--data", text(&test), "--out", text(&out)]);
    let document: Value = serde_json::from_str(&evaluated).expect("--json prints one document");
    assert_eq!(document["images"], 3);
    for stage in ["raw", "postprocessed"] {
        assert!(document[stage]["disc"]["dice"].is_number());
        assert!(document[stage]["cup"]["iou_ci95"].is_array());
    }
    assert_eq!(fs::read_to_string(out.join("metrics.csv")).expect("the table is written").lines().count(), 4);

    let predicted = folder.path().join("predicted");
    let images = test.join("ROIs/image");
    succeed(&["predict", "--checkpoint", text(&best), text(&images), "--out", text(&predicted), "--logits"]);
    let names: Vec<_> =
        fs::read_dir(&images).expect("the folder is there").map(|e| e.expect("listed").path()).collect();
    for image in names {
        let name = image.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let mask = image::open(predicted.join(format!("{name}_mask.png"))).expect("a mask is written").to_luma8();
        assert_eq!(mask.dimensions(), (64, 64));
        assert!(mask.pixels().all(|p| [0, 128, 255].contains(&p.0[0])));
        assert!(predicted.join(format!("{name}_overlay.png")).exists());
        let logits = TensorFile::read(&predicted.join(format!("{name}.safetensors"))).expect("logits are written");
        assert_eq!(logits.tensors["mask"].shape, [1, 2, 64, 64]);
        assert_eq!(logits.tensors["boundary"].shape, [1, 1, 64, 64]);
    }
    assert_eq!(fs::read_to_string(predicted.join("predictions.csv")).expect("the table is written").lines().count(), 4);

    // A damaged image costs its own results only.
    fs::write(images.join("damaged.png"), "no image").expect("a temporary file can be written");
    let again = folder.path().join("predicted-again");
    let arguments = ["predict", "--checkpoint", text(&best), text(&images), "--out", text(&again)];
    let output = papilla(&arguments).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("damaged.png"));
    let tables = [&predicted, &again].map(|f| fs::read_to_string(f.join("predictions.csv")).expect("a table"));
    assert_eq!(tables[0], tables[1]);
}

/// Tensors of a checkpoint, and the metadata that do not depend on how long steps took.
fn contents(run: &Path, checkpoint: &str) -> (BTreeMap<String, HostTensor>, String, String) {
    let file = TensorFile::read(&run.join(format!("checkpoints/{checkpoint}.safetensors"))).expect("the run ended");
    (file.tensors, file.metadata["step"].clone(), file.metadata["best_mean_dice_bits"].clone())
}

/// Lines of `metrics.jsonl` and rows of `log.csv`, without how long steps took.
fn logs(run: &Path) -> (Vec<Value>, Vec<Vec<String>>) {
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).expect("the run logs");
    let mut lines: Vec<Value> = metrics.lines().map(|l| serde_json::from_str(l).expect("lines are JSON")).collect();
    for line in &mut lines {
        line.as_object_mut().expect("lines are objects").remove("seconds");
    }
    let table = fs::read_to_string(run.join("log.csv")).expect("the run logs");
    let mut rows: Vec<Vec<String>> = table.lines().map(|l| l.split(',').map(str::to_string).collect()).collect();
    let seconds = rows[0].iter().position(|title| title == "seconds").expect("a column of the table");
    for row in &mut rows {
        row.remove(seconds);
    }
    (lines, rows)
}

/// A run with a checkpoint after each step: its flags without `--out`, and where it goes.
struct Killable {
    flags: Vec<String>,
    folder: TempDir,
}

impl Killable {
    fn new(flags: &[&str]) -> Killable {
        let folder = TempDir::new().expect("a temporary folder");
        let clinics = clinics(&folder);
        let (source, target) = (clinics.join("clinic-a"), clinics.join("clinic-b"));
        let data = ["train", "--checkpoint-every", "0.00001", "--source", text(&source), "--target", text(&target)];
        let flags = data.iter().chain(flags).map(|flag| flag.to_string()).collect();
        Killable { flags, folder }
    }

    fn command(&self, run: &Path) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("papilla"));
        command.args(&self.flags).args(["--out", text(run)]).stderr(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn undisturbed(&self) -> PathBuf {
        let run = self.folder.path().join("undisturbed");
        assert!(self.command(&run).status().expect("the program runs").success());
        run
    }

    /// Starts a run and kills it as soon as `due` says so of its folder.
    fn killed(&self, name: &str, due: impl Fn(&Path) -> bool) -> PathBuf {
        let run = self.folder.path().join(name);
        let mut child = self.command(&run).spawn().expect("the program runs");
        let begun = Instant::now();
        while !due(&run) && child.try_wait().expect("the child can be asked").is_none() {
            assert!(begun.elapsed() < Duration::from_secs(300), "{name}: the moment did not come");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
        run
    }
}

/// Steps that a run has logged.
fn logged(run: &Path) -> usize {
    fs::read_to_string(run.join("log.csv")).map_or(0, |text| text.lines().count().saturating_sub(1))
}

/// Whether a checkpoint is being written, or was when the program was killed.
fn is_writing(run: &Path) -> bool {
    let Ok(entries) = fs::read_dir(run.join("checkpoints")) else { return false };
    entries
        .flatten()
        .any(|e| e.file_name().to_string_lossy().ends_with(".tmp") && e.metadata().is_ok_and(|m| m.len() > 0))
}

/// Resumes a run and compares all it leaves with that of the undisturbed one.
fn assert_resumes_to(undisturbed: &Path, run: &Path) {
    succeed(&["train", "--resume", text(run)]);
    let name = run.display();
    for checkpoint in ["last", "best"] {
        let (expected, got) = (contents(undisturbed, checkpoint), contents(run, checkpoint));
        assert_eq!((&got.1, &got.2), (&expected.1, &expected.2), "{name}");
        assert_eq!(got.0.len(), expected.0.len(), "{name}");
        for (tensor, value) in &expected.0 {
            assert!(value.same_bits(&got.0[tensor]), "`{tensor}` of {checkpoint} differs in {name}");
        }
    }
    assert_eq!(logs(run), logs(undisturbed), "{name}");
    assert!(!is_writing(run), "{name} holds a half-written checkpoint");
}

#[test]
fn a_killed_run_ends_like_an_undisturbed_one() {
    let job = Killable::new(&SETTINGS);
    let undisturbed = job.undisturbed();
    for steps in [1, 6] {
        let run = job.killed(&format!("killed-{steps}"), |run| logged(run) >= steps);
        assert_resumes_to(&undisturbed, &run);
    }
}

#[test]
fn an_adaptation_killed_before_and_after_the_warm_up_and_within_a_checkpoint_ends_like_an_undisturbed_one() {
    let flags = "--method clr --warmup-epochs 0 --size 32 --batch 6 --epochs 2 --stochastic-passes 2 --seed 3";
    let job = Killable::new(&flags.split(' ').collect::<Vec<_>>());
    let undisturbed = job.undisturbed();
    assert_eq!(logged(&undisturbed), 6 + 1, "steps, and a validation");
    let in_warm_up = job.killed("killed-in-warm-up", |run| logged(run) >= 2);
    assert_resumes_to(&undisturbed, &in_warm_up);
    let after_it = job.killed("killed-after-warm-up", |run| logged(run) >= 5);
    assert_resumes_to(&undisturbed, &after_it);
    // A kill may come just after the last byte; a few attempts make sure that one comes before it.
    let torn = (0..5).map(|attempt| job.killed(&format!("torn-{attempt}"), |run| logged(run) >= 4 && is_writing(run)));
    let torn = torn.into_iter().find(|run| is_writing(run)).expect("a kill within a write leaves its temporary file");
    assert_resumes_to(&undisturbed, &torn);
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
