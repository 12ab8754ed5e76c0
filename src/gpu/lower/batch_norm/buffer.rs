//! Launches of the normalisations and their gradients.

use super::product::CHUNK;
use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Shader, uniform};
use crate::gpu::lower::lowering::{Lowering, activation_constants};
use crate::gpu::lower::on_load::MaskNumbers;
use crate::gpu::machine::Result;
use crate::graph::{Activation, NodeId};

uniform! {
    NormBlock {
        base_x: usize,
        base_y: usize,
        planes: usize,
        channels: usize,
        plane: usize,
        chunks: usize,
        first_sample: usize,
        samples_per_domain: usize,
        eps: f32,
    }
}

uniform! {
    GradSumsBlock {
        base_x: usize,
        base_dy: usize,
        channels: usize,
        plane: usize,
        samples: usize,
        samples_per_split: usize,
        first_split: usize,
        domains: usize,
        domain: usize,
        eps: f32,
        first: usize,
        stream: u32,
        threshold: u32,
        scale: f32,
    }
}

uniform! {
    GradInputBlock {
        base_x: usize,
        base_dy: usize,
        base_dx: usize,
        planes: usize,
        channels: usize,
        plane: usize,
        chunks: usize,
        first_sample: usize,
        samples_per_domain: usize,
        eps: f32,
        first: usize,
        stream: u32,
        threshold: u32,
        scale: f32,
    }
}

uniform! {
    TransNormBlock { channels: usize, eps: f32, unbias: f32 }
}

