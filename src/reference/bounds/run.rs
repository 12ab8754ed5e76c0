//! A whole graph: nodes in order, then the updates.

use std::collections::HashMap;

use super::bounded::Bounded;
use super::operator::radius;
use super::optimizer;
use crate::graph::{Graph, NodeId, Op, StateId, Update};
use crate::reference::interpreter::{ReferenceError, apply, check_updates, input_value, state_value};
use crate::reference::{Array, evaluate};

/// What the twin gives, and how far a device may be from it.
pub struct BoundedRun {
    /// outputs by name
    pub outputs: HashMap<String, Bounded>,
    /// all states, after the updates
    pub states: HashMap<String, Bounded>,
}

/// Evaluates a graph as [`run`](crate::reference::run) does, with the radius of each value, where an operator rounds to
/// `u` of its terms.
pub fn run_bounded(
    graph: &Graph,
    inputs: &HashMap<String, Array>,
    states: &HashMap<String, Array>,
    u: f64,
) -> Result<BoundedRun, ReferenceError> {
    check_updates(graph, states)?;
    let half = graph.half_nodes();
    let mut values: HashMap<NodeId, Bounded> = HashMap::new();
    for id in graph.live_nodes() {
        let node = graph.node(id);
        let bounded = match &node.op {
            Op::Input { name } => Bounded::exact(input_value(inputs, name, &node.shape)?.clone()),
            Op::State(state) => Bounded::exact(state_value(graph, states, *state)?.clone()),
            op => {
                let operands: Vec<&Bounded> = node.inputs.iter().map(|input| &values[input]).collect();
                let arrays: Vec<&Array> = operands.iter().map(|operand| &operand.value).collect();
                let value = evaluate(op, &arrays, &node.shape);
                let radius = radius(op, &operands, &value, u);
                let bounded = Bounded { value, radius };
                if half[id.0] && !op.is_alias() { bounded.rounded_to_half() } else { bounded }
            }
        };
        values.insert(id, bounded);
    }
    let read = graph.updates().iter().flat_map(|update| update.inputs());
    let read: HashMap<NodeId, Array> = read.map(|id| (id, values[&id].value.clone())).collect();
    let mut after: HashMap<String, Bounded> =
        states.iter().map(|(name, value)| (name.clone(), Bounded::exact(value.clone()))).collect();
    let mut arrays = states.clone();
    for update in graph.updates() {
        let radii = updated(graph, update, &values, &after, u);
        apply(graph, update, &read, &mut arrays);
        for (state, radius) in radii {
            let name = &graph.state_info(state).name;
            after.insert(name.clone(), Bounded { value: arrays[name].clone(), radius });
        }
    }
    let outputs = graph.outputs().iter().map(|(name, id)| (name.clone(), values[id].clone())).collect();
    Ok(BoundedRun { outputs, states: after })
}

/// Radii of the states that an update changes, given them all as they are before it.
fn updated(
    graph: &Graph,
    update: &Update,
    values: &HashMap<NodeId, Bounded>,
    states: &HashMap<String, Bounded>,
    u: f64,
) -> Vec<(StateId, Option<Array>)> {
    let before = |id: StateId| &states[&graph.state_info(id).name];
    match *update {
        Update::Assign { state, value } => vec![(state, values[&value].radius.clone())],
        Update::RunningStats { mean, var, stats, domain, momentum, unbias } => {
            let radii = optimizer::running_stats([mean, var].map(before), &values[&stats], domain, momentum, unbias, u);
            [mean, var].into_iter().zip(radii.map(Some)).collect()
        }
        Update::Adam { param, first, second, grad, lr, correction, settings } => {
            let changed = [param, first, second];
            let read = [grad, lr, correction].map(|id| &values[&id]);
            let radii = optimizer::adam(changed.map(before), read, settings, u);
            changed.into_iter().zip(radii.map(Some)).collect()
        }
        Update::Sgd { param, velocity, grad, lr, settings } => {
            let changed = [param, velocity];
            let radii = optimizer::sgd(changed.map(before), [grad, lr].map(|id| &values[&id]), settings, u);
            changed.into_iter().zip(radii.map(Some)).collect()
        }
        Update::Average { average, state, step, decay } => {
            let radius = optimizer::average([average, state].map(before), &values[&step], decay, u);
            vec![(average, Some(radius))]
        }
    }
}
