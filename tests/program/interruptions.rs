//! Programs that a signal ends at a moment of chance: what was whole stays whole, and the next call goes on from there.

#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use papilla::formats::TensorFile;
use papilla::nn::Norm;
use papilla::train::Checkpoint;
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::clinics::clinics;
use crate::convert::files::networks;
use crate::running::{papilla, succeed, text};

const SIGNALS: [&str; 3] = ["INT", "TERM", "KILL"];
/// Whoever's notes lie beside everything.
const NOTES: &str = "notes.txt";

/// A verb in a folder of its own.
struct Verb {
    name: &'static str,
    /// of the first call
    begin: Vec<String>,
    /// of all others
    again: Vec<String>,
    folder: PathBuf,
    /// files that are there as soon as one call has ended, whatever happens afterwards
    kept: Vec<PathBuf>,
}

/// Checks that every file below a folder is whole, and that nothing temporary is left unless a program was killed.
fn assert_whole(verb: &Verb, signal: &str) {
    assert_eq!(fs::read(verb.folder.join(NOTES)).expect("they are still there"), b"mine");
    for entry in WalkDir::new(&verb.folder).into_iter().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy());
        let context = format!("{} after {signal}: {}", verb.name, path.display());
        if path.components().any(|part| part.as_os_str().to_string_lossy().starts_with(".papilla-")) {
            assert_eq!(signal, "KILL", "{context} is left");
            continue;
        }
        if !entry.file_type().is_file() || name == NOTES {
            continue;
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("png") => drop(image::open(path).unwrap_or_else(|error| panic!("{context}: {error}"))),
            Some("json") => drop(
                serde_json::from_slice::<serde_json::Value>(&fs::read(path).expect("a file"))
                    .unwrap_or_else(|error| panic!("{context}: {error}")),
            ),
            Some("safetensors") if verb.name == "train" => {
                drop(Checkpoint::read(path).unwrap_or_else(|error| panic!("{context}: {error}")));
            }
            Some("safetensors") => drop(TensorFile::read(path).unwrap_or_else(|error| panic!("{context}: {error}"))),
            Some("html") => {
                assert!(fs::read_to_string(path).expect("a file").trim_end().ends_with("</html>"), "{context}")
            }
            Some("csv") if verb.name != "train" => {
                assert!(fs::read_to_string(path).expect("a file").ends_with('\n'), "{context}");
            }
            _ => {}
        }
    }
    for file in &verb.kept {
        assert!(file.exists(), "{} after {signal}: {} is gone", verb.name, file.display());
    }
}

/// Starts a call and sends a signal after a while; gives whether it came before the end.
fn interrupted(arguments: &[String], signal: &str, after: Duration) -> bool {
    let mut child = papilla(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program runs");
    std::thread::sleep(after);
    if child.try_wait().expect("the child can be asked").is_none() {
        let sent = format!("kill -{signal} {} 2>/dev/null", child.id());
        Command::new("sh").args(["-c", &sent]).status().expect("there is a shell");
    }
    !child.wait().expect("the child ends").success()
}

/// Interrupts a verb so many times at moments spread over the time that it takes, then lets it end; gives how many of these it did
/// not survive.
fn interrupt(verb: &Verb, times: usize, seed: u64) -> usize {
    fs::create_dir_all(&verb.folder).expect("a folder");
    fs::write(verb.folder.join(NOTES), "mine").expect("a file");
    let begun = Instant::now();
    succeed(&verb.begin);
    let whole = begun.elapsed();
    assert_whole(verb, "no signal");
    let mut stopped = 0;
    for (after, signal) in moments(whole, seed).take(times) {
        stopped += usize::from(interrupted(&verb.again, signal, after));
        assert_whole(verb, signal);
        // A killed program's leftovers go with the next call.
        if signal == "KILL" {
            succeed(&verb.again);
            assert_whole(verb, "the call after KILL");
        }
    }
    succeed(&verb.again);
    assert_whole(verb, "the last call");
    stopped
}

/// Signals at moments of chance within a time.
fn moments(within: Duration, seed: u64) -> impl Iterator<Item = (Duration, &'static str)> {
    // A linear congruential generator (Knuth's MMIX), whose upper bits are random enough for that.
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    let random = std::iter::successors(Some(seed), next).skip(2);
    let share = |state: u64| (state >> 33) as f64 / (1u64 << 31) as f64;
    random.map(move |state| within.mul_f64(share(state))).zip(SIGNALS.into_iter().cycle())
}

/// Interrupts a training so many times on its way, and lets it come to its end: no step that was saved is lost.
fn interrupt_training(verb: &Verb, times: usize, seed: u64) -> usize {
    fs::create_dir_all(&verb.folder).expect("a folder");
    fs::write(verb.folder.join(NOTES), "mine").expect("a file");
    let last = verb.folder.join("run/checkpoints/last.safetensors");
    let saved = || if last.exists() { Checkpoint::read(&last).expect("it is whole").progress.step } else { 0 };
    let (mut stopped, mut steps) = (0, 0);
    for (after, signal) in moments(Duration::from_secs(8), seed).take(times) {
        stopped += usize::from(interrupted(if last.exists() { &verb.again } else { &verb.begin }, signal, after));
        assert!(saved() >= steps, "after {signal}: {} of {steps} steps", saved());
        steps = saved();
        let mut present =
            Verb { kept: Vec::new(), begin: Vec::new(), again: Vec::new(), folder: verb.folder.clone(), ..*verb };
        present.kept.extend(verb.kept.iter().filter(|_| steps > 0).cloned());
        assert_whole(&present, signal);
    }
    succeed(&verb.again);
    assert_whole(verb, "the last call");
    stopped
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| argument.to_string()).collect()
}

