//! `papilla convert`: what it writes reads back to the same bits, here and in the programs it is written for.

pub mod files;
mod python;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use papilla::formats::{CHECKSUM, TensorFile, Value, Weights, read_pytorch};
use papilla::nn::Norm;
use papilla::own_file::{Purpose, WRITTEN_BY};
use papilla::train::{Checkpoint, Config, Progress};
use serde_json::json;
use tempfile::TempDir;

use crate::running::{output, text};
use files::{DISCRIMINATORS, convert, networks};

/// Writes made-up weights with a few bits that arithmetic would not keep.
fn weights(folder: &Path, norm: Norm, discriminators: &[(&str, usize)]) -> PathBuf {
    let mut file = networks(norm, discriminators);
    let bits = [0x7fc0_1234, 0x8000_0000, 1, 0xff80_0000].map(f32::from_bits);
    let tensor = file.tensors.values_mut().find(|tensor| tensor.data.len() > 4).expect("a tensor");
    tensor.data[..4].copy_from_slice(&bits);
    let facts = [("epoch", "41"), ("arch", "DeepLab"), ("best_mean_dice", "0.30000000000000004")];
    // What every converted file has.
    let own = [(WRITTEN_BY, &*Purpose::Weights.mark()), (CHECKSUM, "")];
    file.metadata = facts.into_iter().chain(own).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let path = folder.join("weights.safetensors");
    file.write(&path).expect("the folder is writable");
    path
}

#[test]
fn weights_survive_both_layouts_bit_for_bit() {
    for norm in [Norm::Batch, Norm::Trans] {
        let folder = TempDir::new().expect("a temporary folder");
        let own = weights(folder.path(), norm, &DISCRIMINATORS);
        let [published, again] = ["p.pth.tar", "again.safetensors"].map(|name| folder.path().join(name));
        for flags in [&[][..], &["--aliases"]] {
            let [_, notes] = convert(&[&[text(&own), text(&published)], flags].concat());
            assert_eq!(notes, "", "a published checkpoint keeps everything");
            let [_, notes] = convert(&[text(&published), text(&again)]);
            // Doubled names double the counters, but for those of the pyramid and the decoder.
            let counters = if flags.is_empty() { 61 } else { 61 + 51 };
            assert_eq!(notes, format!("not kept: {counters} counters `num_batches_tracked`\n"));
            assert!(fs::read(&own).expect("written") == fs::read(&again).expect("written"), "{norm:?} {flags:?}");
        }
    }
}

#[test]
fn a_state_dict_keeps_the_network_alone_and_says_so() {
    let folder = TempDir::new().expect("a temporary folder");
    let own = weights(folder.path(), Norm::Batch, &DISCRIMINATORS);
    let [bare, again] = ["bare.pth", "again.safetensors"].map(|name| folder.path().join(name));
    let [_, notes] = convert(&[text(&own), text(&bare)]);
    assert!(notes.contains("not kept: the discriminators") && notes.contains("`best_mean_dice`"), "{notes}");
    let Value::Dict(items) = read_pytorch(&bare).expect("a checkpoint") else { panic!("a dictionary is expected") };
    let names: Vec<&str> = items.iter().map(|(name, _)| &**name).collect();
    let first = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];
    assert_eq!(names[0], "backbone.features.0.0.weight");
    assert_eq!(names[1..6], first.map(|kind| format!("backbone.features.0.1.{kind}")));
    convert(&[text(&bare), text(&again)]);
    let [expected, found] = [&own, &again].map(|path| Weights::read(path).expect("weights").to_tensor_file().tensors);
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix("generator.")?.to_owned(), tensor)))
        .collect();
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|(name, tensor)| tensor.same_bits(&expected[name])));
}

#[test]
fn aliases_share_their_storage() {
    let folder = TempDir::new().expect("a temporary folder");
    let own = weights(folder.path(), Norm::Batch, &[]);
    let [plain, doubled] = ["plain.pth", "doubled.pth"].map(|name| folder.path().join(name));
    convert(&[text(&own), text(&plain)]);
    convert(&[text(&own), text(&doubled), "--aliases"]);
    let bytes = |path: &Path| fs::metadata(path).expect("written").len();
    assert!(bytes(&doubled) < bytes(&plain) + bytes(&plain) / 100, "{} and {}", bytes(&doubled), bytes(&plain));
    let value = read_pytorch(&doubled).expect("a checkpoint");
    for (alias, name) in [
        ("backbone.low_level_features.0.0.weight", "backbone.features.0.0.weight"),
        ("backbone.low_level_features.3.conv.7.running_var", "backbone.features.3.conv.7.running_var"),
        ("backbone.high_level_features.4.conv.0.weight", "backbone.features.4.conv.0.weight"),
        ("backbone.high_level_features.17.conv.7.bias", "backbone.features.17.conv.7.bias"),
    ] {
        assert!(value.get(alias).is_some() && value.get(alias) == value.get(name), "{alias}");
    }
    // Once more, what reading refuses if they differed.
    Weights::read(&doubled).expect("aliases are copies");
}

