//! Launches of the updates of state: those of one kind over all tensors at once.

use std::collections::HashMap;

use crate::gpu::kernel::{Dispatch, Row, Shader, Target, View, uniform};
use crate::gpu::layout::Move;
use crate::gpu::lower::copy::strided_copy;
use crate::gpu::lower::lowering::{Lowering, Piece};
use crate::gpu::machine::Result;
use crate::graph::{NodeId, StateId, Update};

/// Elements of a tensor that one workgroup of 64 invocations updates.
const CHUNK: usize = 512;

uniform! {
    RunningStatsBlock { momentum: f32 }
}

uniform! {
    AdamBlock { beta1: f32, beta2: f32, eps: f32, unscale: f32 }
}

uniform! {
    SgdBlock { momentum: f32, weight_decay: f32, unscale: f32 }
}

uniform! {
    AverageBlock { decay: f32 }
}

/// Updates that share launches.
struct Group {
    label: &'static str,
    dispatches: Vec<Dispatch>,
}

impl Group {
    /// Takes the rows of a launch of the same kind.
    fn join(&mut self, dispatch: &Dispatch) -> bool {
        let found = self.dispatches.iter_mut().find(|own| own.joins(dispatch));
        found.map(|own| own.rows.extend(dispatch.rows.iter().cloned())).is_some()
    }
}

impl Lowering<'_> {
    /// Appends the launches of all updates, each after its moves, which count as steps from `first_step` on; returns the number of steps.
    /// An update shares the launch of others of its kind, but follows every earlier one that changes or reads the same state.
    pub(crate) fn updates(&mut self, first_step: usize, moves: &[Vec<Move>]) -> Result<usize> {
        let graph = self.graph;
        self.least_pieces = 1;
        let mut groups: Vec<Group> = Vec::new();
        let mut changed_by: HashMap<StateId, usize> = HashMap::new();
        for (update, moves) in graph.updates().iter().zip(moves) {
            (self.step, self.label) = (first_step, update.name());
            moves.iter().try_for_each(|value| self.move_value(*value))?;
            let states = update.states().into_iter().chain(update.follows()).collect::<Vec<_>>();
            let after = states.iter().filter_map(|state| changed_by.get(state)).max().map_or(0, |group| group + 1);
            let dispatches = self.state_update(update)?;
            let joined = match &dispatches[..] {
                [one] => groups.iter_mut().skip(after).position(|group| group.join(one)),
                _ => None,
            };
            let index = match joined {
                Some(further) => after + further,
                None => {
                    groups.push(Group { label: update.name(), dispatches });
                    groups.len() - 1
                }
            };
            changed_by.extend(states.into_iter().map(|state| (state, index)));
        }
        let steps = groups.len();
        for (index, Group { label, dispatches }) in groups.into_iter().enumerate() {
            (self.step, self.label) = (first_step + index, label);
            dispatches.into_iter().for_each(|dispatch| self.push(dispatch));
        }
        Ok(steps)
    }

    fn state_update(&self, update: &Update) -> Result<Vec<Dispatch>> {
        Ok(match *update {
            Update::Assign { state, value } => {
                self.copy(self.target(value), Target::State(state), self.shape(value).elements())?
            }
            Update::RunningStats { mean, var, stats, domain, momentum, unbias } => {
                let channels = self.shape(stats)[2];
                let first = domain * 2 * channels;
                let stats = self.target(stats);
                let from =
                    vec![(stats, first), (stats, first + channels), (Target::State(mean), 0), (Target::State(var), 0)];
                let row = Row { from, count: channels, word: unbias.to_bits() };
                vec![Dispatch::new(Shader::RunningStats, "main").uniform(&RunningStatsBlock { momentum }).rows(
                    vec![row],
                    CHUNK,
                    2,
                )]
            }
            Update::Adam { param, first, second, grad, lr, correction, settings } => {
                let kernel = Dispatch::new(Shader::Adam, "main")
                    .uniform(&AdamBlock {
                        beta1: settings.beta1,
                        beta2: settings.beta2,
                        eps: settings.eps,
                        unscale: 1.0 / settings.loss_scale,
                    })
                    .bind(self.whole(lr)?)
                    .bind(self.whole(correction)?);
                vec![kernel.rows(self.rows_of(grad, &[param, first, second])?, CHUNK, 1)]
            }
            Update::Sgd { param, velocity, grad, lr, settings } => {
                let kernel = Dispatch::new(Shader::Sgd, "main")
                    .uniform(&SgdBlock {
                        momentum: settings.momentum,
                        weight_decay: settings.weight_decay,
                        unscale: 1.0 / settings.loss_scale,
                    })
                    .bind(self.whole(lr)?);
                vec![kernel.rows(self.rows_of(grad, &[param, velocity])?, CHUNK, 1)]
            }
            Update::Average { average, state, step, decay } => {
                let kernel =
                    Dispatch::new(Shader::Average, "main").uniform(&AverageBlock { decay }).bind(self.whole(step)?);
                let rows =
                    self.rows_from(&[state, average].map(of_state), self.graph.state_info(state).shape.elements())?;
                // States share buffers, which a launch binds in one way alone: both are bound as if they were written.
                vec![kernel.rows(rows, CHUNK, 0)]
            }
        })
    }

    /// Keeps the value that a state has before it changes.
    pub(super) fn snapshot(&mut self, state: StateId, id: NodeId) -> Result<()> {
        for dispatch in self.copy(Target::State(state), Target::Node(id), self.shape(id).elements())? {
            self.push(dispatch);
        }
        Ok(())
    }

    fn copy(&self, from: Target, to: Target, elements: usize) -> Result<Vec<Dispatch>> {
        let of = |piece: Piece| {
            let [(vx, bx), (vy, by)] = [from, to].map(|target| View::range(target, piece.first, piece.count));
            strided_copy(piece.count, [bx, by], [1, 1, piece.count], [[0, 0, 0, 1]; 2]).bind(vx).bind_written(vy)
        };
        Ok(self.pieces(elements, 1)?.into_iter().map(of).collect())
    }

    /// Rows of a gradient and the states beside it, none larger than a binding.
    fn rows_of(&self, grad: NodeId, states: &[StateId]) -> Result<Vec<Row>> {
        let from: Vec<(Target, usize)> =
            std::iter::once(self.read_in_place(grad)).chain(states.iter().copied().map(of_state)).collect();
        self.rows_from(&from, self.shape(grad).elements())
    }

    /// Rows of as many elements of targets, each from an element of its own on, none larger than a binding.
    fn rows_from(&self, from: &[(Target, usize)], elements: usize) -> Result<Vec<Row>> {
        let row = |piece: Piece| {
            let from = from.iter().map(|&(target, start)| (target, start + piece.first));
            Row { from: from.collect(), count: piece.count, word: 0 }
        };
        Ok(self.pieces(elements, 1)?.into_iter().map(row).collect())
    }
}

/// All of a state, as rows have it.
fn of_state(state: StateId) -> (Target, usize) {
    (Target::State(state), 0)
}
