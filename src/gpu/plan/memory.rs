//! A graph made ready for an adapter without touching one: its launches, and where every value lies.

use std::collections::{HashMap, HashSet};

use super::textures::{TexturePlan, assign_textures};
use crate::gpu::kernel::{ALIGNMENT, Dispatch, Launch, Target};
use crate::gpu::layout::{Layouts, value_target};
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
    /// bytes of a page of the arena: offsets are in pages one after the other
    pub(crate) page: u64,
}

/// What one run of a graph needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// values of the run, as they share memory
    pub arena_bytes: u64,
    /// inputs and constants
    pub input_bytes: u64,
    /// parameters, moments, statistics, prototypes
    pub state_bytes: u64,
    /// values and weights packed into textures
    pub texture_bytes: u64,
    /// launches of kernels
    pub dispatches: usize,
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
            dispatches: plan.launches.len(),
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
        let mut owner = HashMap::new();
        let with_memory = live.iter().copied().filter(|id| {
            let written = matches!(graph.node(*id).op.traits().memory, Memory::Written { .. });
            (written && !in_place.contains_key(id)) || snapshots.contains(id)
        });
        let used = steps_of_use(graph, end, &snapshots, &launches);
        let mut lifetimes = Vec::new();
        for id in with_memory {
            // A value that no launch binds is in a texture alone.
            let Some(&[first, last]) = used.get(&id) else { continue };
            owner.insert(id, lifetimes.len());
            let bytes = graph.shape(id).elements() as u64 * bytes_of(half[id.0]);
            lifetimes.push(Lifetime { bytes, first, last });
        }
        write_in_place(graph, &live, &half, &mut owner, &mut lifetimes);
        let first_scratch = lifetimes.len();
        lifetimes.extend(scratch.iter().map(|&(bytes, step)| Lifetime { bytes, first: step, last: step }));
        let page = capabilities.buffer_bytes / ALIGNMENT * ALIGNMENT;
        if let Some(large) = lifetimes.iter().find(|l| l.bytes > page) {
            let (adapter, what) = (capabilities.name.clone(), "a tensor".to_string());
            return Err(GpuError::TooLarge { adapter, what, bytes: large.bytes, limit: page });
        }
        let memory = assign_offsets(&lifetimes, ALIGNMENT, page);
        Ok(Plan { live, launches, snapshots, textures, owner, first_scratch, memory, page })
    }
}

/// Bytes of an element.
pub(crate) fn bytes_of(half: bool) -> u64 {
    if half { 2 } else { 4 }
}

/// Bindings of a launch whose values are 16-bit floats.
fn half_bindings(dispatch: &Dispatch, half: &[bool]) -> Vec<usize> {
    let is_half = |target: Target| matches!(target, Target::Node(id) if half[id.0]);
    let places = dispatch.buffers.iter().enumerate().filter(|(_, view)| is_half(view.target));
    let bindings: Vec<usize> = places.map(|(place, _)| place + 1).collect();
    debug_assert!(dispatch.rows.is_empty() || bindings.is_empty(), "updates read 32-bit floats");
    bindings
}

/// First and last step of which a launch binds a value; outputs are needed until `end`.
fn steps_of_use(
    graph: &Graph,
    end: usize,
    snapshots: &HashSet<NodeId>,
    launches: &[Launch],
) -> HashMap<NodeId, [usize; 2]> {
    let uses = launches.iter().flat_map(|l| l.dispatch.targets().map(move |target| (target, l.step)));
    let kept = graph.outputs().iter().map(|(_, id)| (value_target(graph, snapshots, *id), end));
    let mut used = HashMap::new();
    for (target, step) in uses.chain(kept) {
        if let Target::Node(id) = target {
            let [first, last] = used.entry(id).or_insert([step, step]);
            (*first, *last) = ((*first).min(step), (*last).max(step));
        }
    }
    used
}

/// Values made element by element take the memory of an operand that nothing reads afterwards.
fn write_in_place(
    graph: &Graph,
    live: &[NodeId],
    half: &[bool],
    owner: &mut HashMap<NodeId, usize>,
    lifetimes: &mut [Lifetime],
) {
    for (step, &id) in live.iter().enumerate() {
        let Some(&own) = owner.get(&id) else { continue };
        let node = graph.node(id);
        let Memory::Written { over } = node.op.traits().memory else { continue };
        let operands = node.inputs.iter().take(over).filter(|input| half[input.0] == half[id.0]);
        // A value unpacked by a later step has no memory yet.
        if lifetimes[own].first != step {
            continue;
        }
        let dying = operands.filter_map(|&input| owner.get(&graph.storage_of(input)).copied()).find(|&index| {
            lifetimes[index].last == step && lifetimes[index].bytes == lifetimes[own].bytes && index != own
        });
        if let Some(index) = dying {
            lifetimes[index].last = lifetimes[own].last;
            lifetimes[own].bytes = 0;
            owner.insert(id, index);
        }
    }
}
