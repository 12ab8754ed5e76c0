//! Reductions over a map that the kernel which writes it leaves as well, so that no launch need read it for them: the statistics of
//! a normalisation, and the sums of its gradient.

use std::collections::{HashMap, HashSet};

use super::assign::Layouts;
use crate::gpu::family::{ConvKernel, ConvProblem};
use crate::gpu::machine::Capabilities;
use crate::graph::{Graph, NodeId, Op};

/// Pixels of the smallest tile, for each of which there may be a part of a reduction.
const PIXELS: usize = 32;
/// Phases of a gradient of stride 2.
const PHASES: usize = 4;

/// Of convolutions, gradients of their inputs and resizes along both axes, the reduction over what they write; `unwritten` values are
/// made by their readers.
pub(crate) fn reduced_on_store(
    graph: &Graph,
    live: &[NodeId],
    layouts: &Layouts,
    unwritten: &HashSet<NodeId>,
    [combined, crossed]: [&HashMap<NodeId, NodeId>; 2],
    machine: &Capabilities,
) -> HashMap<NodeId, NodeId> {
    let written = |rows: &NodeId| (combined.get(rows).copied().unwrap_or(*rows), *rows);
    let resized: HashMap<NodeId, NodeId> = crossed.keys().map(written).collect();
    let from_buffers = layouts.computed_from_buffers(live);
    let mut reductions = HashMap::new();
    for &id in live.iter().filter(|id| from_buffers.contains(id)) {
        let Some(producer) = producer(graph, id, unwritten, &resized, machine) else { continue };
        if from_buffers.contains(&producer) && parts_fit(graph, producer, machine) {
            reductions.entry(producer).or_insert(id);
        }
    }
    reductions
}

/// The convolution whose kernel can do the reduction of a node, or the resize along both axes, by what it writes.
fn producer(
    graph: &Graph,
    id: NodeId,
    unwritten: &HashSet<NodeId>,
    resized: &HashMap<NodeId, NodeId>,
    machine: &Capabilities,
) -> Option<NodeId> {
    let node = graph.node(id);
    match node.op {
        Op::BatchStats { domains: 1 } => {
            let map = node.inputs[0];
            let convolution = matches!(graph.node(map).op, Op::Conv2d { .. }) && kernel(graph, map, machine).is_some();
            convolution.then_some(map).or_else(|| resized.get(&map).copied())
        }
        Op::BatchNormGradSums { .. } if graph.shape(node.inputs[2])[0] == 1 => {
            let (mut map, mut others) = (node.inputs[1], node.inputs.clone());
            let dropped = matches!(graph.node(map).op, Op::Dropout { .. }) && unwritten.contains(&map);
            if dropped {
                others.push(graph.node(map).inputs[1]);
                map = graph.node(map).inputs[0];
            }
            others.remove(1);
            let there = others.iter().all(|other| *other < map);
            let gradient = matches!(graph.node(map).op, Op::Conv2dInputGrad { .. }) && !unwritten.contains(&map);
            let admits = || match kernel(graph, map, machine)? {
                ConvKernel::Tiled => Some(map),
                // It drops nothing.
                _ => (!dropped).then_some(map),
            };
            (gradient && there).then(admits).flatten()
        }
        _ => None,
    }
}

/// The kernel of a convolution, if it is one that reduces what it writes.
fn kernel(graph: &Graph, id: NodeId, machine: &Capabilities) -> Option<ConvKernel> {
    let kernel = ConvKernel::select(&ConvProblem::of(graph, id, machine)?, machine).0;
    matches!(kernel, ConvKernel::Tiled | ConvKernel::Depthwise).then_some(kernel)
}

/// Whether one binding holds the parts of a reduction, up to three numbers for each channel.
fn parts_fit(graph: &Graph, map: NodeId, machine: &Capabilities) -> bool {
    let [n, c, h, w] = graph.shape(map).nchw().expect("convolutions and resizes give feature maps");
    // Each phase of a strided gradient may end with a part of its own.
    n * ((h * w).div_ceil(PIXELS) + PHASES) * c * 3 <= machine.binding_elements
}
