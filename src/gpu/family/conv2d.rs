//! The kernels of convolutions, and which of them computes which convolution.

use super::declined::Declined;
use super::geometry::{Geometry, direction};
use super::winograd;
use crate::gpu::kernel::Direction;
use crate::gpu::machine::{Capabilities, ConvVariant, Tile};
use crate::graph::{Graph, NodeId, Precision};

/// Floats in a workgroup's memory that every adapter grants.
const WORKGROUP_FLOATS: usize = 16384 / 4;

/// A kernel of convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConvKernel {
    /// one filter for each channel, from textures
    DepthwiseTexture,
    /// products of transformed tiles, from textures
    Winograd,
    /// implicit GEMM from textures
    Texture,
    /// one filter for each channel, from buffers
    Depthwise,
    /// implicit GEMM in cooperative matrices
    Cooperative,
    /// implicit GEMM with shared-memory tiles
    Tiled,
    /// one thread for each output
    Direct,
}

/// A convolution that some kernel is to compute.
#[derive(Clone, Copy)]
pub(crate) struct ConvProblem {
    pub(crate) geometry: Geometry,
    pub(crate) direction: Direction,
    /// the kind of kernel measured to be the fastest for such a convolution, or else the machine's
    chosen: ConvVariant,
    /// the tile of [`ConvVariant::Tiled`] chosen with it, if one was
    pub(crate) tile: Option<Tile>,
}

impl ConvProblem {
    /// The problem of a node on a machine, if it is a convolution.
    pub(crate) fn of(graph: &Graph, id: NodeId, machine: &Capabilities) -> Option<ConvProblem> {
        let direction = direction(&graph.node(id).op)?;
        let geometry = Geometry::of(graph, id);
        let measured = machine.choices.get(&geometry.class(direction)).map(|choice| choice.variant());
        let (variant, tile) = measured.unwrap_or((machine.conv, machine.tile));
        Some(ConvProblem { geometry, direction, chosen: storable(graph.precision(), variant), tile })
    }
}

/// The kind of kernel, or the nearest one that reads 16-bit floats if feature maps are kept so.
pub(crate) fn storable(precision: Precision, variant: ConvVariant) -> ConvVariant {
    match (precision, variant) {
        (Precision::F16, ConvVariant::Texture) => ConvVariant::Tiled,
        _ => variant,
    }
}

impl ConvKernel {
    /// All of them, the first that admits a convolution computes it.
    const PREFERENCE: [ConvKernel; 7] = [
        ConvKernel::DepthwiseTexture,
        ConvKernel::Winograd,
        ConvKernel::Texture,
        ConvKernel::Depthwise,
        ConvKernel::Cooperative,
        ConvKernel::Tiled,
        ConvKernel::Direct,
    ];

    /// The kernel that computes a convolution, and why those before it do not.
    pub(crate) fn select(problem: &ConvProblem, machine: &Capabilities) -> (ConvKernel, Vec<(ConvKernel, Declined)>) {
        let mut declined = Vec::new();
        for kernel in Self::PREFERENCE {
            match kernel.admits(problem, machine) {
                Ok(()) => return (kernel, declined),
                Err(reason) => declined.push((kernel, reason)),
            }
        }
        unreachable!("the last kernel computes every convolution")
    }

    /// Whether it finds feature maps in textures, and leaves its own there.
    pub(crate) fn computes_from_textures(self) -> bool {
        match self {
            ConvKernel::DepthwiseTexture | ConvKernel::Winograd | ConvKernel::Texture => true,
            ConvKernel::Depthwise | ConvKernel::Cooperative | ConvKernel::Tiled | ConvKernel::Direct => false,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            ConvKernel::DepthwiseTexture => "depthwise from textures",
            ConvKernel::Winograd => "winograd",
            ConvKernel::Texture => "texture",
            ConvKernel::Depthwise => "depthwise",
            ConvKernel::Cooperative => "cooperative",
            ConvKernel::Tiled => "tiled",
            ConvKernel::Direct => "direct",
        }
    }

