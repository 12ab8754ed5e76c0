//! What lowering has come to: launches so far, and the memory they need beside the values.
//!
//! A launcher binds at most the adapter's limit at once. Larger tensors are launched in pieces along the
//! batch; reductions over the batch write one part for each piece, added up in a fixed order.

use std::collections::{HashMap, HashSet};

use super::packed_values::Packed;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{ALIGNED_ELEMENTS, Dispatch, KernelFamily, Launch, Target, View, Work};
use crate::gpu::layout::{OverPasses, Placed, late_reads, slices_in_place, value_target};
use crate::gpu::machine::{Capabilities, GpuError, Matrices, OperatorClass, Result};
use crate::graph::{Activation, Graph, NodeId, Op, Shape};

/// Launches of a graph, in order, with the temporary memory they need.
pub(crate) struct Lowering<'g> {
    pub(crate) graph: &'g Graph,
    pub(super) machine: &'g Capabilities,
    pub(crate) dispatches: Vec<Launch>,
    /// bytes of each scratch
    pub(crate) scratch: Vec<u64>,
    /// texels of each texture
    pub(crate) texels: Vec<usize>,
    /// reads of states that need memory of their own, see `late_reads`
    pub(crate) snapshots: HashSet<NodeId>,
    /// slices that are read where they lie, see `slices_in_place`
    pub(crate) in_place: HashMap<NodeId, (NodeId, usize)>,
    /// values that their readers make, see `unwritten`
    pub(crate) unwritten: HashSet<NodeId>,
    /// reductions over what nodes write that their kernels leave, see `reduced_on_store`
    pub(crate) reductions: HashMap<NodeId, NodeId>,
    /// maps that are written where they are joined, see `placed`
    pub(crate) placed: Placed,
    /// of statistics of joined maps the one that leaves its share, see `reduced_in_part`
    pub(crate) reduced_in_part: HashMap<NodeId, NodeId>,
    /// maps that are read where they would be joined from, see `unjoined`
    pub(crate) unjoined: HashSet<NodeId>,
    /// statistics of parts that resized maps have left, and how many
    pub(super) parts_of: HashMap<NodeId, (Target, usize)>,
    /// parts of maps that are read where these lie, see `read_within`
    pub(crate) within: Placed,
    /// sums that are made of logits at once, see `over_passes`
    pub(crate) over_passes: HashMap<NodeId, OverPasses>,
    /// operators that the kernels of their operands compute, see `combined_on_store`
    pub(crate) combined: HashMap<NodeId, NodeId>,
    /// gradients of weights that the kernels of those of inputs compute, and sums that those of weights do, see `both_gradients`
    pub(crate) both_gradients: HashMap<NodeId, NodeId>,
    /// resizes along columns that the kernels of those along rows do, see `crossed`
    pub(crate) crossed: HashMap<NodeId, NodeId>,
    /// what kernels that normalise need of eps (its bits), statistics, weight and bias
    pub(super) norm_terms: HashMap<(u32, [NodeId; 3]), Target>,
    /// unwritten values whose operations are counted with what has loaded them
    counted: HashSet<NodeId>,
    pub(super) packed: Packed,
    pub(super) step: usize,
    pub(super) label: &'static str,
    /// pieces into which these divide the current node at least
    pub(super) least_pieces: usize,
}

/// Part of a tensor along its first axis.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) first: usize,
    pub(super) count: usize,
}

impl<'g> Lowering<'g> {
    pub(crate) fn new(graph: &'g Graph, machine: &'g Capabilities) -> Self {
        Lowering {
            graph,
            machine,
            dispatches: Vec::new(),
            scratch: Vec::new(),
            texels: Vec::new(),
            snapshots: late_reads(graph),
            in_place: slices_in_place(graph),
            unwritten: HashSet::new(),
            reductions: HashMap::new(),
            placed: HashMap::new(),
            reduced_in_part: HashMap::new(),
            unjoined: HashSet::new(),
            parts_of: HashMap::new(),
            within: HashMap::new(),
            over_passes: HashMap::new(),
            combined: HashMap::new(),
            both_gradients: HashMap::new(),
            crossed: HashMap::new(),
            norm_terms: HashMap::new(),
            counted: HashSet::new(),
            packed: Packed::default(),
            step: 0,
            label: "",
            least_pieces: 1,
        }
    }

