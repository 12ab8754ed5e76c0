//! How sure a trained network is of each pixel: passes with other dropouts, as the training step takes them, but
//! normalised by the running statistics, so that an image's outcome does not depend on those beside it.

use super::deviation::{RELIABLE_BELOW, TEMPERATURE};
use super::prototypes;
use super::step::GENERATOR;
use crate::graph::{Graph, ShapeError, simplify};
use crate::nn::deeplab::DeepLab;
use crate::nn::{Domain, Pass, Phase, TensorSpec};

/// Traces `passes` dropout passes over `image [N,3,S,S]` with `seed [2]`. Outputs, at a quarter of the size: `std
/// [N,2,h,w]`, the [deviation](super::deviation) over the passes; and `probability [N,2,h,w]`, that of the pseudo label,
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
    let found = prototypes::reliability(&mut g, logits, small, TEMPERATURE, RELIABLE_BELOW)?;
    let probability = g.sigmoid(plain)?;
    g.output("std", found.std);
    g.output("probability", probability);
    simplify(&mut g);
    Ok((g, tensors))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::nn::Norm;
    use crate::nn::deeplab::Backbone;
    use crate::nn::init::{hashed_values, initial_values};

    #[test]
    fn an_image_is_as_uncertain_beside_others_and_dropouts_disagree() {
        let network = DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm: Norm::Batch };
        let (graph, tensors) = trace(network, 2, 32, 3).expect("the size fits");
        let states = Device::Cpu.states();
        let program = Device::Cpu.compile(&graph, &states).expect("the reference compiles all");
        for spec in &tensors {
            states.write(&format!("{GENERATOR}.{}", spec.name), &initial_values(spec, 3)).expect("declared");
        }
        program.write("seed", &[1.0, 2.0]).expect("an input");
        let image = |name: &str| hashed_values(name, &[3, 32, 32]);
        let look = |beside: &str| {
            program.write("image", &[image("eye"), image(beside)].concat()).expect("an input");
            program.run().expect("the reference runs");
            program.read(&["std", "probability"]).expect("outputs")
        };
        let (first, second) = (look("second"), look("third"));
        let own = 2 * 8 * 8;
        for (first, second) in first.iter().zip(&second) {
            assert_eq!(first.len(), 2 * own);
            assert!(first[..own] == second[..own] && first[own..] != second[own..]);
        }
        assert!(first[0].iter().all(|std| (0.0..=0.71).contains(std)) && first[0].iter().any(|std| *std > 1e-4));
        assert!(first[1].iter().all(|p| (0.0..=1.0).contains(p)));
    }
}
