//! A graph made ready for an adapter without touching one: its launches, and where every value lies.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::textures::{TexturePlan, assign_textures};
use super::traffic::count_traffic;
use crate::gpu::kernel::{ALIGNMENT, BufferAccess, Dispatch, Launch, LaunchWork, Target, bytes_of};
use crate::gpu::layout::{
    Layouts, both_gradients, combined_on_store, crossed, over_passes, passed, placed, read_within, reduced_in_part,
    reduced_on_store, unjoined, unwritten, value_target,
};
use crate::gpu::lower::Lowering;
use crate::gpu::machine::{Capabilities, GpuError, Result};
use crate::graph::{Graph, Lifetime, Memory, MemoryPlan, NodeId, Precision, assign_offsets};

/// Launches of a graph and places of its values.
pub(crate) struct Plan {
    pub(crate) live: Vec<NodeId>,
    pub(crate) launches: Vec<Launch>,
    pub(crate) snapshots: HashSet<NodeId>,
    pub(crate) textures: TexturePlan,
    /// nodes with memory of their own, as indices of `memory.offsets`
    pub(crate) owner: HashMap<NodeId, usize>,
    /// index of the first scratch among `memory.offsets`
    pub(crate) first_scratch: usize,
    pub(crate) memory: MemoryPlan,
}

/// What one run of a graph needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// values of the run, as they share memory
    pub arena_bytes: u64,
    /// inputs and constants
    pub input_bytes: u64,
    /// parameters, moments, statistics, prototypes
    pub state_bytes: u64,
    /// values and weights packed into textures
    pub texture_bytes: u64,
    /// launches of kernels, in order
    pub launches: Vec<LaunchWork>,
}

impl Requirements {
    /// What a run of the graph would need on a machine with these capabilities.
    pub fn of(graph: &Graph, capabilities: &Capabilities) -> Result<Requirements> {
        let plan = Plan::new(graph, capabilities)?;
        Ok(Requirements {
            arena_bytes: plan.memory.peak_bytes,
            input_bytes: plan.live.iter().filter(|&&id| is_leaf(graph, id)).map(|&id| graph.shape(id).bytes()).sum(),
            state_bytes: graph.states().iter().map(|state| state.shape.bytes()).sum(),
            texture_bytes: plan.textures.bytes(),
            launches: plan.launches.iter().map(Launch::summary).collect(),
        })
    }

    /// All of the memory.
    pub fn bytes(&self) -> u64 {
        self.arena_bytes + self.input_bytes + self.state_bytes + self.texture_bytes
    }
}

/// Whether a value is given from outside and stays as it is.
pub(crate) fn is_leaf(graph: &Graph, id: NodeId) -> bool {
    graph.node(id).op.traits().memory == Memory::Given
}

impl Plan {
    pub(crate) fn new(graph: &Graph, capabilities: &Capabilities) -> Result<Plan> {
        if graph.precision() == Precision::F16 && !capabilities.half {
            return Err(GpuError::NoHalf { adapter: capabilities.name.clone() });
        }
        let live = graph.live_nodes();
        let mut lowering = Lowering::new(graph, capabilities);
        let layouts = Layouts::assign(graph, &live, &lowering.snapshots, &lowering.in_place, capabilities);
        lowering.unwritten = unwritten(graph, &live, &layouts, capabilities);
        lowering.placed = placed(graph, &live, &layouts);
        lowering.within = read_within(graph, &live, &layouts);
        lowering.combined = combined_on_store(graph, &live, &layouts, &lowering.unwritten, capabilities);
        lowering.crossed = crossed(graph, &live, &layouts);
        let stored = [&lowering.combined, &lowering.crossed];
        lowering.reductions = reduced_on_store(graph, &live, &layouts, &lowering.unwritten, stored, capabilities);
        let Lowering { unwritten, reductions, .. } = &lowering;
        lowering.both_gradients = both_gradients(graph, &live, &layouts, unwritten, reductions, capabilities);
        lowering.reduced_in_part = reduced_in_part(graph, &live, &layouts, &lowering.placed, capabilities);
        let Lowering { unwritten, reduced_in_part, placed, combined, reductions, .. } = &lowering;
        let (parts, made) = ((reduced_in_part, placed), [combined, reductions]);
        lowering.unjoined = unjoined(graph, &live, &layouts, unwritten, parts, made, capabilities);
        let passed = passed(graph, &live, &layouts, &lowering.unwritten, &lowering.both_gradients);
        lowering.unwritten.extend(passed);
        let (sums, through) = over_passes(graph, &live, &layouts, capabilities);
        lowering.over_passes = sums;
        lowering.unwritten.extend(through);
        for (step, (&id, layout)) in live.iter().zip(&layouts.nodes).enumerate() {
            lowering.node(step, id, layout)?;
        }
        let end = live.len() + lowering.updates(live.len(), &layouts.updates)?;
        let Lowering { dispatches: mut launches, scratch, texels, snapshots, in_place, .. } = lowering;
        let textures = assign_textures(&texels, &launches);

        let half = graph.half_nodes();
        for launch in &mut launches {
            launch.dispatch.half = half_bindings(&launch.dispatch, &half);
        }
        count_traffic(&mut launches, &texels);
        let mut owner = HashMap::new();
        let with_memory = live.iter().copied().filter(|id| {
            let written = graph.node(*id).op.traits().memory == Memory::Written;
            (written && !in_place.contains_key(id)) || snapshots.contains(id)
        });
        let used = steps_of_use(graph, end, &snapshots, &launches);
        let mut lifetimes = Vec::new();
        for id in with_memory {
            // A value that no launch binds is in a texture alone.
            let Some(&[first, last]) = used.get(&Target::Node(id)) else { continue };
            owner.insert(id, lifetimes.len());
            let bytes = graph.shape(id).elements() as u64 * bytes_of(half[id.0]);
            lifetimes.push(Lifetime { bytes, first, last });
        }
        let first_scratch = lifetimes.len();
        lifetimes.extend(scratch.iter().enumerate().map(|(index, &bytes)| {
            let [first, last] = used.get(&Target::Scratch(index)).copied().unwrap_or([0, 0]);
            Lifetime { bytes, first, last }
        }));
        let limit = capabilities.buffer_bytes / ALIGNMENT * ALIGNMENT;
        if let Some(large) = lifetimes.iter().find(|l| l.bytes > limit) {
            let (adapter, what) = (capabilities.name.clone(), "a tensor".to_string());
            return Err(GpuError::TooLarge { adapter, what, bytes: large.bytes, limit });
        }
        let memory = MemoryPlan::default();
        let mut plan = Plan { live, launches, snapshots, textures, owner, first_scratch, memory };
        plan.memory = arranged(&lifetimes, &plan.read_and_written(), limit);
        Ok(plan)
    }

