//! What PyTorch, ONNX Runtime and OpenCV make of converted files.
//!
//! `PAPILLA_TEST_PYTHON` names a Python that has them, otherwise `python3` is asked; without one the tests say so and are
//! skipped.

use std::fs;
use std::path::Path;
use std::process::Command;

use image::{Rgb, RgbImage};
use papilla::data::region::image_planes;
use papilla::device::Device;
use papilla::formats::onnx::ModelProto;
use papilla::formats::{HostTensor, TensorFile};
use papilla::inference::Predictor;
use papilla::method::step::GENERATOR;
use papilla::nn::deeplab::{Backbone, DeepLab};
use papilla::nn::{Domain, Norm};
use prost::Message;
use serde_json::Value;
use tempfile::TempDir;

use super::files::{DISCRIMINATORS, convert, networks};
use crate::running::text;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/convert/check.py");

/// A Python that has the modules; without one the test is skipped.
fn python(modules: &[&str]) -> Option<String> {
    let python = std::env::var("PAPILLA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_them = Command::new(&python).arg(SCRIPT).arg("have").args(modules).output();
    if has_them.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    harness::skip(format_args!(
        "`{python}` has no {}; PAPILLA_TEST_PYTHON names another Python",
        modules.join(" and ")
    ));
    None
}

/// What the script finds.
fn check(python: &str, arguments: &[&str]) -> Value {
    let output = Command::new(python).arg(SCRIPT).args(arguments).output().expect("the interpreter ran before");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

#[test]
fn pytorch_loads_both_layouts_without_running_anything() {
    let folder = TempDir::new().expect("a temporary folder");
    let [weights, bare, published] =
        ["weights.safetensors", "bare.pth", "published.pth.tar"].map(|name| folder.path().join(name));
    let mut file = networks(Norm::Batch, &DISCRIMINATORS);
    file.metadata.insert("epoch".into(), "12".into());
    file.metadata.insert("best_mean_dice".into(), "0.8125".into());
    file.write(&weights).expect("the folder is writable");
    convert(&[text(&weights), text(&bare)]);
    convert(&[text(&weights), text(&published), "--aliases"]);

    let bare = ["torch", text(&bare), text(&weights), "generator."];
    // The module came with PyTorch 2.1; loaders of weights alone before it know no floats.
    let Some(python) = python(&["torch.compiler", "numpy"]) else { return };
    let found = check(&python, &bare);
    // The backbone's 51 normalisations, six of the pyramid and four of the decoder.
    assert_eq!(
        (&found["counters"], &found["aliases"], &found["facts"]),
        (&61.into(), &0.into(), &serde_json::json!({}))
    );
    let published = ["torch", text(&published), text(&weights), "generator."];
    let found = check(&python, &published);
    assert_eq!(found["aliases"], 5 * 51);
    assert_eq!(found["channels"], serde_json::json!([1, 2]));
    assert_eq!(found["facts"], serde_json::json!({ "epoch": 12, "best_mean_dice": 0.8125 }));
}

/// A square image that is different everywhere.
fn picture(size: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(size, size, |x, y| {
        let value = |c: u32| ((x * (7 + c) + y * (3 + seed) + x * y % 11 * (c + 1)) * 5 % 256) as u8;
        Rgb([value(0), value(1), value(2)])
    })
}

/// Converts a network with made-up weights and compares it, in ONNX Runtime, with the reference in f64.
fn agrees(backbone: Backbone, output_stride: usize, norm: Norm, size: usize) {
    let folder = TempDir::new().expect("a temporary folder");
    let [weights, onnx, expected] =
        ["weights.safetensors", "network.onnx", "expected.safetensors"].map(|name| folder.path().join(name));
    let network = DeepLab { backbone, output_stride, norm };
    let file = super::files::network(&network);
    file.write(&weights).expect("the folder is writable");
    let (stride, side) = (output_stride.to_string(), size.to_string());
    convert(&[text(&weights), text(&onnx), "--output-stride", &stride, "--size", &side]);
    opencv_knows_how(&onnx);

    // The reference takes its time: only for someone to compare with.
    let runtime = python(&["onnx", "onnxruntime", "numpy"]);
    let opencv = python(&["cv2", "numpy"]);
    if runtime.is_none() && opencv.is_none() {
        return;
    }
    let images = [1, 2].map(|seed| picture(size as u32, seed));
    let states = Device::Cpu.states();
    let (predictor, _) =
        Predictor::new(&Device::Cpu, &states, network, Domain::Target, size, 2).expect("the image fits the network");
    for (name, tensor) in &file.tensors {
        states.write(&format!("{GENERATOR}.{name}"), &tensor.data).expect("every tensor is a state");
    }
    predictor.refresh().expect("every state is there");
    let logits = predictor.logits(&[&images[0], &images[1]]).expect("two images fit");
    let maps = |channels: usize, data: Vec<f32>| HostTensor { shape: vec![2, channels, size, size], data };
    let tensors = [
        ("image", maps(3, images.iter().flat_map(image_planes).collect())),
        ("mask", maps(2, logits.iter().flat_map(|l| l.mask.clone()).collect())),
        ("boundary", maps(1, logits.iter().flat_map(|l| l.boundary.clone()).collect())),
    ];
    let tensors = tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into();
    TensorFile { tensors, ..TensorFile::default() }.write(&expected).expect("the folder is writable");

    let programs = [(runtime, "onnx"), (opencv, "opencv")];
    for (python, program) in programs.into_iter().filter_map(|(python, program)| Some((python?, program))) {
        let found = check(&python, &[program, text(&onnx), text(&expected)]);
        for name in ["mask", "boundary"] {
            let worst = found["worst"][name].as_f64().expect("a number");
            assert!(worst < 1e-4, "{name} of {} by {program}: {worst}", backbone.name());
            // Saturated probabilities would agree whatever the network does.
            let between = found["between"][name].as_f64().expect("a number");
            assert!(between > 0.1, "{name} of {}: {between}", backbone.name());
        }
        if program == "onnx" {
            assert_eq!(found["metadata"]["backbone"], backbone.name());
            assert_eq!(found["metadata"]["output_stride"], stride);
        }
        eprintln!("{} at output stride {output_stride}, {norm:?}: {found}", backbone.name());
    }
}

/// Checks what OpenCV's versions differ in, whichever of them is here: 4 pads by nothing less than zero and scales by
/// four numbers, 5 leaves out the padding of 1x1 convolutions.
fn opencv_knows_how(path: &Path) {
    let content = fs::read(path).expect("the network is written");
    let graph = ModelProto::decode(&content[..]).expect("the file is whole").graph.expect("there is a graph");
    let constant = |name: &str| graph.initializer.iter().find(|tensor| tensor.name == name).expect("a constant");
    let mut seen = [0; 3];
    for node in &graph.node {
        let list = |name: &str| node.attribute.iter().find(|a| a.name == name).map_or(&[][..], |a| &a.ints);
        match &*node.op_type {
            "Pad" => {
                let (pads, _) = constant(&node.input[1]).raw_data.as_chunks();
                assert!(pads.iter().all(|pad| i64::from_le_bytes(*pad) >= 0), "{node:?}");
                seen[0] += 1;
            }
            "Resize" => {
                let [_, region, scales] = &node.input[..] else { panic!("{node:?}") };
                assert!(region.is_empty() && list("axes").is_empty() && constant(scales).dims == [4], "{node:?}");
                seen[1] += 1;
            }
            "Conv" if list("kernel_shape") == [1, 1] => {
                assert_eq!(list("pads"), [0; 4], "{node:?}");
                seen[2] += 1;
            }
            _ => {}
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn mobilenet_v2_at_both_output_strides_of_uneven_size() {
    agrees(Backbone::MobileNetV2, 16, Norm::Batch, 120);
    agrees(Backbone::MobileNetV2, 8, Norm::Batch, 72);
}

#[test]
fn mobilenet_v2_with_trans_norm() {
    agrees(Backbone::MobileNetV2, 16, Norm::Trans, 64);
}

#[test]
fn resnet101() {
    agrees(Backbone::ResNet101, 16, Norm::Batch, 48);
}

#[test]
fn xception() {
    agrees(Backbone::Xception, 16, Norm::Batch, 48);
}

#[test]
fn drn() {
    agrees(Backbone::Drn, 8, Norm::Batch, 32);
}