impl Lowering<'_> {
    pub(in crate::gpu::lower) fn batch_stats(&mut self, domains: usize, id: NodeId) -> Result<()> {
        if self.reduced_in_part.contains_key(&id) {
            return self.stats_of_parts(id);
        }
        let x = self.input(id, 0);
        let [n, c, h, w] = self.nchw(x);
        let (parts, splits) = self.domain_parts(n, c * h * w, h * w, domains)?;
        if splits == 1 {
            return self.partial_stats(x, parts, [1, domains], self.whole(id)?, true);
        }
        let elements = domains * splits * c * 3;
        let buffer = self.temporary(elements);
        let written = self.whole_target(buffer, elements)?;
        self.partial_stats(x, parts, [splits, domains], written, false)?;
        self.combine_stats(written, [splits, domains], id)
    }

    pub(in crate::gpu::lower) fn batch_norm(&mut self, eps: f32, activation: Activation, id: NodeId) -> Result<()> {
        let [x, stats] = [self.input(id, 0), self.input(id, 1)];
        let [n, c, h, w] = self.nchw(x);
        let (plane, domains) = (h * w, self.shape(stats)[0]);
        let chunks = plane.div_ceil(CHUNK);
        for piece in self.pieces(n, c * plane)? {
            let (vx, bx) = self.rows(x, piece, c * plane);
            let (vy, by) = self.rows(id, piece, c * plane);
            let planes = piece.count * c;
            let mut dispatch = self
                .norm_kernel(Shader::BatchNorm, activation)
                .wide_if_whole(&[bx, by, plane])
                .uniform(&NormBlock {
                    base_x: bx,
                    base_y: by,
                    planes,
                    channels: c,
                    plane,
                    chunks,
                    first_sample: piece.first,
                    samples_per_domain: n / domains,
                    eps,
                })
                .bind(vx);
            for slot in 1..4 {
                dispatch = dispatch.bind(self.whole(self.input(id, slot))?);
            }
            self.push(dispatch.bind_written(vy).groups(planes * chunks));
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn batch_norm_grad_sums(
        &mut self,
        eps: f32,
        activation: Activation,
        id: NodeId,
    ) -> Result<()> {
        let [x, dy, stats] = [self.input(id, 0), self.input(id, 1), self.input(id, 2)];
        let [n, c, h, w] = self.nchw(x);
        let (plane, domains) = (h * w, self.shape(stats)[0]);
        let loaded = self.loaded(dy);
        if loaded.product.is_some() {
            return self.grad_sums_of_product(eps, activation, (&loaded, None), id);
        }
        let (parts, splits) = self.domain_parts(n, c * plane, plane, domains)?;
        let sums = domains * 2 * c;
        let MaskNumbers { stream, threshold, scale } = loaded.mask();
        let buffer = if splits == 1 { self.target(id) } else { self.temporary(splits * sums) };
        for part in parts {
            let (vx, bx) = self.rows(x, part.piece, c * plane);
            let (vdy, bdy) = self.rows(loaded.source, part.piece, c * plane);
            // Parts lie as [splits, D, 2, C], so that adding them up gives [D, 2, C].
            let mut dispatch = self
                .norm_kernel(Shader::BatchNormGradSums, activation)
                .wide_if_whole(&[bx, bdy, plane])
                .uniform(&GradSumsBlock {
                    base_x: bx,
                    base_dy: bdy,
                    channels: c,
                    plane,
                    samples: part.piece.count,
                    samples_per_split: part.samples_per_split,
                    first_split: part.first_split - part.domain * splits,
                    domains,
                    domain: part.domain,
                    eps,
                    first: vdy.start,
                    stream,
                    threshold,
                    scale,
                })
                .bind(vx)
                .bind(vdy);
            for slot in 2..5 {
                dispatch = dispatch.bind(self.whole(self.input(id, slot))?);
            }
            dispatch = dispatch.bind_written(self.whole_target(buffer, splits * sums)?).grid(c, part.splits, 1);
            self.push(self.bind_seed(dispatch, &loaded, self.whole(stats)?)?);
        }
        if splits > 1 {
            let out = self.target(id);
            self.add_parts(buffer, splits, sums, out)?;
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn batch_norm_grad_input(
        &mut self,
        eps: f32,
        activation: Activation,
        training: bool,
        id: NodeId,
    ) -> Result<()> {
        let [x, dy, stats] = [self.input(id, 0), self.input(id, 1), self.input(id, 2)];
        let [n, c, h, w] = self.nchw(x);
        let (plane, domains) = (h * w, self.shape(stats)[0]);
        let chunks = plane.div_ceil(CHUNK);
        let loaded = self.loaded(dy);
        if loaded.product.is_some() {
            return self.grad_input_of_product(eps, (activation, training), &loaded, id);
        }
        let MaskNumbers { stream, threshold, scale } = loaded.mask();
        for piece in self.pieces(n, c * plane)? {
            let (vx, bx) = self.rows(x, piece, c * plane);
            let (vdy, bdy) = self.rows(loaded.source, piece, c * plane);
            let (vdx, bdx) = self.rows(id, piece, c * plane);
            let planes = piece.count * c;
            let mut dispatch = self
                .norm_kernel(Shader::BatchNormGradInput, activation)
                .wide_if_whole(&[bx, bdy, bdx, plane])
                .constant("TRAINING", Constant::Bool(training))
                .uniform(&GradInputBlock {
                    base_x: bx,
                    base_dy: bdy,
                    base_dx: bdx,
                    planes,
                    channels: c,
                    plane,
                    chunks,
                    first_sample: piece.first,
                    samples_per_domain: n / domains,
                    eps,
                    first: vdy.start,
                    stream,
                    threshold,
                    scale,
                })
                .bind(vx)
                .bind(vdy);
            for slot in 2..6 {
                dispatch = dispatch.bind(self.whole(self.input(id, slot))?);
            }
            dispatch = dispatch.bind_written(vdx).groups(planes * chunks);
            self.push(self.bind_seed(dispatch, &loaded, self.whole(stats)?)?);
        }
        Ok(())
    }

    pub(in crate::gpu::lower) fn trans_norm_scale(&mut self, eps: f32, unbias: f32, id: NodeId) -> Result<()> {
        let channels = self.shape(id).elements();
        let dispatch = Dispatch::new(Shader::TransNormScale, "main")
            .constant("LANES", self.lanes_constant())
            .uniform(&TransNormBlock { channels, eps, unbias })
            .bind(self.whole(self.input(id, 0))?)
            .bind_written(self.whole(id)?);
        self.push(dispatch);
        Ok(())
    }

    pub(in crate::gpu::lower) fn norm_kernel(&self, shader: Shader, activation: Activation) -> Dispatch {
        Dispatch::new(shader, "main")
            .constant("LANES", self.lanes_constant())
            .constants(activation_constants(activation))
    }
}
