//! The prototype-guided discriminative loss on the source camera (Feng et al., MICCAI 2022).

use crate::graph::{Graph, NodeId, Op, ShapeError};

/// `Σ_k mean[y_k·relu(d(f,object_k) − d(f,background_k) + margin)] + mean[(1−y_k)·relu(d(f,background_k) −
/// d(f,object_k) + margin)]`, d the mean squared difference over channels. `feature [N,C,H,W]`, `mask [N,K,H,W]`,
/// prototypes `[K,C]`.
pub fn loss(
    g: &mut Graph,
    feature: NodeId,
    mask: NodeId,
    object: NodeId,
    background: NodeId,
    margin: f32,
) -> Result<NodeId, ShapeError> {
    let classes = g.shape(mask)[1];
    let prototypes = g.concat(&[object, background], 0)?;
    let distance = g.push(Op::PrototypeDistance, &[feature, prototypes])?;
    let to_object = g.slice(distance, 1, 0, classes)?;
    let to_background = g.slice(distance, 1, classes, classes)?;
    let complement = g.affine(mask, -1.0, 1.0)?;
    let difference = g.sub(to_object, to_background)?;
    let inside = hinge(g, difference, margin, mask)?;
    let negated = g.affine(difference, -1.0, 0.0)?;
    let outside = hinge(g, negated, margin, complement)?;
    let total = g.add(inside, outside)?;
    // A mean for each class, summed over the classes.
    let mean = g.mean_all(total)?;
    g.affine(mean, classes as f32, 0.0)
}

/// `weight · relu(difference + margin)`
fn hinge(g: &mut Graph, difference: NodeId, margin: f32, weight: NodeId) -> Result<NodeId, ShapeError> {
    let shifted = g.affine(difference, 1.0, margin)?;
    let rectified = g.relu(shifted)?;
    g.mul(weight, rectified)
}
