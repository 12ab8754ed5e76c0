//! What a run does to the named states once its values are known.

use super::{NodeId, StateId};

/// A change of state at the end of a run. Every `Op::State` of the graph still reads the old value; updates
/// apply in the order in which they were added.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// `state ← value`
    Assign { state: StateId, value: NodeId },
    /// `mean ← (1−momentum)·mean + momentum·batch mean`, `var` likewise with the variance times `unbias`;
    /// batch statistics `stats [D,2,C]` of `domain`
    RunningStats { mean: StateId, var: StateId, stats: NodeId, domain: usize, momentum: f32, unbias: f32 },
    /// Adam (Kingma & Ba 2015): `lr []`, `correction [2]` = `[1−β₁ᵗ, 1−β₂ᵗ]`;
    /// `param ← param − lr·(m/correction₀)/(√(v/correction₁) + eps)`
    Adam {
        param: StateId,
        first: StateId,
        second: StateId,
        grad: NodeId,
        lr: NodeId,
        correction: NodeId,
        settings: AdamSettings,
    },
    /// SGD with momentum: `g ← grad + weight_decay·param; velocity ← momentum·velocity + g; param ← param − lr·velocity`
    Sgd { param: StateId, velocity: StateId, grad: NodeId, lr: NodeId, settings: SgdSettings },
}

/// Adam's decay rates and the term that keeps its denominator from zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    pub beta1: f32,
    pub beta2: f32,
    pub eps: f32,
    /// what the loss was multiplied by before its gradients were taken
    pub loss_scale: f32,
}

/// Momentum and weight decay of SGD.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdSettings {
    pub momentum: f32,
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
        }
    }

    /// The values that the update reads.
    pub fn inputs(&self) -> Vec<NodeId> {
        match *self {
            Update::Assign { value, .. } => vec![value],
            Update::RunningStats { stats, .. } => vec![stats],
            Update::Adam { grad, lr, correction, .. } => vec![grad, lr, correction],
            Update::Sgd { grad, lr, .. } => vec![grad, lr],
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
        }
    }

    /// The states that the update changes.
    pub fn states(&self) -> Vec<StateId> {
        match *self {
            Update::Assign { state, .. } => vec![state],
            Update::RunningStats { mean, var, .. } => vec![mean, var],
            Update::Adam { param, first, second, .. } => vec![param, first, second],
            Update::Sgd { param, velocity, .. } => vec![param, velocity],
        }
    }
}
