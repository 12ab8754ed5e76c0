//! The prototype-guided discriminative loss on the source camera (Feng et al., MICCAI 2022).

use crate::graph::{Graph, NodeId, Op, ShapeError};

/// `Σ_k mean[y_k·relu(d(f,object_k) − d(f,background_k) + margin)] + mean[(1−y_k)·relu(d(f,background_k) −
/// d(f,object_k) + margin)]`, d the mean squared difference over channels. `feature [N,C,H,W]`, `mask [N,K,H,W]`,
/// `prototypes [2K,C]`: objects, then backgrounds. `present [2K,1]`, where given, is 0 for prototypes that do not
/// exist; a class that lacks either of its two is left out.
pub fn loss(
    g: &mut Graph,
    feature: NodeId,
    mask: NodeId,
    prototypes: NodeId,
    present: Option<NodeId>,
    margin: f32,
) -> Result<NodeId, ShapeError> {
    let classes = g.shape(mask)[1];
    let distance = g.push(Op::PrototypeDistance, &[feature, prototypes])?;
    let to_object = g.slice(distance, 1, 0, classes)?;
    let to_background = g.slice(distance, 1, classes, classes)?;
    let complement = g.affine(mask, -1.0, 1.0)?;
    let difference = g.sub(to_object, to_background)?;
    let inside = hinge(g, difference, margin, mask)?;
    let negated = g.affine(difference, -1.0, 0.0)?;
    let outside = hinge(g, negated, margin, complement)?;
    let each = g.add(inside, outside)?;
    let mut of_class = g.mean(each, &[0, 2, 3])?;
    if let Some(present) = present {
        let (object, background) = (g.slice(present, 0, 0, classes)?, g.slice(present, 0, classes, classes)?);
        let both = g.mul(object, background)?;
        let both = g.reshape(both, [1, classes, 1, 1])?;
        of_class = g.mul(of_class, both)?;
    }
    g.sum_all(of_class)
}

/// `weight · relu(difference + margin)`
fn hinge(g: &mut Graph, difference: NodeId, margin: f32, weight: NodeId) -> Result<NodeId, ShapeError> {
    let shifted = g.affine(difference, 1.0, margin)?;
    let rectified = g.relu(shifted)?;
    g.mul(weight, rectified)
}
