//! ResNet-101 (He et al. 2016) as a dilated backbone, its last stage a multigrid (Chen et al. 2017).

use super::{Pass, bottleneck};
use crate::graph::{ConvSpec, NodeId, PoolSpec, ShapeError};

/// Width and number of blocks of each stage.
const STAGES: [(usize, usize); 4] = [(64, 3), (128, 4), (256, 23), (512, 3)];
/// What multiplies the dilation of each block of the last stage.
const MULTIGRID: [usize; 3] = [1, 2, 4];

/// `x [N,3,H,W]` → the low-level feature (256 channels, stride 4) and the deep feature (2048 channels).
pub(super) fn trace(pass: &mut Pass, x: NodeId, output_stride: usize) -> Result<(NodeId, NodeId), ShapeError> {
    let (strides, dilations) = match output_stride {
        8 => ([1, 2, 1, 1], [1, 1, 2, 4]),
        _ => ([1, 2, 2, 1], [1, 1, 1, 2]),
    };
    let stem = ConvSpec { stride: [2, 2], padding: [3, 3], ..ConvSpec::default() };
    let mut x = pass.conv("backbone.conv1", x, 64, 7, stem)?;
    x = pass.batch_norm("backbone.bn1", x)?;
    x = pass.graph.relu(x)?;
    x = pass.graph.max_pool2d(x, PoolSpec { kernel: [3, 3], stride: [2, 2], padding: [1, 1] })?;
    let mut low_level = x;
    for (index, (width, blocks)) in STAGES.into_iter().enumerate() {
        let mut each = vec![dilations[index]; blocks];
        if index + 1 == STAGES.len() {
            each = MULTIGRID.map(|factor| factor * dilations[index]).to_vec();
        }
        let name = format!("backbone.layer{}", index + 1);
        x = bottleneck::stage(pass, &name, x, width, strides[index], &each)?;
        if index == 0 {
            low_level = x;
        }
    }
    Ok((low_level, x))
}
