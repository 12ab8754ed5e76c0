//! Values that no launch writes: kernels that read them make them of what they are made of, element by element as they load it.
//! A normalisation is then its statistics and weights alone, a dropout its seed, and a gradient that comes through few filters a few
//! maps.

use std::collections::{HashMap, HashSet};

use super::assign::Layouts;
use crate::gpu::family::{ConvKernel, ConvProblem};
use crate::gpu::machine::Capabilities;
use crate::graph::{Binary, Graph, NodeId, Op};

/// Filters of a pointwise convolution up to which it drops what it loads: random numbers for each element cost more than
/// writing them once where an element is loaded for many tiles.
pub(super) const FEW_FILTERS: usize = 4;

/// What a kernel can make of an operand as it loads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Makes {
    norm: bool,
    dropout: bool,
}

/// The normalisations and dropouts that all of their readers make themselves.
pub(crate) fn unwritten(graph: &Graph, live: &[NodeId], layouts: &Layouts, machine: &Capabilities) -> HashSet<NodeId> {
    let from_buffers = layouts.computed_from_buffers(live);
    let mut readers: HashMap<NodeId, Vec<Makes>> = HashMap::new();
    for &id in live {
        for (slot, &input) in graph.node(id).inputs.iter().enumerate() {
            let makes = if from_buffers.contains(&id) { makes(graph, id, slot, machine) } else { Makes::default() };
            readers.entry(input).or_default().push(makes);
        }
    }
    for id in graph.read_later() {
        readers.entry(graph.storage_of(id)).or_default().push(Makes::default());
    }
    let all = |id: &NodeId, wanted: fn(&Makes) -> bool| readers.get(id).is_some_and(|makes| makes.iter().all(wanted));
    let made = |id: &NodeId| match graph.node(*id).op {
        // Terms are those of one domain.
        Op::BatchNorm { .. } => graph.shape(graph.node(*id).inputs[1])[0] == 1 && all(id, |makes| makes.norm),
        Op::Dropout { .. } => all(id, |makes| makes.dropout),
        _ => false,
    };
    let mut unwritten: HashSet<NodeId> =
        live.iter().copied().filter(|id| from_buffers.contains(id) && made(id)).collect();
    let products = products(graph, live, &from_buffers, &unwritten, machine);
    unwritten.extend(products);
    unwritten
}

/// Gradients that convolutions with few filters pass on to normalisations alone, whose gradients make them: of each element some
/// products of what is much smaller.
fn products(
    graph: &Graph,
    live: &[NodeId],
    from_buffers: &HashSet<NodeId>,
    unwritten: &HashSet<NodeId>,
    machine: &Capabilities,
) -> Vec<NodeId> {
    let mut written: HashSet<NodeId> = graph.read_later().map(|id| graph.storage_of(id)).collect();
    let dropped = |id: NodeId| matches!(graph.node(id).op, Op::Dropout { .. }) && unwritten.contains(&id);
    for &id in live {
        let node = graph.node(id);
        for (slot, &input) in node.inputs.iter().enumerate() {
            let makes = match node.op {
                Op::BatchNormGradSums { .. } | Op::BatchNormGradInput { .. } => {
                    slot == 1 && from_buffers.contains(&id) && graph.shape(node.inputs[2])[0] == 1
                }
                _ => slot == 0 && dropped(id),
            };
            if !makes {
                written.insert(input);
            }
        }
    }
    let through = |id: NodeId| {
        live.iter().any(|&drop| dropped(drop) && graph.node(drop).inputs[0] == id && written.contains(&drop))
    };
    let few = |id: &NodeId| {
        let problem =
            ConvProblem::of(graph, *id, machine).filter(|_| matches!(graph.node(*id).op, Op::Conv2dInputGrad { .. }));
        problem.is_some_and(|problem| {
            let g = &problem.geometry;
            g.is_pointwise() && g.o <= FEW_FILTERS
        })
    };
    let made = |id: &NodeId| from_buffers.contains(id) && few(id) && !written.contains(id) && !through(*id);
    live.iter().copied().filter(made).collect()
}

/// The unwritten product that a gradient of a normalisation is given, perhaps through a dropout.
pub(super) fn product_of(graph: &Graph, gradient: NodeId, unwritten: &HashSet<NodeId>) -> Option<NodeId> {
    let node = graph.node(gradient);
    let product = match node.op {
        Op::Dropout { .. } if unwritten.contains(&gradient) => node.inputs[0],
        _ => gradient,
    };
    let is_one = matches!(graph.node(product).op, Op::Conv2dInputGrad { .. }) && unwritten.contains(&product);
    is_one.then_some(product)
}

/// What the kernel of a node, which reads from buffers, makes of an input.
fn makes(graph: &Graph, id: NodeId, slot: usize, machine: &Capabilities) -> Makes {
    const NOTHING: Makes = Makes { norm: false, dropout: false };
    const NORM: Makes = Makes { norm: true, dropout: false };
    let node = graph.node(id);
    match (&node.op, slot) {
        (Op::Conv2d { .. } | Op::Conv2dWeightGrad { .. }, 0) => {
            let problem = ConvProblem::of(graph, id, machine).expect("it is a convolution");
            let (g, forward) = (&problem.geometry, matches!(node.op, Op::Conv2d { .. }));
            match ConvKernel::select(&problem, machine).0 {
                ConvKernel::Depthwise => NORM,
                // Of a wider kernel each element is loaded for each tap.
                ConvKernel::Tiled if forward && g.taps() > 1 => NOTHING,
                ConvKernel::Tiled => Makes { norm: true, dropout: g.taps() == 1 && g.o <= FEW_FILTERS },
                _ => NOTHING,
            }
        }
        (Op::Dropout { .. }, 0) => NORM,
        (Op::BatchNormGradSums { .. } | Op::BatchNormGradInput { .. }, 1) => Makes { norm: false, dropout: true },
        // One of the two.
        (Op::Binary(Binary::Add), 0 | 1) => {
            let [a, b] = [node.inputs[0], node.inputs[1]];
            let is_norm = |id: NodeId| matches!(graph.node(id).op, Op::BatchNorm { .. });
            let alone = graph.shape(a) == graph.shape(b) && is_norm(a) != is_norm(b);
            if alone { NORM } else { NOTHING }
        }
        _ => NOTHING,
    }
}
