//! Bad input: one sentence that names the file or value, exit status 1, or 2 for flags; nothing half-written, nothing lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::{GrayImage, Luma, Rgb, RgbImage};
use tempfile::TempDir;

use crate::running::{DEFECT, output, papilla, text};

/// Checks the exit status and that the error is one line that contains every word; gives the line.
fn refused(arguments: &[&str], words: &[&str]) -> String {
    assert_refused(&output(arguments), 1, words)
}

fn flags_refused(arguments: &[&str], words: &[&str]) -> String {
    assert_refused(&output(arguments), 2, words)
}

fn assert_refused(output: &Output, status: i32, words: &[&str]) -> String {
    let error = crate::running::refused(output, status);
    for word in words {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
    error
}

/// A dataset of `count` regions of 48 pixels with a disc and a cup.
fn dataset(root: &Path, count: usize) -> PathBuf {
    let dataset = root.join("clinic");
    for split in ["train", "test"] {
        let rois = dataset.join(split).join("ROIs");
        fs::create_dir_all(rois.join("image")).expect("a temporary folder can be written");
        fs::create_dir_all(rois.join("mask")).expect("a temporary folder can be written");
        for index in 0..count {
            region(&rois, &format!("r{index:02}"), [48, 48], [48, 48], &[0, 128]);
        }
    }
    dataset
}

/// Writes an image and a mask with the given levels in rings around the centre.
fn region(rois: &Path, name: &str, image: [u32; 2], mask: [u32; 2], levels: &[u8]) {
    let pixels = RgbImage::from_fn(image[0], image[1], |x, y| Rgb([200, (x * 3) as u8, (y * 3) as u8]));
    pixels.save(rois.join("image").join(format!("{name}.png"))).expect("a temporary file can be written");
    let rings = GrayImage::from_fn(mask[0], mask[1], |x, y| {
        let distance = x.abs_diff(mask[0] / 2).max(y.abs_diff(mask[1] / 2)) as usize;
        Luma([levels.get(distance / 6).copied().unwrap_or(255)])
    });
    rings.save(rois.join("mask").join(format!("{name}.png"))).expect("a temporary file can be written");
}

/// Trains on a dataset for one step and expects a refusal that leaves no run behind.
fn training_refused(folder: &TempDir, dataset: &Path, words: &[&str]) -> String {
    let out = folder.path().join("run");
    let size = ["--size", "32", "--batch", "4", "--steps", "1"];
    let mut arguments = vec!["train", "--source", text(dataset), "--out", text(&out)];
    arguments.extend(size);
    let line = refused(&arguments, words);
    assert!(!out.exists(), "a refused run leaves nothing behind");
    line
}

#[test]
fn a_missing_dataset() {
    let folder = TempDir::new().expect("a temporary folder");
    training_refused(&folder, &folder.path().join("nowhere"), &["nowhere"]);
}

#[test]
fn an_empty_dataset() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 0);
    training_refused(&folder, &dataset, &["train", "no image"]);
}

#[test]
fn an_image_without_a_mask() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    fs::remove_file(dataset.join("train/ROIs/mask/r03.png")).expect("the file is there");
    training_refused(&folder, &dataset, &["r03.png", "mask"]);
}

#[test]
fn an_image_and_a_mask_of_different_sizes() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    region(&dataset.join("train/ROIs"), "r04", [48, 48], [48, 40], &[0, 128]);
    training_refused(&folder, &dataset, &["r04.png", "48", "40"]);
}

#[test]
fn a_truncated_image() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    let path = dataset.join("train/ROIs/image/r05.png");
    let bytes = fs::read(&path).expect("the file is there");
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("a temporary file can be written");
    training_refused(&folder, &dataset, &["r05.png"]);
}

#[test]
fn a_header_of_60000_by_60000_pixels() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(chunk(b"IHDR", &[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60, 8, 2, 0, 0, 0]));
    png.extend(chunk(b"IDAT", &[0x78, 0x9c, 0x63, 0, 0]));
    fs::write(dataset.join("train/ROIs/image/r06.png"), png).expect("a temporary file can be written");
    training_refused(&folder, &dataset, &["r06.png", "60000"]);
}

/// A chunk of a PNG file.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind.as_slice(), data].concat();
    [&(data.len() as u32).to_be_bytes()[..], &body, &crc32(&body).to_be_bytes()[..]].concat()
}

