//! Where a network's weights come from: the seed, or a file.

use std::path::{Path, PathBuf};

use crate::device::{DeviceError, States};
use crate::formats::{FormatError, LoadReport, StateDict, Weights, match_tensors};
use crate::method::step::GENERATOR;
use crate::nn::TensorSpec;
use crate::nn::init::initial_values;

/// Why weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The states cannot be written.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A weight that overflowed.
    #[error("`{}` holds a NaN or an infinity in `{tensor}`; use other weights", path.display())]
    NotFinite {
        /// of the file
        path: PathBuf,
        /// which has it
        tensor: String,
    },
    /// Tensors are missing, or of other shapes.
    #[error("`{}` does not fit this network: {}", path.display(), report.to_string().replace('\n', "; "))]
    Unfit {
        /// of the file
        path: PathBuf,
        /// what fits and what does not
        report: Box<LoadReport>,
    },
    /// A backbone of another depth, or another one.
    #[error("`{}` holds another backbone than this network's: {backbone}", path.display())]
    AnotherBackbone {
        /// of the file
        path: PathBuf,
        /// what of the backbone fits and what does not
        backbone: Box<LoadReport>,
    },
}

type Result<T> = std::result::Result<T, WeightsError>;

/// Gives every tensor of the network whose states have a prefix its initial values from the seed.
pub fn initialise(states: &States, prefix: &str, tensors: &[TensorSpec], seed: u64) -> Result<()> {
    for spec in tensors {
        let state = format!("{prefix}.{}", spec.name);
        // Two discriminators have the same names, and are to begin apart.
        let name = if prefix == GENERATOR { spec.name.clone() } else { state.clone() };
        states.write(&state, &initial_values(&TensorSpec { name, ..spec.clone() }, seed))?;
    }
    Ok(())
}

/// Prefix of the backbone's tensors.
const BACKBONE: &str = "backbone.";

/// Makes weights of batch norms fit TransNorm, as the same function: running statistics of single domains that a file
/// lacks begin as those of all images, and scale and shift are halved, for 1 + α is then 2 (as it is on average later).
fn give_to_both_domains(have: &mut StateDict, tensors: &[TensorSpec]) {
    let new_to_domains: Vec<&str> = tensors
        .iter()
        .filter_map(|spec| spec.name.strip_suffix("running_mean_source"))
        .filter(|norm| ["source", "target"].iter().all(|d| have.get(&format!("{norm}running_mean_{d}")).is_none()))
        .collect();
    for norm in new_to_domains {
        for name in [format!("{norm}weight"), format!("{norm}bias")] {
            if let Some(tensor) = have.get_mut(&name) {
                tensor.data.iter_mut().for_each(|value| *value *= 0.5);
            }
        }
    }
    for spec in tensors {
        let common = ["_source", "_target"].iter().find_map(|suffix| spec.name.strip_suffix(suffix));
        let tensor = common.filter(|_| have.get(&spec.name).is_none()).and_then(|name| have.get(name)).cloned();
        if let Some(tensor) = tensor {
            have.insert(spec.name.clone(), tensor).expect("the name is not there");
        }
    }
}

/// Loads what a file of weights has of the network, and tells what it did not use or find. `complete` demands
/// every tensor; otherwise a file that matches nothing, differs in a shape, or has another backbone is refused, as is one
/// with a NaN or an infinity.
pub fn load_generator(
    states: &States,
    tensors: &[TensorSpec],
    path: &Path,
    complete: bool,
) -> Result<(LoadReport, Vec<String>)> {
    let weights = Weights::read(path)?;
    Ok((load_weights(states, tensors, weights.generator, path, complete)?, weights.not_used))
}

