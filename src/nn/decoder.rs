//! The decoder with a boundary branch and a mask branch (Wang et al. 2019, BEAL).

use super::{Pass, Role};
use crate::graph::{ConvSpec, NodeId, Op, ResizeMode, ShapeError};

/// What the decoder gives, at the low-level size.
pub(super) struct Decoded {
    /// mask logits, 2 channels: cup, disc
    pub mask: NodeId,
    /// boundary logits, 1 channel
    pub boundary: NodeId,
    /// the space in which prototypes live, 305 channels
    pub feature: NodeId,
}

/// ASPP output and low-level feature → logits of masks and boundary.
pub(super) fn trace(pass: &mut Pass, aspp: NodeId, low_level: NodeId) -> Result<Decoded, ShapeError> {
    let size = [pass.graph.shape(low_level)[2], pass.graph.shape(low_level)[3]];
    let low = pass.conv("decoder.conv1", low_level, 48, 1, ConvSpec::default())?;
    let low = pass.batch_norm("decoder.bn1", low)?;
    let low = pass.graph.relu(low)?;
    let upsampled = pass.graph.resize(aspp, ResizeMode::BilinearAlignCorners, size)?;

    // The state dict lists the mask branch first.
    let channels = pass.graph.shape(upsampled)[1] + pass.graph.shape(low)[1] + 1;
    pass.declare_norm("decoder.last_conv.0", channels)?;
    pass.tensor("decoder.last_conv.3.weight", [2, channels, 1, 1], Role::Weight)?;
    pass.tensor("decoder.last_conv.3.bias", [2], Role::HeadBias { fan_in: channels })?;

    let x = conv_of_joined(pass, "decoder.last_conv_boundary.0", aspp, low, 256)?;
    let x = pass.batch_norm("decoder.last_conv_boundary.1", x)?;
    let x = pass.graph.relu(x)?;
    let x = pass.dropout(x, 0.5)?;
    let dense = ConvSpec { padding: [1, 1], ..ConvSpec::default() };
    let x = pass.conv("decoder.last_conv_boundary.4", x, 256, 3, dense)?;
    let x = pass.batch_norm("decoder.last_conv_boundary.5", x)?;
    let x = pass.graph.relu(x)?;
    let x = pass.dropout(x, 0.1)?;
    let boundary = pass.head("decoder.last_conv_boundary.8", x, 1)?;

    let feature = pass.graph.concat(&[upsampled, low, boundary], 1)?;
    let x = pass.batch_norm("decoder.last_conv.0", feature)?;
    let x = pass.graph.relu(x)?;
    let x = pass.dropout(x, 0.1)?;
    let mask = pass.head("decoder.last_conv.3", x, 2)?;
    Ok(Decoded { mask, boundary, feature })
}

/// A 3x3 convolution, padding 1, of `[upsampled wide, narrow]` joined along the channels, done where it is cheap.
///
/// Interpolation and convolution are both linear, and a 1x1 convolution commutes with interpolation. So the part over
/// the upsampled maps is nine 1x1 convolutions at their small size (one for each tap), resized, moved by the tap and
/// added up, rows and columns apart; the part over `narrow` is a convolution as usual.
fn conv_of_joined(pass: &mut Pass, name: &str, wide: NodeId, narrow: NodeId, out: usize) -> Result<NodeId, ShapeError> {
    const TAPS: usize = 3;
    let ([n, c, h, w], [_, rest, high, across]) = (maps(pass, wide), maps(pass, narrow));
    let state = pass.tensor(&format!("{name}.weight"), [out, c + rest, TAPS, TAPS], Role::Weight)?;
    let g = &mut *pass.graph;
    let weight = g.read_state(state);
    let of_wide = g.slice(weight, 1, 0, c)?;
    let of_narrow = g.slice(weight, 1, c, rest)?;

    let dense = ConvSpec { padding: [1, 1], ..ConvSpec::default() };
    let y = g.conv2d(narrow, of_narrow, None, dense)?;

    let by_tap = g.permute(of_wide, &[2, 3, 0, 1])?;
    let by_tap = g.reshape(by_tap, [TAPS * TAPS * out, c, 1, 1])?;
    let x = g.conv2d(wide, by_tap, None, ConvSpec::default())?;
    let shifted = |axis, size| Op::ResizeShifted { mode: ResizeMode::BilinearAlignCorners, axis, taps: TAPS, size };
    let x = g.reshape(x, [n * TAPS, TAPS * out, h, w])?;
    let x = g.push(shifted(3, across), &[x])?;
    let x = g.reshape(x, [n, TAPS * out, h, across])?;
    let x = g.push(shifted(2, high), &[x])?;
    g.add(x, y)
}

