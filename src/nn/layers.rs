//! The tracing pass through a network, and the layers that all networks share.

use std::collections::HashMap;

use super::{Role, TensorSpec};
use crate::domain::Domain;
use crate::graph::{ConvSpec, Graph, NodeId, Op, Shape, ShapeError, StateId, Update};

/// `eps` of every normalisation.
const EPS: f32 = 1e-5;
/// Share of the batch in the running statistics.
const MOMENTUM: f32 = 0.1;

/// Which statistics normalise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// the batch's own; the running ones are updated if `update_running`
    Training {
        /// move the running statistics a tenth of the way to the batch's
        update_running: bool,
    },
    /// the running ones; with [`Norm::Trans`] those of a domain
    Evaluation(Domain),
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
    /// what is traced into
    pub graph: &'g mut Graph,
    /// which statistics normalise
    pub phase: Phase,
    /// kind of its normalisations, [`Norm::Batch`] at first
    pub norm: Norm,
    /// seed `[2]` of the dropouts; without one there is no dropout
    pub dropout_seed: Option<NodeId>,
    /// with [`Norm::Trans`] in training: scales of a pass over both domains, by which a pass of target images alone
    /// is normalised; `None` in a pass over both
    pub target_scales: Option<TransScales>,
    prefix: String,
    tensors: Vec<TensorSpec>,
    scales: TransScales,
    statistics: Vec<(String, NodeId, usize)>,
}

/// `1 + α [C]` of each normalisation, by its name.
pub type TransScales = HashMap<String, NodeId>;

/// What a pass leaves behind.
pub struct Traced {
    /// tensors of the network, in the order in which they were declared; names without the prefix
    pub tensors: Vec<TensorSpec>,
    /// scales of [`Norm::Trans`]; empty with [`Norm::Batch`]
    pub scales: TransScales,
    /// in training, of each normalisation its name, the batch's statistics `[D,2,C]`, and how many values a channel of a
    /// domain has
    pub statistics: Vec<(String, NodeId, usize)>,
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
            statistics: Vec::new(),
        }
    }

    /// Ends the pass.
    pub fn finish(self) -> Traced {
        Traced { tensors: self.tensors, scales: self.scales, statistics: self.statistics }
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
            Phase::Evaluation(_) => self.running_stats(&running)?,
        };
        let count = self.graph.shape(x).elements() / channels / in_batch.len();
        let unbias = match self.phase {
            Phase::Training { .. } => count as f32 / (count as f32 - 1.0),
            Phase::Evaluation(_) => 1.0,
        };
        if matches!(self.phase, Phase::Training { .. }) {
            self.statistics.push((name.to_string(), stats, count));
        }
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
            Phase::Evaluation(domain) => {
                let index = match domain {
                    Domain::Source => 0,
                    Domain::Target => domains.len() - 1,
                };
                let own = self.graph.slice(stats, 0, index, 1)?;
                self.graph.batch_norm_evaluation(x, own, weight, bias, EPS)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{self, Array};

    /// A normalisation of threes in evaluation, with the given running statistics: names, and values of all channels.
    fn normalised(norm: Norm, domain: Domain, statistics: &[(&str, f64)]) -> Vec<f64> {
        let mut g = Graph::new();
        let x = g.input("x", [1, 2, 1, 2]);
        let mut pass = Pass::new(&mut g, "network", Phase::Evaluation(domain));
        pass.norm = norm;
        let y = pass.batch_norm("bn", x).expect("shapes fit");
        g.output("y", y);
        let inputs = HashMap::from([("x".to_string(), Array::filled([1, 2, 1, 2], 3.0))]);
        let given = [("weight", 2.0), ("bias", 0.5)];
        let all = given.iter().chain(statistics);
        let mut states = all.map(|(name, value)| (format!("network.bn.{name}"), Array::filled([2], *value))).collect();
        let mut found = reference::run(&g, &inputs, &mut states).expect("everything is given");
        found.remove("y").expect("an output").data
    }

    #[test]
    fn evaluation_normalises_with_the_statistics_of_its_domain() {
        let of_both = [
            ("running_mean_source", 1.0),
            ("running_var_source", 4.0),
            ("running_mean_target", 5.0),
            ("running_var_target", 16.0),
        ];
        let common = [("running_mean", 7.0), ("running_var", 4.0)];
        for (norm, domain, statistics, expected) in [
            // Both channels are alike, so 1 + α is 2: 2·(2·(3 − 1)/2 + 0.5) and 2·(2·(3 − 5)/4 + 0.5).
            (Norm::Trans, Domain::Source, &of_both[..], 5.0),
            (Norm::Trans, Domain::Target, &of_both[..], -1.0),
            (Norm::Batch, Domain::Source, &common[..], -3.5),
            (Norm::Batch, Domain::Target, &common[..], -3.5),
        ] {
            let found = normalised(norm, domain, statistics);
            assert!(found.iter().all(|v| (v - expected).abs() < 1e-4), "{norm:?}, {domain:?}: {found:?}");
        }
    }
}
