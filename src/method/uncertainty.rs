//! How sure a trained network is of each pixel: passes with other dropouts, as the training step takes them, but
//! normalised by the running statistics, so that an image's outcome does not depend on those beside it.

use super::prototypes;
use super::step::{GENERATOR, STD_MAX, TEMPERATURE};
use crate::graph::{Graph, ShapeError, simplify};
use crate::nn::deeplab::DeepLab;
use crate::nn::{Domain, Pass, Phase, TensorSpec};

/// Traces `passes` dropout passes over `image [N,3,S,S]` with `seed [2]`. Outputs, at a quarter of the size: `std
/// [N,2,h,w]`, the unbiased deviation of `σ(z/2)` over the passes; and `probability [N,2,h,w]`, that of the pseudo label,
/// without dropout.
///
/// # Errors
/// A size or an output stride that the network cannot have.
pub fn trace(
    network: DeepLab,
    batch: usize,
    size: usize,
    passes: usize,
) -> Result<(Graph, Vec<TensorSpec>), ShapeError> {
    let mut g = Graph::new();
    let image = g.input("image", [batch, 3, size, size]);
    let seed = g.input("seed", [2]);
    let mut pass = Pass::new(&mut g, GENERATOR, Phase::Evaluation(Domain::Target));
    let encoded = network.encode(&mut pass, image)?;
    let plain = network.decode(&mut pass, encoded, [size; 2])?.mask_small;
    pass.dropout_seed = Some(seed);
    let mut logits = Vec::new();
    for _ in 0..passes {
        let mask = network.decode(&mut pass, encoded, [size; 2])?.mask;
        logits.push(pass.graph.reshape(mask, [1, batch, 2, size, size])?);
    }
    let tensors = pass.into_tensors();
    let logits = g.concat(&logits, 0)?;
    let small = [g.shape(plain)[2], g.shape(plain)[3]];
    let found = prototypes::reliability(&mut g, logits, small, TEMPERATURE, STD_MAX)?;
    let probability = g.sigmoid(plain)?;
    g.output("std", found.std);
    g.output("probability", probability);
    simplify(&mut g);
    Ok((g, tensors))
}