    pub(super) fn push(&mut self, dispatch: Dispatch) {
        self.dispatches.push(Launch { step: self.step, label: self.label, dispatch, work: Work::default() });
    }

    /// Divides the operations of a node among its launches, which are those from `first` on: what a launch says of itself, or its
    /// share by workgroups among those that do more than move elements or add up what others have left.
    pub(super) fn count_flops(&mut self, first: usize, id: NodeId) {
        let flops = self.flops_of_launches(id);
        let launches = &mut self.dispatches[first..];
        if launches.iter().any(|launch| launch.dispatch.flops.is_some()) {
            launches.iter_mut().for_each(|launch| launch.work.flops = launch.dispatch.flops.unwrap_or(0));
            return;
        }
        let rank = |launch: &Launch| match launch.dispatch.family {
            KernelFamily::Copy | KernelFamily::PackMaps | KernelFamily::PackWeights => 0,
            KernelFamily::Sum => 1,
            // Beside a convolution, the statistics that it leaves.
            KernelFamily::Normalisation => 2,
            _ => 3,
        };
        let most = launches.iter().map(rank).max().unwrap_or(0);
        let groups = |launch: &Launch| launch.dispatch.groups.iter().map(|&extent| u64::from(extent)).product::<u64>();
        let of = launches.iter().filter(|launch| rank(launch) == most).map(groups).sum();
        let whole = Work { flops, ..Work::default() };
        let mut done = 0;
        for launch in launches.iter_mut().filter(|launch| rank(launch) == most) {
            let before = whole.share(done, of).flops;
            done += groups(launch);
            launch.work.flops = whole.share(done, of).flops - before;
        }
    }

    /// Operations of a node's launches: its own, those of what its kernel makes as well, and those of unwritten values that these are the
    /// first to load.
    fn flops_of_launches(&mut self, id: NodeId) -> u64 {
        if self.is_made_elsewhere(id) || self.unwritten.contains(&id) {
            return 0;
        }
        let graph = self.graph;
        let made: Vec<NodeId> = self.made_elsewhere().filter_map(|made| made.get(&id)).copied().chain([id]).collect();
        made.into_iter().map(|made| graph.node_flops(made) + self.flops_of_loading(made)).sum()
    }

    /// Operations of unwritten inputs of a node, and of theirs, that nobody has counted yet.
    fn flops_of_loading(&mut self, id: NodeId) -> u64 {
        let graph = self.graph;
        let load = |input: &NodeId| match self.unwritten.contains(input) && self.counted.insert(*input) {
            true => graph.node_flops(*input) + self.flops_of_loading(*input),
            false => 0,
        };
        graph.node(id).inputs.iter().map(load).sum()
    }

    /// Whether the kernel of another node makes the value of this one.
    pub(super) fn is_made_elsewhere(&self, id: NodeId) -> bool {
        self.made_elsewhere().flat_map(HashMap::values).any(|made| *made == id)
    }

    /// Of nodes others that their kernels make as well.
    fn made_elsewhere(&self) -> impl Iterator<Item = &HashMap<NodeId, NodeId>> {
        [&self.reductions, &self.combined, &self.crossed, &self.both_gradients].into_iter()
    }

    /// The memory of a value.
    pub(super) fn target(&self, id: NodeId) -> Target {
        value_target(self.graph, &self.snapshots, id)
    }

    /// Where an update finds a value, and the element at which it begins there.
    pub(super) fn read_in_place(&self, id: NodeId) -> (Target, usize) {
        match self.in_place.get(&self.graph.storage_of(id)) {
            Some(&(whole, start)) => (self.target(whole), start),
            None => (self.target(id), 0),
        }
    }

    pub(super) fn input(&self, id: NodeId, slot: usize) -> NodeId {
        self.graph.node(id).inputs[slot]
    }