/// The checksum of PNG chunks (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 })
    })
}

#[test]
fn a_mask_without_a_disc() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    region(&dataset.join("train/ROIs"), "r07", [48, 48], [48, 48], &[]);
    training_refused(&folder, &dataset, &["r07.png", "disc"]);
}

#[test]
fn a_mask_without_a_cup_is_named_and_kept() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    region(&dataset.join("train/ROIs"), "r08", [48, 48], [48, 48], &[128]);
    let out = folder.path().join("run");
    let arguments = ["train", "--source", text(&dataset), "--out", text(&out), "--size", "32", "--batch", "4"];
    let output = output(&[&arguments[..], &["--steps", "1"]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("r08.png") && stderr.contains("no cup"), "{stderr}");
}

#[test]
fn too_few_regions() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 3);
    training_refused(&folder, &dataset, &["3 regions", "10"]);
}

#[test]
fn weights_that_do_not_fit_or_cannot_be_read() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    let file = folder.path().join("weights.pth");
    let test = dataset.join("test");
    let evaluate = ["evaluate", "--checkpoint", text(&file), "--data", text(&test), "--size", "32"];

    refused(&evaluate, &["weights.pth"]);

    // Another architecture: the first weight has another shape, the rest is missing.
    let header = br#"{"backbone.features.0.0.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let mut other = (header.len() as u64).to_le_bytes().to_vec();
    other.extend(header);
    other.extend(1.0f32.to_le_bytes());
    fs::write(&file, other).expect("a temporary file can be written");
    refused(&evaluate, &["weights.pth", "does not fit"]);

    // A pickle that would run a command: `posix.system("true")`.
    let hostile = b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.";
    fs::write(&file, hostile).expect("a temporary file can be written");
    refused(&evaluate, &["weights.pth"]);

    fs::write(&file, &b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M"[..])
        .expect("a temporary file can be written");
    refused(&evaluate, &["weights.pth"]);
}

/// A write that fails half way: the limit on file sizes stands in for a full disk.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_while_saving() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    let out = folder.path().join("run");
    let program = env!("CARGO_BIN_EXE_papilla");
    let script = format!(
        "ulimit -f 2000; exec '{}' train --source '{}' --out '{}' --size 32 --batch 4 --steps 1",
        program,
        dataset.display(),
        out.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().expect("a shell runs");
    assert_refused(&output, 1, &["last.safetensors"]);
    let left: Vec<_> = fs::read_dir(out.join("checkpoints")).expect("the folder was made").collect();
    assert!(left.is_empty(), "no part of a checkpoint stays: {left:?}");
    for file in ["config.toml", "metrics.jsonl", "log.csv"] {
        assert!(
            !out.join(file).exists(),
            "without its first checkpoint a run has no {file} in the way of the next one"
        );
    }
}

#[test]
fn an_output_stride_that_the_backbone_does_not_have() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    let (out, test) = (folder.path().join("run"), dataset.join("test"));
    let words = ["--output-stride 16", "drn", "--output-stride 8"];
    let architecture = ["--backbone", "drn", "--output-stride", "16"];
    let train = ["train", "--source", text(&dataset), "--out", text(&out)];
    flags_refused(&[&train[..], &architecture].concat(), &words);
    assert!(!out.exists());
    let evaluate = ["evaluate", "--checkpoint", "weights.pth", "--data", text(&test)];
    flags_refused(&[&evaluate[..], &architecture].concat(), &words);
}

#[test]
fn a_seed_that_no_settings_file_can_hold() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    let out = folder.path().join("run");
    let arguments = ["train", "--source", text(&dataset), "--out", text(&out), "--seed", "18446744073709551615"];
    flags_refused(&arguments, &["--seed", "18446744073709551615"]);
    assert!(!out.exists());
}

#[test]
fn settings_that_do_not_go_together() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    let out = folder.path().join("run");
    let train = ["train", "--source", text(&dataset), "--out", text(&out)];
    flags_refused(&[&train[..], &["--method", "clr"]].concat(), &["--method clr", "--target"]);
    flags_refused(&[&train[..], &["--norm", "trans"]].concat(), &["--norm trans", "source-only"]);
    flags_refused(&[&train[..], &["--lr-discriminator", "0"]].concat(), &["--lr-discriminator 0"]);
    flags_refused(&[&train[..], &["--stochastic-passes", "1"]].concat(), &["--stochastic-passes 1"]);
    assert!(!out.exists());
}

