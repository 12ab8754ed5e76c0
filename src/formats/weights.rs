//! Weights of the networks, from whichever file holds them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::imagenet::Layout;
use super::pytorch::{self, read_file};
use super::safetensors::CHECKSUM;
use super::wrapper::{of_discriminator, of_segmentation};
use super::{Facts, FormatError, HostTensor, StateDict, TensorFile, Value};

/// Where a published checkpoint keeps the generator.
pub const GENERATOR_ENTRY: &str = "model_state_dict";
/// Where a published checkpoint, or a training script in general, keeps the generator.
const GENERATOR_ENTRIES: [&str; 3] = [GENERATOR_ENTRY, "state_dict", "model"];
/// Where a published checkpoint keeps its discriminators: of boundary maps, of entropy maps.
pub const DISCRIMINATOR_ENTRIES: [&str; 2] = ["model_dis_state_dict", "model_dis2_state_dict"];

/// Prefixes of the networks in files that hold several.
const GENERATOR: &str = "generator.";
/// Prefix of averages over the generator's tensors, which a run keeps to be used in their place.
const AVERAGE: &str = "average.";
const BOUNDARY_DISCRIMINATOR: &str = "boundary_discriminator.";
const ENTROPY_DISCRIMINATOR: &str = "entropy_discriminator.";

/// Names that an error lists.
const LISTED: usize = 5;

/// What PyTorch's `DataParallel` puts before the names of whatever it wraps.
const DATA_PARALLEL: &str = "module.";

/// PyTorch's count of the batches that a normalisation has seen, which nothing depends on.
pub const BATCH_COUNTER: &str = "num_batches_tracked";

/// The networks in a file, each tensor under its own network's name for it (without prefix).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights {
    /// The segmentation network, or the part of it that the file holds.
    pub generator: StateDict,
    /// The discriminator of boundary maps (1 channel).
    pub boundary_discriminator: Option<StateDict>,
    /// The discriminator of entropy maps (2 channels).
    pub entropy_discriminator: Option<StateDict>,
    /// Tensors of an ImageNet classifier that segmentation has no use for.
    pub not_used: Vec<String>,
    /// What stood before the segmentation network's own names, because of what it was wrapped in: `module.`, for example.
    pub wrapper: Option<String>,
    /// What the file states beside the weights.
    pub facts: Facts,
    /// Whatever else it holds, each in a few words.
    pub left_out: Vec<String>,
}

impl Weights {
    /// What was left out before the names of tensors, to be told.
    pub fn wrapper_note(&self, path: &Path) -> Option<String> {
        let wrapper = self.wrapper.as_ref()?.escape_debug();
        Some(format!("{}: `{wrapper}`, which stands before the names of tensors, is left out", path.display()))
    }

    /// What the file holds that is not used as weights, to be told: the first few, and how many more.
    pub fn left_out_note(&self, path: &Path) -> Option<String> {
        let first: Vec<&str> = self.left_out.iter().take(LISTED).map(String::as_str).collect();
        let more = match self.left_out.len() - first.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (!first.is_empty())
            .then(|| format!("{}: not used beside the network: {}{more}", path.display(), first.join(", ")))
    }

    /// Reads a safetensors file or a PyTorch checkpoint, told apart by content.
    ///
    /// Of a PyTorch checkpoint the generator is `model_state_dict`, `state_dict`, `model` or the file itself. What stands
    /// before all of a network's own names (`module.`, `_orig_mod.`, `model.`) and the counters `num_batches_tracked` are
    /// dropped, as are the second names that published checkpoints have for backbone tensors. ImageNet weights of MobileNetV2, in either layout, of ResNet and of DRN get
    /// the names of the segmentation network. A safetensors file may hold one network, or several under `generator.`,
    /// `boundary_discriminator.` and `entropy_discriminator.`; its other tensors are then left out. Averages over the generator's
    /// tensors (`average.`) take its place.
    ///
    /// # Errors
    /// Any [`FormatError`] of reading.
    pub fn read(path: &Path) -> Result<Self, FormatError> {
        let content = read_file(path)?;
        let mut weights = if TensorFile::recognises(&content) {
            Self::from_tensor_file(TensorFile::decode(&content, path)?, path)?
        } else if pytorch::is_pytorch(&content) {
            Self::from_checkpoint(pytorch::decode(&content, path)?, path)?
        } else {
            return Err(FormatError::UnknownFormat(path.to_owned()));
        };
        weights.generator = without_aliases(weights.generator, path)?;
        if let Some(layout) = Layout::of(&weights.generator) {
            let (generator, not_used) = layout.rename(weights.generator);
            return Ok(Self { generator, not_used, ..weights });
        }
        Ok(weights)
    }

