//! Which launcher makes the launches of an operator.

use super::lowering::Lowering;
use crate::gpu::machine::Result;
use crate::graph::{Binary, NodeId, Op};

impl Lowering<'_> {
    /// Appends the launches of a node; leaves and aliases have none.
    pub(crate) fn node(&mut self, step: usize, id: NodeId) -> Result<()> {
        let graph = self.graph;
        let node = graph.node(id);
        (self.step, self.label) = (step, node.op.name());
        self.least_pieces = self.least_pieces(id);
        if !self.by_textures(id)? {
            for &input in &node.inputs {
                self.unpack(input)?;
            }
            self.by_buffers(id)?;
        }
        // Outputs are read back from their buffers.
        let storage = graph.storage_of(id);
        match graph.outputs().iter().any(|(_, output)| graph.storage_of(*output) == storage) {
            true => self.unpack(id),
            false => Ok(()),
        }
    }

    /// Kernels that find feature maps in buffers, and leave theirs there.
    fn by_buffers(&mut self, id: NodeId) -> Result<()> {
        let graph = self.graph;
        let node = graph.node(id);
        match &node.op {
            Op::State(state) if self.snapshots.contains(&id) => self.snapshot(*state, id),
            Op::Input { .. } | Op::State(_) | Op::Constant { .. } | Op::Reshape | Op::Detach => Ok(()),
            Op::Unary(function) => self.unary(*function, id),
            Op::UnaryGrad(function) => self.unary_grad(*function, id),
            Op::Binary(function) => self.binary(*function, id),
            Op::Dropout { p, stream } => self.dropout(*p, *stream, id),
            Op::Broadcast => self.broadcast(id),
            Op::Permute { axes } => self.permute(axes, id),
            Op::Concat { axis } => self.concat(*axis, id),
            Op::Pad { .. } if self.in_place.contains_key(&id) => Ok(()),
            Op::Pad { before, .. } => self.pad(before, id),
            Op::Sum { axes } => self.sum(axes, id),
            Op::Conv2d { .. } | Op::Conv2dInputGrad { .. } | Op::Conv2dWeightGrad { .. } => self.convolution(id),
            Op::BatchStats { domains } => self.batch_stats(*domains, id),
            Op::BatchNorm { eps, activation, .. } => self.batch_norm(*eps, *activation, id),
            Op::BatchNormGradSums { eps, activation } => self.batch_norm_grad_sums(*eps, *activation, id),
            Op::BatchNormGradInput { eps, activation, training } => {
                self.batch_norm_grad_input(*eps, *activation, *training, id)
            }
            Op::TransNormScale { eps, unbias } => self.trans_norm_scale(*eps, *unbias, id),
            Op::Resize { mode, .. } => self.resize(*mode, id, "main"),
            Op::ResizeGrad { mode, .. } => self.resize(*mode, id, "gradient"),
            Op::ResizeShifted { mode, axis, taps, .. } => self.resize_shifted(*mode, *axis, *taps, id, "shifted"),
            Op::ResizeShiftedGrad { mode, axis, taps, .. } => {
                self.resize_shifted(*mode, *axis, *taps, id, "shifted_gradient")
            }
            Op::MaxPool { spec } => self.max_pool(spec, id),
            Op::MaxPoolGrad { spec } => self.max_pool_grad(spec, id),
            Op::WeightedSum => self.weighted_sum(id),
            Op::WeightedSumGradFeature => self.weighted_sum_grad(id, "feature"),
            Op::WeightedSumGradWeight => self.weighted_sum_grad(id, "weight"),
            Op::PrototypeDistance => self.prototype_distance(id),
        }
    }

    /// Launches kernels that compute from textures, if there are such for a node and it pays; false if there are not.
    fn by_textures(&mut self, id: NodeId) -> Result<bool> {
        let graph = self.graph;
        let node = graph.node(id);
        let inputs = &node.inputs[..];
        match &node.op {
            Op::BatchStats { domains } if self.stays_packed(&inputs[..1], id) => {
                self.batch_stats_texture(*domains, id)?
            }
            Op::BatchNorm { eps, activation, .. } if self.stays_packed(&inputs[..1], id) => {
                self.batch_norm_texture(*eps, *activation, id)?;
            }
            Op::BatchNormGradSums { eps, activation } if self.stays_packed(&inputs[..2], id) => {
                self.batch_norm_grad_sums_texture(*eps, *activation, id)?;
            }
            Op::BatchNormGradInput { eps, activation, training } if self.stays_packed(&inputs[..2], id) => {
                self.batch_norm_grad_input_texture(*eps, *activation, *training, id)?;
            }
            // Activations leave channels beyond the last zero; other functions need not.
            Op::Unary(function) if function.activation().is_some() && self.stays_packed(inputs, id) => {
                self.unary_texture("main", *function, id)?;
            }
            Op::UnaryGrad(function) if function.activation().is_some() && self.stays_packed(inputs, id) => {
                self.unary_texture("gradient", *function, id)?;
            }
            Op::Binary(function @ (Binary::Add | Binary::Sub | Binary::Mul))
                if inputs.iter().all(|&input| self.shape(input) == self.shape(id)) && self.stays_packed(inputs, id) =>
            {
                self.binary_texture(*function, id)?;
            }
            Op::Dropout { p, stream } if self.stays_packed(&inputs[..1], id) && self.fits_grid(id) => {
                self.dropout_texture(*p, *stream, id)?
            }
            Op::Concat { axis: 1 } if self.joins_blocks(inputs) && self.stays_packed(inputs, id) => {
                self.concat_texture(id)?
            }
            Op::Pad { before, .. }
                if !self.in_place.contains_key(&id)
                    && self.moves_blocks(before, id)
                    && self.stays_packed(inputs, id) =>
            {
                self.pad_texture(before, id)?;
            }
            Op::Resize { mode, .. } if self.stays_packed(inputs, id) || self.grows_in_textures(inputs[0], id) => {
                self.resize_texture(*mode, id, "main_texture")?
            }
            Op::ResizeGrad { mode, .. } if self.stays_packed(inputs, id) => {
                self.resize_texture(*mode, id, "gradient_texture")?;
            }
            Op::ResizeShifted { mode, axis, taps, .. } if self.in_blocks(id) && self.stays_packed(inputs, id) => {
                self.resize_shifted_texture(*mode, *axis, *taps, id, "shifted_texture")?;
            }
            Op::ResizeShiftedGrad { mode, axis, taps, .. }
                if self.in_blocks(inputs[0]) && self.stays_packed(inputs, id) =>
            {
                self.resize_shifted_texture(*mode, *axis, *taps, id, "shifted_gradient_texture")?;
            }
            Op::Conv2d { .. } | Op::Conv2dInputGrad { .. } | Op::Conv2dWeightGrad { .. } => {
                return self.convolution_by_textures(id);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
