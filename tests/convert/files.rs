//! Files to convert, and the program that converts them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use papilla::formats::{HostTensor, TensorFile};
use papilla::nn::deeplab::{Backbone, DeepLab};
use papilla::nn::discriminator;
use papilla::nn::init::hashed_values;
use papilla::nn::{Norm, TensorSpec};

/// Prefixes of the discriminators with their channels.
pub const DISCRIMINATORS: [(&str, usize); 2] = [("boundary_discriminator", 1), ("entropy_discriminator", 2)];

pub fn papilla(arguments: &[&str]) -> Output {
    Command::cargo_bin("papilla").expect("the program is built").args(arguments).output().expect("the program runs")
}

/// Runs `papilla convert` to a successful end; gives stdout and stderr.
pub fn convert(arguments: &[&str]) -> [String; 2] {
    let output = papilla(&[&["convert"], arguments].concat());
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    assert!(output.status.success(), "{stderr}");
    [stdout, stderr]
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

fn made_up(spec: &TensorSpec) -> HostTensor {
    HostTensor { shape: spec.shape.to_vec(), data: hashed_values(&spec.name, &spec.shape) }
}

/// A network alone, under its own names.
pub fn network(network: &DeepLab) -> TensorFile {
    let tensors = network.tensors().expect("the backbone has this output stride");
    let tensors = tensors.iter().map(|spec| (spec.name.clone(), made_up(spec))).collect();
    TensorFile { tensors, metadata: BTreeMap::new() }
}

/// MobileNetV2 and some discriminators in one file.
pub fn networks(norm: Norm, discriminators: &[(&str, usize)]) -> TensorFile {
    let TensorFile { tensors, metadata } =
        network(&DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm });
    let prefix = if discriminators.is_empty() { "" } else { "generator." };
    let mut tensors: BTreeMap<_, _> =
        tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect();
    for &(prefix, channels) in discriminators {
        let specs = discriminator::tensors(channels);
        tensors.extend(specs.iter().map(|spec| (format!("{prefix}.{}", spec.name), made_up(spec))));
    }
    TensorFile { tensors, metadata }
}
