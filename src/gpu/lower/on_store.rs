//! Reductions that a convolution's kernel leaves in parts of the map that it writes: see `layout::reduced_on_store`.

use super::lowering::{Lowering, Piece};
use super::on_load::Loaded;
use crate::gpu::kernel::{Dispatch, Target, View};
use crate::gpu::machine::Result;
use crate::graph::{Activation, NodeId, Op};

/// A reduction over the map that a kernel writes.
pub(super) struct OnStore {
    /// the node whose value it is
    reduction: NodeId,
    channels: usize,
    /// of the sums of a normalisation's gradient, what was normalised, and the activation
    gradient: Option<(NodeId, Activation)>,
    parts: Target,
    splits: usize,
}

impl OnStore {
    /// One of a kernel's entry points: without a reduction, with statistics, with the sums of a gradient.
    pub(super) fn entry(reduced: Option<&OnStore>, [plain, stats, sums]: [&'static str; 3]) -> &'static str {
        match reduced {
            None => plain,
            Some(OnStore { gradient: None, .. }) => stats,
            Some(OnStore { gradient: Some(_), .. }) => sums,
        }
    }

    /// The activation that a kernel knows: its own, or the one before which it adds up gradients.
    pub(super) fn activation(reduced: Option<&OnStore>, own: Activation) -> Activation {
        reduced.and_then(|reduced| reduced.gradient).map_or(own, |(_, activation)| activation)
    }

    /// Numbers of a part.
    fn part(&self) -> usize {
        self.channels * if self.gradient.is_some() { 2 } else { 3 }
    }
}

impl Lowering<'_> {
    /// The reduction over what a convolution writes in so many parts, if there is one; and how it loads its operand, or what
    /// it needs to reduce.
    pub(super) fn on_store(&mut self, out: NodeId, operand: NodeId, splits: usize) -> Result<(Option<OnStore>, Loaded)> {
        let loaded = self.loaded(operand);
        let Some(&reduction) = self.reductions.get(&out) else { return Ok((None, loaded)) };
        let graph = self.graph;
        let node = graph.node(reduction);
        let channels = self.shape(out)[1];
        let mut own = OnStore { reduction, channels, gradient: None, parts: Target::Scratch(0), splits };
        let mut needs = loaded;
        if let Op::BatchNormGradSums { eps, activation } = node.op {
            own.gradient = Some((node.inputs[0], activation));
            let terms = self.norm_terms(eps, [node.inputs[2], node.inputs[3], node.inputs[4]])?;
            needs = self.loaded(node.inputs[1]).reducing(operand, terms, channels);
        }
        own.parts = self.temporary(splits * own.part());
        Ok((Some(own), needs))
    }

    /// Binds the parts, and for a gradient the share `part` of `whole` of a piece of what was normalised.
    pub(super) fn bind_parts(
        &self,
        dispatch: Dispatch,
        reduced: Option<&OnStore>,
        piece: Piece,
        [part, whole]: [usize; 2],
    ) -> Result<Dispatch> {
        let Some(own) = reduced else { return Ok(dispatch) };
        let dispatch = dispatch.bind_written(self.parts_of(own)?);
        Ok(match own.gradient {
            Some((met, _)) => {
                let sample = self.shape(met).elements() / self.shape(met)[0];
                let (view, _) = self.rows(met, piece, sample);
                dispatch.bind_part(view, (view.len as u128 * part as u128 / whole as u128) as usize)
            }
            None => dispatch,
        })
    }

    fn parts_of(&self, own: &OnStore) -> Result<View> {
        self.whole_target(own.parts, own.splits * own.part())
    }

    /// Puts the parts together.
    pub(super) fn finish_on_store(&mut self, reduced: Option<OnStore>) -> Result<()> {
        let Some(own) = reduced else { return Ok(()) };
        let (parts, out) = (self.parts_of(&own)?, self.target(own.reduction));
        match own.gradient {
            None => self.combine_stats(parts, [own.splits, 1], own.reduction),
            Some(_) => self.sum_of_parts(parts, own.splits, own.part(), out),
        }
    }
}
