//! Which variant computes a convolution.

use super::geometry::Geometry;
use super::tiled::Product;
use crate::gpu::lower::lowering::{Lowering, storable};
use crate::gpu::machine::{ConvVariant, Direction, Result, Tile};
use crate::graph::NodeId;

impl Lowering<'_> {
    /// Launches the kernels that compute from textures, if they suit; false if they do not.
    pub(in crate::gpu::lower) fn convolution_by_textures(&mut self, id: NodeId) -> Result<bool> {
        let (g, operands) = (Geometry::of(self.graph, id), self.operands(id));
        let (variant, _) = self.conv_variant(&g, operands.direction);
        let texels = (g.n * g.i.div_ceil(4) * g.h * g.w).max(g.n * g.o.div_ceil(4) * g.oh * g.ow);
        let weight_texels = g.o.next_multiple_of(8) * g.i.next_multiple_of(8) * g.taps();
        let fits = texels.max(weight_texels) < self.texture_capacity;
        if variant != ConvVariant::Texture || !fits || (g.spec.groups > 1 && !g.is_depthwise()) {
            return Ok(false);
        }
        let weights = operands.direction == Direction::WeightGrad;
        match (weights, self.suits_winograd(&g, operands.direction)) {
            _ if g.is_depthwise() => self.depthwise_texture(&g, &operands)?,
            (true, true) => self.winograd_weight_grad(&g, &operands)?,
            (true, false) => self.texture_weight_grad(&g, &operands)?,
            (false, true) => self.winograd(&g, &operands)?,
            (false, false) => self.texture(&g, &operands)?,
        }
        Ok(true)
    }

    pub(in crate::gpu::lower) fn convolution(&mut self, id: NodeId) -> Result<()> {
        let (geometry, operands) = (Geometry::of(self.graph, id), self.operands(id));
        match self.conv_variant(&geometry, operands.direction) {
            (ConvVariant::Direct, _) => self.direct(&geometry, &operands),
            _ if geometry.is_depthwise() => self.depthwise(&geometry, &operands),
            _ if geometry.spec.groups > 1 => self.direct(&geometry, &operands),
            (ConvVariant::Cooperative, _) => self.tiled(&geometry, &operands, Product::Matrices(self.matrices()?)),
            (_, tile) => self.tiled(&geometry, &operands, Product::Registers(tile)),
        }
    }

    /// The kernel measured to be the fastest for such a convolution, or else the adapter's.
    fn conv_variant(&self, geometry: &Geometry, direction: Direction) -> (ConvVariant, Option<Tile>) {
        let chosen = self.choices.get(&geometry.class(direction)).map(|choice| choice.variant());
        let (variant, tile) = chosen.unwrap_or((self.conv, self.tile));
        (storable(self.graph, variant), tile)
    }
}
