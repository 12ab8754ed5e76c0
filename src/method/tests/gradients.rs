//! Gradients in the middle of whole training steps, against central differences of the f64 reference.

use std::collections::HashMap;

use super::{noise, settings, values, weights};
use crate::graph::{Binary, Graph, Node, NodeId, Op, Shape, Unary, vector_jacobian_product};
use crate::method::step::{GENERATOR, LossWeights, TrainingStep, trace};
use crate::nn::Norm;
use crate::reference::{self, Array};

/// Half the distances of the central differences that are tried, in units of the direction's values (between −1 and
/// 1): the short one for where the network bends sharply, the long one for where it hardly slopes.
const STEPS: [f64; 2] = [1e-9, 1e-7];
const TOLERANCE: f64 = 1e-4;

/// A graph's nodes that the roots need, copied with its states and inputs.
struct Copy {
    graph: Graph,
    /// nodes of the copy by those of the original
    nodes: HashMap<NodeId, NodeId>,
    /// detached values: nodes of the original
    detached: Vec<NodeId>,
}

/// Copies what `roots` need. With `moved`, that node has the input `direction` added to it, and detached values are
/// inputs, so that they stay when it moves.
fn copy(from: &Graph, roots: &[NodeId], moved: Option<NodeId>) -> Copy {
    let mut needed = vec![false; from.nodes().len()];
    for root in roots {
        needed[root.0] = true;
    }
    for index in (0..needed.len()).rev().filter(|&i| i < from.nodes().len()) {
        if needed[index] {
            from.nodes()[index].inputs.iter().for_each(|input| needed[input.0] = true);
        }
    }
    let mut c = Copy { graph: Graph::new(), nodes: HashMap::new(), detached: Vec::new() };
    for id in (0..needed.len()).filter(|&i| needed[i]).map(NodeId) {
        let node = from.node(id);
        let inputs: Vec<NodeId> = node.inputs.iter().map(|input| c.nodes[input]).collect();
        let (g, shape) = (&mut c.graph, node.shape.clone());
        let mut new = match &node.op {
            Op::Input { name } => g.input(name, shape),
            Op::State(state) => {
                let state = g.declare_state(&from.state_info(*state).name, shape).expect("states are declared once");
                g.read_state(state)
            }
            Op::Constant { value } => g.constant(*value, shape),
            Op::Reshape => g.reshape(inputs[0], shape).expect("the original fits"),
            Op::Broadcast => g.broadcast(inputs[0], &shape).expect("the original fits"),
            op if stops_gradient(op) => {
                c.detached.push(id);
                match moved {
                    Some(_) => g.input(&detached_name(id), shape),
                    None if *op == Op::Detach => g.detach(inputs[0]),
                    None => g.push(op.clone(), &inputs).expect("the original fits"),
                }
            }
            op => g.push(op.clone(), &inputs).expect("the original fits"),
        };
        if moved == Some(id) {
            let direction = g.input("direction", node.shape.clone());
            new = g.add(new, direction).expect("shapes are the same");
        }
        c.nodes.insert(id, new);
    }
    c
}

/// Smooth operators through which no gradient runs, so that their values stay where a node is moved.
fn stops_gradient(op: &Op) -> bool {
    matches!(op, Op::Detach | Op::TransNormScale { .. })
}

fn detached_name(id: NodeId) -> String {
    format!("detached.{}", id.0)
}

/// Compares the gradient of the summed outputs `losses` by `mid` with the difference along a direction.
fn check_node(
    step: &TrainingStep,
    losses: &[&str],
    mid: NodeId,
    given: &(HashMap<String, Array>, HashMap<String, Array>),
) {
    let (inputs, states) = given;
    let output = |name: &&str| step.graph.outputs().iter().find(|(n, _)| n == name).expect("the step has the loss").1;
    let roots: Vec<NodeId> = losses.iter().map(output).collect();

    let mut base = copy(&step.graph, &roots, None);
    let one = base.graph.constant(1.0, Shape::scalar());
    let seeds: Vec<_> = roots.iter().map(|root| (base.nodes[root], one)).collect();
    let gradient = vector_jacobian_product(&mut base.graph, &seeds, &[base.nodes[&mid]]).expect("shapes fit");
    let described =
        || format!("{losses:?} by {} {} of {}", step.graph.node(mid).op.name(), mid.0, step.graph.shape(mid));
    base.graph.output("gradient", gradient[0].unwrap_or_else(|| panic!("no gradient of {}", described())));
    for id in &base.detached {
        base.graph.output(&detached_name(*id), base.nodes[id]);
    }
    let mut found = reference::run(&base.graph, inputs, &mut states.clone()).expect("everything is given");
    let gradient = found.remove("gradient").expect("an output");

    let moved = copy(&step.graph, &roots, Some(mid));
    let mut graph = moved.graph;
    for root in &roots {
        graph.output(&format!("loss.{}", root.0), moved.nodes[root]);
    }
    let mut inputs = inputs.clone();
    inputs.extend(found);
    let direction = noise(77, gradient.data.len());
    let mut loss_at = |distance: f64| -> f64 {
        let data = direction.iter().map(|v| v * distance).collect();
        inputs.insert("direction".to_string(), Array { shape: gradient.shape.clone(), data });
        let losses = reference::run(&graph, &inputs, &mut states.clone()).expect("everything is given");
        losses.values().map(|loss| loss.data[0]).sum()
    };
    let product: f64 = gradient.data.iter().zip(&direction).map(|(g, v)| g * v).sum();
    // A direction almost at right angles to the gradient leaves only the error of the difference.
    let scale = product.abs().max(0.05 * gradient.data.iter().map(|g| g * g).sum::<f64>().sqrt());
    let what = format!("{losses:?} by {} {} of shape {}", step.graph.node(mid).op.name(), mid.0, gradient.shape);
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
    for k in 0..count {
        check_node(&step, losses, between[(2 * k + 1) * between.len() / (2 * count)], &given);
    }
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
fn clr_with_trans_norm() {
    check_step(weights(1.0, 1.0, 10.0), Norm::Trans, &["total"], GENERATOR, 4);
}