    fn admits(self, problem: &ConvProblem, machine: &Capabilities) -> Result<(), Declined> {
        let ConvProblem { geometry: g, chosen, .. } = problem;
        let dense = if g.spec.groups == 1 { Ok(()) } else { Err(Declined::Grouped) };
        let depthwise = if g.is_depthwise() { Ok(()) } else { Err(Declined::NotDepthwise) };
        let one_of = |kinds: &[ConvVariant]| match kinds.contains(chosen) {
            true => Ok(()),
            false => Err(Declined::AnotherChosen(*chosen)),
        };
        match self {
            ConvKernel::DepthwiseTexture => {
                one_of(&[ConvVariant::Texture])?;
                depthwise?;
                fits_textures(g, machine)
            }
            ConvKernel::Winograd => {
                one_of(&[ConvVariant::Texture])?;
                dense?;
                fits_textures(g, machine)?;
                winograd::admits(g, problem.direction, machine)
            }
            ConvKernel::Texture => {
                one_of(&[ConvVariant::Texture])?;
                dense?;
                fits_textures(g, machine)
            }
            ConvKernel::Depthwise => {
                one_of(&[ConvVariant::Tiled, ConvVariant::Texture, ConvVariant::Cooperative])?;
                depthwise?;
                few_taps(g, machine)
            }
            ConvKernel::Cooperative => {
                one_of(&[ConvVariant::Cooperative])?;
                dense
            }
            ConvKernel::Tiled => {
                one_of(&[ConvVariant::Tiled, ConvVariant::Texture])?;
                dense
            }
            ConvKernel::Direct => Ok(()),
        }
    }
}

/// Whether the memory of a workgroup holds the sums of all its lanes for each tap.
fn few_taps(g: &Geometry, machine: &Capabilities) -> Result<(), Declined> {
    let most = WORKGROUP_FLOATS / machine.lanes as usize;
    match g.taps() <= most {
        true => Ok(()),
        false => Err(Declined::TooManyTaps { taps: g.taps(), most }),
    }
}

/// Whether textures hold the maps and the weights.
fn fits_textures(g: &Geometry, machine: &Capabilities) -> Result<(), Declined> {
    let most = machine.texture_capacity();
    let maps = 1 + (g.n * g.i.div_ceil(4) * g.h * g.w).max(g.n * g.o.div_ceil(4) * g.oh * g.ow);
    let weights = 1 + g.o.next_multiple_of(8) * g.i.next_multiple_of(8) * g.taps();
    for (what, texels) in [("its feature maps", maps), ("its weights", weights)] {
        if texels > most {
            return Err(Declined::TooLargeForTexture { what, texels, most });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ConvSpec;

    fn select(groups: usize, kernel: usize, machine: &Capabilities) -> (ConvKernel, Vec<(ConvKernel, Declined)>) {
        let mut graph = Graph::new();
        let x = graph.input("x", [2, 32, 8, 8]);
        let w = graph.input("w", [32, 32 / groups, kernel, kernel]);
        let spec = ConvSpec { groups, ..ConvSpec::default() };
        let y = graph.conv2d(x, w, None, spec).expect("shapes fit");
        ConvKernel::select(&ConvProblem::of(&graph, y, machine).expect("a convolution"), machine)
    }

    #[test]
    fn the_first_kernel_that_admits_a_convolution_computes_it() {
        let hardware = Capabilities::typical_hardware();
        let software = Capabilities { conv: ConvVariant::Texture, ..hardware.clone() };
        let small = Capabilities { texture_side: 0, ..software.clone() };
        let direct = Capabilities { conv: ConvVariant::Direct, ..hardware.clone() };
        let kernel = |groups, kernel, machine| select(groups, kernel, machine).0;
        assert_eq!(
            [1, 2, 32].map(|groups| kernel(groups, 3, &hardware)),
            [ConvKernel::Tiled, ConvKernel::Direct, ConvKernel::Depthwise]
        );
        assert_eq!(
            [1, 2, 32].map(|groups| kernel(groups, 3, &software)),
            [ConvKernel::Winograd, ConvKernel::Direct, ConvKernel::DepthwiseTexture]
        );
        assert_eq!(kernel(1, 1, &software), ConvKernel::Texture);
        assert_eq!(kernel(1, 3, &small), ConvKernel::Tiled);
        assert_eq!(kernel(32, 3, &direct), ConvKernel::Direct);
    }

    #[test]
    fn those_before_it_say_why_they_do_not() {
        let software = Capabilities { conv: ConvVariant::Texture, ..Capabilities::typical_hardware() };
        let (_, declined) = select(1, 1, &software);
        let reasons: Vec<String> = declined.iter().map(|(kernel, why)| format!("{}: {why}", kernel.name())).collect();
        assert_eq!(
            reasons,
            [
                "depthwise from textures: it is not depthwise",
                "winograd: it is not 3x3 with stride 1, dilation 1 and padding up to 2"
            ]
        );
        let (_, declined) = select(1, 3, &Capabilities::typical_hardware());
        assert_eq!(declined[0].1, Declined::AnotherChosen(ConvVariant::Tiled));
        assert_eq!(declined[0].1.to_string(), "tiled kernels were chosen");
    }
}
