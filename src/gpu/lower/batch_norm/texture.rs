//! Launches of the normalisations of packed feature maps, beside convolutions that compute from textures.

use crate::gpu::kernel::shader::Constant;
use crate::gpu::kernel::{Dispatch, Shader, uniform};
use crate::gpu::lower::lowering::Lowering;
use crate::gpu::machine::Result;
use crate::graph::{Activation, NodeId};

/// Workgroups that keep the cores of a processor busy.
const ENOUGH: usize = 16;

uniform! {
    PackedStatsBlock { channels: usize, plane: usize, samples_per_domain: usize }
}

uniform! {
    PackedSumsBlock { channels: usize, plane: usize, samples_per_domain: usize, eps: f32 }
}

uniform! {
    PackedNormBlock {
        channels: usize,
        plane: usize,
        samples_per_domain: usize,
        samples_per_group: usize,
        eps: f32,
    }
}

/// Extents of a normalisation: channels, their blocks of four, pixels, domains and their samples.
struct Extents {
    c: usize,
    blocks: usize,
    plane: usize,
    domains: usize,
    samples: usize,
}

impl Lowering<'_> {
    pub(in crate::gpu::lower) fn batch_stats_texture(&mut self, domains: usize, id: NodeId) -> Result<()> {
        let x = self.input(id, 0);
        let e = self.extents(x, domains);
        let dispatch = Dispatch::new(Shader::BatchStatsTexture, "main")
            .constant("LANES", self.lanes_constant())
            .uniform(&PackedStatsBlock { channels: e.c, plane: e.plane, samples_per_domain: e.samples })
            .bind_written(self.whole(id)?)
            .read(self.maps(x))
            .grid(e.blocks, e.domains, 1);
        self.push(dispatch);
        Ok(())
    }

    pub(in crate::gpu::lower) fn batch_norm_texture(
        &mut self,
        eps: f32,
        activation: Activation,
        id: NodeId,
    ) -> Result<()> {
        let kernel = self.norm_kernel(Shader::BatchNormTexture, activation);
        self.normalise_texture(kernel, eps, id, &[1, 2, 3], &[0])
    }

    pub(in crate::gpu::lower) fn batch_norm_grad_sums_texture(
        &mut self,
        eps: f32,
        activation: Activation,
        id: NodeId,
    ) -> Result<()> {
        let [x, dy] = [self.input(id, 0), self.input(id, 1)];
        let e = self.extents(x, self.shape(self.input(id, 2))[0]);
        let (x, dy) = (self.maps(x), self.maps(dy));
        let mut dispatch = self.norm_kernel(Shader::BatchNormGradSumsTexture, activation).uniform(&PackedSumsBlock {
            channels: e.c,
            plane: e.plane,
            samples_per_domain: e.samples,
            eps,
        });
        for slot in [2, 3, 4] {
            dispatch = dispatch.bind(self.whole(self.input(id, slot))?);
        }
        self.push(dispatch.bind_written(self.whole(id)?).read(x).read(dy).grid(e.blocks, e.domains, 1));
        Ok(())
    }

    pub(in crate::gpu::lower) fn batch_norm_grad_input_texture(
        &mut self,
        eps: f32,
        activation: Activation,
        training: bool,
        id: NodeId,
    ) -> Result<()> {
        let kernel = self
            .norm_kernel(Shader::BatchNormGradInputTexture, activation)
            .constant("TRAINING", Constant::Bool(training));
        self.normalise_texture(kernel, eps, id, &[2, 3, 4, 5], &[0, 1])
    }

    /// The launch of a kernel that makes maps from the inputs `maps` and vectors, the inputs `vectors`, of which the
    /// first are the statistics.
    fn normalise_texture(
        &mut self,
        kernel: Dispatch,
        eps: f32,
        id: NodeId,
        vectors: &[usize],
        maps: &[usize],
    ) -> Result<()> {
        let e = self.extents(id, self.shape(self.input(id, vectors[0]))[0]);
        let groups = ENOUGH.div_ceil(e.blocks * e.domains).min(e.samples);
        let each = e.samples.div_ceil(groups);
        let mut dispatch = kernel.uniform(&PackedNormBlock {
            channels: e.c,
            plane: e.plane,
            samples_per_domain: e.samples,
            samples_per_group: each,
            eps,
        });
        for &slot in vectors {
            dispatch = dispatch.bind(self.whole(self.input(id, slot))?);
        }
        for &slot in maps {
            dispatch = dispatch.read(self.maps(self.input(id, slot)));
        }
        let y = self.new_maps(id);
        self.push(dispatch.write(y).grid(e.blocks, e.samples.div_ceil(each), e.domains));
        Ok(())
    }

    fn extents(&self, x: NodeId, domains: usize) -> Extents {
        let [n, c, h, w] = self.nchw(x);
        Extents { c, blocks: c.div_ceil(4), plane: h * w, domains, samples: n / domains }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::machine::{Capabilities, ConvVariant};
    use crate::gpu::plan::Plan;
    use crate::graph::{ConvSpec, Graph, ResizeMode, vector_jacobian_product};

    /// Kernels of a step in order.
    fn kernels(graph: &Graph) -> Vec<&'static str> {
        kernels_on(graph, Capabilities::typical_hardware().texture_side)
    }

    /// The same where textures have no more rows.
    fn kernels_on(graph: &Graph, texture_side: usize) -> Vec<&'static str> {
        let conv = ConvVariant::Texture;
        let capabilities = Capabilities { conv, lanes: 8, texture_side, ..Capabilities::typical_hardware() };
        let plan = Plan::new(graph, &capabilities).expect("the graph fits");
        plan.launches.iter().map(|launch| launch.dispatch.shader).collect()
    }

    /// `conv → batch norm → conv`, maps of `outer` channels before and after; its input, weights and result.
    fn network(training: bool, outer: usize) -> (Graph, [NodeId; 4]) {
        let mut g = Graph::new();
        let x = g.input("x", [2, outer, 8, 8]);
        let (u, v) = (g.input("u", [2 * outer, outer, 3, 3]), g.input("v", [outer, 2 * outer, 3, 3]));
        let (weight, bias) = (g.input("weight", [2 * outer]), g.input("bias", [2 * outer]));
        let given = g.input("stats", [1, 2, 2 * outer]);
        let middle = g.conv2d(x, u, None, ConvSpec::default()).expect("shapes fit");
        let stats = if training { g.batch_stats(middle, 1).expect("one domain") } else { given };
        let op = crate::graph::Op::BatchNorm { eps: 1e-5, activation: Activation::Relu, training };
        let normal = g.push(op, &[middle, stats, weight, bias]).expect("shapes fit");
        let y = g.conv2d(normal, v, None, ConvSpec::default()).expect("shapes fit");
        g.output("y", y);
        (g, [x, u, v, y])
    }

    #[test]
    fn in_evaluation_nothing_goes_through_buffers_between_convolutions() {
        let (graph, _) = network(false, 4);
        let expected = [
            "pack_texture",
            "pack_texture",
            "conv2d_texture",
            "batch_norm_texture",
            "pack_texture",
            "conv2d_texture",
            "unpack_texture",
        ];
        assert_eq!(kernels(&graph), expected);
    }

    /// A result that no texture holds is computed from buffers, though its operand fits one.
    #[test]
    fn results_too_large_for_a_texture_go_through_buffers() {
        for (size, shader) in [([32, 32], "resize_texture"), ([80, 80], "resize")] {
            let mut g = Graph::new();
            let (x, w) = (g.input("x", [1, 4, 8, 8]), g.input("w", [4, 4, 3, 3]));
            let y = g.conv2d(x, w, None, ConvSpec::default()).expect("shapes fit");
            let y = g.resize(y, ResizeMode::Nearest, size).expect("shapes fit");
            g.output("y", y);
            // One row of 4096 texels is planned with.
            let shaders = kernels_on(&g, 2);
            assert!(shaders.contains(&shader), "{size:?}: {shaders:?}");
        }
    }

    /// Packing a small map pays only if much more is made of it.
    #[test]
    fn maps_that_are_enlarged_go_into_textures() {
        for (size, shader) in [([16, 16], "resize_texture"), ([12, 12], "resize")] {
            let mut g = Graph::new();
            let x = g.input("x", [1, 4, 8, 8]);
            let y = g.resize(x, ResizeMode::Nearest, size).expect("shapes fit");
            g.output("y", y);
            let shaders = kernels(&g);
            assert!(shaders.contains(&shader), "{size:?}: {shaders:?}");
        }
    }

    /// Makes the gradients of `y` outputs.
    fn differentiate(graph: &mut Graph, y: NodeId, wrt: &[NodeId]) {
        let dy = graph.input("dy", graph.shape(y).clone());
        let gradients = vector_jacobian_product(graph, &[(y, dy)], wrt).expect("rules exist");
        for (index, gradient) in gradients.into_iter().enumerate() {
            graph.output(&format!("gradient {index}"), gradient.expect("y depends on all of them"));
        }
    }

    /// A training step unpacks only what is read back, and packs only what it is given.
    #[test]
    fn a_training_step_stays_in_textures() {
        for outer in [4, 16] {
            let (mut graph, [x, u, v, y]) = network(true, outer);
            differentiate(&mut graph, y, &[x, u, v]);
            let found = kernels(&graph);
            let count = |shader: &str| found.iter().filter(|known| **known == shader).count();
            assert_eq!(count("winograd_weight_grad") > 0, outer == 16);
            // `y` and the gradient of `x`; gradients of weights are in buffers.
            assert_eq!(count("unpack_texture"), 2);
            // `x` and `dy`, and the weights of both convolutions forward and backward.
            assert_eq!(count("pack_texture") + count("winograd_weights"), 6, "{found:?}");
            for shader in ["batch_stats", "batch_norm", "batch_norm_grad_sums", "batch_norm_grad_input"] {
                assert_eq!((count(shader), found.contains(&format!("{shader}_texture").as_str())), (0, true));
            }
        }
    }
}
