//! Statistics of maps, and the launches that reductions over the samples of each domain are divided into.

use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Shader, Target, View, uniform};
use crate::gpu::lower::lowering::{Lowering, Piece};
use crate::gpu::machine::Result;
use crate::graph::NodeId;

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

/// One launch of a reduction over samples of one domain.
pub(super) struct Part {
    pub(super) domain: usize,
    pub(super) piece: Piece,
    pub(super) samples_per_split: usize,
    pub(super) first_split: usize,
    pub(super) splits: usize,
}

impl Lowering<'_> {
    /// Statistics of the parts of a map: where they are, and how many.
    pub(in crate::gpu::lower) fn parts_of_stats(&mut self, x: NodeId) -> Result<(Target, usize)> {
        let [n, c, h, w] = self.nchw(x);
        let (parts, splits) = self.domain_parts(n, c * h * w, h * w, 1)?;
        let elements = splits * c * 3;
        let buffer = self.temporary(elements);
        self.partial_stats(x, parts, [splits, 1], self.whole_target(buffer, elements)?, false)?;
        Ok((buffer, splits))
    }

    pub(super) fn partial_stats(
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
