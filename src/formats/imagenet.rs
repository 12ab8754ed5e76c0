//! Names of ImageNet weights for MobileNetV2.
//!
//! Two layouts are in use. The flat one numbers the layers of a block `conv.0`, `conv.1` (batch norm), `conv.2` (ReLU6,
//! no tensors), … as the segmentation network does. Torchvision's puts each convolution, its batch norm and ReLU6
//! into a group (`conv.0.0`, `conv.0.1`), followed by the last convolution and its batch norm on their own.

use super::StateDict;

/// The first convolution in both layouts; inside a segmentation network it has the prefix `backbone.`.
const STEM: &str = "features.0.0.weight";
/// Exists in torchvision's layout only: a convolution inside a group.
const GROUPED: &str = "features.1.conv.0.0.weight";
/// The 1x1 convolution to 1280 channels, which segmentation replaces by its own head.
const LAST_BLOCK: &str = "18";

/// Whether these are ImageNet weights of MobileNetV2, in either layout.
pub(super) fn is_mobilenet_v2(state: &StateDict) -> bool {
    state.get(STEM).is_some()
}

/// Renames to `backbone.features.…`; the second part names the tensors that segmentation does not use.
pub(super) fn mobilenet_v2(state: StateDict) -> (StateDict, Vec<String>) {
    let grouped = state.get(GROUPED).is_some();
    let (mut backbone, mut not_used) = (StateDict::default(), Vec::new());
    for (name, tensor) in state {
        match backbone_name(&name, grouped) {
            // A name that is taken can only come from a file that mixes the layouts.
            Some(renamed) => not_used.extend(backbone.insert(renamed, tensor).is_err().then_some(name)),
            None => not_used.push(name),
        }
    }
    (backbone, not_used)
}

/// The segmentation network's name of an ImageNet tensor.
fn backbone_name(name: &str, grouped: bool) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        ["features", LAST_BLOCK, ..] => None,
        ["features", block, "conv", ref layer @ .., kind] if grouped => {
            let index = flat_index(block, layer)?;
            Some(format!("backbone.features.{block}.conv.{index}.{kind}"))
        }
        ["features", ..] => Some(format!("backbone.{name}")),
        _ => None,
    }
}

/// Index in the flat layout of a layer named `[group, member]` or `[position]` in torchvision's. Block 1 has no
/// expansion: one group instead of two. A group takes three indices, its ReLU6 being the third.
fn flat_index(block: &str, layer: &[&str]) -> Option<usize> {
    let groups = if block == "1" { 1 } else { 2 };
    match *layer {
        [group, member] => Some(3 * group.parse::<usize>().ok()? + member.parse::<usize>().ok()?),
        [position] => Some(3 * groups + position.parse::<usize>().ok()?.checked_sub(groups)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::HostTensor;

    fn state(names: &[&str]) -> StateDict {
        let mut state = StateDict::default();
        for (index, name) in names.iter().enumerate() {
            let tensor = HostTensor { shape: vec![], data: vec![index as f32] };
            state.insert((*name).to_owned(), tensor).expect("names differ");
        }
        state
    }

    #[test]
    fn both_layouts_get_the_same_names() {
        let flat = [
            "features.0.0.weight",
            "features.1.conv.0.weight",
            "features.1.conv.1.bias",
            "features.1.conv.3.weight",
            "features.1.conv.4.running_mean",
            "features.17.conv.0.weight",
            "features.17.conv.1.bias",
            "features.17.conv.3.weight",
            "features.17.conv.4.bias",
            "features.17.conv.6.weight",
            "features.17.conv.7.running_var",
            "features.18.0.weight",
            "classifier.1.bias",
        ];
        let torchvision = [
            "features.0.0.weight",
            "features.1.conv.0.0.weight",
            "features.1.conv.0.1.bias",
            "features.1.conv.1.weight",
            "features.1.conv.2.running_mean",
            "features.17.conv.0.0.weight",
            "features.17.conv.0.1.bias",
            "features.17.conv.1.0.weight",
            "features.17.conv.1.1.bias",
            "features.17.conv.2.weight",
            "features.17.conv.3.running_var",
            "features.18.0.weight",
            "classifier.1.bias",
        ];
        assert!(is_mobilenet_v2(&state(&flat)) && is_mobilenet_v2(&state(&torchvision)));
        let (backbone, not_used) = mobilenet_v2(state(&flat));
        let names: Vec<String> = flat[..11].iter().map(|name| format!("backbone.{name}")).collect();
        assert_eq!(backbone.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>(), names);
        assert_eq!(not_used, ["features.18.0.weight", "classifier.1.bias"]);
        assert_eq!(mobilenet_v2(state(&torchvision)), (backbone, not_used));
    }

    #[test]
    fn a_segmentation_network_is_not_mistaken() {
        assert!(!is_mobilenet_v2(&state(&["backbone.features.0.0.weight"])));
    }
}
