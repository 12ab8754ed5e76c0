//! Gradients in the middle of whole training steps, against central differences of the f64 reference.

use std::collections::{BTreeSet, HashMap};

use super::{noise, settings, teacher_weights, values, weights};
use crate::graph::{Binary, Graph, Node, NodeId, Op, Shape, Unary, vector_jacobian_product};
use crate::method::step::{GENERATOR, LossWeights, TrainingStep, trace};
use crate::nn::Norm;
use crate::reference::{self, Array};

/// Half the distances of the central differences that are tried, in units of the direction's values (between −1 and
/// 1): the short one for where the network bends sharply, the long one for where it hardly slopes.
const STEPS: [f64; 2] = [1e-9, 1e-7];
const TOLERANCE: f64 = 1e-4;

/// Nodes that the roots need, not looking behind those that are `cut`.
fn needed(graph: &Graph, roots: &[NodeId], cut: impl Fn(NodeId) -> bool) -> Vec<NodeId> {
    let mut needed = vec![false; graph.nodes().len()];
    roots.iter().for_each(|root| needed[root.0] = true);
    for index in (0..needed.len()).rev() {
        if needed[index] && !cut(NodeId(index)) {
            graph.nodes()[index].inputs.iter().for_each(|input| needed[input.0] = true);
        }
    }
    (0..needed.len()).filter(|&index| needed[index]).map(NodeId).collect()
}

/// Adds a node of `from` to a copy; `nodes` are those of the copy by those of the original.
fn copy_node(g: &mut Graph, from: &Graph, id: NodeId, nodes: &HashMap<NodeId, NodeId>) -> NodeId {
    let node = from.node(id);
    let inputs: Vec<NodeId> = node.inputs.iter().map(|input| nodes[input]).collect();
    let shape = node.shape.clone();
    match &node.op {
        Op::Input { name } => g.input(name, shape),
        Op::State(state) => {
            let state = g.declare_state(&from.state_info(*state).name, shape).expect("states are declared once");
            g.read_state(state)
        }
        Op::Constant { value } => g.constant(*value, shape),
        Op::Reshape => g.reshape(inputs[0], shape).expect("the original fits"),
        Op::Broadcast => g.broadcast(inputs[0], &shape).expect("the original fits"),
        Op::Detach => g.detach(inputs[0]),
        op => g.push(op.clone(), &inputs).expect("the original fits"),
    }
}

/// Losses as a function of one node.
struct Moved {
    graph: Graph,
    /// nodes of the original whose values are inputs: those that do not depend on the node, and the node itself
    kept: Vec<NodeId>,
}

/// Copies what `roots` need of what depends on `mid`, which has the input `direction` added to it. Everything else is
/// given by inputs: it stays when `mid` moves, as do detached values.
fn moved(from: &Graph, roots: &[NodeId], mid: NodeId) -> Moved {
    let mut depends = vec![false; from.nodes().len()];
    for (index, node) in from.nodes().iter().enumerate().skip(mid.0) {
        depends[index] = index == mid.0 || !stops_gradient(&node.op) && node.inputs.iter().any(|i| depends[i.0]);
    }
    let given = |id: NodeId| id == mid || !depends[id.0];
    let (mut graph, mut kept, mut nodes) = (Graph::new(), Vec::new(), HashMap::new());
    for id in needed(from, roots, given) {
        let mut new = if given(id) {
            kept.push(id);
            graph.input(&kept_name(id), from.shape(id).clone())
        } else {
            copy_node(&mut graph, from, id, &nodes)
        };
        if id == mid {
            let direction = graph.input("direction", from.shape(mid).clone());
            new = graph.add(new, direction).expect("shapes are the same");
        }
        nodes.insert(id, new);
    }
    for root in roots {
        graph.output(&format!("loss.{}", root.0), nodes[root]);
    }
    Moved { graph, kept }
}

/// Smooth operators through which no gradient runs, so that their values stay where a node is moved.
fn stops_gradient(op: &Op) -> bool {
    matches!(op, Op::Detach | Op::TransNormScale { .. })
}

fn kept_name(id: NodeId) -> String {
    format!("kept.{}", id.0)
}

/// Compares the gradient of the summed outputs `losses` by each of `mids` with the difference along a direction. All
/// gradients, and all values that stay where a node is moved, are of one evaluation.
fn check_nodes(
    step: &TrainingStep,
    losses: &[&str],
    mids: &[NodeId],
    given: &(HashMap<String, Array>, HashMap<String, Array>),
) {
    let (inputs, states) = given;
    let output = |name: &&str| step.graph.outputs().iter().find(|(n, _)| n == name).expect("the step has the loss").1;
    let roots: Vec<NodeId> = losses.iter().map(output).collect();
    let moved: Vec<Moved> = mids.iter().map(|&mid| moved(&step.graph, &roots, mid)).collect();

    let (mut base, mut nodes) = (Graph::new(), HashMap::new());
    for id in needed(&step.graph, &roots, |_| false) {
        let new = copy_node(&mut base, &step.graph, id, &nodes);
        nodes.insert(id, new);
    }
    for id in moved.iter().flat_map(|moved| &moved.kept).collect::<BTreeSet<_>>() {
        base.output(&kept_name(*id), nodes[id]);
    }
    let one = base.constant(1.0, Shape::scalar());
    let seeds: Vec<_> = roots.iter().map(|root| (nodes[root], one)).collect();
    let by: Vec<NodeId> = mids.iter().map(|mid| nodes[mid]).collect();
    let gradients = vector_jacobian_product(&mut base, &seeds, &by).expect("shapes fit");
    let described = |mid: NodeId| {
        format!("{losses:?} by {} {} of shape {}", step.graph.node(mid).op.name(), mid.0, step.graph.shape(mid))
    };
    for (&mid, gradient) in mids.iter().zip(gradients) {
        base.output(&gradient_name(mid), gradient.unwrap_or_else(|| panic!("no gradient of {}", described(mid))));
    }
    let mut found = reference::run(&base, inputs, &mut states.clone()).expect("everything is given");

    let gradients: Vec<Array> = mids.iter().map(|&mid| found.remove(&gradient_name(mid)).expect("an output")).collect();
    for ((&mid, gradient), moved) in mids.iter().zip(gradients).zip(moved) {
        check_node(&moved.graph, &gradient, &mut found, &described(mid));
    }
}

