//! Which launcher makes the launches of a convolution.

use crate::gpu::family::{ConvKernel, ConvProblem};
use crate::gpu::kernel::Direction;
use crate::gpu::lower::lowering::Lowering;
use crate::gpu::machine::Result;
use crate::graph::NodeId;

impl Lowering<'_> {
    pub(in crate::gpu::lower) fn convolution(&mut self, id: NodeId) -> Result<()> {
        let problem = ConvProblem::of(self.graph, id, self.machine).expect("called for convolutions only");
        let (g, operands) = (&problem.geometry, self.operands(id));
        let weights = problem.direction == Direction::WeightGrad;
        match ConvKernel::select(&problem, self.machine).0 {
            ConvKernel::DepthwiseTexture => self.depthwise_texture(g, &operands),
            ConvKernel::Winograd if weights => self.winograd_weight_grad(g, &operands),
            ConvKernel::Winograd => self.winograd(g, &operands),
            ConvKernel::Texture if weights => self.texture_weight_grad(g, &operands),
            ConvKernel::Texture => self.texture(g, &operands),
            ConvKernel::Depthwise => self.depthwise(g, &operands),
            ConvKernel::Cooperative => self.cooperative(g, &operands, self.matrices()?),
            ConvKernel::Tiled => self.tiled(g, &operands, problem.tile),
            ConvKernel::Direct => self.direct(g, &operands),
        }
    }
}
