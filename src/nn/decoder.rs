//! The decoder with a boundary branch and a mask branch (Wang et al. 2019, BEAL).

use super::Pass;
use crate::graph::{ConvSpec, NodeId, ResizeMode, ShapeError};

/// What the decoder gives, at the low-level size.
pub(super) struct Decoded {
    /// mask logits, 2 channels: cup, disc
    pub mask: NodeId,
    /// boundary logits, 1 channel
    pub boundary: NodeId,
    /// the space in which prototypes live, 305 channels
    pub feature: NodeId,
}

/// ASPP output and low-level feature → logits of masks and boundary.
pub(super) fn trace(pass: &mut Pass, aspp: NodeId, low_level: NodeId) -> Result<Decoded, ShapeError> {
    let size = [pass.graph.shape(low_level)[2], pass.graph.shape(low_level)[3]];
    let low = pass.conv("decoder.conv1", low_level, 48, 1, ConvSpec::default())?;
    let low = pass.batch_norm("decoder.bn1", low)?;
    let low = pass.graph.relu(low)?;
    let upsampled = pass.graph.resize(aspp, ResizeMode::BilinearAlignCorners, size)?;
    let joined = pass.graph.concat(&[upsampled, low], 1)?;

    // The state dict lists the mask branch first.
    let channels = pass.graph.shape(joined)[1] + 1;
    pass.declare_norm("decoder.last_conv.0", channels)?;
    pass.tensor("decoder.last_conv.3.weight", [2, channels, 1, 1], super::Role::Weight)?;
    pass.tensor("decoder.last_conv.3.bias", [2], super::Role::HeadBias { fan_in: channels })?;

    let dense = ConvSpec { padding: [1, 1], ..ConvSpec::default() };
    let mut x = joined;
    for (conv, norm, p) in [("0", "1", 0.5), ("4", "5", 0.1)] {
        x = pass.conv(&format!("decoder.last_conv_boundary.{conv}"), x, 256, 3, dense)?;
        x = pass.batch_norm(&format!("decoder.last_conv_boundary.{norm}"), x)?;
        x = pass.graph.relu(x)?;
        x = pass.dropout(x, p)?;
    }
    let boundary = pass.head("decoder.last_conv_boundary.8", x, 1)?;

    let feature = pass.graph.concat(&[joined, boundary], 1)?;
    let x = pass.batch_norm("decoder.last_conv.0", feature)?;
    let x = pass.graph.relu(x)?;
    let x = pass.dropout(x, 0.1)?;
    let mask = pass.head("decoder.last_conv.3", x, 2)?;
    Ok(Decoded { mask, boundary, feature })
}