fn gradient_name(id: NodeId) -> String {
    format!("gradient.{}", id.0)
}

/// Compares the gradient of losses by a node, which `moved` computes from the node's direction, with the difference
/// along one.
fn check_node(moved: &Graph, gradient: &Array, inputs: &mut HashMap<String, Array>, what: &str) {
    let direction = noise(77, gradient.data.len());
    let mut loss_at = |distance: f64| -> f64 {
        let data = direction.iter().map(|v| v * distance).collect();
        inputs.insert("direction".to_string(), Array { shape: gradient.shape.clone(), data });
        let losses = reference::run(moved, inputs, &mut HashMap::new()).expect("everything is given");
        losses.values().map(|loss| loss.data[0]).sum()
    };
    let product: f64 = gradient.data.iter().zip(&direction).map(|(g, v)| g * v).sum();
    // A direction almost at right angles to the gradient leaves only the error of the difference.
    let scale = product.abs().max(0.05 * gradient.data.iter().map(|g| g * g).sum::<f64>().sqrt());
    assert!(scale > 1e-7, "{what}: the gradient is {product:e}");
    let mut tried = Vec::new();
    let close = STEPS.iter().any(|step| {
        let difference = (loss_at(*step) - loss_at(-step)) / (2.0 * step);
        tried.push(difference);
        (difference - product).abs() / scale < TOLERANCE
    });
    assert!(close, "{what}: gradient {product:e} is none of the differences {tried:?}");
}

/// Checks `count` nodes spread over what the losses depend on beyond the parameters.
fn check_step(weights: LossWeights, norm: Norm, losses: &[&str], prefix: &str, count: usize) -> HashMap<String, Array> {
    let step = trace(&settings(weights, norm)).expect("shapes fit");
    let given = values(&step);
    let nodes = step.graph.nodes();
    // Depends on the parameters of `prefix`, and the losses depend on it.
    let mut after = vec![false; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let own = matches!(node.op, Op::State(s) if step.graph.state_info(s).name.starts_with(prefix));
        after[index] = own || !stops_gradient(&node.op) && node.inputs.iter().any(|input| after[input.0]);
    }
    let mut before = vec![false; nodes.len()];
    for (name, id) in step.graph.outputs() {
        before[id.0] |= losses.contains(&name.as_str());
    }
    for index in (0..nodes.len()).rev() {
        let flat = matches!(nodes[index].op, Op::Unary(Unary::Above(_)) | Op::Binary(Binary::Greater));
        if before[index] && !flat && !stops_gradient(&nodes[index].op) {
            nodes[index].inputs.iter().for_each(|input| before[input.0] = true);
        }
    }
    // The gradient of a batch norm by its input has that of the statistics in it; these have none of their own.
    let whole = |node: &Node| !matches!(node.op, Op::State(_) | Op::BatchStats { .. }) && node.shape.elements() > 1;
    let between: Vec<NodeId> =
        (0..nodes.len()).filter(|&i| after[i] && before[i] && whole(&nodes[i])).map(NodeId).collect();
    let spread: Vec<NodeId> = (0..count).map(|k| between[(2 * k + 1) * between.len() / (2 * count)]).collect();
    check_nodes(&step, losses, &spread, &given);
    let (inputs, mut states) = given;
    reference::run(&step.graph, &inputs, &mut states).expect("everything is given")
}

#[test]
fn source_only() {
    check_step(LossWeights::default(), Norm::Batch, &["total"], GENERATOR, 4);
}

#[test]
fn beal() {
    let found = check_step(weights(1.0, 0.0, 0.0), Norm::Batch, &["total"], GENERATOR, 4);
    assert!(found["adv"].data[0] > 0.1);
}

#[test]
fn discriminators() {
    check_step(weights(1.0, 0.0, 0.0), Norm::Batch, &["d_same", "d_diff"], "entropy_discriminator", 2);
    check_step(weights(1.0, 0.0, 0.0), Norm::Batch, &["d_same", "d_diff"], "boundary_discriminator", 2);
}

#[test]
fn align() {
    let found = check_step(weights(0.0, 1.0, 0.0), Norm::Batch, &["align"], GENERATOR, 5);
    assert!(found["align"].data[0] > 1e-3);
}

#[test]
fn clr() {
    let found = check_step(weights(1.0, 1.0, 10.0), Norm::Batch, &["total"], GENERATOR, 8);
    for name in ["align", "discriminative", "consistency"] {
        assert!(found[name].data[0] > 1e-4, "{name} is {}", found[name].data[0]);
    }
}

#[test]
fn teacher() {
    let found = check_step(teacher_weights(1.0, 1.0), Norm::Batch, &["total"], GENERATOR, 4);
    for name in ["align", "discriminative", "teacher"] {
        assert!(found[name].data[0] > 1e-4, "{name} is {}", found[name].data[0]);
    }
}

#[test]
fn clr_with_trans_norm() {
    check_step(weights(1.0, 1.0, 10.0), Norm::Trans, &["total"], GENERATOR, 4);
}
