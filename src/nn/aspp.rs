//! Atrous spatial pyramid pooling (Chen et al. 2017).

use super::{Pass, Role};
use crate::graph::{ConvSpec, NodeId, ShapeError};

/// Channels of each branch and of the result.
const CHANNELS: usize = 256;

/// Probability of the dropout after the pooling, which is left to the caller.
pub(super) const DROPOUT: f32 = 0.5;

/// `x [N,C,H,W]` → `[N,256,H,W]`; `rates` are the dilations of the four branches, 1 for the pointwise one.
pub(super) fn trace(pass: &mut Pass, x: NodeId, rates: [usize; 4]) -> Result<NodeId, ShapeError> {
    let mut branches = Vec::new();
    for (index, rate) in rates.into_iter().enumerate() {
        let name = format!("aspp.aspp{}", index + 1);
        let (kernel, padding) = if index == 0 { (1, 0) } else { (3, rate) };
        let spec = ConvSpec { padding: [padding; 2], dilation: [rate; 2], ..ConvSpec::default() };
        let branch = pass.conv(&format!("{name}.atrous_conv"), x, CHANNELS, kernel, spec)?;
        let branch = pass.batch_norm(&format!("{name}.bn"), branch)?;
        branches.push(pass.graph.relu(branch)?);
    }
    let pooled = pass.graph.global_avg_pool(x)?;
    let pooled = pass.conv("aspp.global_avg_pool.1", pooled, CHANNELS, 1, ConvSpec::default())?;
    let pooled = pass.batch_norm("aspp.global_avg_pool.2", pooled)?;
    let pooled = pass.graph.relu(pooled)?;
    branches.push(pooled);
    let y = conv_of_branches(pass, "aspp.conv1", &branches)?;
    let y = pass.batch_norm("aspp.bn1", y)?;
    pass.graph.relu(y)
}

/// A 1x1 convolution of branches joined along the channels, as the sum of one for each branch: nothing is copied. The
/// last branch has one pixel, which upsampling would only repeat, so it is convolved there and added to all.
fn conv_of_branches(pass: &mut Pass, name: &str, branches: &[NodeId]) -> Result<NodeId, ShapeError> {
    let inputs = branches.len() * CHANNELS;
    let state = pass.tensor(&format!("{name}.weight"), [CHANNELS, inputs, 1, 1], Role::Weight)?;
    let g = &mut *pass.graph;
    let weight = g.read_state(state);
    let mut sum = None;
    for (index, &branch) in branches.iter().enumerate() {
        let own = g.slice(weight, 1, index * CHANNELS, CHANNELS)?;
        let y = g.conv2d(branch, own, None, ConvSpec::default())?;
        sum = Some(match sum {
            Some(sum) => g.add(sum, y)?,
            None => y,
        });
    }
    Ok(sum.expect("the pooling has branches"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::graph::tests::finite_differences::noise;
    use crate::graph::{Graph, ResizeMode, vector_jacobian_product};
    use crate::nn::{Domain, Phase};
    use crate::reference::{Array, run};

    const SIZE: [usize; 2] = [3, 2];

    /// Output and gradients of the convolution over branches, or of the published one over joined maps, in f64.
    fn results(apart: bool) -> HashMap<String, Array> {
        let shapes = [[2, CHANNELS, SIZE[0], SIZE[1]], [2, CHANNELS, SIZE[0], SIZE[1]], [2, CHANNELS, 1, 1]];
        let mut g = Graph::new();
        let branches: Vec<NodeId> =
            shapes.iter().enumerate().map(|(i, shape)| g.input(&format!("branch {i}"), *shape)).collect();
        let state = g.declare_state("aspp.conv1.weight", [CHANNELS, 3 * CHANNELS, 1, 1]).expect("declared once");
        let y = if apart {
            let mut pass = Pass::new(&mut g, "aspp", Phase::Evaluation(Domain::Target));
            conv_of_branches(&mut pass, "conv1", &branches).expect("shapes fit")
        } else {
            let pooled = g.resize(branches[2], ResizeMode::BilinearAlignCorners, SIZE).expect("shapes fit");
            let joined = g.concat(&[branches[0], branches[1], pooled], 1).expect("shapes fit");
            let weight = g.read_state(state);
            g.conv2d(joined, weight, None, ConvSpec::default()).expect("shapes fit")
        };
        let dy = g.input("dy", shapes[0]);
        let wrt = [branches, vec![g.read_state(state)]].concat();
        let gradients = vector_jacobian_product(&mut g, &[(y, dy)], &wrt).expect("rules exist");
        g.output("y", y);
        for (index, gradient) in gradients.into_iter().enumerate() {
            g.output(&format!("gradient {index}"), gradient.expect("y depends on all of them"));
        }
        let random = |seed, shape: [usize; 4]| Array { shape: shape.into(), data: noise(seed, shape.iter().product()) };
        let mut inputs: HashMap<String, Array> =
            (0..3).map(|i| (format!("branch {i}"), random(i as u32, shapes[i]))).collect();
        inputs.insert("dy".to_string(), random(3, shapes[0]));
        let weight = random(4, [CHANNELS, 3 * CHANNELS, 1, 1]);
        let mut states = HashMap::from([(g.states()[0].name.clone(), weight)]);
        run(&g, &inputs, &mut states).expect("everything is given")
    }

    #[test]
    fn the_sum_over_branches_is_the_convolution_of_the_joined_ones() {
        let (apart, joined) = (results(true), results(false));
        assert_eq!(apart.len(), 5);
        for (name, expected) in &joined {
            let largest = expected.data.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            assert!(largest > 0.1);
            for (a, b) in apart[name].data.iter().zip(&expected.data) {
                assert!((a - b).abs() < 1e-12 * largest, "{name}: {a} and {b}");
            }
        }
    }
}