#[test]
fn results_over_the_masks_beside_the_images() {
    let folder = TempDir::new().expect("a temporary folder");
    let pixels = RgbImage::from_pixel(40, 40, Rgb([200, 90, 60]));
    for name in ["x.png", "x_mask.png"] {
        pixels.save(folder.path().join(name)).expect("a temporary file can be written");
    }
    let before = fs::read(folder.path().join("x_mask.png")).expect("just written");
    let arguments =
        ["predict", "--checkpoint", "absent.safetensors", text(folder.path()), "--out", text(folder.path())];
    refused(&arguments, &["among the images", "--out"]);
    assert_eq!(fs::read(folder.path().join("x_mask.png")).expect("still there"), before);

    // Neither in a folder of other images, nor over an image of this very call where earlier results lie.
    let other = folder.path().join("other");
    fs::create_dir(&other).expect("a folder");
    pixels.save(other.join("x_overlay.png")).expect("a temporary file can be written");
    let image = folder.path().join("x.png");
    let mut arguments = vec!["predict", "--checkpoint", "absent.safetensors", text(&image), "--out", text(&other)];
    refused(&arguments, &["x_overlay.png", "overwritten", "--force"]);
    fs::write(other.join("predictions.csv"), "name\n").expect("a temporary file can be written");
    let overlay = other.join("x_overlay.png");
    arguments.insert(3, text(&overlay));
    arguments.push("--force");
    refused(&arguments, &["x_overlay.png", "overwritten", "while it is read"]);
}

#[test]
fn results_among_the_images() {
    let folder = TempDir::new().expect("a temporary folder");
    RgbImage::new(40, 40).save(folder.path().join("x.png")).expect("a temporary file can be written");
    let place = text(folder.path());
    refused(&["predict", "--checkpoint", "absent.safetensors", place, "--out", place], &["among the images", "--out"]);
}

#[test]
fn a_folder_where_a_part_of_it_is_meant() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 1);
    let (train, test) = (dataset.join("train"), dataset.join("test"));
    let predict = ["predict", "--checkpoint", "absent.safetensors", text(&dataset), "--out", "absent"];
    refused(&predict, &["is a dataset; give one of its parts", text(&train), text(&test)]);
    let words = ["is the test part of a dataset; give the dataset", text(&dataset)];
    let begin = |source: &Path, words: &[&str]| refused(&["train", "--source", text(source), "--out", "absent"], words);
    begin(&test.join("ROIs/image"), &words);
    begin(folder.path(), &["is no dataset, but holds", text(&dataset), "give one of them"]);
    let target = ["train", "--source", text(&dataset), "--target", text(&test), "--out", "absent"];
    refused(&target, &words);
    fs::remove_dir_all(&test).expect("the folder is there");
    let evaluate = ["evaluate", "--checkpoint", "absent.safetensors", "--data", text(&dataset)];
    refused(&evaluate, &["is a dataset; give one of its parts", text(&train)]);

    let checkpoint = folder.path().join("run/checkpoints/best.safetensors");
    fs::create_dir_all(checkpoint.parent().expect("a folder")).expect("a temporary folder can be written");
    fs::write(&checkpoint, "").expect("a temporary file can be written");
    let (run, out) = (folder.path().join("run"), folder.path().join("weights.pth"));
    refused(&["convert", text(&run), text(&out)], &[text(&run), "holds no `config.toml`"]);
}

#[test]
fn a_demo_where_one_has_been() {
    let folder = TempDir::new().expect("a temporary folder");
    fs::create_dir(folder.path().join("clr")).expect("a folder");
    refused(&["demo", "--out", text(folder.path())], &["earlier demo", "clr", "--out"]);
    assert!(!folder.path().join("clinics").exists());
}

