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
    channels.div_ceil(4) * 12
}

impl Lowering<'_> {
    /// How an operand is loaded.
    pub(super) fn loaded(&self, operand: NodeId) -> Loaded {
        let mut loaded = Loaded { source: operand, norm: None, dropout: None };
        if let Some((&Op::Dropout { p, stream }, inputs)) = self.unwritten_op(operand) {
            loaded = Loaded { source: inputs[0], norm: None, dropout: Some(Mask { p, stream, seed: inputs[1] }) };
        }
        if let Some((&Op::BatchNorm { activation, .. }, inputs)) = self.unwritten_op(loaded.source) {
            let terms = self.norm_terms[&loaded.source];
            loaded.norm = Some(Norm { terms, channels: self.shape(loaded.source)[1], activation });
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

    /// The same for the seed of the dropout.
    pub(super) fn bind_seed(&self, dispatch: Dispatch, loaded: &Loaded, anything: View) -> Result<Dispatch> {
        let dispatch = dispatch.constant("DROPPED", Constant::Bool(loaded.dropout.is_some()));
        Ok(match &loaded.dropout {
            Some(mask) => dispatch.bind(self.whole(mask.seed)?),
            None => dispatch.bind_part(anything, 0),
        })
    }

    /// What kernels that read a normalisation must know of it.
    pub(super) fn make_norm_terms(&mut self, eps: f32, id: NodeId) -> Result<()> {
        let channels = self.shape(id)[1];
        let elements = terms_of(channels);
        let terms = self.temporary(elements);
        self.norm_terms.insert(id, terms);
        let mut dispatch =
            Dispatch::new(Shader::NormTerms, "main").uniform(&NormTermsBlock { channels, eps });
        for slot in 1..4 {
            dispatch = dispatch.bind(self.whole(self.input(id, slot))?);
        }
        let groups = channels.next_multiple_of(4).div_ceil(64);
        self.push(dispatch.bind_written(self.whole_target(terms, elements)?).grid(groups, 1, 1));
        Ok(())
    }
}
