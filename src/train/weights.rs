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
    /// A value that no training gives: of a file that is damaged, or of weights that overflowed.
    #[error("`{}` holds {value} in `{}`; use other weights", path.display(), tensor.escape_debug())]
    Impossible {
        /// of the file
        path: PathBuf,
        /// which has it
        tensor: String,
        /// what, with an article
        value: ImpossibleValue,
    },
    /// Tensors are missing, or of other shapes.
    #[error("`{}` does not fit this network: {}", path.display(), report.to_string().replace('\n', "; "))]
    Unfit {
        /// of the file
        path: PathBuf,
        /// what fits and what does not
        report: Box<LoadReport>,
    },
    /// A backbone of another depth, another one, or none.
    #[error("`{}` holds another backbone than this network's: {backbone}", path.display())]
    AnotherBackbone {
        /// of the file
        path: PathBuf,
        /// what of the backbone fits and what does not
        backbone: Box<LoadReport>,
    },
}

/// A value that a tensor of weights cannot have.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ImpossibleValue {
    /// What an overflow leaves.
    #[error("a NaN or an infinity")]
    NotFinite,
    /// One that overflows when it is squared, as by the flip of a high bit.
    #[error("the value {0:e}, too large for any weight,")]
    TooLarge(f32),
    /// A mean of squares below 0.
    #[error("the negative variance {0}")]
    NegativeVariance(f32),
}

impl ImpossibleValue {
    /// The first among the values of a tensor.
    fn find(name: &str, values: &[f32]) -> Option<Self> {
        // Squares of what is larger are no 32-bit floats.
        let most = f32::MAX.sqrt();
        let is_variance = name.rsplit('.').next().is_some_and(|last| last.starts_with("running_var"));
        values.iter().find_map(|&value| match value {
            _ if !value.is_finite() => Some(Self::NotFinite),
            _ if value.abs() > most => Some(Self::TooLarge(value)),
            _ if is_variance && value < 0.0 => Some(Self::NegativeVariance(value)),
            _ => None,
        })
    }
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
/// lacks begin as those of all images, and scale and shift are halved, for 1 + α is then 2 (as it is on average later). Gives the
/// names of the statistics that are used so.
fn give_to_both_domains(have: &mut StateDict, tensors: &[TensorSpec]) -> Vec<String> {
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
    let mut used = Vec::new();
    for spec in tensors {
        let common = ["_source", "_target"].iter().find_map(|suffix| spec.name.strip_suffix(suffix));
        let common = common.filter(|_| have.get(&spec.name).is_none());
        if let Some((name, tensor)) = common.and_then(|name| Some((name, have.get(name)?.clone()))) {
            have.insert(spec.name.clone(), tensor).expect("the name is not there");
            used.push(name.to_string());
        }
    }
    used
}

/// What must be found in a file of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// every tensor of the network, in its shape
    Complete,
    /// the backbone; whatever else is missing or of another shape keeps its value
    Backbone,
}

/// Loads what weights that were read from `path` have of the network, and tells what it did not use or find. Weights that
/// lack what is demanded, or match nothing, are refused, as are those with an [`ImpossibleValue`].
pub fn load_weights(
    states: &States,
    tensors: &[TensorSpec],
    mut weights: StateDict,
    path: &Path,
    demand: Demand,
) -> Result<LoadReport> {
    let used = give_to_both_domains(&mut weights, tensors);
    let mut report = fitting(tensors, &weights, path, demand)?;
    report.unused.retain(|name| !used.contains(name));
    for name in &report.matched {
        if let Some(tensor) = weights.get(name) {
            if let Some(value) = ImpossibleValue::find(name, &tensor.data) {
                return Err(WeightsError::Impossible { path: path.to_path_buf(), tensor: name.clone(), value });
            }
            states.write(&format!("{GENERATOR}.{name}"), &tensor.data)?;
        }
    }
    Ok(report)
}

/// Loads the whole network from a file of weights.
pub fn load_generator(states: &States, tensors: &[TensorSpec], path: &Path) -> Result<()> {
    let weights = Weights::read(path)?;
    load_weights(states, tensors, weights.generator, path, Demand::Complete).map(drop)
}

/// What a file has of the network, unless it is refused.
fn fitting(tensors: &[TensorSpec], have: &StateDict, path: &Path, demand: Demand) -> Result<LoadReport> {
    let wanted: Vec<_> = tensors.iter().map(|t| (t.name.clone(), t.shape.to_vec())).collect();
    let report = match_tensors(&wanted, have);
    if report.matched.is_empty() || (demand == Demand::Complete && !report.is_complete()) {
        return Err(WeightsError::Unfit { path: path.to_path_buf(), report: Box::new(report) });
    }
    let backbone = report.part(BACKBONE);
    if is_another_backbone(&backbone) {
        return Err(WeightsError::AnotherBackbone { path: path.to_path_buf(), backbone: Box::new(backbone) });
    }
    Ok(report)
}