/// The same of weights that have been read from `path`.
pub fn load_weights(
    states: &States,
    tensors: &[TensorSpec],
    mut weights: StateDict,
    path: &Path,
    complete: bool,
) -> Result<LoadReport> {
    give_to_both_domains(&mut weights, tensors);
    let report = fitting(tensors, &weights, path, complete)?;
    for name in &report.matched {
        if let Some(tensor) = weights.get(name) {
            if !tensor.is_finite() {
                return Err(WeightsError::NotFinite { path: path.to_path_buf(), tensor: name.clone() });
            }
            states.write(&format!("{GENERATOR}.{name}"), &tensor.data)?;
        }
    }
    Ok(report)
}

/// What a file has of the network, unless it is refused.
fn fitting(tensors: &[TensorSpec], have: &StateDict, path: &Path, complete: bool) -> Result<LoadReport> {
    let wanted: Vec<_> = tensors.iter().map(|t| (t.name.clone(), t.shape.to_vec())).collect();
    let report = match_tensors(&wanted, have);
    if report.matched.is_empty() || !report.mismatched.is_empty() || (complete && !report.is_complete()) {
        return Err(WeightsError::Unfit { path: path.to_path_buf(), report: Box::new(report) });
    }
    let backbone = report.part(BACKBONE);
    if is_another_backbone(&backbone) {
        return Err(WeightsError::AnotherBackbone { path: path.to_path_buf(), backbone: Box::new(backbone) });
    }
    Ok(report)
}

