//! MobileNetV2 (Sandler et al. 2018) as a dilated backbone, without its last convolution and classifier.

use super::Pass;
use crate::graph::{ConvSpec, NodeId, ShapeError, Unary};

/// Expansion, channels, repeats and stride of each stage.
const STAGES: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

/// `x [N,3,H,W]` → the low-level feature (24 channels, stride 4) and the deep feature (320 channels).
pub(super) fn trace(pass: &mut Pass, x: NodeId, output_stride: usize) -> Result<(NodeId, NodeId), ShapeError> {
    let stem = ConvSpec { stride: [2, 2], padding: [1, 1], ..ConvSpec::default() };
    let mut x = pass.conv("backbone.features.0.0", x, 32, 3, stem)?;
    x = pass.batch_norm("backbone.features.0.1", x)?;
    x = pass.graph.unary(Unary::Relu6, x)?;
    let mut low_level = x;
    let (mut stride, mut rate, mut index) = (2, 1, 1);
    for (expansion, channels, repeats, nominal) in STAGES {
        // Past the output stride a stage dilates instead of striding, and later stages by its stride more.
        let (own_stride, dilation) = if stride == output_stride { (1, rate) } else { (nominal, 1) };
        if stride == output_stride {
            rate *= nominal;
        } else {
            stride *= nominal;
        }
        for repeat in 0..repeats {
            let block_stride = if repeat == 0 { own_stride } else { 1 };
            let name = format!("backbone.features.{index}.conv");
            x = inverted_residual(pass, &name, x, channels, block_stride, dilation, expansion)?;
            if index == 3 {
                low_level = x;
            }
            index += 1;
        }
    }
    Ok((low_level, x))
}

/// Expansion, depthwise convolution, projection. The block pads its input by `dilation` before the expansion, so
/// the border enters the batch statistics: the published code's way.
fn inverted_residual(
    pass: &mut Pass,
    name: &str,
    input: NodeId,
    channels: usize,
    stride: usize,
    dilation: usize,
    expansion: usize,
) -> Result<NodeId, ShapeError> {
    let inputs = pass.graph.shape(input)[1];
    let hidden = inputs * expansion;
    let mut x = pass.graph.pad2d(input, dilation, dilation, dilation, dilation)?;
    let mut layer = 0;
    if expansion != 1 {
        x = pass.conv(&format!("{name}.0"), x, hidden, 1, ConvSpec::default())?;
        x = pass.batch_norm(&format!("{name}.1"), x)?;
        x = pass.graph.unary(Unary::Relu6, x)?;
        layer = 3;
    }
    let spec = ConvSpec { stride: [stride; 2], dilation: [dilation; 2], groups: hidden, ..ConvSpec::default() };
    x = pass.conv(&format!("{name}.{layer}"), x, hidden, 3, spec)?;
    x = pass.batch_norm(&format!("{name}.{}", layer + 1), x)?;
    x = pass.graph.unary(Unary::Relu6, x)?;
    x = pass.conv(&format!("{name}.{}", layer + 3), x, channels, 1, ConvSpec::default())?;
    x = pass.batch_norm(&format!("{name}.{}", layer + 4), x)?;
    if stride == 1 && inputs == channels { pass.graph.add(input, x) } else { Ok(x) }
}
