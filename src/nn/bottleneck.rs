//! The residual block of ResNet (He et al. 2016) and of dilated residual networks (Yu et al. 2017).

use super::Pass;
use crate::graph::{ConvSpec, NodeId, ShapeError};

/// Channels that leave a block, over its width.
const EXPANSION: usize = 4;

/// A stage of blocks, one for each of `dilations`; the first has the stage's stride. `x [N,C,H,W]` →
/// `[N,4·width,H/stride,W/stride]`.
pub(super) fn stage(
    pass: &mut Pass,
    name: &str,
    x: NodeId,
    width: usize,
    stride: usize,
    dilations: &[usize],
) -> Result<NodeId, ShapeError> {
    let mut x = x;
    for (index, &dilation) in dilations.iter().enumerate() {
        let stride = if index == 0 { stride } else { 1 };
        x = block(pass, &format!("{name}.{index}"), x, width, stride, dilation)?;
    }
    Ok(x)
}

/// 1x1 to `width`, 3x3 with the stride and the dilation, 1x1 to four times `width`; the input is added, through a
/// 1x1 convolution where its shape differs.
fn block(
    pass: &mut Pass,
    name: &str,
    input: NodeId,
    width: usize,
    stride: usize,
    dilation: usize,
) -> Result<NodeId, ShapeError> {
    let channels = width * EXPANSION;
    let spatial =
        ConvSpec { stride: [stride; 2], padding: [dilation; 2], dilation: [dilation; 2], ..ConvSpec::default() };
    let layers = [(width, 1, ConvSpec::default()), (width, 3, spatial), (channels, 1, ConvSpec::default())];
    let mut x = input;
    for (index, (out, kernel, spec)) in (1..).zip(layers) {
        if index > 1 {
            x = pass.graph.relu(x)?;
        }
        x = pass.conv(&format!("{name}.conv{index}"), x, out, kernel, spec)?;
        x = pass.batch_norm(&format!("{name}.bn{index}"), x)?;
    }
    let mut skip = input;
    if stride != 1 || pass.graph.shape(input)[1] != channels {
        let spec = ConvSpec { stride: [stride; 2], ..ConvSpec::default() };
        skip = pass.conv(&format!("{name}.downsample.0"), input, channels, 1, spec)?;
        skip = pass.batch_norm(&format!("{name}.downsample.1"), skip)?;
    }
    let sum = pass.graph.add(x, skip)?;
    pass.graph.relu(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::finite_differences::{any, check};
    use crate::nn::Phase;

    /// Gradients through a stage that begins with a projection and goes on with an identity.
    fn stage_is_differentiated(stride: usize, dilations: &[usize]) {
        check(&[any([2, 2, 5, 4])], |g, x| {
            let mut pass = Pass::new(g, "network", Phase::Training { update_running: false });
            stage(&mut pass, "layer", x[0], 1, stride, dilations)
        });
    }

    #[test]
    fn gradient_of_a_strided_stage_and_a_multigrid() {
        stage_is_differentiated(2, &[1, 2]);
    }

    #[test]
    fn gradient_of_a_stage_dilated_from_its_first_block_on() {
        stage_is_differentiated(1, &[2, 2]);
    }
}
