//! Launches of the normalisations beside convolutions that compute from textures: they read a convolution's result where
//! it left it, and leave theirs where the next convolution reads it.

use super::super::dispatch::{Dispatch, TextureSlot};
use super::super::error::Result;
use super::super::shader::Constant;
use super::Lowering;
use super::batch_norm::CHUNK;
use crate::graph::{Activation, NodeId};

/// Extents of a normalisation: channels, their blocks of four, pixels, domains and their samples.
struct Extents {
    n: usize,
    c: usize,
    blocks: usize,
    plane: usize,
    domains: usize,
    samples: usize,
}

impl Lowering<'_> {
    /// Whether the convolutions' texture holds `maps`, and one binding the buffers of the same shape, of which `x` is one.
    pub(super) fn in_texture(&self, maps: NodeId, x: NodeId) -> bool {
        self.holds(TextureSlot::Results, maps) && self.shape(x).elements() <= self.limit
    }

    pub(super) fn batch_stats_texture(&mut self, domains: usize, id: NodeId) -> Result<()> {
        let e = self.extents(self.input(id, 0), domains);
        let dispatch = Dispatch::new("batch_stats_texture", "main")
            .constant("LANES", self.lanes_constant())
            .params([e.c, e.plane, e.samples])
            .bind(self.whole(id)?)
            .texture(TextureSlot::Results, false)
            .grid(e.blocks, e.domains, 1);
        self.push(dispatch);
        Ok(())
    }

    pub(super) fn batch_norm_texture(&mut self, eps: f32, activation: Activation, id: NodeId) -> Result<()> {
        let kernel = self.norm_kernel("batch_norm_texture", activation);
        self.normalise_texture(kernel, eps, id, &[1, 2, 3], 1)
    }

    pub(super) fn batch_norm_grad_sums_texture(&mut self, eps: f32, activation: Activation, id: NodeId) -> Result<()> {
        let domains = self.shape(self.input(id, 2))[0];
        let e = self.extents(self.input(id, 0), domains);
        let mut dispatch =
            self.norm_kernel("batch_norm_grad_sums_texture", activation).params([e.c, e.plane, e.samples]).float(eps);
        for slot in [0, 2, 3, 4] {
            dispatch = dispatch.bind(self.whole(self.input(id, slot))?);
        }
        let dispatch = dispatch.bind(self.whole(id)?).texture(TextureSlot::Results, false).grid(e.blocks, e.domains, 1);
        self.push(dispatch);
        Ok(())
    }

    pub(super) fn batch_norm_grad_input_texture(
        &mut self,
        eps: f32,
        activation: Activation,
        training: bool,
        id: NodeId,
    ) -> Result<()> {
        let kernel = self
            .norm_kernel("batch_norm_grad_input_texture", activation)
            .constant("TRAINING", Constant::Bool(training));
        self.normalise_texture(kernel, eps, id, &[0, 2, 3, 4, 5], 2)
    }

    /// The launch of a kernel that makes maps from those in the texture, the inputs `operands` and the statistics among
    /// them, input `stats`.
    fn normalise_texture(
        &mut self,
        kernel: Dispatch,
        eps: f32,
        id: NodeId,
        operands: &[usize],
        stats: usize,
    ) -> Result<()> {
        let domains = self.shape(self.input(id, stats))[0];
        let e = self.extents(id, domains);
        let chunks = e.plane.div_ceil(CHUNK);
        let planes = e.n * e.blocks;
        let mut dispatch = kernel
            .constant("PACK", Constant::Bool(self.pack_result(id)))
            .params([planes, e.c, e.plane, chunks, e.samples])
            .float(eps);
        for &slot in operands {
            dispatch = dispatch.bind(self.whole(self.input(id, slot))?);
        }
        let dispatch = dispatch
            .store(self.whole(id)?)
            .texture(TextureSlot::Results, false)
            .texture(TextureSlot::Activations, true)
            .groups(planes * chunks);
        self.push(dispatch);
        Ok(())
    }

    fn extents(&self, x: NodeId, domains: usize) -> Extents {
        let [n, c, h, w] = self.nchw(x);
        Extents { n, c, blocks: c.div_ceil(4), plane: h * w, domains, samples: n / domains }
    }

    /// Whether a normalisation packs its result: if a convolution reads it.
    fn pack_result(&mut self, out: NodeId) -> bool {
        let target = self.target(out);
        let pack = self.convolved.contains(&target);
        if pack {
            self.claim(TextureSlot::Activations, (target, "maps"), self.texels_of(out));
        }
        pack
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::capabilities::Capabilities;
    use super::super::super::context::ConvVariant;
    use super::super::super::plan::Plan;
    use super::*;
    use crate::graph::{ConvSpec, Graph, vector_jacobian_product};

    /// Kernels of a step in order, and whether each that could leave its buffer alone does not.
    fn kernels(graph: &Graph) -> Vec<(&'static str, Option<bool>)> {
        let capabilities = Capabilities { conv: ConvVariant::Texture, lanes: 8, ..Capabilities::typical_hardware() };
        let plan = Plan::new(graph, &capabilities).expect("the graph fits");
        let store = |dispatch: &Dispatch| {
            dispatch.constants.iter().find(|(name, _)| *name == "STORE").map(|(_, v)| *v == Constant::Bool(true))
        };
        plan.launches.iter().map(|l| (l.dispatch.shader, store(&l.dispatch))).collect()
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
            ("pack_texture", None),
            ("pack_texture", None),
            ("conv2d_texture", Some(false)),
            ("batch_norm_texture", Some(false)),
            ("pack_texture", None),
            ("conv2d_texture", Some(true)),
        ];
        assert_eq!(kernels(&graph), expected);
    }

    /// Makes the gradients of `y` outputs.
    fn differentiate(graph: &mut Graph, y: NodeId, wrt: &[NodeId]) {
        let dy = graph.input("dy", graph.shape(y).clone());
        let gradients = vector_jacobian_product(graph, &[(y, dy)], wrt).expect("rules exist");
        for (index, gradient) in gradients.into_iter().enumerate() {
            graph.output(&format!("gradient {index}"), gradient.expect("y depends on all of them"));
        }
    }

    /// The gradient of weights between the two takes textures of its own, also where it goes by tiles.
    #[test]
    fn a_gradient_of_weights_leaves_the_normalisation_its_texture() {
        for outer in [4, 16] {
            let (mut graph, [x, u, v, y]) = network(true, outer);
            differentiate(&mut graph, y, &[x, u, v]);
            let shaders: Vec<_> = kernels(&graph).into_iter().map(|(shader, _)| shader).collect();
            assert_eq!(shaders.contains(&"winograd_weight_grad"), outer == 16);
            for shader in ["batch_norm_grad_sums", "batch_norm_grad_input"] {
                assert!(!shaders.contains(&shader), "{outer} channels: {shaders:?}");
            }
        }
    }

    #[test]
    fn a_training_step_stores_what_its_backward_pass_reads() {
        let (mut graph, [x, u, _, y]) = network(true, 4);
        differentiate(&mut graph, y, &[x, u]);
        let found = kernels(&graph);
        let of = |shader: &str| found.iter().filter(|(s, _)| *s == shader).map(|(_, store)| *store).collect::<Vec<_>>();
        // Forward: the value before the normalisation is read again, the normalised one is not (no gradient of `v`).
        // Backward: the gradient of the normalised value is read from its texture alone, that of `x` is an output.
        assert_eq!(of("conv2d_texture"), [Some(true), Some(true), Some(false), Some(true)]);
        assert_eq!(of("batch_stats_texture"), [None]);
        assert_eq!(of("batch_norm_texture"), [Some(false)]);
        assert_eq!(of("batch_norm_grad_sums_texture"), [None]);
        assert_eq!(of("batch_norm_grad_input_texture"), [Some(false)]);
        // `x` for the convolution and for its weights' gradient, `dy`, and the weights forward and backward.
        assert_eq!(of("pack_texture").len(), 7);
    }
}
