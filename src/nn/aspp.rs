//! Atrous spatial pyramid pooling (Chen et al. 2017).

use super::Pass;
use crate::graph::{ConvSpec, NodeId, ResizeMode, ShapeError};

/// Channels of each branch and of the result.
const CHANNELS: usize = 256;

/// Probability of the dropout after the pooling, which is left to the caller.
pub(super) const DROPOUT: f32 = 0.5;

/// `x [N,C,H,W]` → `[N,256,H,W]`; `rates` are the dilations of the four branches, 1 for the pointwise one.
pub(super) fn trace(pass: &mut Pass, x: NodeId, rates: [usize; 4]) -> Result<NodeId, ShapeError> {
    let size = [pass.graph.shape(x)[2], pass.graph.shape(x)[3]];
    let mut branches = Vec::new();
    for (index, rate) in rates.into_iter().enumerate() {
        let name = format!("aspp.aspp{}", index + 1);
        let (kernel, padding) = if index == 0 { (1, 0) } else { (3, rate) };
        let spec = ConvSpec { padding: [padding; 2], dilation: [rate; 2], ..ConvSpec::default() };
        let branch = pass.conv(&format!("{name}.atrous_conv"), x, CHANNELS, kernel, spec)?;
        let branch = pass.batch_norm(&format!("{name}.bn"), branch)?;
        branches.push(pass.graph.relu(branch)?);
    }
    let pooled = pass.graph.global_avg_pool(x)?;
    let pooled = pass.conv("aspp.global_avg_pool.1", pooled, CHANNELS, 1, ConvSpec::default())?;
    let pooled = pass.batch_norm("aspp.global_avg_pool.2", pooled)?;
    let pooled = pass.graph.relu(pooled)?;
    branches.push(pass.graph.resize(pooled, ResizeMode::BilinearAlignCorners, size)?);
    let joined = pass.graph.concat(&branches, 1)?;
    let y = pass.conv("aspp.conv1", joined, CHANNELS, 1, ConvSpec::default())?;
    let y = pass.batch_norm("aspp.bn1", y)?;
    pass.graph.relu(y)
}
