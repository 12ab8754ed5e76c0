//! Names of ImageNet weights for the backbones.
//!
//! MobileNetV2 is published in two layouts. The flat one numbers the layers of a block `conv.0`, `conv.1` (batch norm),
//! `conv.2` (ReLU6, no tensors), … as the segmentation network does. Torchvision's puts each convolution, its batch norm
//! and ReLU6 into a group (`conv.0.0`, `conv.0.1`), followed by the last convolution and its batch norm on their own.
//!
//! Torchvision's ResNets and the published DRNs name their layers as the segmentation network does.

use super::StateDict;

/// The first convolution of MobileNetV2 in both layouts; inside a segmentation network it has the prefix `backbone.`.
pub(super) const STEM: &str = "features.0.0.weight";
/// Exists in torchvision's layout only: a convolution inside a group.
const GROUPED: &str = "features.1.conv.0.0.weight";
/// The 1x1 convolution to 1280 channels, which segmentation replaces by its own head.
const LAST_BLOCK: &str = "18";
/// A convolution that every ResNet and DRN has.
pub(super) const RESIDUAL: &str = "layer3.0.conv1.weight";

/// How an ImageNet classifier names its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    MobileNetV2,
    /// torchvision's, MobileNetV2 in groups
    GroupedMobileNetV2,
    /// ResNet and DRN
    Residual,
}

impl Layout {
    /// The layout of a file, unless it holds something else than an ImageNet classifier.
    pub(super) fn of(state: &StateDict) -> Option<Self> {
        if state.get(GROUPED).is_some() {
            Some(Layout::GroupedMobileNetV2)
        } else if state.get(STEM).is_some() {
            Some(Layout::MobileNetV2)
        } else {
            state.get(RESIDUAL).map(|_| Layout::Residual)
        }
    }

    /// Renames to `backbone.…`; the second part names the tensors that segmentation does not use.
    pub(super) fn rename(self, state: StateDict) -> (StateDict, Vec<String>) {
        let (mut backbone, mut not_used) = (StateDict::default(), Vec::new());
        for (name, tensor) in state {
            match self.backbone_name(&name) {
                // A name that is taken can only come from a file that mixes the layouts.
                Some(renamed) => not_used.extend(backbone.insert(renamed, tensor).is_err().then_some(name)),
                None => not_used.push(name),
            }
        }
        (backbone, not_used)
    }

    /// The segmentation network's name of an ImageNet tensor.
    fn backbone_name(self, name: &str) -> Option<String> {
        let parts: Vec<&str> = name.split('.').collect();
        match (self, &parts[..]) {
            (Layout::Residual, [first, ..]) => {
                let is_backbone = matches!(*first, "conv1" | "bn1") || first.starts_with("layer");
                is_backbone.then(|| format!("backbone.{name}"))
            }
            (_, ["features", LAST_BLOCK, ..]) => None,
            (Layout::GroupedMobileNetV2, ["features", block, "conv", layer @ .., kind]) => {
                let index = flat_index(block, layer)?;
                Some(format!("backbone.features.{block}.conv.{index}.{kind}"))
            }
            (_, ["features", ..]) => Some(format!("backbone.{name}")),
            _ => None,
        }
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
        assert_eq!(Layout::of(&state(&flat)), Some(Layout::MobileNetV2));
        assert_eq!(Layout::of(&state(&torchvision)), Some(Layout::GroupedMobileNetV2));
        let (backbone, not_used) = Layout::MobileNetV2.rename(state(&flat));
        let names: Vec<String> = flat[..11].iter().map(|name| format!("backbone.{name}")).collect();
        assert_eq!(backbone.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>(), names);
        assert_eq!(not_used, ["features.18.0.weight", "classifier.1.bias"]);
        assert_eq!(Layout::GroupedMobileNetV2.rename(state(&torchvision)), (backbone, not_used));
    }

    #[test]
    fn a_residual_network_keeps_its_names() {
        let resnet =
            ["conv1.weight", "bn1.running_var", "layer1.0.downsample.0.weight", RESIDUAL, "fc.weight", "fc.bias"];
        assert_eq!(Layout::of(&state(&resnet)), Some(Layout::Residual));
        let (backbone, not_used) = Layout::Residual.rename(state(&resnet));
        let names: Vec<String> = resnet[..4].iter().map(|name| format!("backbone.{name}")).collect();
        assert_eq!(backbone.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>(), names);
        assert_eq!(not_used, ["fc.weight", "fc.bias"]);
    }

    #[test]
    fn what_is_no_layer_of_a_residual_network_is_not_used() {
        let (backbone, not_used) = Layout::Residual.rename(state(&[RESIDUAL, "decoder.aspp.0.weight", "head.bias"]));
        assert_eq!(backbone.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["backbone.layer3.0.conv1.weight"]);
        assert_eq!(not_used, ["decoder.aspp.0.weight", "head.bias"]);
    }

    #[test]
    fn a_segmentation_network_is_not_mistaken() {
        for name in ["backbone.features.0.0.weight", "backbone.layer3.0.conv1.weight", "conv1.weight"] {
            assert_eq!(Layout::of(&state(&[name])), None);
        }
    }
}