    pub(super) fn shape(&self, id: NodeId) -> &'g Shape {
        let graph = self.graph;
        graph.shape(id)
    }

    pub(super) fn nchw(&self, id: NodeId) -> [usize; 4] {
        self.shape(id).nchw().expect("shape rules let only feature maps through")
    }

    /// The whole of a value, which must fit one binding.
    pub(super) fn whole(&self, id: NodeId) -> Result<View> {
        self.whole_target(self.target(id), self.shape(id).elements())
    }

    pub(super) fn whole_target(&self, target: Target, elements: usize) -> Result<View> {
        if elements > self.machine.binding_elements {
            let (bytes, limit) = (elements as u64 * 4, self.machine.binding_elements as u64 * 4);
            let what = self.label.to_string();
            return Err(GpuError::TooLarge { adapter: self.machine.name.clone(), what, bytes, limit });
        }
        Ok(View::whole(target, elements))
    }

    /// Rows `piece` of a value whose rows have `per_row` elements, and where they start in the bound range.
    pub(super) fn rows(&self, id: NodeId, piece: Piece, per_row: usize) -> (View, usize) {
        View::range(self.target(id), piece.first * per_row, piece.count * per_row)
    }

    /// Temporary memory, from the first launch that binds it to the last.
    pub(super) fn temporary(&mut self, elements: usize) -> Target {
        self.scratch.push(elements as u64 * 4);
        Target::Scratch(self.scratch.len() - 1)
    }

    /// Equal pieces of `rows` rows, none of which binds more than the limit; `per_row` is that of the largest tensor.
    pub(super) fn pieces(&self, rows: usize, per_row: usize) -> Result<Vec<Piece>> {
        self.pieces_of(rows, per_row, rows)
    }

    /// The same, none of more than `most` rows, or of one.
    pub(super) fn pieces_of(&self, rows: usize, per_row: usize, most: usize) -> Result<Vec<Piece>> {
        let room = self.machine.binding_elements - ALIGNED_ELEMENTS;
        if per_row > room {
            let (bytes, limit) = (per_row as u64 * 4, self.machine.binding_elements as u64 * 4);
            let (adapter, operator) = (self.machine.name.clone(), self.label);
            return Err(GpuError::SampleTooLarge { adapter, operator, bytes, limit });
        }
        let most = most.min(rows.div_ceil(self.least_pieces));
        let count = rows.div_ceil((room / per_row.max(1)).min(most).max(1)).max(1);
        let each = rows.div_ceil(count);
        let piece = |first: usize| Piece { first, count: each.min(rows - first) };
        Ok((0..rows).step_by(each.max(1)).map(piece).collect())
    }

    /// Pieces of a node that are short enough for a watchdog; no more than leave parts of a gradient that one binding
    /// holds.
    pub(super) fn least_pieces(&self, id: NodeId) -> usize {
        let divided = (!self.machine.divisions.is_empty())
            .then(|| self.machine.divisions.get(&OperatorClass::of(self.graph, id)))
            .flatten();
        let pieces = divided.map_or(1, |pieces| (*pieces).max(1));
        match self.graph.node(id).op {
            // Winograd's parts have 36 elements for 9.
            Op::Conv2dWeightGrad { .. } => {
                pieces.min((self.machine.binding_elements / (4 * self.shape(id).elements())).max(1))
            }
            _ => pieces,
        }
    }

    /// The adapter's cooperative matrices, if it was opened with them.
    pub(super) fn matrices(&self) -> Result<Matrices> {
        self.machine.matrices.ok_or_else(|| GpuError::MatricesOff { adapter: self.machine.name.clone() })
    }

    pub(super) fn unsupported(&self, reason: &str) -> GpuError {
        GpuError::Unsupported { op: self.label, adapter: self.machine.name.clone(), reason: reason.to_string() }
    }

    pub(super) fn lanes_constant(&self) -> Constant {
        Constant::U32(self.machine.lanes)
    }
}

/// An activation in the shaders: its kind and the slope.
pub(super) fn activation_constants(activation: Activation) -> [(&'static str, Constant); 2] {
    [("ACTIVATION", Constant::Kind(activation.into())), ("SLOPE", Constant::F32(activation.negative_slope()))]
}
