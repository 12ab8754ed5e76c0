//! Which value is packed: a pass over the graph that decides for each node whether its kernel computes from buffers or from
//! textures, and moves values from one to the other where that needs it.

use std::collections::{HashMap, HashSet};

use super::places::value_target;
use crate::gpu::family::{Declined, PackedSlots, admits_packed, enlarges};
use crate::gpu::kernel::Target;
use crate::gpu::machine::Capabilities;
use crate::graph::{Graph, NodeId, Op};

/// Where the kernel of a node finds feature maps, and leaves its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// in buffers, as `[N,C,H,W]`
    Buffer,
    /// packed in textures, four channels to a texel
    Texture,
}

/// A value brought from one layout into the other, where it is from then on in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// from its buffer into a texture
    Pack(NodeId),
    /// from its texture into the buffer
    Unpack(NodeId),
}

/// How a node is computed.
#[derive(Clone, Debug)]
pub(crate) struct NodeLayout {
    pub(crate) layout: Layout,
    /// moves before its launches
    pub(crate) before: Vec<Move>,
    /// the move after them
    pub(crate) after: Option<Move>,
    /// why it is not computed from textures
    pub(crate) declined: Option<Declined>,
}

/// The layouts of a graph.
pub(crate) struct Layouts {
    /// of each live node, in their order
    pub(crate) nodes: Vec<NodeLayout>,
    /// moves before each update
    pub(crate) updates: Vec<Vec<Move>>,
}

/// A value in a texture: texel `1 + (sample·⌈channels/4⌉ + block)·plane + pixel`, channels beyond the last zero.
#[derive(Clone, Copy)]
struct Held {
    channels: usize,
    plane: usize,
}

/// What is where, as far as the pass has come.
struct Pass<'a> {
    graph: &'a Graph,
    snapshots: &'a HashSet<NodeId>,
    held: HashMap<Target, Held>,
    /// values that are packed and in their buffers as well
    in_buffer: HashSet<Target>,
}

impl Layouts {
    /// Assigns layouts to the live nodes of a graph; `snapshots` are the reads of states that have memory of their own,
    /// `in_place` the slices that have none.
    pub(crate) fn assign(
        graph: &Graph,
        live: &[NodeId],
        snapshots: &HashSet<NodeId>,
        in_place: &HashMap<NodeId, (NodeId, usize)>,
        machine: &Capabilities,
    ) -> Layouts {
        let outputs: HashSet<NodeId> = graph.outputs().iter().map(|(_, id)| graph.storage_of(*id)).collect();
        let mut pass = Pass { graph, snapshots, held: HashMap::new(), in_buffer: HashSet::new() };
        let mut nodes = Vec::with_capacity(live.len());
        for &id in live {
            let slots = match in_place.contains_key(&id) {
                true => Err(Declined::InPlace),
                false => admits_packed(graph, id, machine),
            };
            let slots = slots.and_then(|slots| pass.worth_packing(id, slots, machine));
            let mut before = Vec::new();
            match &slots {
                Ok(slots) => pass.compute_from_textures(id, *slots, &mut before),
                Err(_) if graph.node(id).op.is_alias() => {}
                Err(_) => graph.node(id).inputs.iter().for_each(|&input| pass.unpack(input, &mut before)),
            }
            let mut after = Vec::new();
            // Outputs are read back from their buffers.
            if outputs.contains(&graph.storage_of(id)) {
                pass.unpack(id, &mut after);
            }
            let layout = if slots.is_ok() { Layout::Texture } else { Layout::Buffer };
            nodes.push(NodeLayout { layout, before, after: after.pop(), declined: slots.err() });
        }
        let updates = graph.updates().iter().map(|update| {
            let mut before = Vec::new();
            update.inputs().into_iter().for_each(|input| pass.unpack(input, &mut before));
            before
        });
        let updates = updates.collect();
        Layouts { nodes, updates }
    }

    /// Nodes, of the live ones that were given layouts, which compute from buffers.
    pub(super) fn computed_from_buffers(&self, live: &[NodeId]) -> HashSet<NodeId> {
        let nodes = live.iter().zip(&self.nodes).filter(|(_, node)| node.layout == Layout::Buffer);
        nodes.map(|(&id, _)| id).collect()
    }
}

