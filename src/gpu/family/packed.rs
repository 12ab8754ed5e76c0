//! Which operators have kernels that compute from textures, and what these find there.

use super::conv2d::{ConvKernel, ConvProblem, storable};
use super::declined::Declined;
use crate::gpu::kernel::{Direction, MAX_GROUPS};
use crate::gpu::machine::{Capabilities, ConvVariant};
use crate::graph::{Binary, Graph, NodeId, Op, Unary};

/// What a kernel finds in textures, and whether it leaves its result in one. All else it reads from buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedSlots {
    /// the inputs before this one are feature maps in textures
    pub(crate) inputs: usize,
    /// so is the result
    pub(crate) result: bool,
}

/// What the kernel of a node that computes from textures finds there; or why there is none.
pub(crate) fn admits_packed(graph: &Graph, id: NodeId, machine: &Capabilities) -> Result<PackedSlots, Declined> {
    let node = graph.node(id);
    let (inputs, result) = match &node.op {
        Op::Conv2d { .. } | Op::Conv2dInputGrad { .. } | Op::Conv2dWeightGrad { .. } => {
            return conv_slots(graph, id, machine);
        }
        Op::BatchStats { .. } => (1, false),
        Op::BatchNorm { .. } => (1, true),
        Op::BatchNormGradSums { .. } => (2, false),
        Op::BatchNormGradInput { .. } => (2, true),
        Op::Unary(function) => (leaves_zero(*function).map(|()| 1)?, true),
        Op::UnaryGrad(function) => (leaves_zero(*function).map(|()| 2)?, true),
        Op::Binary(Binary::Add | Binary::Sub | Binary::Mul) => (same_shapes(graph, id).map(|()| 2)?, true),
        Op::Binary(
            Binary::Div | Binary::DivOrZero | Binary::Greater | Binary::Bce | Binary::BceGrad | Binary::BceWithLogits,
        ) => return Err(Declined::ChangesZero),
        Op::Dropout { .. } => (1, true),
        Op::Concat { axis } => (joins_texels(graph, id, *axis).map(|()| node.inputs.len())?, true),
        Op::Pad { before, .. } => (moves_texels(graph, id, before).map(|()| 1)?, true),
        Op::Resize { .. } | Op::ResizeGrad { .. } => (1, true),
        Op::ResizeShifted { .. } => (fills_texels(graph, id).map(|()| 1)?, true),
        Op::ResizeShiftedGrad { .. } => (fills_texels(graph, node.inputs[0]).map(|()| 1)?, true),
        Op::Input { .. }
        | Op::State(_)
        | Op::Constant { .. }
        | Op::Broadcast
        | Op::Sum { .. }
        | Op::Reshape
        | Op::Detach
        | Op::Permute { .. }
        | Op::TransNormScale { .. }
        | Op::MaxPool { .. }
        | Op::MaxPoolGrad { .. }
        | Op::WeightedSum
        | Op::WeightedSumGradFeature
        | Op::WeightedSumGradWeight
        | Op::PrototypeDistance => return Err(Declined::NoKernel),
    };
    for &input in &node.inputs[..inputs] {
        fits(graph, input, machine)?;
    }
    if result {
        fits(graph, id, machine)?;
    }
    if matches!(node.op, Op::Dropout { .. }) {
        let planes = graph.shape(id).nchw().map_or(0, |[n, c, _, _]| n * c.div_ceil(4));
        if planes > MAX_GROUPS {
            return Err(Declined::TooManyPlanes { planes, most: MAX_GROUPS });
        }
    }
    Ok(PackedSlots { inputs, result })
}

/// Whether a node makes so many more elements than it reads that packing these is worth it, though nothing is packed yet.
pub(crate) fn enlarges(graph: &Graph, id: NodeId, machine: &Capabilities) -> bool {
    let node = graph.node(id);
    matches!(node.op, Op::Resize { .. })
        && storable(graph.precision(), machine.conv) == ConvVariant::Texture
        && node.shape.elements() >= 4 * graph.shape(node.inputs[0]).elements()
}

/// Texels of packed feature maps, with the zero before them; `None` of what is no feature map.
pub(crate) fn texels_of(graph: &Graph, id: NodeId) -> Option<usize> {
    graph.shape(id).nchw().map(|[n, c, h, w]| 1 + n * c.div_ceil(4) * h * w)
}

fn conv_slots(graph: &Graph, id: NodeId, machine: &Capabilities) -> Result<PackedSlots, Declined> {
    let problem = ConvProblem::of(graph, id, machine).ok_or(Declined::NoKernel)?;
    let (kernel, declined) = ConvKernel::select(&problem, machine);
    match (kernel.computes_from_textures(), problem.direction) {
        (true, Direction::Forward | Direction::InputGrad) => Ok(PackedSlots { inputs: 1, result: true }),
        (true, Direction::WeightGrad) => Ok(PackedSlots { inputs: 2, result: false }),
        (false, _) => {
            let reason = declined.into_iter().rfind(|(kernel, _)| *kernel == ConvKernel::Texture);
            Err(reason.map_or(Declined::NoKernel, |(_, reason)| reason))
        }
    }
}

/// Activations leave channels beyond the last zero; other functions need not.
fn leaves_zero(function: Unary) -> Result<(), Declined> {
    function.activation().map(|_| ()).ok_or(Declined::ChangesZero)
}

fn same_shapes(graph: &Graph, id: NodeId) -> Result<(), Declined> {
    let node = graph.node(id);
    match node.inputs.iter().all(|&input| *graph.shape(input) == node.shape) {
        true => Ok(()),
        false => Err(Declined::Broadcasts),
    }
}

fn fits(graph: &Graph, id: NodeId, machine: &Capabilities) -> Result<(), Declined> {
    let (texels, most) = (texels_of(graph, id).ok_or(Declined::NoMaps)?, machine.texture_capacity());
    match texels > most {
        true => Err(Declined::TooLargeForTexture { what: "its feature maps", texels, most }),
        false => Ok(()),
    }
}

/// The channels of a value fill their texels.
fn fills_texels(graph: &Graph, id: NodeId) -> Result<(), Declined> {
    let [_, c, _, _] = graph.shape(id).nchw().ok_or(Declined::NoMaps)?;
    if c.is_multiple_of(4) { Ok(()) } else { Err(Declined::DividesTexels) }
}

fn joins_texels(graph: &Graph, id: NodeId, axis: usize) -> Result<(), Declined> {
    if axis != 1 {
        return Err(Declined::DividesTexels);
    }
    let inputs = &graph.node(id).inputs;
    inputs[..inputs.len().saturating_sub(1)].iter().try_for_each(|&input| fills_texels(graph, input))
}

/// A padding or a slice moves whole texels.
fn moves_texels(graph: &Graph, id: NodeId, before: &[isize]) -> Result<(), Declined> {
    let x = graph.node(id).inputs[0];
    let [n, c, ..] = graph.shape(x).nchw().ok_or(Declined::NoMaps)?;
    let [samples, channels, ..] = graph.shape(id).nchw().ok_or(Declined::NoMaps)?;
    let ends_alike = channels.is_multiple_of(4) || channels as isize == c as isize + before[1];
    match before[0] == 0 && n == samples && before[1] % 4 == 0 && ends_alike {
        true => Ok(()),
        false => Err(Declined::DividesTexels),
    }
}
