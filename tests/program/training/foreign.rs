//! Weights that other programs have written: wrapped, and of a network with another head.

use std::path::{Path, PathBuf};

use papilla::formats::{HostTensor, TensorFile};
use papilla::nn::Norm;
use papilla::nn::deeplab::{Backbone, DeepLab};
use papilla::nn::init::hashed_values;
use tempfile::TempDir;

use crate::clinics::clinics;
use crate::running::{output, refusal, succeeded, text};

/// Before the name of every tensor.
const WRAPPER: &str = "model._orig_mod.";

/// A wrapped network of made-up weights, its tensors as `change` has them.
fn written(folder: &Path, name: &str, change: impl Fn(&str, &[usize]) -> Option<Vec<usize>>) -> PathBuf {
    let network = DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm: Norm::Batch };
    let mut file = TensorFile::default();
    for spec in network.tensors().expect("the backbone has this output stride") {
        if let Some(shape) = change(&spec.name, &spec.shape) {
            let data = hashed_values(&spec.name, &shape);
            file.tensors.insert(format!("{WRAPPER}{}", spec.name), HostTensor { shape, data });
        }
    }
    // PyTorch counts batches, which nothing depends on.
    let counter = format!("{WRAPPER}backbone.features.0.1.num_batches_tracked");
    file.tensors.insert(counter, HostTensor { shape: Vec::new(), data: vec![7.0] });
    let path = folder.join(name);
    file.write(&path).expect("the folder is writable");
    path
}

#[test]
fn a_wrapped_network_and_one_with_another_head_are_used_as_far_as_they_fit() {
    let folder = TempDir::new().expect("a temporary folder");
    let (source, run) = (clinics(&folder).join("clinic-a"), folder.path().join("run"));
    let voc = written(folder.path(), "voc.safetensors", |name, shape| match name {
        "decoder.last_conv.3.weight" | "decoder.last_conv.3.bias" => Some([&[21], &shape[1..]].concat()),
        _ => (!name.starts_with("decoder.last_conv_boundary.")).then(|| shape.to_vec()),
    });
    let flags = ["--size", "32", "--batch", "2", "--steps", "1", "--validate-every", "9"];
    let begun = output(
        &[&["train", "--source", text(&source), "--out", text(&run), "--init", text(&voc)], &flags[..]].concat(),
    );
    let said = String::from_utf8_lossy(&begun.stderr).into_owned();
    for told in [
        "`model._orig_mod.`, which stands before the names of tensors, is left out",
        "voc.safetensors: not used beside the network: 1 counter `num_batches_tracked`",
        "new, with first values from the run's seed",
        "decoder.last_conv.3.weight needs [2, 305, 1, 1], the file has [21, 305, 1, 1]",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    succeeded(begun);
    let test = source.join("test");
    let error = refusal(&["evaluate", "--checkpoint", text(&voc), "--data", text(&test)]);
    assert!(error.contains("voc.safetensors") && error.contains("decoder.last_conv_boundary."), "{error}");
    let other = written(folder.path(), "other.safetensors", |name, shape| {
        (!name.starts_with("backbone.features.17.")).then(|| shape.to_vec())
    });
    let again = folder.path().join("again");
    let train = ["train", "--source", text(&source), "--out", text(&again), "--init", text(&other)];
    let error = refusal(&[&train[..], &flags].concat());
    assert!(error.contains("another backbone") && !again.exists(), "{error}");

    let whole = written(folder.path(), "whole.safetensors", |_, shape| Some(shape.to_vec()));
    let evaluated = output(&["evaluate", "--checkpoint", text(&whole), "--data", text(&test), "--size", "32"]);
    let said = String::from_utf8_lossy(&evaluated.stderr).into_owned();
    assert_eq!(said.matches(WRAPPER).count(), 1, "{said}");
    let table = succeeded(evaluated);
    // A distance and a ratio say over how many images they are, each of them.
    let means = table.lines().filter(|line| line.contains(" of 3")).map(|line| line.matches(" of 3").count());
    assert_eq!(means.collect::<Vec<_>>(), [2, 2, 1, 2, 2, 1], "{table}");
}
