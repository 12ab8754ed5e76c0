//! The discriminators: five strided convolutions that tell the domain of a map.

use super::{Domain, Pass, Phase, Role, TensorSpec};
use crate::graph::{ConvSpec, Graph, NodeId, ShapeError, Unary};

const CHANNELS: [usize; 5] = [64, 128, 256, 512, 1];

/// `x [N,C,H,W]` → one logit for each patch.
pub fn trace(pass: &mut Pass, x: NodeId) -> Result<NodeId, ShapeError> {
    let spec = ConvSpec { stride: [2, 2], padding: [2, 2], ..ConvSpec::default() };
    let mut x = x;
    for (index, channels) in CHANNELS.into_iter().enumerate() {
        if index > 0 {
            x = pass.graph.unary(Unary::LeakyRelu(0.2), x)?;
        }
        x = pass.conv_with(&format!("conv{}", index + 1), x, channels, 4, spec, Role::DiscriminatorWeight)?;
    }
    Ok(x)
}

/// Every tensor of a discriminator of maps with `channels` channels.
pub fn tensors(channels: usize) -> Vec<TensorSpec> {
    let mut graph = Graph::new();
    let x = graph.input("x", [1, channels, 64, 64]);
    let mut pass = Pass::new(&mut graph, "discriminator", Phase::Evaluation(Domain::Target));
    trace(&mut pass, x).expect("a 64x64 map fits");
    pass.into_tensors()
}
