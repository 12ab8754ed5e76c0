//! What a network in evaluation can know before it sees an image: normalisations folded into the convolutions before
//! them, and everything that depends on states alone computed once.

use super::rewrite::consumer_counts;
use super::{Activation, Binary, Graph, NodeId, Op, ShapeError, StateId, Unary, Update};

/// Normalisations by given statistics that alone read a convolution become part of it:
/// `s·(conv(x, w) − mean) + bias = conv(x, s·w) + (bias − s·mean)` with `s = weight/√(var + eps)`.
pub fn fold_norms(graph: &Graph) -> Result<Graph, ShapeError> {
    let counts = consumer_counts(graph);
    let mut folded = Graph { states: graph.states.clone(), dropouts: graph.dropouts, ..Graph::new() };
    let mut ids: Vec<NodeId> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|input| ids[input.0]).collect();
        let conv = node.inputs.first().map(|&x| graph.node(x)).filter(|_| counts[node.inputs[0].0] == 1);
        let id = match (&node.op, conv.map(|conv| (&conv.op, &conv.inputs))) {
            (
                &Op::BatchNorm { eps, activation, training: false },
                Some((&Op::Conv2d { spec, bias: false, activation: Activation::Identity }, operands)),
            ) => {
                let [x, w] = [operands[0], operands[1]].map(|id| ids[id.0]);
                let (scale, shift) = scale_and_shift(&mut folded, inputs[1], inputs[2], inputs[3], eps)?;
                let channels = folded.shape(scale).elements();
                let scale = folded.reshape(scale, [channels, 1, 1, 1])?;
                let w = folded.mul(w, scale)?;
                folded.push(Op::Conv2d { spec, bias: true, activation }, &[x, w, shift])?
            }
            _ => folded.push_shaped(node.op.clone(), &inputs, node.shape.clone()),
        };
        ids.push(id);
    }
    folded.outputs = graph.outputs.iter().map(|(name, id)| (name.clone(), ids[id.0])).collect();
    folded.updates = graph.updates.clone();
    for update in &mut folded.updates {
        update.replace_inputs(|id| ids[id.0]);
    }
    Ok(folded)
}

/// `weight/√(var + eps)` and `bias − mean·weight/√(var + eps)`, both `[C]`, from statistics `[1,2,C]`.
fn scale_and_shift(
    g: &mut Graph,
    stats: NodeId,
    weight: NodeId,
    bias: NodeId,
    eps: f32,
) -> Result<(NodeId, NodeId), ShapeError> {
    let channels = g.shape(weight).clone();
    let (mean, var) = (g.slice(stats, 1, 0, 1)?, g.slice(stats, 1, 1, 1)?);
    let (mean, var) = (g.reshape(mean, channels.clone())?, g.reshape(var, channels)?);
    let var = g.affine(var, 1.0, eps)?;
    let deviation = g.unary(Unary::Sqrt, var)?;
    let scale = g.binary(Binary::Div, weight, deviation)?;
    let shifted = g.mul(mean, scale)?;
    Ok((scale, g.sub(bias, shifted)?))
}

/// A graph in two: `prepare` computes what depends on states alone and keeps it in new states, `PREFIX.0`, `PREFIX.1` …;
/// `rest` reads it there. `prepare` must run after every change of the states.
pub struct Prepared {
    /// reads the graph's states, writes the new ones
    pub prepare: Graph,
    /// the graph's inputs and outputs, with the new states in place of what was prepared
    pub rest: Graph,
}

/// Divides a graph without updates.
pub fn prepare(graph: &Graph, prefix: &str) -> Result<Prepared, ShapeError> {
    let live = graph.live_nodes();
    let mut known = vec![false; graph.nodes.len()];
    for &id in &live {
        let node = graph.node(id);
        let leaf = matches!(node.op, Op::State(_) | Op::Constant { .. });
        known[id.0] = leaf || (!node.inputs.is_empty() && node.inputs.iter().all(|input| known[input.0]));
    }
    // What the rest reads of the known values: the memory behind aliases.
    let unknown = live.iter().filter(|id| !known[id.0]).flat_map(|id| graph.node(*id).inputs.iter().copied());
    let read = unknown.chain(graph.outputs.iter().map(|(_, id)| *id)).filter(|id| known[id.0]);
    let mut kept: Vec<NodeId> = read.map(|id| graph.storage_of(id)).collect();
    kept.retain(|id| !matches!(graph.node(*id).op, Op::State(_) | Op::Constant { .. }));
    kept.sort();
    kept.dedup();

    let mut prepared = Prepared { prepare: Graph::new(), rest: Graph::new() };
    for half in [&mut prepared.prepare, &mut prepared.rest] {
        half.states = graph.states.clone();
        half.dropouts = graph.dropouts;
    }
    let (mut first, mut second): (Vec<Option<NodeId>>, _) =
        (vec![None; graph.nodes.len()], vec![None; graph.nodes.len()]);
    for &id in &live {
        let node = graph.node(id);
        if known[id.0] {
            first[id.0] = copied(&mut prepared.prepare, graph, id, &first);
        }
        second[id.0] = match kept.binary_search(&id) {
            Ok(index) => {
                let name = format!("{prefix}.{index}");
                let state = prepared.prepare.declare_state(&name, node.shape.clone())?;
                let value = first[id.0].expect("kept values are known");
                prepared.prepare.update(Update::Assign { state, value });
                let state: StateId = prepared.rest.declare_state(&name, node.shape.clone())?;
                Some(prepared.rest.read_state(state))
            }
            Err(_) => copied(&mut prepared.rest, graph, id, &second),
        };
    }
    let value = |id: NodeId| second[id.0].expect("what outputs need was copied");
    prepared.rest.outputs = graph.outputs.iter().map(|(name, id)| (name.clone(), value(*id))).collect();
    Ok(prepared)
}

