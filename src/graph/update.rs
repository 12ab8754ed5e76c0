//! What a run does to the named states once its values are known.

use super::{NodeId, StateId};

/// A change of state at the end of a run. Every `Op::State` of the graph still reads the old value; updates
/// apply in the order in which they were added.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// `state ← value`
    Assign {
        /// what is replaced
        state: StateId,
        /// of the state's shape
        value: NodeId,
    },
    /// `mean ← (1−momentum)·mean + momentum·batch mean`, `var` likewise with the variance times `unbias`;
    /// batch statistics `stats [D,2,C]` of `domain`
    RunningStats {
        /// running mean `[C]`
        mean: StateId,
        /// running variance `[C]`, unbiased
        var: StateId,
        /// mean and biased variance of a batch, as [`Op::BatchStats`](super::Op::BatchStats) gives them
        stats: NodeId,
        /// which of the D, counted from 0
        domain: usize,
        /// share of the batch, 0 to 1
        momentum: f32,
        /// `n/(n−1)` for statistics of `n` values of a channel
        unbias: f32,
    },
    /// Adam (Kingma & Ba 2015): `m ← β₁·m + (1−β₁)·grad; v ← β₂·v + (1−β₂)·grad²;
    /// param ← param − lr·(m/correction₀)/(√(v/correction₁) + eps)`
    Adam {
        /// what is trained
        param: StateId,
        /// first moment `m`, of the parameter's shape
        first: StateId,
        /// second moment `v`, of the parameter's shape
        second: StateId,
        /// of the parameter's shape, times the loss scale
        grad: NodeId,
        /// learning rate, one value
        lr: NodeId,
        /// `[1−β₁ᵗ, 1−β₂ᵗ]` in step `t`, counted from 1
        correction: NodeId,
        /// decay rates, eps and loss scale
        settings: AdamSettings,
    },
    /// Exponential moving average of what the updates before this one make of a state:
    /// `average ← kept·average + (1−kept)·state`, `kept = min(decay, (1+step)/(10+step))`, as TensorFlow's
    /// `ExponentialMovingAverage` has it with `num_updates`, so that the first values are soon forgotten
    Average {
        /// the average, of the state's shape
        average: StateId,
        /// what is averaged
        state: StateId,
        /// steps done before this one, one value
        step: NodeId,
        /// share of the average that a late step keeps, 0 to 1
        decay: f32,
    },
    /// SGD with momentum, as in `torch.optim.SGD`:
    /// `g ← grad + weight_decay·param; velocity ← momentum·velocity + g; param ← param − lr·velocity`
    Sgd {
        /// what is trained
        param: StateId,
        /// of the parameter's shape
        velocity: StateId,
        /// of the parameter's shape, times the loss scale
        grad: NodeId,
        /// learning rate, one value
        lr: NodeId,
        /// momentum, weight decay and loss scale
        settings: SgdSettings,
    },
}

/// Adam's decay rates and the term that keeps its denominator from zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    /// β₁, decay rate of the first moment
    pub beta1: f32,
    /// β₂, decay rate of the second moment
    pub beta2: f32,
    /// added to the root of the second moment
    pub eps: f32,
    /// what the loss was multiplied by before its gradients were taken
    pub loss_scale: f32,
}

/// Momentum and weight decay of SGD.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdSettings {
    /// share of the velocity that is kept from step to step
    pub momentum: f32,
    /// share of the parameter that is added to its gradient
    pub weight_decay: f32,
    /// what the loss was multiplied by before its gradients were taken
    pub loss_scale: f32,
}

impl Update {
    /// Name in profiles and plans.
    pub fn name(&self) -> &'static str {
        match self {
            Update::Assign { .. } => "assign",
            Update::RunningStats { .. } => "running_stats",
            Update::Adam { .. } => "adam",
            Update::Sgd { .. } => "sgd",
            Update::Average { .. } => "average",
        }
    }

    /// The values that the update reads.
    pub fn inputs(&self) -> Vec<NodeId> {
        match *self {
            Update::Assign { value, .. } => vec![value],
            Update::RunningStats { stats, .. } => vec![stats],
            Update::Adam { grad, lr, correction, .. } => vec![grad, lr, correction],
            Update::Sgd { grad, lr, .. } => vec![grad, lr],
            Update::Average { step, .. } => vec![step],
        }
    }

    /// Replaces each value that the update reads.
    pub(super) fn replace_inputs(&mut self, replace: impl Fn(NodeId) -> NodeId) {
        match self {
            Update::Assign { value, .. } => *value = replace(*value),
            Update::RunningStats { stats, .. } => *stats = replace(*stats),
            Update::Adam { grad, lr, correction, .. } => {
                (*grad, *lr, *correction) = (replace(*grad), replace(*lr), replace(*correction));
            }
            Update::Sgd { grad, lr, .. } => (*grad, *lr) = (replace(*grad), replace(*lr)),
            Update::Average { step, .. } => *step = replace(*step),
        }
    }

    /// The states that the update changes.
    pub fn states(&self) -> Vec<StateId> {
        match *self {
            Update::Assign { state, .. } => vec![state],
            Update::RunningStats { mean, var, .. } => vec![mean, var],
            Update::Adam { param, first, second, .. } => vec![param, first, second],
            Update::Sgd { param, velocity, .. } => vec![param, velocity],
            Update::Average { average, .. } => vec![average],
        }
    }

    /// The state that the update reads as those before it leave it.
    pub fn follows(&self) -> Option<StateId> {
        match *self {
            Update::Average { state, .. } => Some(state),
            Update::Assign { .. } | Update::RunningStats { .. } | Update::Adam { .. } | Update::Sgd { .. } => None,
        }
    }
}
