//! Launches of the updates of state.

use super::super::dispatch::{Dispatch, Target, View};
use super::super::error::Result;
use super::Lowering;
use crate::graph::{NodeId, StateId, Update};

impl Lowering<'_> {
    pub(super) fn state_update(&mut self, update: &Update) -> Result<()> {
        match *update {
            Update::Assign { state, value } => {
                self.copy(self.target(value), Target::State(state), self.shape(value).elements())
            }
            Update::RunningStats { mean, var, stats, domain, momentum, unbias } => {
                let channels = self.shape(stats)[2];
                let dispatch = Dispatch::new("running_stats", "main")
                    .params([channels, domain])
                    .float(momentum)
                    .float(unbias)
                    .bind(self.whole(stats)?)
                    .bind(self.whole_target(Target::State(mean), channels)?)
                    .bind(self.whole_target(Target::State(var), channels)?)
                    .groups(channels.div_ceil(64));
                self.push(dispatch);
                Ok(())
            }
            Update::Adam { param, first, second, grad, lr, correction, settings } => {
                let kernel = |count, base| {
                    Dispatch::new("adam", "main")
                        .params([count, base])
                        .float(settings.beta1)
                        .float(settings.beta2)
                        .float(settings.eps)
                };
                self.optimise(kernel, 8, grad, &[lr, correction], &[param, first, second])
            }
            Update::Sgd { param, velocity, grad, lr, settings } => {
                let kernel = |count, base| {
                    Dispatch::new("sgd", "main")
                        .params([count, base])
                        .float(settings.momentum)
                        .float(settings.weight_decay)
                };
                self.optimise(kernel, 1, grad, &[lr], &[param, velocity])
            }
        }
    }

    /// Keeps the value that a state has before it changes.
    pub(super) fn snapshot(&mut self, state: StateId, id: NodeId) -> Result<()> {
        self.copy(Target::State(state), Target::Node(id), self.shape(id).elements())
    }

    fn copy(&mut self, from: Target, to: Target, elements: usize) -> Result<()> {
        for piece in self.pieces(elements, 1)? {
            let [(vx, bx), (vy, by)] = [from, to].map(|target| View::range(target, piece.first, piece.count));
            let axes = [1, 1, piece.count];
            let dispatch = Dispatch::new("copy", "main").params([piece.count, bx as usize, by as usize]).params(axes);
            let strided = dispatch.params([0, 0, 0, 1]).params([0, 0, 0, 1]);
            self.push(strided.bind(vx).bind(vy).groups(piece.count.div_ceil(64)));
        }
        Ok(())
    }

    fn optimise(
        &mut self,
        kernel: impl Fn(usize, usize) -> Dispatch,
        elements: usize,
        grad: NodeId,
        scalars: &[NodeId],
        states: &[StateId],
    ) -> Result<()> {
        for piece in self.pieces(self.shape(grad).elements(), 1)? {
            let (view, base) = self.rows(grad, piece, 1);
            let mut dispatch = kernel(piece.count, base).bind(view);
            for &scalar in scalars {
                dispatch = dispatch.bind(self.whole(scalar)?);
            }
            for &state in states {
                // The same range of every tensor, so the same base.
                dispatch = dispatch.bind(View::range(Target::State(state), piece.first, piece.count).0);
            }
            self.push(dispatch.groups(piece.count.div_ceil(64 * elements)));
        }
        Ok(())
    }
}