/// Whether a file has only part of the backbone, or more layers: a ResNet of another depth, for example.
fn is_another_backbone(report: &LoadReport) -> bool {
    let more_layers = report.unused.iter().any(|name| name.ends_with(".weight"));
    !report.matched.is_empty() && (!report.missing.is_empty() || more_layers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::formats::{HostTensor, TensorFile};
    use crate::graph::State;
    use crate::nn::Norm;
    use crate::nn::deeplab::{Backbone, DeepLab};
    use crate::nn::init::hashed_values;

    fn resnet101(norm: Norm) -> Vec<TensorSpec> {
        let network = DeepLab { backbone: Backbone::ResNet101, output_stride: 16, norm };
        network.tensors().expect("the network has this output stride")
    }

    /// Names and shapes of torchvision's ResNet-101.
    fn torchvision() -> Vec<(String, Vec<usize>)> {
        let network = resnet101(Norm::Batch);
        let backbone =
            network.iter().filter_map(|t| Some((t.name.strip_prefix(BACKBONE)?.to_string(), t.shape.to_vec())));
        let classifier = [("fc.weight".to_string(), vec![1000, 2048]), ("fc.bias".to_string(), vec![1000])];
        backbone.chain(classifier).collect()
    }

    /// Refusal, if any, of a backbone of zeros with the tensors whose torchvision names pass, and further ones.
    fn refusal(norm: Norm, passes: impl Fn(&str) -> bool, further: &[&str]) -> Option<String> {
        let mut state = StateDict::default();
        for (name, shape) in torchvision().into_iter().filter(|(name, _)| !name.starts_with("fc.") && passes(name)) {
            let data = vec![0.0; shape.iter().product()];
            state.insert(format!("{BACKBONE}{name}"), HostTensor { shape, data }).expect("names differ");
        }
        for name in further {
            let tensor = HostTensor { shape: vec![1], data: vec![0.0] };
            state.insert((*name).to_string(), tensor).expect("names differ");
        }
        fitting(&resnet101(norm), &state, Path::new("some.pth"), false).err().map(|error| error.to_string())
    }

    #[test]
    fn torchvision_weights_fill_the_backbone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("resnet101-63fe2227.safetensors");
        let tensor = |(name, shape): (String, Vec<usize>)| {
            let data = hashed_values(&name, &shape);
            (name, HostTensor { shape, data })
        };
        let mut file = TensorFile { tensors: torchvision().into_iter().map(tensor).collect(), ..TensorFile::default() };
        let counter = HostTensor { shape: vec![], data: vec![1.0] };
        file.tensors.insert("bn1.num_batches_tracked".to_string(), counter);
        file.write(&path).expect("the folder is writable");

        let network = resnet101(Norm::Batch);
        let states = Device::Cpu.states();
        let all = |t: &TensorSpec| State { name: format!("{GENERATOR}.{}", t.name), shape: t.shape.clone() };
        states.declare(&network.iter().map(all).collect::<Vec<_>>()).expect("memory suffices");
        let (report, not_used) = load_generator(&states, &network, &path, false).expect("every tensor fits");
        // 104 convolutions, each with the four tensors of its batch norm.
        assert_eq!(report.matched.len(), 5 * 104);
        assert!(report.part(BACKBONE).is_complete() && report.unused.is_empty(), "{report}");
        assert_eq!(not_used, ["fc.bias", "fc.weight"]);
        for name in ["conv1.weight", "layer3.22.bn3.running_var", "layer4.2.conv3.weight"] {
            let loaded = states.read(&[&format!("{GENERATOR}.{BACKBONE}{name}")]).expect("declared").remove(0);
            assert_eq!(loaded, file.tensors[name].data, "{name}");
        }
        let untouched = states.read(&["generator.aspp.conv1.weight"]).expect("declared").remove(0);
        assert!(untouched.iter().all(|v| *v == 0.0));
    }

    #[test]
    fn a_residual_network_of_another_depth_is_refused_by_name() {
        assert_eq!(refusal(Norm::Batch, |_| true, &["decoder.extra.weight"]), None);
        let block = |name: &str| name.split('.').nth(1).and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
        let resnet50 = refusal(Norm::Batch, |name| !(name.starts_with("layer3.") && block(name) > 5), &[]);
        let message = "`some.pth` holds another backbone than this network's: 265 of 520 tensors matched\n\
                       missing in the file (255): backbone.layer3.* (255)";
        assert_eq!(resnet50.as_deref(), Some(message));
        let resnet152 = refusal(Norm::Batch, |_| true, &["backbone.layer2.4.conv1.weight"]);
        assert!(resnet152.is_some_and(|m| m.ends_with("not used (1): backbone.layer2.4.conv1.weight")));
        let damaged = refusal(Norm::Batch, |name| name != "bn1.running_var", &[]);
        assert!(damaged.is_some_and(|m| m.ends_with("missing in the file (1): backbone.bn1.running_var")));
    }

    #[test]
    fn statistics_of_all_images_begin_those_of_both_cameras() {
        let tensor = |value| HostTensor { shape: vec![64], data: vec![value; 64] };
        let mut have = StateDict::default();
        have.insert("backbone.bn1.running_mean".to_string(), tensor(3.0)).expect("a new name");
        have.insert("backbone.bn1.running_var_source".to_string(), tensor(5.0)).expect("a new name");
        have.insert("backbone.bn1.running_var".to_string(), tensor(7.0)).expect("a new name");
        have.insert("backbone.bn1.weight".to_string(), tensor(9.0)).expect("a new name");
        have.insert("backbone.bn1.bias".to_string(), tensor(-1.0)).expect("a new name");
        for (name, value) in [("weight", 9.0), ("running_mean_source", 1.0), ("running_mean_target", 2.0)] {
            have.insert(format!("backbone.layer1.0.bn1.{name}"), tensor(value)).expect("a new name");
        }
        give_to_both_domains(&mut have, &resnet101(Norm::Trans));
        let first = |name: &str| have.get(&format!("backbone.bn1.{name}")).map(|t| t.data[0]);
        assert_eq!([first("running_mean_source"), first("running_mean_target")], [Some(3.0); 2]);
        assert_eq!([first("weight"), first("bias")], [Some(4.5), Some(-0.5)], "1 + α is 2");
        assert!(have.get("backbone.layer1.0.bn1.weight").is_some_and(|t| t.data[0] == 9.0), "has both domains");
        assert_eq!([first("running_var_source"), first("running_var_target")], [Some(5.0), Some(7.0)]);
        assert!(refusal(Norm::Trans, |name| name != "bn1.weight", &[]).is_some());
    }
}