/// Whether a file has only part of the backbone, or none of it, or more layers: a ResNet of another depth, for example.
fn is_another_backbone(report: &LoadReport) -> bool {
    // A classifier that is left in a backbone computes nothing there.
    let is_classifier =
        |name: &str| ["fc.", "classifier.", "head."].iter().any(|part| name[BACKBONE.len()..].starts_with(part));
    let more_layers = report.unused.iter().any(|name| name.ends_with(".weight") && !is_classifier(name));
    !report.is_complete() || more_layers
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
        fitting(&resnet101(norm), &state, Path::new("some.pth"), Demand::Backbone).err().map(|error| error.to_string())
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
        let Weights { generator, not_used, .. } = Weights::read(&path).expect("just written");
        let report = load_weights(&states, &network, generator, &path, Demand::Backbone).expect("every tensor fits");
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
    fn values_that_no_weight_has_are_refused_by_their_tensor() {
        let network = resnet101(Norm::Batch);
        let states = Device::Cpu.states();
        let all = |t: &TensorSpec| State { name: format!("{GENERATOR}.{}", t.name), shape: t.shape.clone() };
        states.declare(&network.iter().map(all).collect::<Vec<_>>()).expect("memory suffices");
        let load = |tensor: &str, value: f32| {
            let mut weights = StateDict::default();
            for (name, shape) in torchvision().into_iter().filter(|(name, _)| !name.starts_with("fc.")) {
                let mut data = vec![0.0; shape.iter().product()];
                if name == tensor {
                    *data.last_mut().expect("it has values") = value;
                }
                weights.insert(format!("{BACKBONE}{name}"), HostTensor { shape, data }).expect("names differ");
            }
            load_weights(&states, &network, weights, Path::new("some.pth"), Demand::Backbone)
                .err()
                .map(|error| error.to_string())
        };
        for (tensor, value, told) in [
            ("layer1.0.bn1.running_var", -0.5, "the negative variance -0.5"),
            ("layer4.2.conv3.weight", 3e38, "the value 3e38, too large for any weight,"),
            ("bn1.weight", -3e38, "the value -3e38, too large for any weight,"),
            ("bn1.bias", f32::NAN, "a NaN or an infinity"),
            ("layer1.0.bn1.running_var", f32::INFINITY, "a NaN or an infinity"),
        ] {
            let expected = format!("`some.pth` holds {told} in `{BACKBONE}{tensor}`; use other weights");
            assert_eq!(load(tensor, value), Some(expected));
        }
        for (tensor, value) in [("bn1.running_mean", -0.5), ("bn1.running_var", 1e7), ("conv1.weight", -1e4)] {
            assert_eq!(load(tensor, value), None, "{tensor}");
        }
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
        assert_eq!(refusal(Norm::Batch, |_| true, &["backbone.fc.weight"]), None, "a classifier is no layer");
        let damaged = refusal(Norm::Batch, |name| name != "bn1.running_var", &[]);
        assert!(damaged.is_some_and(|m| m.ends_with("missing in the file (1): backbone.bn1.running_var")));
    }

    #[test]
    fn a_head_of_another_network_keeps_its_first_values() {
        let network = resnet101(Norm::Batch);
        let (last, boundary) = ("decoder.last_conv.3.weight", "decoder.last_conv_boundary.8.weight");
        let shape = |name: &str| network.iter().find(|t| t.name == name).expect("the network has it").shape.to_vec();
        let mut state = StateDict::default();
        for spec in network.iter().filter(|spec| !spec.name.starts_with("decoder.last_conv_boundary.")) {
            let shape = if spec.name == last { vec![21, 304, 1, 1] } else { spec.shape.to_vec() };
            let data = vec![0.0; shape.iter().product()];
            state.insert(spec.name.clone(), HostTensor { shape, data }).expect("names differ");
        }
        let auxiliary = HostTensor { shape: vec![1], data: vec![0.0] };
        state.insert("aux_classifier.0.weight".to_string(), auxiliary).expect("a new name");
        let path = Path::new("voc.pth");
        let report = fitting(&network, &state, path, Demand::Backbone).expect("the backbone fits");
        assert!(report.mismatched.iter().any(|m| m.name == last && m.wanted == shape(last)), "{report}");
        assert!(report.missing.iter().any(|name| name == boundary), "{report}");
        let told = report.as_beginning();
        assert!(
            told.contains("new, with first values from the run's seed") && told.contains("decoder.last_conv_boundary."),
            "{told}"
        );
        assert!(told.contains(&format!("{last} needs [2, 305, 1, 1], the file has [21, 304, 1, 1]")), "{told}");
        assert!(told.ends_with("\nnot used (1): aux_classifier.0.weight"), "{told}");
        // Whoever needs the whole network is told what is missing.
        let strict = fitting(&network, &state, path, Demand::Complete).expect_err("the head is another");
        assert!(matches!(strict, WeightsError::Unfit { .. }));
        let only_head: StateDict = {
            let mut head = StateDict::default();
            for (name, tensor) in state.into_iter().filter(|(name, _)| !name.starts_with(BACKBONE)) {
                head.insert(name, tensor).expect("names differ");
            }
            head
        };
        let none = fitting(&network, &only_head, path, Demand::Backbone).expect_err("there is no backbone");
        assert!(none.to_string().contains("another backbone than this network's: 0 of 520"), "{none}");
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
        let used = give_to_both_domains(&mut have, &resnet101(Norm::Trans));
        let wanted = ["backbone.bn1.running_mean", "backbone.bn1.running_var"];
        assert!(wanted.iter().all(|name| used.iter().any(|own| own == name)), "{used:?}");
        assert!(!used.iter().any(|name| name.contains("layer1.0.bn1.running_mean")), "{used:?}");
        let first = |name: &str| have.get(&format!("backbone.bn1.{name}")).map(|t| t.data[0]);
        assert_eq!([first("running_mean_source"), first("running_mean_target")], [Some(3.0); 2]);
        assert_eq!([first("weight"), first("bias")], [Some(4.5), Some(-0.5)], "1 + α is 2");
        assert!(have.get("backbone.layer1.0.bn1.weight").is_some_and(|t| t.data[0] == 9.0), "has both domains");
        assert_eq!([first("running_var_source"), first("running_var_target")], [Some(5.0), Some(7.0)]);
        assert!(refusal(Norm::Trans, |name| name != "bn1.weight", &[]).is_some());
    }
}
