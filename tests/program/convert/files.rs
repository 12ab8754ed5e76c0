//! Files to convert, and the program that converts them.

use std::collections::BTreeMap;

use papilla::formats::{HostTensor, TensorFile};
use papilla::nn::deeplab::{Backbone, DeepLab};
use papilla::nn::discriminator;
use papilla::nn::init::hashed_values;
use papilla::nn::{Norm, Role, TensorSpec};

use crate::running::output;

/// Prefixes of the discriminators with their channels.
pub const DISCRIMINATORS: [(&str, usize); 2] = [("boundary_discriminator", 1), ("entropy_discriminator", 2)];

/// Runs `papilla convert` to a successful end; gives stdout and stderr.
pub fn convert(arguments: &[&str]) -> [String; 2] {
    let output = output(&[&["convert"], arguments].concat());
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    assert!(output.status.success(), "{stderr}");
    [stdout, stderr]
}

/// Values with which a network neither dies out nor saturates: TransNorm about doubles what it normalises.
fn made_up(spec: &TensorSpec, norm: Norm) -> HostTensor {
    let domains = [("_source", "source"), ("_target", "target")];
    let own = domains.iter().find_map(|(suffix, domain)| Some((spec.name.strip_suffix(suffix)?, domain)));
    let name = own.map_or_else(|| spec.name.clone(), |(name, domain)| format!("{domain}.{name}"));
    let mut data = hashed_values(&name, &spec.shape);
    if norm == Norm::Trans && matches!(spec.role, Role::NormWeight | Role::NormBias) {
        data.iter_mut().for_each(|value| *value *= 0.5);
    }
    HostTensor { shape: spec.shape.to_vec(), data }
}

/// A network alone, under its own names.
pub fn network(network: &DeepLab) -> TensorFile {
    let tensors = network.tensors().expect("the backbone has this output stride");
    let tensors = tensors.iter().map(|spec| (spec.name.clone(), made_up(spec, network.norm))).collect();
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
        tensors.extend(specs.iter().map(|spec| (format!("{prefix}.{}", spec.name), made_up(spec, norm))));
    }
    TensorFile { tensors, metadata }
}
