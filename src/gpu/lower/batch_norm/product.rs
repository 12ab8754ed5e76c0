//! Launches of the gradients of a normalisation that make the gradient of its result as they would load it: see
//! `layout::unwritten`.

use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Shader, Target, View, uniform};
use crate::gpu::lower::lowering::{Lowering, Piece, activation_constants};
use crate::gpu::lower::on_load::{Loaded, MaskNumbers};
use crate::gpu::machine::Result;
use crate::graph::{Activation, NodeId, Op};

/// Pixels of a plane that one workgroup normalises.
pub(super) const CHUNK: usize = 4096;

uniform! {
    OfProductBlock {
        base_x: usize,
        base_product: usize,
        base_dx: usize,
        planes: usize,
        channels: usize,
        plane: usize,
        chunks: usize,
        first_sample: usize,
        samples_per_domain: usize,
        samples: usize,
        samples_per_split: usize,
        first_split: usize,
        first: usize,
        stream: u32,
        threshold: u32,
        scale: f32,
    }
}

/// What the launches of a node have in common.
struct OfProduct<'a> {
    id: NodeId,
    activation: Activation,
    loaded: &'a Loaded,
    terms: Target,
}

impl Lowering<'_> {
    /// A gradient of weights, with the sums that need what it needs.
    pub(in crate::gpu::lower) fn weight_grad_with_sums(&mut self, gradient: NodeId, sums: NodeId) -> Result<()> {
        let Op::BatchNormGradSums { eps, activation } = self.graph.node(sums).op else {
            unreachable!("a normalisation's sums are made with a gradient of weights");
        };
        let loaded = self.loaded(self.input(sums, 1));
        self.grad_sums_of_product(eps, activation, (&loaded, Some(gradient)), sums)
    }

    /// The sums, and perhaps the gradient of the weights.
    pub(super) fn grad_sums_of_product(
        &mut self,
        eps: f32,
        activation: Activation,
        (loaded, gradient): (&Loaded, Option<NodeId>),
        id: NodeId,
    ) -> Result<()> {
        let of = self.of_product(eps, activation, loaded, id)?;
        let [n, c, h, w] = self.nchw(self.input(id, 0));
        let (parts, splits) = self.domain_parts(n, c * h * w, h * w, 1)?;
        let buffer = if splits == 1 { self.target(id) } else { self.temporary(splits * 2 * c) };
        let filters = loaded.product.map_or(0, |(_, filters)| filters);
        // The gradient of the filters, and where its parts are.
        let of_weights = gradient.map(|gradient| {
            let parts = if splits == 1 { self.target(gradient) } else { self.temporary(splits * filters * c) };
            (gradient, parts)
        });
        for part in parts {
            let block = OfProductBlock {
                samples_per_split: part.samples_per_split,
                first_split: part.first_split,
                ..self.block(&of, part.piece)
            };
            let dispatch = self.product_kernel(
                if of_weights.is_some() { "both_gradients" } else { "grad_sums" },
                &of,
                block,
                part.piece,
                &[],
            )?;
            let mut dispatch =
                dispatch.bind_written(self.whole_target(buffer, splits * 2 * c)?).grid(c, part.splits, 1);
            if let Some((_, parts)) = of_weights {
                let parts = self.whole_target(parts, splits * filters * c)?;
                dispatch = dispatch.constant("WEIGHTS", Constant::Bool(true)).bind_written(parts);
            }
            self.push(dispatch);
        }
        if splits == 1 {
            return Ok(());
        }
        self.add_parts(buffer, splits, 2 * c, self.target(id))?;
        match of_weights {
            Some((gradient, parts)) => self.add_parts(parts, splits, filters * c, self.target(gradient)),
            None => Ok(()),
        }
    }

    /// The gradient of the input, or the sum with another map.
    pub(super) fn grad_input_of_product(
        &mut self,
        eps: f32,
        (activation, training): (Activation, bool),
        loaded: &Loaded,
        id: NodeId,
    ) -> Result<()> {
        let of = self.of_product(eps, activation, loaded, id)?;
        let [n, c, h, w] = self.nchw(id);
        let (met, written) = (self.combined_with(id), self.written_by(id));
        let sums = self.whole(self.input(id, 5))?;
        for piece in self.pieces(n, c * h * w)? {
            let (vdx, base_dx) = self.rows(written, piece, c * h * w);
            let block = OfProductBlock { base_dx, ..self.block(&of, piece) };
            let groups = block.planes * block.chunks;
            let mut dispatch = self
                .product_kernel("grad_input", &of, block, piece, &[base_dx])?
                .constant("TRAINING", Constant::Bool(training))
                .constant("ADDS", Constant::Bool(met.is_some()))
                .bind(sums);
            dispatch = self.bind_met(dispatch, met, (piece, c * h * w), sums);
            self.push(dispatch.bind_written(vdx).groups(groups));
        }
        Ok(())
    }

    fn of_product<'a>(
        &mut self,
        eps: f32,
        activation: Activation,
        loaded: &'a Loaded,
        id: NodeId,
    ) -> Result<OfProduct<'a>> {
        let terms = self.norm_terms(eps, [2, 3, 4].map(|slot| self.input(id, slot)))?;
        Ok(OfProduct { id, activation, loaded, terms })
    }

    /// What both kernels are told of a piece of the batch.
    fn block(&self, of: &OfProduct, piece: Piece) -> OfProductBlock {
        let [n, channels, h, w] = self.nchw(self.input(of.id, 0));
        let (plane, MaskNumbers { stream, threshold, scale }) = (h * w, of.loaded.mask());
        let [base_x, base_product] = self.x_and_product(of, piece).map(|(_, base)| base);
        OfProductBlock {
            base_x,
            base_product,
            base_dx: 0,
            planes: piece.count * channels,
            channels,
            plane,
            chunks: plane.div_ceil(CHUNK),
            first_sample: piece.first,
            samples_per_domain: n,
            samples: piece.count,
            samples_per_split: 0,
            first_split: 0,
            first: piece.first * channels * plane,
            stream,
            threshold,
            scale,
        }
    }

    fn x_and_product(&self, of: &OfProduct, piece: Piece) -> [(View, usize); 2] {
        [self.input(of.id, 0), of.loaded.source].map(|value| {
            let shape = self.shape(value);
            self.rows(value, piece, shape.elements() / shape[0])
        })
    }

    /// A kernel with what both read, of elements at these bases as well.
    fn product_kernel(
        &self,
        entry: &'static str,
        of: &OfProduct,
        block: OfProductBlock,
        piece: Piece,
        bases: &[usize],
    ) -> Result<Dispatch> {
        let [(x, base_x), (product, base_product)] = self.x_and_product(of, piece);
        let (weights, filters) = of.loaded.product.expect("called for products only");
        let dispatch = Dispatch::new(Shader::BatchNormGradOfProduct, entry)
            .wide_if_whole(&[&[base_x, base_product, block.plane], bases].concat())
            .constant("LANES", self.lanes_constant())
            .constant("FILTERS", Constant::U32(filters as u32))
            .constants(activation_constants(of.activation))
            .uniform(&block)
            .bind(x)
            .bind(product);
        let dispatch = self.bind_terms(dispatch, of.terms, block.channels)?.bind(self.whole(weights)?);
        self.bind_seed(dispatch, of.loaded, product)
    }
}
