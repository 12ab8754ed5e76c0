//! The tracing pass through a network, and the layers that all networks share.

use std::collections::HashMap;

use super::{Role, TensorSpec};
use crate::graph::{ConvSpec, Graph, NodeId, Op, Shape, ShapeError, StateId, Update};

/// `eps` of every normalisation.
const EPS: f32 = 1e-5;
/// Share of the batch in the running statistics.
const MOMENTUM: f32 = 0.1;

/// Which statistics normalise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// the batch's own; the running ones are updated if `update_running`
    Training { update_running: bool },
    /// the running ones
    Evaluation,
}

/// Kind of normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// batch normalisation (Ioffe & Szegedy 2015)
    Batch,
    /// TransNorm (Wang et al. 2019): source and target halves of the batch with statistics of their own
    Trans,
}

/// One forward pass through a network.
pub struct Pass<'g> {
    pub graph: &'g mut Graph,
    pub phase: Phase,
    pub norm: Norm,
    /// seed `[2]` of the dropouts; without one there is no dropout
    pub dropout_seed: Option<NodeId>,
    /// with [`Norm::Trans`] in training: scales of a pass over both domains, by which a pass of target images alone
    /// is normalised; `None` in a pass over both
    pub target_scales: Option<TransScales>,
    prefix: String,
    tensors: Vec<TensorSpec>,
    scales: TransScales,
}

/// `1 + α [C]` of each normalisation, by its name.
pub type TransScales = HashMap<String, NodeId>;

/// What a pass leaves behind.
pub struct Traced {
    /// tensors of the network, in the order in which they were declared; names without the prefix
    pub tensors: Vec<TensorSpec>,
    /// scales of [`Norm::Trans`]; empty with [`Norm::Batch`]
    pub scales: TransScales,
}

impl<'g> Pass<'g> {
    /// A pass through the network whose states are named `prefix.…`.
    pub fn new(graph: &'g mut Graph, prefix: &str, phase: Phase) -> Self {
        let prefix = format!("{prefix}.");
        Pass {
            graph,
            phase,
            norm: Norm::Batch,
            dropout_seed: None,
            target_scales: None,
            prefix,
            tensors: Vec::new(),
            scales: TransScales::new(),
        }
    }

    /// Ends the pass.
    pub fn finish(self) -> Traced {
        Traced { tensors: self.tensors, scales: self.scales }
    }

    /// Ends the pass; tensors of the network, in the order in which they were declared, names without the prefix.
    pub fn into_tensors(self) -> Vec<TensorSpec> {
        self.tensors
    }

    /// Declares a tensor; the first declaration fixes its place in the state dict.
    pub fn tensor(&mut self, name: &str, shape: impl Into<Shape>, role: Role) -> Result<StateId, ShapeError> {
        let shape = shape.into();
        let state = self.graph.declare_state(&format!("{}{name}", self.prefix), shape.clone())?;
        if !self.tensors.iter().any(|t| t.name == name) {
            self.tensors.push(TensorSpec { name: name.to_string(), shape, role });
        }
        Ok(state)
    }

    fn read(&mut self, name: &str, shape: impl Into<Shape>, role: Role) -> Result<NodeId, ShapeError> {
        let state = self.tensor(name, shape, role)?;
        Ok(self.graph.read_state(state))
    }

    /// Convolution without bias to `out` channels, weights `name.weight`.
    pub fn conv(
        &mut self,
        name: &str,
        x: NodeId,
        out: usize,
        kernel: usize,
        spec: ConvSpec,
    ) -> Result<NodeId, ShapeError> {
        self.conv_with(name, x, out, kernel, spec, Role::Weight)
    }

    /// The same with another initialisation.
    pub fn conv_with(
        &mut self,
        name: &str,
        x: NodeId,
        out: usize,
        kernel: usize,
        spec: ConvSpec,
        role: Role,
    ) -> Result<NodeId, ShapeError> {
        let inputs = self.graph.shape(x)[1] / spec.groups;
        let weight = self.read(&format!("{name}.weight"), [out, inputs, kernel, kernel], role)?;
        self.graph.conv2d(x, weight, None, spec)
    }

    /// 1x1 convolution with bias: a head.
    pub fn head(&mut self, name: &str, x: NodeId, out: usize) -> Result<NodeId, ShapeError> {
        let fan_in = self.graph.shape(x)[1];
        let weight = self.read(&format!("{name}.weight"), [out, fan_in, 1, 1], Role::Weight)?;
        let bias = self.read(&format!("{name}.bias"), [out], Role::HeadBias { fan_in })?;
        self.graph.conv2d(x, weight, Some(bias), ConvSpec::default())
    }