/// Thresholds of a checkpoint.
const CALIBRATED: &str = "cup 0.41, disc 0.63, on 28 regions";

/// A checkpoint as a run would write it.
fn checkpoint(folder: &Path) -> PathBuf {
    let mut file = networks(Norm::Trans, &DISCRIMINATORS);
    let moment = file.tensors["generator.backbone.features.0.0.weight"].clone();
    file.tensors.insert("optimiser.generator.backbone.features.0.0.weight.m".into(), moment);
    let mut config = Config::new("clinic-a".into());
    (config.method, config.target) = (papilla::train::Method::Clr, Some("clinic-b".into()));
    config.norm = papilla::train::NormSetting::Trans;
    config.size = 64;
    let calibration = CALIBRATED.parse().ok();
    let progress = Progress { step: 7, best_mean_dice: Some(0.75), calibration, ..Progress::default() };
    let checkpoint = Checkpoint {
        config,
        progress,
        kernels: Default::default(),
        divisions: Default::default(),
        data: None,
        tensors: file.tensors,
    };
    let path = folder.join("run/checkpoints/last.safetensors");
    fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is writable");
    checkpoint.write(&path, None).expect("the folder is writable");
    path
}

#[test]
fn a_run_becomes_a_published_checkpoint() {
    let folder = TempDir::new().expect("a temporary folder");
    let last = checkpoint(folder.path());
    let published = folder.path().join("published.pth.tar");
    let [stdout, notes] = convert(&["--json", text(&last), text(&published)]);
    let document: serde_json::Value = serde_json::from_str(&stdout).expect("one JSON document");
    assert_eq!(document["not_kept"], json!(["`optimiser` (1 tensors)"]));
    assert_eq!(notes, "not kept: `optimiser` (1 tensors)\n");
    let value = read_pytorch(&published).expect("a checkpoint");
    for (key, expected) in [
        ("iteration", Value::Int(6)),
        ("arch", Value::Str("DeepLab".into())),
        ("best_mean_dice", Value::Float(0.75)),
        ("learning_rate_dis2", Value::Float(2.5e-5)),
        ("norm", Value::Str("trans".into())),
        ("size", Value::Int(64)),
        ("thresholds", Value::Str(CALIBRATED.into())),
    ] {
        assert_eq!(value.get(key), Some(&expected), "{key}");
    }
    // The log that tells the epoch is not there.
    assert_eq!(value.get("epoch"), None);
    for (entry, channels) in [("model_dis_state_dict", 1), ("model_dis2_state_dict", 2)] {
        let Some(Value::Tensor(conv)) = value.get(entry).and_then(|state| state.get("conv1.weight")) else {
            panic!("{entry} has no first convolution");
        };
        assert_eq!(conv.shape, [64, channels, 4, 4]);
    }

    // Weights state the network that they are of: flags may repeat it, and may not contradict it.
    let again = folder.path().join("again.safetensors");
    convert(&["--quiet", text(&published), text(&again), "--size", "64"]);
    let metadata = TensorFile::read(&again).expect("written").metadata;
    assert_eq!((&*metadata["size"], &*metadata["norm"], &*metadata["backbone"]), ("64", "trans", "mobilenet-v2"));
    assert_eq!(metadata["thresholds"], CALIBRATED);
    let third = folder.path().join("third.pth.tar");
    convert(&["--quiet", text(&again), text(&third)]);
    assert!(fs::read(&published).expect("written") == fs::read(&third).expect("written"));
    refused(&[text(&published), text(&again), "--size", "128"], 1, &["--size 128 contradicts", "64"]);
    refused(&[text(&published), text(&again), "--backbone", "drn"], 1, &["--backbone drn contradicts"]);
}