/// Extents of feature maps.
fn maps(pass: &Pass, x: NodeId) -> [usize; 4] {
    pass.graph.shape(x).nchw().expect("layers give feature maps")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::graph::{Graph, vector_jacobian_product};
    use crate::nn::{Domain, Phase};
    use crate::reference::{Array, run};

    /// Output and gradients of the cheap convolution and of the plain one, in f64.
    fn both([h, w]: [usize; 2], [high, across]: [usize; 2]) -> [Vec<Vec<f64>>; 2] {
        let value = |seed: usize, i: usize| ((i * 7919 + seed * 104_729) % 1009) as f64 / 504.5 - 1.0;
        let random = |seed, shape: &[usize]| {
            let data = (0..shape.iter().product()).map(|i| value(seed, i)).collect();
            Array { shape: shape.to_vec().into(), data }
        };
        [true, false].map(|cheap| {
            let mut g = Graph::new();
            let wide = g.input("wide", [2, 5, h, w]);
            let narrow = g.input("narrow", [2, 3, high, across]);
            let weight = g.declare_state("decoder.0.weight", [4, 8, 3, 3]).expect("declared once");
            let y = if cheap {
                let mut pass = Pass::new(&mut g, "decoder", Phase::Evaluation(Domain::Target));
                conv_of_joined(&mut pass, "0", wide, narrow, 4).expect("shapes fit")
            } else {
                let up = g.resize(wide, ResizeMode::BilinearAlignCorners, [high, across]).expect("shapes fit");
                let joined = g.concat(&[up, narrow], 1).expect("shapes fit");
                let kernel = g.read_state(weight);
                g.conv2d(joined, kernel, None, ConvSpec { padding: [1, 1], ..ConvSpec::default() }).expect("shapes fit")
            };
            let dy = g.input("dy", [2, 4, high, across]);
            let kernel = g.read_state(weight);
            let gradients = vector_jacobian_product(&mut g, &[(y, dy)], &[wide, narrow, kernel]).expect("rules exist");
            g.output("y", y);
            for (name, gradient) in ["dwide", "dnarrow", "dw"].into_iter().zip(gradients) {
                g.output(name, gradient.expect("y depends on all of them"));
            }
            let inputs = HashMap::from([
                ("wide".to_string(), random(1, &[2, 5, h, w])),
                ("narrow".to_string(), random(2, &[2, 3, high, across])),
                ("dy".to_string(), random(3, &[2, 4, high, across])),
            ]);
            let mut states = HashMap::from([("decoder.0.weight".to_string(), random(4, &[4, 8, 3, 3]))]);
            let got = run(&g, &inputs, &mut states).expect("the graph runs");
            ["y", "dwide", "dnarrow", "dw"].map(|name| got[name].data.clone()).to_vec()
        })
    }

    #[test]
    fn the_cheap_convolution_is_the_plain_one() {
        for (small, large) in
            [([2, 3], [8, 12]), ([4, 4], [16, 16]), ([5, 3], [9, 11]), ([1, 1], [4, 5]), ([3, 2], [3, 2])]
        {
            let [cheap, plain] = both(small, large);
            for (cheap, plain) in cheap.iter().zip(&plain) {
                let largest = plain.iter().fold(0.0f64, |m, v| m.max(v.abs()));
                assert!(largest > 0.1);
                for (a, b) in cheap.iter().zip(plain) {
                    assert!((a - b).abs() < 1e-12 * largest, "{small:?} to {large:?}: {a} and {b}");
                }
            }
        }
    }
}
