//! DRN-D-54 (Yu et al. 2017): a residual network that dilates where others stride, and that smooths its gridding with
//! plain convolutions at the end.

use super::{Pass, bottleneck};
use crate::graph::{ConvSpec, NodeId, ShapeError};

/// `x [N,3,H,W]` → the low-level feature (256 channels, stride 4) and the deep feature (512 channels, stride 8).
pub(super) fn trace(pass: &mut Pass, x: NodeId) -> Result<(NodeId, NodeId), ShapeError> {
    let mut x = layer(pass, 0, x, 16, 7, [1, 1])?;
    x = layer(pass, 1, x, 16, 3, [1, 1])?;
    x = layer(pass, 2, x, 32, 3, [2, 1])?;
    let low_level = bottleneck::stage(pass, "backbone.layer3", x, 64, 2, &[1; 3])?;
    x = bottleneck::stage(pass, "backbone.layer4", low_level, 128, 2, &[1; 4])?;
    x = bottleneck::stage(pass, "backbone.layer5", x, 256, 1, &[2; 6])?;
    x = bottleneck::stage(pass, "backbone.layer6", x, 512, 1, &[4; 3])?;
    x = layer(pass, 7, x, 512, 3, [1, 2])?;
    x = layer(pass, 8, x, 512, 3, [1, 1])?;
    Ok((low_level, x))
}

/// A convolution that keeps the size but for its stride, batch norm and ReLU.
fn layer(
    pass: &mut Pass,
    index: usize,
    x: NodeId,
    channels: usize,
    kernel: usize,
    [stride, dilation]: [usize; 2],
) -> Result<NodeId, ShapeError> {
    let padding = dilation * (kernel / 2);
    let spec = ConvSpec { stride: [stride; 2], padding: [padding; 2], dilation: [dilation; 2], groups: 1 };
    let x = pass.conv(&format!("backbone.layer{index}.0"), x, channels, kernel, spec)?;
    let x = pass.batch_norm(&format!("backbone.layer{index}.1"), x)?;
    pass.graph.relu(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::finite_differences::{any, check};
    use crate::nn::Phase;

    #[test]
    fn gradient_of_a_plain_layer() {
        for (kernel, step) in [(7, [1, 1]), (3, [2, 1]), (3, [1, 2])] {
            check(&[any([2, 2, 5, 4])], |g, x| {
                let mut pass = Pass::new(g, "network", Phase::Training { update_running: false });
                layer(&mut pass, 0, x[0], 3, kernel, step)
            });
        }
    }
}