#[test]
fn an_epoch_is_known_from_the_log_beside_a_checkpoint() {
    let folder = TempDir::new().expect("a temporary folder");
    let last = checkpoint(folder.path());
    let mut run = Checkpoint::read(&last).expect("written");
    let log = "{\"step\":5,\"epoch\":1}\n{\"step\":6,\"epoch\":101}\n";
    run.progress.log_bytes.metrics = log.len() as u64;
    run.write(&last, None).expect("the folder is writable");
    // What was logged after the checkpoint does not count.
    fs::write(folder.path().join("run/metrics.jsonl"), format!("{log}{{\"step\":7,\"epoch\":102}}\n"))
        .expect("written");
    let published = folder.path().join("published.pth.tar");
    convert(&[text(&last), text(&published)]);
    let value = read_pytorch(&published).expect("a checkpoint");
    assert_eq!(value.get("epoch"), Some(&Value::Int(101)));
    let Some(Value::Float(rate)) = value.get("learning_rate_gen") else { panic!("no learning rate") };
    assert!((rate - 2e-4).abs() < 1e-10, "a fifth after epoch 100: {rate}");
}

/// Expects a refusal in one sentence, with nothing written.
fn refused(arguments: &[&str], status: i32, words: &[&str]) {
    let output = output(&[&["convert"], arguments].concat());
    let error = crate::running::refused(&output, status);
    assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_backbone_alone_is_no_network() {
    let folder = TempDir::new().expect("a temporary folder");
    let [from, to] = ["backbone.safetensors", "network.onnx"].map(|name| folder.path().join(name));
    let mut file = networks(Norm::Batch, &[]);
    file.tensors.retain(|name, _| name.starts_with("backbone."));
    file.write(&from).expect("the folder is writable");
    refused(&[text(&from), text(&to)], 1, &["does not fit this network", "; missing in the file (53): aspp.*"]);
}

#[test]
fn bad_files_are_refused_by_name() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let own = weights(folder.path(), Norm::Batch, &[]);
    let own = text(&own);
    let content = fs::read(own).expect("written");
    for out in ["weights.pt", "weights", ".pth", "weights.onnx.txt"] {
        let out = path(out);
        refused(&[own, text(&out)], 1, &["does not end in `.pth`, `.pth.tar`, `.safetensors` or `.onnx`", text(&out)]);
        assert!(!out.exists());
    }
    refused(&[own, own], 1, &["weights.safetensors", "would be overwritten"]);
    refused(&[own, text(&folder.path().join("./x/../weights.safetensors"))], 1, &["cannot write"]);
    refused(&[text(&path("absent.pth")), text(&path("o.onnx"))], 1, &["absent.pth"]);
    // By its own name, not by that of the temporary file beside it.
    refused(&[own, text(&path("nowhere/o.pth"))], 1, &["cannot write", "o.pth: the folder", "nowhere` does not exist"]);
    fs::create_dir(path("folder.pth")).expect("the folder is writable");
    refused(&[own, text(&path("folder.pth"))], 1, &["folder.pth", "it is a folder"]);
    refused(&[text(&path("folder.pth")), text(&path("o.pth"))], 1, &["folder.pth", "not a regular file"]);
    fs::write(path("network.onnx"), "onnx").expect("the folder is writable");
    refused(&[text(&path("network.onnx")), text(&path("o.pth"))], 1, &["network.onnx", "ONNX is written only"]);
    fs::write(path("text.pth"), "weights").expect("the folder is writable");
    refused(&[text(&path("text.pth")), text(&path("o.safetensors"))], 1, &["text.pth", "neither"]);
    fs::write(path("cut.safetensors"), &content[..content.len() / 2]).expect("the folder is writable");
    refused(&[text(&path("cut.safetensors")), text(&path("o.pth"))], 1, &["cut.safetensors"]);
    refused(&[own, text(&path("o.onnx")), "--aliases"], 2, &["--aliases", "o.onnx"]);
    refused(&[own, text(&path("o.onnx")), "--size", "7"], 2, &["--size 7"]);
    // Not finite, and not a network.
    refused(&[own, text(&path("o.onnx"))], 1, &["weights.safetensors", "NaN"]);
    let mut part = networks(Norm::Batch, &[]);
    part.tensors.retain(|name, _| name.starts_with("backbone."));
    part.write(&path("part.safetensors")).expect("the folder is writable");
    refused(&[text(&path("part.safetensors")), text(&path("o.onnx"))], 1, &["part.safetensors", "does not fit"]);
    let last = checkpoint(folder.path());
    refused(&[own, text(&last)], 1, &["last.safetensors", "a run's checkpoint"]);
    assert_eq!(fs::read(own).expect("still there"), content);
    let left: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("o.")), "{left:?}");
}
