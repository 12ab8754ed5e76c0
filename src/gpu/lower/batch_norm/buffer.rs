//! Launches of the normalisations and their gradients.

use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Shader, Target, View, uniform};
use crate::gpu::lower::lowering::{Lowering, Piece, activation_constants};
use crate::gpu::lower::on_load::MaskNumbers;
use crate::gpu::machine::Result;
use crate::graph::{Activation, NodeId};

/// Pixels of a plane that one workgroup normalises.
pub(super) const CHUNK: usize = 4096;

uniform! {
    StatsBlock {
        base_x: usize,
        channels: usize,
        plane: usize,
        samples: usize,
        samples_per_split: usize,
        first_split: usize,
        splits: usize,
        domains: usize,
        first_channel: usize,
        all_channels: usize,
    }
}

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

/// One launch of a reduction over samples of one domain.
pub(super) struct Part {
    domain: usize,
    pub(super) piece: Piece,
    pub(super) samples_per_split: usize,
    pub(super) first_split: usize,
    pub(super) splits: usize,
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

    /// Statistics of the parts of a map: where they are, and how many.
    pub(in crate::gpu::lower) fn parts_of_stats(&mut self, x: NodeId) -> Result<(Target, usize)> {
        let [n, c, h, w] = self.nchw(x);
        let (parts, splits) = self.domain_parts(n, c * h * w, h * w, 1)?;
        let elements = splits * c * 3;
        let buffer = self.temporary(elements);
        self.partial_stats(x, parts, [splits, 1], self.whole_target(buffer, elements)?, false)?;
        Ok((buffer, splits))
    }

    fn partial_stats(
        &mut self,
        x: NodeId,
        parts: Vec<Part>,
        [splits, domains]: [usize; 2],
        written: View,
        single: bool,
    ) -> Result<()> {
        let [_, c, h, w] = self.nchw(x);
        let plane = h * w;
        for part in parts {
            let (view, base) = self.rows(x, part.piece, c * plane);
            let dispatch = Dispatch::new(Shader::BatchStats, "partial")
                .wide_if_whole(&[base, plane])
                .constant("LANES", self.lanes_constant())
                .constant("SINGLE", Constant::Bool(single))
                .uniform(&StatsBlock {
                    base_x: base,
                    channels: c,
                    plane,
                    samples: part.piece.count,
                    samples_per_split: part.samples_per_split,
                    first_split: part.first_split,
                    splits,
                    domains,
                    first_channel: 0,
                    all_channels: c,
                })
                .bind(view)
                .bind_written(written)
                .grid(c, part.splits, 1);
            self.push(dispatch);
        }
        Ok(())
    }

    /// Statistics of the parts `[D, splits, C, 3]` of them.
    pub(in crate::gpu::lower) fn combine_stats(
        &mut self,
        parts: View,
        splits_and_domains: [usize; 2],
        id: NodeId,
    ) -> Result<()> {
        self.combine_stats_from(parts, splits_and_domains, (id, 0, self.shape(id)[2]))
    }

    /// Those of some channels, from one on.
    pub(in crate::gpu::lower) fn combine_stats_from(
        &mut self,
        parts: View,
        [splits, domains]: [usize; 2],
        (id, first_channel, channels): (NodeId, usize, usize),
    ) -> Result<()> {
        let all_channels = self.shape(id)[2];
        let combine = Dispatch::new(Shader::BatchStats, "combine")
            .constant("LANES", self.lanes_constant())
            .uniform(&StatsBlock {
                base_x: 0,
                channels,
                plane: 0,
                samples: 0,
                samples_per_split: 0,
                first_split: 0,
                splits,
                domains,
                first_channel,
                all_channels,
            })
            .bind(parts)
            .bind_written(self.whole(id)?)
            .grid(channels, domains, 1);
        self.push(combine);
        Ok(())
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

    /// Launches of a reduction over the samples of each domain, and the number of splits a domain has.
    pub(super) fn domain_parts(
        &self,
        n: usize,
        sample: usize,
        plane: usize,
        domains: usize,
    ) -> Result<(Vec<Part>, usize)> {
        let each = n / domains;
        let mut parts = Vec::new();
        let mut splits = 0;
        for domain in 0..domains {
            let mut within = 0;
            for piece in self.pieces(each, sample)? {
                let samples_per_split = self.samples_per_split(piece, plane);
                let count = piece.count.div_ceil(samples_per_split);
                let piece = Piece { first: domain * each + piece.first, count: piece.count };
                parts.push(Part { domain, piece, samples_per_split, first_split: within, splits: count });
                within += count;
            }
            splits = within;
        }
        for part in &mut parts {
            part.first_split += part.domain * splits;
        }
        Ok((parts, splits))
    }
}
