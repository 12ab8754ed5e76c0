//! Which kernel computes which operator, and why not another.

use std::collections::BTreeMap;

use super::assign::{Layout, Layouts};
use super::places::{late_reads, slices_in_place};
use crate::gpu::family::{ConvKernel, ConvProblem, Declined};
use crate::gpu::machine::{Capabilities, OperatorClass};
use crate::graph::{Graph, Memory};

/// The kernel of all operators of a graph that read the same shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelReport {
    /// name and shapes
    pub operator: OperatorClass,
    /// operators of the graph
    pub count: usize,
    /// the variant that computes them
    pub kernel: &'static str,
    /// variants that were asked first
    pub declined: Vec<Reason>,
}

/// Why a variant does not compute an operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// the variant
    pub variant: &'static str,
    /// what it says
    pub why: Declined,
}

impl KernelReport {
    /// The kernels of a graph on a machine, by operator.
    pub fn of_graph(graph: &Graph, machine: &Capabilities) -> Vec<KernelReport> {
        let live = graph.live_nodes();
        let layouts = Layouts::assign(graph, &live, &late_reads(graph), &slices_in_place(graph), machine);
        let mut counts = BTreeMap::new();
        for (&id, node) in live.iter().zip(layouts.nodes) {
            let op = &graph.node(id).op;
            if op.traits().memory != Memory::Written {
                continue;
            }
            let reason = |(variant, why)| Reason { variant, why };
            let (kernel, declined) = match (ConvProblem::of(graph, id, machine), node.declined) {
                (Some(problem), _) => {
                    let (kernel, declined) = ConvKernel::select(&problem, machine);
                    let declined = declined.into_iter().map(|(kernel, why)| reason((kernel.name(), why)));
                    (kernel.name(), declined.collect())
                }
                // Those have one kernel only, or one for what they read.
                (None, None | Some(Declined::NoKernel | Declined::NoMaps)) => (name(node.layout), Vec::new()),
                (None, Some(why)) => (name(node.layout), vec![reason((name(Layout::Texture), why))]),
            };
            *counts.entry((OperatorClass::of(graph, id), kernel, declined)).or_insert(0) += 1;
        }
        let report = |((operator, kernel, declined), count)| KernelReport { operator, count, kernel, declined };
        counts.into_iter().map(report).collect()
    }
}

fn name(layout: Layout) -> &'static str {
    match layout {
        Layout::Buffer => "from buffers",
        Layout::Texture => "from textures",
    }
}
