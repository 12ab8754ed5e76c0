//! Event files, made by the writer alone and by whole runs, as TensorBoard's own package reads them.
//!
//! The package comes from pip into a virtual environment under `target/tmp`, once; `PAPILLA_TENSORBOARD_VENV` names
//! one to use instead. Without Python or a network the tests say so and are skipped.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use image::{Rgb, RgbImage};
use papilla::formats::EventWriter;
use serde_json::{Value, json};

use crate::jobs::Job;
use crate::running::text;

/// The release that the test was written with.
const PACKAGE: &str = "tensorboard==2.21.0";
const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/tensorboard/read_events.py");

fn interpreter(venv: &Path) -> PathBuf {
    venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

/// Runs to a successful end, or tells why not.
fn attempt(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// A Python that has the package, or why there is none.
fn python() -> Result<PathBuf, String> {
    // Tests run at the same time; one of them installs.
    static INSTALLATION: Mutex<()> = Mutex::new(());
    let _alone = INSTALLATION.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(venv) = env::var_os("PAPILLA_TENSORBOARD_VENV") {
        return Ok(interpreter(Path::new(&venv)));
    }
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tensorboard-venv");
    let (python, installed) = (interpreter(&venv), venv.join("installed"));
    if fs::read_to_string(&installed).is_ok_and(|package| package == PACKAGE) && python.exists() {
        return Ok(python);
    }
    attempt(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", PACKAGE];
    attempt(Command::new(&python).args(pip))?;
    // Written last: a venv without it is begun again.
    fs::write(&installed, PACKAGE).map_err(|error| format!("{}: {error}", installed.display()))?;
    Ok(python)
}

/// Runs the reader with every Python warning an error; gives stdout and stderr.
fn read(python: &Path, arguments: &[&str]) -> (String, String) {
    let output = attempt(Command::new(python).args(["-W", "error", READER]).args(arguments));
    let output = output.unwrap_or_else(|reason| panic!("{reason}"));
    [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("output is UTF-8")).into()
}

fn loss(step: u64) -> f32 {
    1.0 / (step as f32 + 3.0)
}

fn wall_time(step: u64) -> f64 {
    1_700_000_000.0 + step as f64 * 0.25
}

/// A picture that differs from step to step.
fn picture(step: u64) -> RgbImage {
    RgbImage::from_fn(7, 4, |x, y| Rgb([x as u8 * 36, y as u8 * 80, step as u8]))
}

fn log(writer: &mut EventWriter, step: u64) {
    let curves = [("loss/total", loss(step)), ("lr", 0.0), ("gap", if step == 2 { f32::NAN } else { 1e30 })];
    writer.scalars(step, wall_time(step), &curves).expect("the file is written");
    if step.is_multiple_of(10) {
        writer.image(step, wall_time(step), "pictures/input", &picture(step)).expect("the file is written");
    }
}

#[test]
fn tensorboard_reads_a_resumed_run_without_a_warning() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return harness::skip(format_args!("no TensorBoard to read with: {reason}")),
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run/tensorboard");
    let mut writer = EventWriter::open(&run, 0).expect("the file is made");
    (0..20).for_each(|step| log(&mut writer, step));
    let checkpoint = writer.bytes();
    (20..33).for_each(|step| log(&mut writer, step));
    drop(writer);
    let mut writer = EventWriter::open(&run, checkpoint).expect("the file is there");
    (20..40).for_each(|step| log(&mut writer, step));

    let (_, noise) = read(&python, &["--import"]);
    let (found, complaints) = read(&python, &[run.to_str().expect("temporary paths are UTF-8")]);
    assert_eq!(complaints, noise, "stderr is that of importing the package");
    let found: Value = serde_json::from_str(&found).expect("the reader prints JSON");

    let series = |value: fn(u64) -> Value| -> Vec<Value> {
        (0..40).map(|step| json!([wall_time(step), step, value(step)])).collect()
    };
    let curves = json!({
        "loss/total": series(|step| json!(f64::from(loss(step)))),
        "lr": series(|_| json!(0.0)),
        "gap": series(|step| if step == 2 { json!("nan") } else { json!(f64::from(1e30_f32)) }),
    });
    let pictures: Vec<Value> = (0..40)
        .step_by(10)
        .map(|step| {
            let bytes: String = picture(step).iter().map(|byte| format!("{byte:02x}")).collect();
            json!([wall_time(step), step, 7, 4, "RGB", 7, 4, bytes])
        })
        .collect();
    let pictures = json!({ "pictures/input": pictures });

    let accumulated = &found["accumulated"];
    assert_eq!(accumulated["file_version"], 2.0);
    assert_eq!(accumulated["scalars"], curves);
    assert_eq!(accumulated["images"], pictures);
    assert_eq!(accumulated["other"], json!({}));
    assert_eq!(found["provided"]["scalars"], json!({ ".": curves }));
    assert_eq!(found["provided"]["images"], json!({ ".": pictures }));
    let inspected = found["inspected"].as_str().expect("a text");
    for line in ["outoforder_steps     []", "max_step             39", "num_steps            40"] {
        assert!(inspected.contains(line), "{line}: {inspected}");
    }

    // What readers complain of would have been seen.
    let odd = folder.path().join("odd");
    let (_, complaints) = read(&python, &["--odd", odd.to_str().expect("temporary paths are UTF-8")]);
    assert!(complaints.len() > noise.len(), "a file with an oddity is complained of: `{complaints}`");
}

/// A series as the reader prints it: each entry is a time, a step, and what was logged.
type Series = Vec<Vec<Value>>;

/// Curves and pictures of a run by tag, read without a complaint beyond the noise of importing.
fn curves_and_pictures(python: &Path, noise: &str, run: &Path) -> [BTreeMap<String, Series>; 2] {
    let folder = run.join("tensorboard");
    assert_eq!(fs::read_dir(&folder).expect("the run logs").count(), 1, "a run has one event file");
    let (found, complaints) = read(python, &[text(&folder)]);
    assert_eq!(complaints, noise, "stderr is that of importing the package");
    let found: Value = serde_json::from_str(&found).expect("the reader prints JSON");
    assert_eq!(found["accumulated"]["other"], json!({}));
    ["scalars", "images"].map(|kind| {
        assert_eq!(found["provided"][kind]["."], found["accumulated"][kind], "{kind}");
        serde_json::from_value(found["accumulated"][kind].clone()).expect("series by tag")
    })
}

fn steps(series: &[Vec<Value>]) -> Vec<u64> {
    series.iter().map(|entry| entry[1].as_u64().expect("steps are counted")).collect()
}

/// Two epochs of three steps, the first of them the warm-up, with pictures at every second step.
fn assert_run_is_shown(curves: &BTreeMap<String, Series>, pictures: &BTreeMap<String, Series>) {
    for tag in ["total", "seg", "adv", "d_same", "d_diff", "lr"] {
        assert_eq!(steps(&curves[tag]), [0, 1, 2, 3, 4, 5], "{tag}");
    }
    for tag in ["align", "discriminative", "consistency"] {
        assert_eq!(steps(&curves[tag]), [3, 4, 5], "{tag}");
    }
    for tag in ["cup_dice", "disc_dice", "source_mean_dice"] {
        assert_eq!(steps(&curves[tag]), [3, 6], "{tag}");
    }
    let shown: BTreeMap<&str, Vec<u64>> = pictures.iter().map(|(tag, series)| (tag.as_str(), steps(series))).collect();
    let expected =
        [("input", vec![0, 2, 4]), ("prediction", vec![0, 2, 4]), ("pseudo_label", vec![4]), ("uncertainty", vec![4])];
    assert_eq!(shown, BTreeMap::from(expected));
    for (tag, series) in pictures {
        // The uncertainty of the cup stands beside that of the disc.
        let width = if tag == "uncertainty" { 64 } else { 32 };
        for entry in series {
            assert_eq!(entry[2..7], [json!(width), json!(32), json!("RGB"), json!(width), json!(32)], "{tag}");
        }
    }
}

/// What was logged, without when.
fn without_times(series: &BTreeMap<String, Series>) -> BTreeMap<&str, Vec<&[Value]>> {
    series.iter().map(|(tag, series)| (tag.as_str(), series.iter().map(|entry| &entry[1..]).collect())).collect()
}

#[test]
fn tensorboard_shows_an_adaptation_and_what_a_resumed_one_logs_once() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return harness::skip(format_args!("no TensorBoard to read with: {reason}")),
    };
    let job = Job::adapted();
    let (_, noise) = read(&python, &["--import"]);
    let [curves, pictures] = curves_and_pictures(&python, &noise, job.undisturbed());
    assert_run_is_shown(&curves, &pictures);
    let [resumed_curves, resumed_pictures] = curves_and_pictures(&python, &noise, job.resumed());
    assert_run_is_shown(&resumed_curves, &resumed_pictures);
    assert!(without_times(&resumed_curves) == without_times(&curves), "the same curves");
    assert!(without_times(&resumed_pictures) == without_times(&pictures), "the same pictures");
}
