//! Operands that a kernel makes as it loads them: see `layout::unwritten`.

use super::lowering::Lowering;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Shader, Target, View, uniform};
use crate::gpu::machine::Result;
use crate::graph::{Activation, NodeId, Op};

uniform! {
    NormTermsBlock { channels: usize, eps: f32 }
}

/// What a kernel reads of an operand, and makes of it.
pub(super) struct Loaded {
    /// the value that it reads
    pub(super) source: NodeId,
    norm: Option<Norm>,
    dropout: Option<Mask>,
    /// weights `[filters, channels]` and filters of a pointwise convolution through which the source comes back
    pub(super) product: Option<(NodeId, usize)>,
}

/// A normalisation on load.
struct Norm {
    terms: Target,
    channels: usize,
    activation: Activation,
}

/// A dropout on load.
struct Mask {
    p: f32,
    stream: u32,
    seed: NodeId,
}

/// A dropout, as uniform blocks have it; without one numbers that mean nothing.
pub(super) struct MaskNumbers {
    pub(super) stream: u32,
    pub(super) threshold: u32,
    pub(super) scale: f32,
}

impl Loaded {
    /// Whether it is normalised.
    pub(super) fn is_normalised(&self) -> bool {
        self.norm.is_some()
    }

    /// What a kernel needs that reads `operand` as it is, and adds up the gradient of a normalisation of these terms, of which this
    /// is the gradient of the result.
    pub(super) fn reducing(self, operand: NodeId, terms: Target, channels: usize) -> Loaded {
        let norm = Some(Norm { terms, channels, activation: Activation::Identity });
        Loaded { source: operand, norm, dropout: self.dropout, product: None }
    }

    /// What uniform blocks say of the dropout.
    pub(super) fn mask(&self) -> MaskNumbers {
        match self.dropout {
            Some(Mask { p, stream, .. }) => MaskNumbers::of(p, stream),
            None => MaskNumbers { stream: 0, threshold: 0, scale: 1.0 },
        }
    }
}

impl MaskNumbers {
    /// Of a dropout with probability `p`.
    pub(super) fn of(p: f32, stream: u32) -> MaskNumbers {
        // Random words below the threshold drop their element.
        let threshold = (f64::from(p) * 4_294_967_296.0) as u32;
        MaskNumbers { stream, threshold, scale: 1.0 / (1.0 - p) }
    }
}

/// Elements of what `norm_terms` writes.
fn terms_of(channels: usize) -> usize {
    channels.div_ceil(4) * 16
}

impl Lowering<'_> {
    /// How an operand is loaded.
    pub(super) fn loaded(&self, operand: NodeId) -> Loaded {
        let mut loaded = Loaded { source: operand, norm: None, dropout: None, product: None };
        if let Some((&Op::Dropout { p, stream }, inputs)) = self.unwritten_op(operand) {
            loaded.source = inputs[0];
            loaded.dropout = Some(Mask { p, stream, seed: inputs[1] });
        }
        if let Some((&Op::BatchNorm { eps, activation, .. }, inputs)) = self.unwritten_op(loaded.source) {
            let terms = self.norm_terms[&(eps.to_bits(), [inputs[1], inputs[2], inputs[3]])];
            loaded.norm = Some(Norm { terms, channels: self.shape(loaded.source)[1], activation });
            loaded.source = inputs[0];
        }
        if let Some((Op::Conv2dInputGrad { .. }, inputs)) = self.unwritten_op(loaded.source) {
            loaded.product = Some((inputs[1], self.shape(inputs[1])[0]));
            loaded.source = inputs[0];
        }
        loaded
    }

    fn unwritten_op(&self, id: NodeId) -> Option<(&Op, &[NodeId])> {
        let node = self.graph.node(id);
        self.unwritten.contains(&id).then_some((&node.op, &node.inputs[..]))
    }

    /// Binds the terms of the normalisation, or anything, and says whether they are to be used.
    pub(super) fn bind_norm(&self, dispatch: Dispatch, loaded: &Loaded, anything: View) -> Result<Dispatch> {
        let activation = loaded.norm.as_ref().map_or(Activation::Identity, |norm| norm.activation);
        let dispatch = dispatch
            .constant("NORMALISED", Constant::Bool(loaded.is_normalised()))
            .constant("LOADED", Constant::Kind(activation.into()))
            .constant("LOADED_SLOPE", Constant::F32(activation.negative_slope()));
        Ok(match &loaded.norm {
            Some(norm) => dispatch.bind(self.whole_target(norm.terms, terms_of(norm.channels))?),
            None => dispatch.bind_part(anything, 0),
        })
    }

    /// Binds terms of a normalisation that a kernel always needs.
    pub(super) fn bind_terms(&self, dispatch: Dispatch, terms: Target, channels: usize) -> Result<Dispatch> {
        let terms = self.whole_target(terms, terms_of(channels))?;
        Ok(dispatch.constant("NORMALISED", Constant::Bool(true)).bind(terms))
    }

    /// The same as for the normalisation for the seed of the dropout.
    pub(super) fn bind_seed(&self, dispatch: Dispatch, loaded: &Loaded, anything: View) -> Result<Dispatch> {
        let dispatch = dispatch.constant("DROPPED", Constant::Bool(loaded.dropout.is_some()));
        Ok(match &loaded.dropout {
            Some(mask) => dispatch.bind(self.whole(mask.seed)?),
            None => dispatch.bind_part(anything, 0),
        })
    }

    /// What kernels that normalise must know of statistics, weight and bias, made once.
    pub(super) fn norm_terms(&mut self, eps: f32, inputs: [NodeId; 3]) -> Result<Target> {
        if let Some(&terms) = self.norm_terms.get(&(eps.to_bits(), inputs)) {
            return Ok(terms);
        }
        let channels = self.shape(inputs[1]).elements();
        let elements = terms_of(channels);
        let terms = self.temporary(elements);
        self.norm_terms.insert((eps.to_bits(), inputs), terms);
        let mut dispatch = Dispatch::new(Shader::NormTerms, "main").uniform(&NormTermsBlock { channels, eps });
        for input in inputs {
            dispatch = dispatch.bind(self.whole(input)?);
        }
        let groups = channels.next_multiple_of(4).div_ceil(64);
        self.push(dispatch.bind_written(self.whole_target(terms, elements)?).grid(groups, 1, 1));
        Ok(terms)
    }
}