    /// Declares the tensors of a normalisation of `channels`.
    pub fn declare_norm(&mut self, name: &str, channels: usize) -> Result<(), ShapeError> {
        self.tensor(&format!("{name}.weight"), [channels], Role::NormWeight)?;
        self.tensor(&format!("{name}.bias"), [channels], Role::NormBias)?;
        for domain in self.domains() {
            self.tensor(&format!("{name}.running_mean{domain}"), [channels], Role::RunningMean)?;
            self.tensor(&format!("{name}.running_var{domain}"), [channels], Role::RunningVar)?;
        }
        Ok(())
    }

    /// Suffixes of the running statistics, in the order of the domains in a batch.
    fn domains(&self) -> &'static [&'static str] {
        match self.norm {
            Norm::Batch => &[""],
            Norm::Trans => &["_source", "_target"],
        }
    }

    /// Normalisation with the pass's statistics, weights `name.{weight,bias,running_mean,running_var}`.
    pub fn batch_norm(&mut self, name: &str, x: NodeId) -> Result<NodeId, ShapeError> {
        let channels = self.graph.shape(x)[1];
        self.declare_norm(name, channels)?;
        let mut weight = self.read(&format!("{name}.weight"), [channels], Role::NormWeight)?;
        let mut bias = self.read(&format!("{name}.bias"), [channels], Role::NormBias)?;
        let domains = self.domains();
        let mut running = Vec::new();
        for domain in domains {
            let mean = self.tensor(&format!("{name}.running_mean{domain}"), [channels], Role::RunningMean)?;
            let var = self.tensor(&format!("{name}.running_var{domain}"), [channels], Role::RunningVar)?;
            running.push((mean, var));
        }
        // Running statistics that a training batch updates: of each domain in it.
        let in_batch = match &self.target_scales {
            Some(_) => &running[running.len() - 1..],
            None => &running[..],
        };
        let stats = match self.phase {
            Phase::Training { .. } => self.graph.batch_stats(x, in_batch.len())?,
            Phase::Evaluation => self.running_stats(&running)?,
        };
        let count = self.graph.shape(x).elements() / channels / in_batch.len();
        let unbias = match self.phase {
            Phase::Training { .. } => count as f32 / (count as f32 - 1.0),
            Phase::Evaluation => 1.0,
        };
        if self.norm == Norm::Trans {
            let scale = self.trans_norm_scale(name, stats, unbias)?;
            weight = self.graph.mul(weight, scale)?;
            bias = self.graph.mul(bias, scale)?;
        }
        match self.phase {
            Phase::Training { update_running } => {
                for (domain, &(mean, var)) in in_batch.iter().enumerate().filter(|_| update_running) {
                    self.graph.update(Update::RunningStats { mean, var, stats, domain, momentum: MOMENTUM, unbias });
                }
                self.graph.batch_norm_training(x, stats, weight, bias, EPS)
            }
            Phase::Evaluation => {
                let target = self.graph.slice(stats, 0, domains.len() - 1, 1)?;
                self.graph.batch_norm_evaluation(x, target, weight, bias, EPS)
            }
        }
    }

    /// `1 + α` of a normalisation: from these statistics, or the one that a pass over both domains had.
    fn trans_norm_scale(&mut self, name: &str, stats: NodeId, unbias: f32) -> Result<NodeId, ShapeError> {
        if let Some(scales) = &self.target_scales {
            return Ok(scales[name]);
        }
        let scale = self.graph.push(Op::TransNormScale { eps: EPS, unbias }, &[stats])?;
        self.scales.insert(name.to_string(), scale);
        Ok(scale)
    }

    /// Running statistics of all domains, `[D,2,C]`.
    fn running_stats(&mut self, running: &[(StateId, StateId)]) -> Result<NodeId, ShapeError> {
        let mut packed = Vec::new();
        for &(mean, var) in running {
            let (mean, var) = (self.graph.read_state(mean), self.graph.read_state(var));
            packed.push(self.graph.pack_stats(mean, var)?);
        }
        if packed.len() == 1 { Ok(packed[0]) } else { self.graph.concat(&packed, 0) }
    }

    /// Dropout with probability `p`, if the pass has a seed.
    pub fn dropout(&mut self, x: NodeId, p: f32) -> Result<NodeId, ShapeError> {
        match self.dropout_seed {
            Some(seed) => self.graph.dropout(x, seed, p),
            None => Ok(x),
        }
    }
}