    /// Which of the blocks of memory a target has; inputs and states have none.
    pub(crate) fn block_of(&self, target: Target) -> Option<usize> {
        match target {
            Target::Node(id) => self.owner.get(&id).copied(),
            Target::Scratch(index) => Some(self.first_scratch + index),
            Target::State(_) => None,
        }
    }

    /// Blocks of which a launch reads one and writes the other.
    fn read_and_written(&self) -> Vec<(usize, usize)> {
        let mut pairs = HashSet::new();
        for Launch { dispatch, .. } in &self.launches {
            let blocks = |wanted: BufferAccess| {
                let bound = dispatch.targets().filter(move |(_, access)| *access == wanted);
                bound.filter_map(|(target, _)| self.block_of(target))
            };
            for written in blocks(BufferAccess::ReadWrite) {
                pairs.extend(blocks(BufferAccess::Read).map(|read| (read, written)));
            }
        }
        pairs.into_iter().collect()
    }
}

/// Blocks in pages no larger than `limit`, each of which a launch either reads or writes, as WebGPU asks of a buffer. What pages
/// leave unused depends on how the blocks happen to fit: the largest of some sizes that comes near the best.
fn arranged(lifetimes: &[Lifetime], apart: &[(usize, usize)], limit: u64) -> MemoryPlan {
    let largest = lifetimes.iter().map(|l| l.bytes).max().unwrap_or(0);
    let together = assign_offsets(lifetimes, ALIGNMENT, limit, &[]).peak_bytes;
    let of = |page: u64| assign_offsets(lifetimes, ALIGNMENT, page.next_multiple_of(ALIGNMENT), apart);
    let mut pages = [6, 7, 8, 10, 12, 16, 20, 24].map(|parts| (together / parts).max(largest).clamp(1, limit)).to_vec();
    pages.dedup();
    let better = |best: MemoryPlan, plan: MemoryPlan| {
        let much = plan.peak_bytes + best.peak_bytes / 200 < best.peak_bytes;
        if much { plan } else { best }
    };
    let plans: Vec<MemoryPlan> = pages.into_par_iter().map(of).collect();
    plans.into_iter().reduce(better).expect("there are some sizes")
}

/// Bindings of a launch whose values are 16-bit floats.
fn half_bindings(dispatch: &Dispatch, half: &[bool]) -> Vec<usize> {
    let is_half = |target: Target| matches!(target, Target::Node(id) if half[id.0]);
    let places = dispatch.buffers.iter().enumerate().filter(|(_, own)| is_half(own.view.target));
    let bindings: Vec<usize> = places.map(|(place, _)| place + 1).collect();
    debug_assert!(dispatch.rows.is_empty() || bindings.is_empty(), "updates read 32-bit floats");
    bindings
}

/// First and last step of which a launch binds a value or a scratch; outputs are needed until `end`.
fn steps_of_use(
    graph: &Graph,
    end: usize,
    snapshots: &HashSet<NodeId>,
    launches: &[Launch],
) -> HashMap<Target, [usize; 2]> {
    let uses = launches.iter().flat_map(|l| l.dispatch.targets().map(move |(target, _)| (target, l.step)));
    let kept = graph.outputs().iter().map(|(_, id)| (value_target(graph, snapshots, *id), end));
    let mut used = HashMap::new();
    for (target, step) in uses.chain(kept) {
        let [first, last] = used.entry(target).or_insert([step, step]);
        (*first, *last) = ((*first).min(step), (*last).max(step));
    }
    used
}