    fn from_tensor_file(file: TensorFile, path: &Path) -> Result<Self, FormatError> {
        let facts = Facts::of_metadata(&file.metadata);
        if !file.tensors.keys().any(|name| name.starts_with(GENERATOR)) {
            let left_out = batch_counters(file.tensors.keys());
            let (generator, wrapper) = segmentation_network(file.tensors, path)?;
            return Ok(Self { generator, wrapper, facts, left_out, ..Self::default() });
        }
        let is_averaged = file.tensors.keys().any(|name| name.starts_with(AVERAGE));
        let generator = if is_averaged { AVERAGE } else { GENERATOR };
        let of = |prefix: &str| {
            let named = file.tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
            named.map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect::<Vec<_>>()
        };
        let discriminator = |prefix: &str| {
            let state = state_dict(of(prefix), "", path)?;
            Ok::<_, FormatError>(Some(state).filter(|state| !state.is_empty()))
        };
        let (state, wrapper) = segmentation_network(of(generator), path)?;
        Ok(Self {
            generator: state,
            boundary_discriminator: discriminator(BOUNDARY_DISCRIMINATOR)?,
            entropy_discriminator: discriminator(ENTROPY_DISCRIMINATOR)?,
            not_used: Vec::new(),
            wrapper,
            facts,
            left_out: other_states(file.tensors.keys(), generator),
        })
    }

    /// The networks in one file: the generator alone under its own names, several under their prefixes. It is written with a
    /// checksum.
    pub fn to_tensor_file(&self) -> TensorFile {
        let mut tensors = BTreeMap::new();
        let mut add = |prefix: &str, state: &StateDict| {
            tensors.extend(state.iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor.clone())));
        };
        let others = [
            (BOUNDARY_DISCRIMINATOR, &self.boundary_discriminator),
            (ENTROPY_DISCRIMINATOR, &self.entropy_discriminator),
        ];
        let others: Vec<_> = others.into_iter().filter_map(|(prefix, state)| Some((prefix, state.as_ref()?))).collect();
        add(if others.is_empty() { "" } else { GENERATOR }, &self.generator);
        others.into_iter().for_each(|(prefix, state)| add(prefix, state));
        let mut metadata = self.facts.to_metadata();
        metadata.insert(CHECKSUM.to_owned(), String::new());
        TensorFile { tensors, metadata }
    }

    fn from_checkpoint(checkpoint: Value, path: &Path) -> Result<Self, FormatError> {
        let facts = Facts::of_checkpoint(&checkpoint);
        let mut weights = Self { facts, ..Self::default() };
        for entry in DISCRIMINATOR_ENTRIES {
            let Some(discriminator) = checkpoint.get(entry) else { continue };
            let tensors: Vec<_> = tensors(discriminator.clone()).collect();
            let wrapper = of_discriminator(tensors.iter().map(|(name, _)| name.as_str())).to_owned();
            let state = state_dict(tensors, &wrapper, path)?;
            let shape = state.get("conv1.weight").map(|tensor| tensor.shape.as_slice());
            match shape {
                Some([_, 1, _, _]) => weights.boundary_discriminator = Some(state),
                Some([_, 2, _, _]) => weights.entropy_discriminator = Some(state),
                other => {
                    let found = other.map_or_else(|| "absent".to_owned(), |shape| format!("{shape:?}"));
                    return Err(FormatError::Discriminator { path: path.to_owned(), entry: entry.to_owned(), found });
                }
            }
        }
        let entry = GENERATOR_ENTRIES.into_iter().find(|entry| checkpoint.get(entry).is_some());
        let generator = entry.and_then(|entry| checkpoint.get(entry)).unwrap_or(&checkpoint);
        weights.left_out = other_entries(&checkpoint, entry, &weights.facts);
        if let Value::Dict(items) = generator {
            weights.left_out.extend(batch_counters(items.iter().map(|(name, _)| name)));
        }
        let (state, wrapper) = segmentation_network(tensors(generator.clone()), path)?;
        if state.is_empty() {
            return Err(FormatError::NoWeights { path: path.to_owned(), found: describe(generator) });
        }
        (weights.generator, weights.wrapper) = (state, wrapper);
        Ok(weights)
    }
}

/// The tensors directly in a dictionary.
fn tensors(value: Value) -> impl Iterator<Item = (String, HostTensor)> {
    let items = if let Value::Dict(items) = value { items } else { Vec::new() };
    items.into_iter().filter_map(|(name, value)| match value {
        Value::Tensor(tensor) => Some((name.to_string(), tensor)),
        _ => None,
    })
}

/// A segmentation network under its own names, and what stood before them.
fn segmentation_network(
    tensors: impl IntoIterator<Item = (String, HostTensor)>,
    path: &Path,
) -> Result<(StateDict, Option<String>), FormatError> {
    let tensors: Vec<_> = tensors.into_iter().collect();
    let names = || tensors.iter().map(|(name, _)| name.as_str());
    let several = |prefixes: Vec<&str>| FormatError::SeveralNetworks {
        path: path.to_owned(),
        prefixes: prefixes.into_iter().take(LISTED).map(str::to_owned).collect(),
    };
    let mut wrapper = of_segmentation(names()).map_err(several)?;
    if wrapper.is_empty() && names().any(|name| name.starts_with(DATA_PARALLEL)) {
        wrapper = DATA_PARALLEL;
    }
    let wrapper = Some(wrapper.to_owned()).filter(|wrapper| !wrapper.is_empty());
    Ok((state_dict(tensors, wrapper.as_deref().unwrap_or_default(), path)?, wrapper))
}