/// A node in another graph, if that has all of its inputs.
fn copied(to: &mut Graph, from: &Graph, id: NodeId, ids: &[Option<NodeId>]) -> Option<NodeId> {
    let node = from.node(id);
    let inputs = node.inputs.iter().map(|input| ids[input.0]).collect::<Option<Vec<_>>>()?;
    Some(to.push_shaped(node.op.clone(), &inputs, node.shape.clone()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::graph::tests::finite_differences::noise;
    use crate::nn::deeplab::{Backbone, DeepLab};
    use crate::nn::{Domain, Norm, Pass, Phase};
    use crate::reference::{Array, run};

    fn network(norm: Norm, domain: Domain) -> Graph {
        let mut graph = Graph::new();
        let image = graph.input("image", [2, 3, 32, 32]);
        let mut pass = Pass::new(&mut graph, "generator", Phase::Evaluation(domain));
        let network = DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm };
        let prediction = network.trace(&mut pass, image).expect("the image fits");
        graph.output("mask", prediction.mask);
        graph.output("boundary", prediction.boundary);
        crate::graph::simplify(&mut graph);
        graph
    }

    fn live_norms(graph: &Graph) -> usize {
        graph.live_nodes().into_iter().filter(|id| matches!(graph.node(*id).op, Op::BatchNorm { .. })).count()
    }

    #[test]
    fn the_prepared_network_is_the_plain_one() {
        for (norm, domain) in
            [(Norm::Batch, Domain::Target), (Norm::Trans, Domain::Target), (Norm::Trans, Domain::Source)]
        {
            let plain = network(norm, domain);
            let folded = fold_norms(&plain).expect("shapes fit");
            // Left are those over sums and joined maps.
            assert!(live_norms(&plain) > 50 && live_norms(&folded) <= 3, "{} norms", live_norms(&folded));
            let Prepared { prepare, rest } = prepare(&folded, "folded").expect("shapes fit");

            let mut states = HashMap::new();
            for (index, state) in plain.states().iter().enumerate() {
                let variance = state.name.contains("running_var");
                let values = noise(index as u32, state.shape.elements()).into_iter();
                let data = values.map(|v| if variance { 1.0 + 0.5 * v } else { 0.3 * v }).collect();
                states.insert(state.name.clone(), Array { shape: state.shape.clone(), data });
            }
            let image = Array { shape: [2, 3, 32, 32].into(), data: noise(9, 2 * 3 * 32 * 32) };
            let inputs = HashMap::from([("image".to_string(), image)]);
            let expected = run(&plain, &inputs, &mut states.clone()).expect("everything is given");
            for state in prepare.states().iter().filter(|s| s.name.starts_with("folded.")) {
                states.insert(state.name.clone(), Array::zeros(state.shape.clone()));
            }
            run(&prepare, &HashMap::new(), &mut states).expect("no image is needed");
            let found = run(&rest, &inputs, &mut states).expect("everything is given");
            for (name, want) in &expected {
                let largest = want.data.iter().fold(0.0f64, |m, v| m.max(v.abs()));
                for (got, want) in found[name].data.iter().zip(&want.data) {
                    assert!(
                        (got - want).abs() <= 1e-6 * largest,
                        "{norm:?}, {domain:?} `{name}`: {got} and {want} of {largest}"
                    );
                }
            }
            // Nothing is left that could have been computed before.
            for id in rest.live_nodes() {
                let node = rest.node(id);
                let of_states = node.inputs.iter().all(|i| matches!(rest.node(*i).op, Op::State(_)));
                assert!(node.inputs.is_empty() || node.op.is_alias() || !of_states, "{:?} is left", node.op);
            }
        }
    }
}
