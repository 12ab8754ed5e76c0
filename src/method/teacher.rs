//! The mean teacher on the target camera (Tarvainen & Valpola, NeurIPS 2017): averages of the weights label an image, and the network
//! learns these labels on a changed copy of it.

use super::prototypes::Reliability;
use super::settings::{AVERAGE, StepSettings, TeacherSettings};
use crate::graph::{Binary, Graph, NodeId, ShapeError, Unary};
use crate::nn::{Domain, Pass, Phase};

/// What the teacher says of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Labels {
    /// logits `[N,K,H,W]`
    pub logits: NodeId,
    /// the decoder's own, of the size of its feature `[N,K,h,w]`
    pub logits_small: NodeId,
}

/// The pass of the averages over `image [N,3,H,W]`, without dropout, normalised by running statistics.
pub fn labels(g: &mut Graph, settings: &StepSettings, image: NodeId) -> Result<Labels, ShapeError> {
    let mut pass = Pass::new(g, AVERAGE, Phase::Evaluation(Domain::Target));
    let encoded = settings.network.encode(&mut pass, image)?;
    let found = settings.network.decode(&mut pass, encoded, settings.size)?;
    Ok(Labels { logits: found.mask, logits_small: found.mask_small })
}

/// Cross-entropy of the network's logits `student [N,K,H,W]` and the teacher's labels `y = [σ(teacher) > threshold]`, a mean over
/// classes of `Σ w·BCE(σ(student), y) / Σ w`, `w` = 1 where the teacher is sure. Balanced, each class has half of this with `w·y` for `w`,
/// and half with `w·(1−y)`. Only `student` takes a gradient; a class of which nothing counts gives 0.
///
/// Labels rather than probabilities: what learns its own probabilities again becomes less sure with every step.
pub fn loss(g: &mut Graph, student: NodeId, teacher: NodeId, settings: TeacherSettings) -> Result<NodeId, ShapeError> {
    let p = g.sigmoid(teacher)?;
    let label = above(g, p, settings.thresholds)?;
    let label = g.detach(label);
    let each = g.binary(Binary::BceWithLogits, student, label)?;
    let absent = g.affine(label, -1.0, 1.0)?;
    let sure = sure(g, p, settings)?;
    let (weights, each) = match settings.balanced {
        true => {
            let [present, absent] = [g.mul(label, sure)?, g.mul(absent, sure)?];
            (g.concat(&[present, absent], 1)?, g.concat(&[each, each], 1)?)
        }
        false => (sure, each),
    };
    let counted = g.mul(weights, each)?;
    let (sum, count) = (g.sum(counted, &[0, 2, 3])?, g.sum(weights, &[0, 2, 3])?);
    let by_class = g.binary(Binary::DivOrZero, sum, count)?;
    g.mean_all(by_class)
}

/// What the teacher says of the reliability of its labels, where stochastic passes would: the deviation of a draw with its
/// probability, this probability, and where it is sure.
pub fn reliability(g: &mut Graph, labels: Labels, settings: TeacherSettings) -> Result<Reliability, ShapeError> {
    let mean = g.sigmoid(labels.logits_small)?;
    let mean = g.detach(mean);
    let keep = sure(g, mean, settings)?;
    let absent = g.affine(mean, -1.0, 1.0)?;
    let variance = g.mul(mean, absent)?;
    let std = g.unary(Unary::Sqrt, variance)?;
    Ok(Reliability { std, keep, mean })
}

/// 1 where a class's probability `p [N,K,H,W]` is above its threshold, 0 elsewhere.
fn above(g: &mut Graph, p: NodeId, thresholds: [f32; 2]) -> Result<NodeId, ShapeError> {
    let mut classes = Vec::new();
    for (class, threshold) in thresholds.into_iter().enumerate() {
        let own = g.slice(p, 1, class, 1)?;
        classes.push(g.unary(Unary::Above(threshold), own)?);
    }
    g.concat(&classes, 1)
}

/// 1 where a probability lies beyond the margin around its threshold, 0 elsewhere.
fn sure(g: &mut Graph, p: NodeId, settings: TeacherSettings) -> Result<NodeId, ShapeError> {
    let TeacherSettings { thresholds, margin, .. } = settings;
    let present = above(g, p, thresholds.map(|threshold| threshold + margin * (1.0 - threshold)))?;
    let not_absent = above(g, p, thresholds.map(|threshold| threshold - margin * threshold))?;
    let unsure = g.sub(not_absent, present)?;
    g.affine(unsure, -1.0, 1.0)
}
