//! Dense 3x3 convolutions of stride 1 as products of transformed tiles (Lavin & Gray 2015, F(4x4, 3x3)), from textures: which
//! convolutions are computed so, and their tiles.

use super::declined::Declined;
use super::geometry::Geometry;
use crate::gpu::kernel::Direction;
use crate::gpu::machine::Capabilities;

/// Rows and columns of outputs of a tile.
const SIDE: usize = 4;
/// Places of a transformed tile: the inputs that 4x4 outputs read.
pub(crate) const POSITIONS: usize = (SIDE + 2) * (SIDE + 2);
/// Tiles transformed at once, one sample at least, so that textures stay small and sums short; maps of which a sample has
/// more than four times as many are convolved as they are.
const MAX_TILES: usize = 1024;
/// Channels on either side below which the transforms cost more than they save.
const LEAST_CHANNELS: usize = 16;

/// The tiles of feature maps.
#[derive(Clone, Copy)]
pub(crate) struct Tiling {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Tiling {
    pub(crate) fn of(height: usize, width: usize) -> Tiling {
        Tiling { rows: height.div_ceil(SIDE), columns: width.div_ceil(SIDE) }
    }

    /// Tiles of one sample.
    pub(crate) fn each(&self) -> usize {
        self.rows * self.columns
    }

    /// Samples that are transformed at once.
    pub(crate) fn samples(&self, n: usize) -> usize {
        (MAX_TILES / self.each()).clamp(1, n)
    }
}

/// Samples transformed at once for a gradient of weights: one binding, of `limit` elements, holds the parts.
pub(crate) fn samples_for_parts(g: &Geometry, tiling: Tiling, limit: usize) -> usize {
    let most_parts = (limit / (POSITIONS * g.o * g.i)).max(1);
    tiling.samples(g.n).max(g.n.div_ceil(most_parts))
}

/// Whether a convolution is one of those, and its tiles fit the textures.
pub(crate) fn admits(g: &Geometry, direction: Direction, machine: &Capabilities) -> Result<(), Declined> {
    let spec = &g.spec;
    if g.kernel != [3, 3]
        || (spec.stride, spec.dilation) != ([1, 1], [1, 1])
        || spec.padding.iter().any(|&padding| padding > 2)
    {
        return Err(Declined::NotWinograd);
    }
    let channels = g.i.min(g.o);
    if channels < LEAST_CHANNELS {
        return Err(Declined::TooFewChannels { channels, least: LEAST_CHANNELS });
    }
    let (height, width) = if direction == Direction::InputGrad { (g.h, g.w) } else { (g.oh, g.ow) };
    let tiling = Tiling::of(height, width);
    if tiling.each() > 4 * MAX_TILES {
        return Err(Declined::TooManyTiles { tiles: tiling.each(), most: 4 * MAX_TILES });
    }
    let (gradient, limit) = (direction == Direction::WeightGrad, machine.binding_elements);
    let samples = if gradient { samples_for_parts(g, tiling, limit) } else { tiling.samples(g.n) };
    let fits = |what: &'static str, texels: usize| match machine.texture_capacity() {
        most if texels > most => Err(Declined::TooLargeForTexture { what, texels, most }),
        _ => Ok(()),
    };
    fits("transformed tiles", 1 + POSITIONS * g.i.max(g.o).div_ceil(4) * samples * tiling.each())?;
    fits("transformed weights", 1 + POSITIONS * g.o.next_multiple_of(8) * g.i.next_multiple_of(8))?;
    let elements = POSITIONS * g.o * g.i;
    if gradient && elements > limit {
        return Err(Declined::TooLargeForBinding { what: "parts of the gradient", elements, most: limit });
    }
    Ok(())
}