impl Pass<'_> {
    fn target(&self, id: NodeId) -> Target {
        value_target(self.graph, self.snapshots, id)
    }

    /// Declines where none of the feature maps that a kernel reads is in a texture, so that packing them would not pay.
    /// Convolutions pay for it, and operators that make much more than they read.
    fn worth_packing(&self, id: NodeId, slots: PackedSlots, machine: &Capabilities) -> Result<PackedSlots, Declined> {
        let node = self.graph.node(id);
        let convolution =
            matches!(node.op, Op::Conv2d { .. } | Op::Conv2dInputGrad { .. } | Op::Conv2dWeightGrad { .. });
        let packed = node.inputs[..slots.inputs].iter().any(|&input| self.is_held(input));
        match convolution || packed || enlarges(self.graph, id, machine) {
            true => Ok(slots),
            false => Err(Declined::NothingPacked),
        }
    }

    /// Whether feature maps are in a texture; a reshaping that keeps texels as they are keeps the texture.
    fn is_held(&self, id: NodeId) -> bool {
        let (Some([_, c, h, w]), Some(held)) = (self.graph.shape(id).nchw(), self.held.get(&self.target(id))) else {
            return false;
        };
        let same = held.channels == c || (held.channels.is_multiple_of(4) && c.is_multiple_of(4));
        held.plane == h * w && same
    }

    /// Brings the inputs of a kernel where it finds them, and notes where it leaves its result.
    fn compute_from_textures(&mut self, id: NodeId, slots: PackedSlots, moves: &mut Vec<Move>) {
        let graph = self.graph;
        let (maps, others) = graph.node(id).inputs.split_at(slots.inputs);
        for &input in others {
            self.unpack(input, moves);
        }
        for &input in maps {
            if self.is_held(input) {
                continue;
            }
            // One that is packed otherwise goes through its buffer.
            self.unpack(input, moves);
            self.hold(input);
            self.in_buffer.insert(self.target(input));
            moves.push(Move::Pack(input));
        }
        if slots.result {
            self.hold(id);
        }
    }

    fn hold(&mut self, id: NodeId) {
        let [_, channels, h, w] = self.graph.shape(id).nchw().expect("kernels for textures are given feature maps");
        self.held.insert(self.target(id), Held { channels, plane: h * w });
    }

    /// Brings a value that is in a texture alone into its buffer.
    fn unpack(&mut self, id: NodeId, moves: &mut Vec<Move>) {
        let target = self.target(id);
        if self.held.contains_key(&target) && self.in_buffer.insert(target) {
            moves.push(Move::Unpack(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::{late_reads, slices_in_place};
    use super::*;
    use crate::gpu::machine::ConvVariant;
    use crate::graph::ConvSpec;

    /// Moves of a graph on a software adapter, before each live node, after it, and before the updates.
    fn moves(graph: &Graph) -> Vec<Move> {
        let machine = Capabilities { conv: ConvVariant::Texture, ..Capabilities::typical_hardware() };
        let layouts =
            Layouts::assign(graph, &graph.live_nodes(), &late_reads(graph), &slices_in_place(graph), &machine);
        let of_nodes = layouts.nodes.into_iter().flat_map(|node| node.before.into_iter().chain(node.after));
        of_nodes.chain(layouts.updates.into_iter().flatten()).collect()
    }

    #[test]
    fn values_are_moved_only_where_a_kernel_wants_them_elsewhere() {
        let mut graph = Graph::new();
        let [x, w] = [graph.input("x", [1, 4, 2, 2]), graph.input("w", [4, 4, 1, 1])];
        let a = graph.conv2d(x, w, None, ConvSpec::default()).expect("shapes fit");
        // Texels of the same values: the texture is read on.
        let same = graph.reshape(a, [1, 4, 1, 4]).expect("as many elements");
        let b = graph.add(same, same).expect("shapes fit");
        let flat = graph.reshape(b, [16]).expect("as many elements");
        let total = graph.sum(flat, &[0]).expect("one axis");
        graph.output("total", total);
        graph.output("b", b);
        assert_eq!(moves(&graph), [Move::Pack(x), Move::Unpack(b)]);
    }

    #[test]
    fn a_value_packed_under_another_shape_goes_through_its_buffer() {
        let mut graph = Graph::new();
        let [x, w] = [graph.input("x", [1, 4, 2, 2]), graph.input("w", [4, 4, 1, 1])];
        let a = graph.conv2d(x, w, None, ConvSpec::default()).expect("shapes fit");
        let other = graph.reshape(a, [4, 1, 2, 2]).expect("as many elements");
        let v = graph.input("v", [1, 1, 1, 1]);
        let y = graph.conv2d(other, v, None, ConvSpec::default()).expect("shapes fit");
        graph.output("y", y);
        assert_eq!(moves(&graph), [Move::Pack(x), Move::Unpack(other), Move::Pack(other), Move::Unpack(y)]);
    }
}
