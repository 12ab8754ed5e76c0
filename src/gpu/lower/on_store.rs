//! What a convolution's kernel makes beside the map that it writes, or of it: see `layout::reduced_on_store` and
//! `layout::combined_on_store`.

use super::lowering::{Lowering, Piece};
use super::on_load::Loaded;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Target, View};
use crate::gpu::machine::Result;
use crate::graph::{Activation, NodeId, Op};

/// What a kernel does as it writes a map.
pub(super) struct OnStore {
    /// the node whose value the kernel writes
    pub(super) written: NodeId,
    task: Task,
}

/// What there is to do beside writing.
enum Task {
    Nothing,
    /// leave parts of a reduction
    Reduce {
        reduction: NodeId,
        parts: Parts,
        gradient: Option<Gradient>,
    },
    /// write the sum with another map, or the product with an activation's slope there
    Combine {
        met: NodeId,
        slope: Option<Activation>,
    },
}

/// Where the parts of a reduction are left, how many, and how many numbers each has.
struct Parts {
    target: Target,
    splits: usize,
    part: usize,
}

impl Parts {
    fn elements(&self) -> usize {
        self.splits * self.part
    }
}

/// What the sums of a normalisation's gradient need: what was normalised, and the activation.
struct Gradient {
    met: NodeId,
    activation: Activation,
}

impl OnStore {
    /// The entry point of `conv2d_tiled`.
    pub(super) fn entry(&self) -> &'static str {
        match &self.task {
            Task::Nothing => "main",
            Task::Combine { .. } => "combined",
            Task::Reduce { gradient: None, .. } => "with_stats",
            Task::Reduce { gradient: Some(_), .. } => "with_grad_sums",
        }
    }

    /// The activation that a kernel knows: its own, or the one of which it needs the slope.
    pub(super) fn activation(&self, own: Activation) -> Activation {
        match &self.task {
            Task::Combine { slope: Some(activation), .. } => *activation,
            Task::Reduce { gradient: Some(Gradient { activation, .. }), .. } => *activation,
            _ => own,
        }
    }
}

impl Lowering<'_> {
    /// What the kernel of a convolution does as it writes its map, a reduction in so many parts; and how it loads its operand, or
    /// what it needs to reduce.
    pub(super) fn on_store(&mut self, out: NodeId, operand: NodeId, splits: usize) -> Result<(OnStore, Loaded)> {
        let (mut loaded, channels) = (self.loaded(operand), self.shape(out)[1]);
        let mut own = OnStore { written: out, task: Task::Nothing };
        if let Some(met) = self.combined_with(out) {
            own.written = self.combined[&out];
            let slope = match self.graph.node(own.written).op {
                Op::UnaryGrad(function) => function.activation(),
                _ => None,
            };
            own.task = Task::Combine { met, slope };
        }
        let Some(&reduction) = self.reductions.get(&out) else { return Ok((own, loaded)) };
        let node = self.graph.node(reduction);
        let gradient = match node.op {
            Op::BatchNormGradSums { eps, activation } => {
                let terms = self.norm_terms(eps, [node.inputs[2], node.inputs[3], node.inputs[4]])?;
                loaded = self.loaded(node.inputs[1]).reducing(operand, terms, channels);
                Some(Gradient { met: node.inputs[0], activation })
            }
            _ => None,
        };
        let part = channels * if gradient.is_some() { 2 } else { 3 };
        let all = Parts { target: self.temporary(splits * part), splits, part };
        own.task = Task::Reduce { reduction, parts: all, gradient };
        Ok((own, loaded))
    }

    /// The map with which the kernel of a node combines what it writes.
    pub(super) fn combined_with(&self, out: NodeId) -> Option<NodeId> {
        let operator = self.graph.node(*self.combined.get(&out)?);
        operator.inputs.iter().copied().find(|input| *input != out)
    }

    /// The node whose value the kernel of another writes: the one that it goes on to, or its own.
    pub(super) fn written_by(&self, id: NodeId) -> NodeId {
        self.combined.get(&id).copied().unwrap_or(id)
    }

    /// Binds a piece of the map that is met, so many elements a sample, or anything.
    pub(super) fn bind_met(
        &self,
        dispatch: Dispatch,
        met: Option<NodeId>,
        (piece, sample): (Piece, usize),
        anything: View,
    ) -> Dispatch {
        match met {
            Some(met) => dispatch.bind(self.rows(met, piece, sample).0),
            None => dispatch.bind_part(anything, 0),
        }
    }

    /// Binds the share `part` of `whole` of a piece of the map that is met, or anything, and the parts of a reduction.
    pub(super) fn bind_store(
        &self,
        dispatch: Dispatch,
        own: &OnStore,
        (piece, [part, whole]): (Piece, [usize; 2]),
        anything: View,
    ) -> Result<Dispatch> {
        let met = |met: NodeId| {
            let shape = self.shape(met);
            let (view, _) = self.rows(met, piece, shape.elements() / shape[0]);
            (view, (view.len as u128 * part as u128 / whole as u128) as usize)
        };
        Ok(match &own.task {
            Task::Nothing => dispatch,
            Task::Combine { met: other, slope } => {
                let (view, used) = met(*other);
                dispatch.constant("ADDS", Constant::Bool(slope.is_none())).bind_part(view, used)
            }
            Task::Reduce { parts, gradient, .. } => {
                let (view, used) = gradient.as_ref().map_or((anything, 0), |gradient| met(gradient.met));
                dispatch.bind_part(view, used).bind_written(self.whole_target(parts.target, parts.elements())?)
            }
        })
    }

    /// Puts the parts of a reduction together.
    pub(super) fn finish_store(&mut self, own: &OnStore) -> Result<()> {
        let Task::Reduce { reduction, parts, gradient } = &own.task else { return Ok(()) };
        let view = self.whole_target(parts.target, parts.elements())?;
        match gradient {
            None => self.combine_stats(view, [parts.splits, 1], *reduction),
            Some(_) => self.sum_of_parts(view, parts.splits, parts.part, self.target(*reduction)),
        }
    }
}