fn verb(root: &Path, name: &'static str, arguments: &[&str], kept: &[&str]) -> Verb {
    let folder = root.join(name);
    let kept = kept.iter().map(|file| folder.join(file)).collect();
    Verb { name, begin: owned(arguments), again: owned(arguments), folder, kept }
}

/// Verbs that need no adapter.
fn light(root: &Path) -> Vec<Verb> {
    let (data, run, weights) = (root.join("pairs"), root.join("some-run"), root.join("weights.safetensors"));
    for (kind, colours) in
        [("images", [[90, 50, 20], [200, 120, 60], [250, 220, 160]]), ("masks", [[255; 3], [128; 3], [0; 3]])]
    {
        fs::create_dir_all(data.join(kind)).expect("a folder");
        for index in 0..6 {
            let class = |x: u32, y: u32| match x.abs_diff(100).max(y.abs_diff(60)) {
                0..12 => 2,
                12..25 => 1,
                _ => 0,
            };
            let picture = image::RgbImage::from_fn(160, 120, |x, y| image::Rgb(colours[class(x, y)]));
            picture.save(data.join(kind).join(format!("{index}.png"))).expect("a file");
        }
    }
    fs::create_dir(&run).expect("a folder");
    fs::write(run.join("config.toml"), "source = 'clinic'").expect("a file");
    networks(Norm::Batch, &[]).write(&weights).expect("a file");
    let at = |path: &str| root.join(path).display().to_string();
    let prepare =
        ["prepare", "--layout", "pairs", "--input", text(&data), "--output", &at("prepare/out"), "--size", "64"];
    vec![
        verb(
            root,
            "synth",
            &["synth", "--out", &at("synth/out"), "--size", "64", "--train", "6", "--test", "2"],
            &["out/clinic-b/test/ROIs/mask/clinic-b-test-0002.png"],
        ),
        // The whole dataset at every moment: that of before, or that of now.
        verb(root, "prepare", &prepare, &["out/prepare.csv", "out/contact-sheet.png", "out/train/ROIs/mask/1.png"]),
        verb(root, "report", &["report", "--no-images", text(&run), "--out", &at("report/page.html")], &["page.html"]),
        verb(root, "convert", &["convert", text(&weights), &at("convert/out.pth.tar")], &["out.pth.tar"]),
        verb(root, "man", &["man", "--out", &at("man/pages")], &["pages/papilla.1", "pages/papilla-train.1"]),
    ]
}

/// Verbs that compute.
fn heavy(folder: &TempDir) -> Vec<Verb> {
    let (root, data) = (folder.path(), clinics(folder).join("clinic-a"));
    let at = |path: &str| root.join(path).display().to_string();
    let step = ["--size", "32", "--batch", "4", "--epochs", "40", "--checkpoint-every", "0.00001"];
    let begin = ["train", "--source", text(&data), "--out", &at("train/run")];
    let mut train = verb(root, "train", &[&begin[..], &step].concat(), &["run/checkpoints/last.safetensors"]);
    train.again = owned(&["train", "--resume", &at("train/run")]);
    let checkpoint = at("train/run/checkpoints/best.safetensors");
    let (images, split) = (data.join("test/ROIs/image"), data.join("test"));
    let predict = ["predict", "--checkpoint", &checkpoint, text(&images), "--out", &at("predict/out"), "--logits"];
    let evaluate = ["evaluate", "--checkpoint", &checkpoint, "--data", text(&split), "--out", &at("evaluate/out")];
    let adapt = ["adapt", "--colours", "--source", text(&data), "--statistics", "--target", text(&images)];
    let adapted = at("adapt/out.safetensors");
    let adapt = [&adapt[..], &["--checkpoint", &checkpoint, "--out", &adapted]].concat();
    vec![
        train,
        verb(root, "predict", &predict, &["out/predictions.csv"]),
        verb(root, "evaluate", &evaluate, &["out/summary.json", "out/metrics.csv"]),
        verb(root, "adapt", &adapt, &["out.safetensors"]),
    ]
}

#[test]
fn interrupted_verbs_leave_everything_whole() {
    let folder = TempDir::new().expect("a temporary folder");
    for (seed, verb) in
        light(folder.path()).iter().enumerate().filter(|(_, verb)| ["synth", "prepare"].contains(&verb.name))
    {
        interrupt(verb, 6, seed as u64 + 1);
    }
}

/// `cargo test --release --test program two_hundred -- --ignored --nocapture`; a quarter of an hour on two cores.
#[test]
#[ignore = "a quarter of an hour"]
fn two_hundred_interruptions_lose_nothing() {
    /// Signals to each verb.
    const EACH: usize = 25;
    let folder = TempDir::new().expect("a temporary folder");
    let light = light(folder.path());
    let heavy = heavy(&folder);
    let (mut times, mut stopped) = (0, 0);
    for (seed, verb) in light.iter().chain(&heavy).enumerate() {
        let begun = Instant::now();
        let by_chance = if verb.name == "train" { interrupt_training } else { interrupt };
        let found = by_chance(verb, EACH, 1000 + seed as u64);
        println!("{:9} {EACH} signals, {found} before its end, {:.0} s", verb.name, begun.elapsed().as_secs_f64());
        (times, stopped) = (times + EACH, stopped + found);
    }
    println!("{times} signals, {stopped} before the end, nothing lost");
    assert!(times >= 200 && stopped > times / 3, "{stopped} of {times}: most came too late");
}