/// Names without the wrapper's prefix, tensors without batch counters.
fn state_dict(
    tensors: impl IntoIterator<Item = (String, HostTensor)>,
    wrapper: &str,
    path: &Path,
) -> Result<StateDict, FormatError> {
    let mut state = StateDict::default();
    for (name, tensor) in tensors {
        let name = name.strip_prefix(wrapper).unwrap_or(&name);
        if is_batch_counter(name) {
            continue;
        }
        state
            .insert(name.to_owned(), tensor)
            .map_err(|(tensor, _)| FormatError::Duplicate { path: path.to_owned(), tensor })?;
    }
    Ok(state)
}

fn is_batch_counter(name: &str) -> bool {
    name.rsplit('.').next() == Some(BATCH_COUNTER)
}

/// The batch counters among the names of a network's tensors.
fn batch_counters<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Vec<String> {
    let count = names.into_iter().filter(|name| is_batch_counter(name.as_ref())).count();
    match count {
        0 => Vec::new(),
        1 => vec![format!("1 counter `{BATCH_COUNTER}`")],
        _ => vec![format!("{count} counters `{BATCH_COUNTER}`")],
    }
}

/// The tensors of a file that belong to none of its networks, counted by the first part of their names.
fn other_states<'a>(names: impl Iterator<Item = &'a String>, generator: &str) -> Vec<String> {
    let networks = [generator, BOUNDARY_DISCRIMINATOR, ENTROPY_DISCRIMINATOR];
    let mut counts = BTreeMap::new();
    for name in names.filter(|name| !networks.iter().any(|network| name.starts_with(network))) {
        *counts.entry(name.split('.').next().unwrap_or_default()).or_insert(0) += 1;
    }
    counts.into_iter().map(|(group, count)| format!("`{group}` ({count} tensors)")).collect()
}

/// The entries of a checkpoint that are neither networks nor facts; of a bare state dict, those that are no tensors.
fn other_entries(checkpoint: &Value, generator: Option<&str>, facts: &Facts) -> Vec<String> {
    let Value::Dict(items) = checkpoint else { return Vec::new() };
    let is_kept = |name: &str, value: &Value| match generator {
        Some(generator) => name == generator || DISCRIMINATOR_ENTRIES.contains(&name) || facts.get(name).is_some(),
        None => matches!(value, Value::Tensor(_)) || facts.get(name).is_some(),
    };
    let others = items.iter().filter(|(name, value)| !is_kept(name, value));
    let told = |(name, value): &(Arc<str>, Value)| match value {
        Value::Other(class) => format!("`{}` (of the class `{class}`)", name.escape_debug()),
        _ => format!("`{}`", name.escape_debug()),
    };
    others.map(told).collect()
}

/// The second name that published checkpoints of MobileNetV2 have for a backbone tensor, see `aliased`.
pub fn published_alias(name: &str) -> Option<String> {
    let rest = name.strip_prefix("backbone.features.")?;
    let block: usize = rest.split('.').next()?.parse().ok()?;
    match block {
        0..=3 => Some(format!("backbone.low_level_features.{rest}")),
        4..=17 => Some(format!("backbone.high_level_features.{rest}")),
        _ => None,
    }
}

/// The name that counts for a backbone tensor's second name: published checkpoints list `features` 0-3 and 4-17 again
/// as the two stages of the backbone, under the same index.
fn aliased(name: &str) -> Option<String> {
    let low = name.strip_prefix("backbone.low_level_features.");
    let rest = low.or_else(|| name.strip_prefix("backbone.high_level_features."))?;
    Some(format!("backbone.features.{rest}"))
}

fn without_aliases(state: StateDict, path: &Path) -> Result<StateDict, FormatError> {
    for (alias, copy) in state.iter() {
        if let Some(tensor) = aliased(alias)
            && !state.get(&tensor).is_some_and(|original| original.same_bits(copy))
        {
            return Err(FormatError::Alias { path: path.to_owned(), alias: alias.to_owned(), tensor });
        }
    }
    state_dict(state.into_iter().filter(|(name, _)| aliased(name).is_none()), "", path)
}

/// A few words on what was found instead of weights.
fn describe(value: &Value) -> String {
    match value {
        Value::Dict(items) if items.is_empty() => "an empty dictionary".to_owned(),
        Value::Dict(items) => {
            let names: Vec<String> =
                items.iter().take(LISTED).map(|(name, _)| format!("`{}`", name.escape_debug())).collect();
            let more = if items.len() > names.len() { ", …" } else { "" };
            format!("a dictionary of {}{more}", names.join(", "))
        }
        Value::Tensor(_) => "a tensor without a name".to_owned(),
        Value::List(_) | Value::Tuple(_) => "a list".to_owned(),
        Value::Other(class) => {
            format!("an object of the class `{class}`, of which nothing is read (save the network's `state_dict()`)")
        }
        _ => "a single value".to_owned(),
    }
}
