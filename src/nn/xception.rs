//! Aligned Xception-65 (Chollet 2017, Chen et al. 2018) as a dilated backbone.

use super::Pass;
use crate::graph::{ConvSpec, NodeId, ShapeError};

/// Channels of the middle flow.
const MIDDLE: usize = 728;
/// Last block; those between the third and it are the middle flow.
const LAST_BLOCK: usize = 20;

/// `x [N,3,H,W]` → the low-level feature (128 channels, stride 4) and the deep feature (2048 channels).
pub(super) fn trace(pass: &mut Pass, x: NodeId, output_stride: usize) -> Result<(NodeId, NodeId), ShapeError> {
    let (third_stride, middle_dilation, exit_dilation) = if output_stride == 8 { (1, 2, 4) } else { (2, 1, 2) };
    let stem = ConvSpec { padding: [1, 1], ..ConvSpec::default() };
    let mut x = pass.conv("backbone.conv1", x, 32, 3, ConvSpec { stride: [2, 2], ..stem })?;
    x = pass.batch_norm("backbone.bn1", x)?;
    x = pass.graph.relu(x)?;
    x = pass.conv("backbone.conv2", x, 64, 3, stem)?;
    x = pass.batch_norm("backbone.bn2", x)?;
    x = pass.graph.relu(x)?;

    let entry = Block { channels: 128, repeats: 2, stride: 2, ..Block::default() };
    x = block(pass, "backbone.block1", x, &Block { rectified: true, ..entry })?;
    x = pass.graph.relu(x)?;
    let low_level = x;
    x = block(pass, "backbone.block2", x, &Block { channels: 256, rectified: true, ..entry })?;
    x = block(pass, "backbone.block3", x, &Block { channels: MIDDLE, stride: third_stride, last: true, ..entry })?;
    let middle = Block { channels: MIDDLE, repeats: 3, dilation: middle_dilation, ..Block::default() };
    for index in 4..LAST_BLOCK {
        x = block(pass, &format!("backbone.block{index}"), x, &middle)?;
    }
    let exit = Block { channels: 1024, repeats: 2, dilation: middle_dilation, last: true, widens_last: true, ..middle };
    x = block(pass, &format!("backbone.block{LAST_BLOCK}"), x, &exit)?;
    x = pass.graph.relu(x)?;
    for (index, channels) in [(3, 1536), (4, 1536), (5, 2048)] {
        x = separable(pass, &format!("backbone.conv{index}"), x, channels, 1, exit_dilation)?;
        x = pass.batch_norm(&format!("backbone.bn{index}"), x)?;
        x = pass.graph.relu(x)?;
    }
    Ok((low_level, x))
}

/// A residual block of separable convolutions.
#[derive(Clone, Copy)]
struct Block {
    /// channels that leave it
    channels: usize,
    /// separable convolutions with the block's dilation
    repeats: usize,
    /// 2: one more separable convolution strides
    stride: usize,
    dilation: usize,
    /// whether the input has been rectified already, so that the block does not begin with ReLU
    rectified: bool,
    /// whether a block that does not stride has one more separable convolution all the same
    last: bool,
    /// whether the last of the repeated convolutions changes the width, not the first
    widens_last: bool,
}

impl Default for Block {
    fn default() -> Self {
        let (rectified, last, widens_last) = (false, false, false);
        Block { channels: MIDDLE, repeats: 1, stride: 1, dilation: 1, rectified, last, widens_last }
    }
}

impl Block {
    /// Channels, stride and dilation of its separable convolutions, for an input of as many channels.
    fn layers(&self, inputs: usize) -> Vec<[usize; 3]> {
        let width = |repeat| if self.widens_last && repeat + 1 < self.repeats { inputs } else { self.channels };
        let mut layers: Vec<_> = (0..self.repeats).map(|repeat| [width(repeat), 1, self.dilation]).collect();
        if self.stride != 1 || self.last {
            layers.push([self.channels, self.stride, 1]);
        }
        layers
    }
}

/// `x [N,C,H,W]` → `[N,channels,H/stride,W/stride]`. The leading ReLU is in place in the published network: what is
/// added at the end is the rectified input too.
fn block(pass: &mut Pass, name: &str, input: NodeId, block: &Block) -> Result<NodeId, ShapeError> {
    let inputs = pass.graph.shape(input)[1];
    let input = if block.rectified { input } else { pass.graph.relu(input)? };
    let mut skip = input;
    if block.stride != 1 || inputs != block.channels {
        let spec = ConvSpec { stride: [block.stride; 2], ..ConvSpec::default() };
        skip = pass.conv(&format!("{name}.skip"), input, block.channels, 1, spec)?;
        skip = pass.batch_norm(&format!("{name}.skipbn"), skip)?;
    }
    // In the state dict a leading ReLU takes the first place; then ReLU, convolution and batch norm take turns.
    let first = usize::from(!block.rectified);
    let mut x = input;
    for (index, [channels, stride, dilation]) in block.layers(inputs).into_iter().enumerate() {
        if index > 0 {
            x = pass.graph.relu(x)?;
        }
        let place = first + 3 * index;
        x = separable(pass, &format!("{name}.rep.{place}"), x, channels, stride, dilation)?;
        x = pass.batch_norm(&format!("{name}.rep.{}", place + 1), x)?;
    }
    pass.graph.add(x, skip)
}

/// 3x3 depthwise convolution, batch norm and 1x1 convolution, without an activation.
fn separable(
    pass: &mut Pass,
    name: &str,
    x: NodeId,
    channels: usize,
    stride: usize,
    dilation: usize,
) -> Result<NodeId, ShapeError> {
    let groups = pass.graph.shape(x)[1];
    let spec = ConvSpec { stride: [stride; 2], padding: [dilation; 2], dilation: [dilation; 2], groups };
    let x = pass.conv(&format!("{name}.conv1"), x, groups, 3, spec)?;
    let x = pass.batch_norm(&format!("{name}.bn"), x)?;
    pass.conv(&format!("{name}.pointwise"), x, channels, 1, ConvSpec::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::finite_differences::{any, check};
    use crate::nn::Phase;

    fn block_is_differentiated(settings: Block) {
        check(&[any([2, 2, 5, 4])], |g, x| {
            let mut pass = Pass::new(g, "network", Phase::Training { update_running: false });
            block(&mut pass, "block", x[0], &settings)
        });
    }

    #[test]
    fn gradient_of_a_strided_block_without_a_leading_relu() {
        let strided = Block { channels: 3, repeats: 2, stride: 2, rectified: true, ..Block::default() };
        block_is_differentiated(strided);
    }

    #[test]
    fn gradient_of_a_block_that_adds_its_rectified_input() {
        block_is_differentiated(Block { channels: 2, repeats: 2, dilation: 2, ..Block::default() });
    }

    #[test]
    fn gradient_of_the_last_block() {
        let exit = Block { channels: 3, repeats: 2, dilation: 2, last: true, widens_last: true, ..Block::default() };
        block_is_differentiated(exit);
    }
}
