//! How far passes with other dropouts disagree about a pixel: one number for training, which keeps the pixels where it is small,
//! for `report`, and for `predict --uncertainty`.

use crate::graph::{Graph, NodeId, ShapeError, Unary};

/// Temperature of the probabilities that deviate.
pub const TEMPERATURE: f32 = 2.0;
/// Deviation below which training counts a pixel as reliable.
pub const RELIABLE_BELOW: f32 = 0.04;

/// Unbiased standard deviation of `σ(z/temperature)` over passes, from their logits `z [T,…]`: `[…]`.
///
/// # Errors
/// Logits of no axes, or of an axis alone.
pub fn deviation(g: &mut Graph, logits: NodeId, temperature: f32) -> Result<NodeId, ShapeError> {
    let shape = g.shape(logits).clone();
    let (passes, maps) = (shape[0], shape[1..].to_vec());
    let flat = g.reshape(logits, [passes, shape.elements() / passes])?;
    let cooled = g.affine(flat, 1.0 / temperature, 0.0)?;
    let cooled = g.sigmoid(cooled)?;
    let centre = g.mean(cooled, &[0])?;
    let difference = g.sub(cooled, centre)?;
    let squared = g.unary(Unary::Square, difference)?;
    let total = g.sum(squared, &[0])?;
    let variance = g.affine(total, 1.0 / (passes as f32 - 1.0), 0.0)?;
    let std = g.unary(Unary::Sqrt, variance)?;
    g.reshape(std, maps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::nn::init::hashed_values;

    /// The formula in f64, pixel by pixel.
    fn twin(logits: &[f32], passes: usize, temperature: f64) -> Vec<f64> {
        let pixels = logits.len() / passes;
        let of_pixel = |pixel: usize| {
            let probability =
                |pass: usize| 1.0 / (1.0 + (-f64::from(logits[pass * pixels + pixel]) / temperature).exp());
            let mean = (0..passes).map(probability).sum::<f64>() / passes as f64;
            let squares = (0..passes).map(|pass| (probability(pass) - mean).powi(2)).sum::<f64>();
            (squares / (passes - 1) as f64).sqrt()
        };
        (0..pixels).map(of_pixel).collect()
    }

    fn computed(logits: &[f32], shape: [usize; 5]) -> Vec<f32> {
        let mut g = Graph::new();
        let z = g.input("z", shape);
        let std = deviation(&mut g, z, TEMPERATURE).expect("shapes fit");
        assert_eq!(g.shape(std)[..], shape[1..]);
        g.output("std", std);
        let program = Device::Cpu.compile(&g, &Device::Cpu.states()).expect("the reference compiles all");
        program.write("z", logits).expect("an input");
        program.run().expect("the reference runs");
        program.read(&["std"]).expect("an output").remove(0)
    }

    #[test]
    fn it_is_the_unbiased_one_of_probabilities_at_a_temperature_of_2() {
        // σ(±1) of two passes.
        let found = computed(&[2.0, 0.5, -2.0, 0.5], [2, 1, 2, 1, 1]);
        assert!((found[0] - 0.462_117_16 / 2f32.sqrt()).abs() < 1e-6 && found[1] == 0.0, "{found:?}");
        let shape = [5, 2, 2, 3, 4];
        let logits: Vec<f32> = hashed_values("passes.bias", &shape).iter().map(|value| 60.0 * value).collect();
        let expected = twin(&logits, 5, 2.0);
        let found = computed(&logits, shape);
        assert!(expected.iter().any(|std| *std > 0.1));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{found} where {expected} is expected");
        }
    }
}