#[test]
fn flags_with_values_that_make_no_sense() {
    let folder = TempDir::new().expect("a temporary folder");
    let out = folder.path().join("clinics");
    flags_refused(&["synth", "--size", "1", "--out", text(&out)], &["1"]);
    flags_refused(&["conformance", "--filter", "[", text(folder.path())], &["--filter", "["]);
    flags_refused(&["plan", "--norm", "trans"], &["--norm trans", "source-only"]);
    flags_refused(&["plan", "--batch", "4294967296"], &["--batch 4294967296", "4096"]);
    for count in ["18446744073709551615", "9223372036854775807", "1000000"] {
        flags_refused(&["synth", "--train", count, "--test", count, "--out", text(&out)], &[count, "too many"]);
    }
    assert!(!out.exists());
    // A word that a shell found in a folder, say.
    let said = output(&["predict", "--\u{1b}[31mred.png"]);
    assert!(said.status.code() == Some(2) && !said.stderr.contains(&0x1b), "{}", String::from_utf8_lossy(&said.stderr));
}

/// A user who may have three threads at once gets as many, and a note.
#[test]
#[cfg(target_os = "linux")]
fn few_threads_are_enough() {
    use std::os::unix::fs::PermissionsExt;

    let folder = TempDir::new().expect("a temporary folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
    let out = folder.path().join("clinics");
    // Somebody who runs nothing else; limits do not bind root.
    let user = format!("--reuid={}", 100_000 + std::process::id());
    let limited = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args([&user, "--regid=61234", "--clear-groups", "prlimit", "--nproc=4:4"]);
        command.arg(env!("CARGO_BIN_EXE_papilla")).args(arguments).env("RAYON_NUM_THREADS", "8").output()
    };
    if !limited(&["--version"]).is_ok_and(|output| output.status.success()) {
        return harness::skip("nobody else can be asked to run the program");
    }
    let output =
        limited(&["synth", "--size", "32", "--train", "6", "--test", "0", "--out", text(&out)]).expect("it ran");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("the system grants few threads: 1 of 8 compute"), "{said}");
}

/// Of each kind of slip the sentence that helps; none of them gets as far as an adapter.
#[test]
fn what_helps_is_said_in_one_sentence() {
    let folder = TempDir::new().expect("a temporary folder");
    let (clinic, out, run) = (dataset(folder.path(), 12), folder.path().join("out"), folder.path().join("run"));
    fs::create_dir(&run).expect("a temporary folder can be written");
    fs::write(run.join("config.toml"), "source = 'clinic'").expect("a temporary file can be written");
    fs::write(run.join("log.csv"), "step\n").expect("a temporary file can be written");
    let settings = folder.path().join("settings.toml");
    fs::write(&settings, "source = 'absent'").expect("a temporary file can be written");
    let (log, script) = (run.join("log.csv"), folder.path().join("best.pt"));
    let train = ["--device", "cpu", "train", "--source", text(&clinic), "--out", text(&out), "--size", "32"];
    let with = |more: &[&'static str]| [&train[..], more].concat();
    let cases: Vec<(Vec<&str>, i32, &[&str])> = vec![
        (with(&["--lr", "-1"]), 2, &["--lr -1 is not a positive number"]),
        (with(&["--epochs", "-1"]), 2, &["'--epochs <N>'", "a whole number, 0 or more, is needed"]),
        (
            with(&["--batch", "12"]),
            1,
            &["11 regions to train on (every tenth by name, 1 of 12, is held out", "--batch"],
        ),
        (vec!["train", "--source", "~/refuge", "--out", text(&out)], 2, &["only outside quotes", "\"$HOME/refuge\""]),
        (vec!["synth", "--out=~/clinics"], 2, &["only outside quotes"]),
        (vec!["train", "--config", text(&settings), "--out", text(&out)], 1, &["absent", "settings.toml", "started"]),
        (vec!["convert", "absent.safetensors", text(&script)], 1, &["best.pt", "`.pt` is `.pth` here"]),
        (vec!["report", text(&run), "--out", text(&log)], 2, &["--out is the HTML file", "log.html"]),
        (vec!["bench", "--layer", "conv"], 2, &["--layer `conv`", "`depthwise 3x3`"]),
    ];
    for (arguments, status, words) in cases {
        assert_refused(&output(&arguments), status, words);
    }
    if !cfg!(windows) {
        let arguments = ["train", "--source", r"C:\data\refuge", "--out", text(&out)];
        flags_refused(&arguments, &["path of Windows", "/mnt/c/data/refuge"]);
    }
    assert!(!out.exists() && fs::read(&log).is_ok_and(|text| text == b"step\n"));
    // Levels that mean something else: `prepare` tells what.
    let masks = fs::read_dir(clinic.join("train/ROIs/mask")).expect("a folder");
    for mask in masks.map(|entry| entry.expect("listed").path()) {
        let mut inverted = image::open(&mask).expect("a mask").to_luma8();
        inverted.iter_mut().for_each(|level| *level = 255 - *level);
        inverted.save(&mask).expect("a temporary file can be written");
    }
    let split = clinic.join("train");
    refused(&train, &["r00.png", "papilla prepare --layout pairs --input", text(&split)]);
}

#[test]
fn what_fails_is_one_document_with_json() {
    let folder = TempDir::new().expect("a temporary folder");
    let absent = folder.path().join("absent");
    for (arguments, status, word) in [
        (vec!["train", "--json", "--source", text(&absent), "--out", "run"], 1, "absent"),
        (vec!["--json", "train"], 2, "--source"),
        (vec!["train", "--json", "--no-such-flag"], 2, "--no-such-flag"),
    ] {
        let output = output(&arguments);
        assert_eq!(output.status.code(), Some(status));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        let error = document["error"].as_str().unwrap_or_default();
        assert!(error.contains(word) && !error.contains('\n') && !error.starts_with("error"), "{document}");
    }
}

#[test]
fn an_unknown_device() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    let out = folder.path().join("run");
    let arguments = ["--device", "no such card", "train", "--source", text(&dataset), "--out", text(&out)];
    refused(&arguments, &["no such card", "cpu"]);
    assert!(!out.exists());
}

#[test]
#[cfg(target_os = "linux")]
fn no_adapter_at_all() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 12);
    let out = folder.path().join("run");
    let output = papilla(&["train", "--source", text(&dataset), "--out", text(&out)])
        .env_remove("PAPILLA_DEVICE")
        .env("VK_ICD_FILENAMES", "/nonexistent.json")
        .env("VK_DRIVER_FILES", "/nonexistent.json")
        .env("WGPU_BACKEND", "vulkan")
        .output()
        .expect("the program runs");
    assert_refused(&output, 1, &["no graphics adapter", "--device cpu"]);
    assert!(!out.exists());
}

#[test]
fn a_step_larger_than_the_machine_is_refused_with_what_would_fit() {
    let folder = TempDir::new().expect("a temporary folder");
    let dataset = dataset(folder.path(), 96);
    let out = folder.path().join("run");
    let arguments = ["train", "--source", text(&dataset), "--out", text(&out), "--size", "1024", "--batch", "80"];
    // More than the memory of any machine that tests run on, or than the largest buffer of its adapter.
    let line = refused(&[&arguments[..], &["--backbone", "resnet101"]].concat(), &["--batch", "--size"]);
    assert!(line.contains("it would fit with") || line.contains("for a buffer"), "{line}");
    assert!(!out.exists());
}

#[test]
fn wrong_flags_exit_with_2() {
    for arguments in [&["train"][..], &["train", "--no-such-flag"], &["fly"], &["evaluate", "--threshold-cup", "2"]] {
        assert_eq!(output(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_settings_file_without_a_source_is_completed_by_flags() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("settings.toml");
    fs::write(&file, "size = 32\nvalidate-every = 1\nepochs = 0\n").expect("a temporary file can be written");
    let (out, absent) = (folder.path().join("run"), folder.path().join("absent"));
    let train = ["train", "--config", text(&file), "--out", text(&out)];
    flags_refused(&train, &["--source"]);
    refused(&[&train[..], &["--source", text(&absent)]].concat(), &["absent"]);
    let dataset = dataset(folder.path(), 12);
    flags_refused(&[&train[..], &["--source", text(&dataset)]].concat(), &["--epochs"]);
}

#[test]
fn a_reader_that_stops_reading() {
    let mut child = papilla(&["devices"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains(DEFECT), "{stderr}");
    assert_eq!(output.status.code(), Some(0), "{stderr}");
}

#[test]
fn a_resumed_run_keeps_its_settings() {
    for setting in [["--lr", "4"], ["--batch", "4"], ["--source", "refuge"], ["--out", "run"]] {
        flags_refused(&[&["train", "--resume", "run"], &setting[..]].concat(), &["--resume"]);
    }
}
