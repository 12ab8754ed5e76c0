//! Evaluates whole graphs: nodes in order, then the updates.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{Array, evaluate, optimizer};
use crate::graph::{Graph, NodeId, Op, Shape, State, StateId, Update};

/// What keeps a graph from being evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The graph reads an input that was not given.
    #[error("input `{name}` of shape {shape} is missing: give it a value for this run")]
    MissingInput {
        /// of the input
        name: String,
        /// that its value must have
        shape: Shape,
    },
    /// The graph reads or changes a state that is not there.
    #[error("state `{name}` of shape {shape} is missing: load or initialise it before the run")]
    MissingState {
        /// of the state
        name: String,
        /// that its value must have
        shape: Shape,
    },
    /// A given value is not what the graph was traced for: give it the expected shape, and as many values.
    #[error("{kind} `{name}` has {values} values and shape {given}, but the graph expects shape {expected}")]
    WrongShape {
        /// `input` or `state`
        kind: &'static str,
        /// whose value it is
        name: String,
        /// shape in the graph
        expected: Shape,
        /// shape of the value
        given: Shape,
        /// numbers that the value holds
        values: usize,
    },
    /// An update was traced with states that it cannot change together.
    #[error("update `{update}` cannot change `{state}` along with `{other}`: they must be two states of one shape")]
    UnusableState {
        /// name of the update
        update: &'static str,
        /// the state that differs, or is named twice
        state: String,
        /// the first state that the update changes
        other: String,
    },
    /// An update was traced with a value whose shape does not fit its state.
    #[error("update `{update}` of state `{state}` cannot use a value of shape {given}: it needs {needed}")]
    UnusableValue {
        /// name of the update
        update: &'static str,
        /// the first state that it changes
        state: String,
        /// shape of the value
        given: Shape,
        /// shape or number of values that would fit
        needed: String,
    },
}

/// Evaluates what the outputs and updates of `graph` need, applies the updates to `states` in order, and returns the
/// outputs by name. Every value is computed from the states as they were before; on an error they are left so.
pub fn run(
    graph: &Graph,
    inputs: &HashMap<String, Array>,
    states: &mut HashMap<String, Array>,
) -> Result<HashMap<String, Array>, ReferenceError> {
    check_updates(graph, states)?;
    let kept = evaluate_live(graph, inputs, states)?;
    for update in graph.updates() {
        apply(graph, update, &kept, states);
    }
    Ok(graph.outputs().iter().map(|(name, id)| (name.clone(), kept[id].clone())).collect())
}

/// Values of the outputs and of what the updates read; those that the graph keeps in 16-bit floats are rounded to them. Other values are dropped after their last use.
fn evaluate_live(
    graph: &Graph,
    inputs: &HashMap<String, Array>,
    states: &HashMap<String, Array>,
) -> Result<HashMap<NodeId, Array>, ReferenceError> {
    let live = graph.live_nodes();
    let half_nodes = graph.half_nodes();
    let mut last_use: HashMap<NodeId, NodeId> = HashMap::new();
    for &id in &live {
        last_use.extend(graph.node(id).inputs.iter().map(|&input| (input, id)));
    }
    for id in roots(graph) {
        last_use.remove(&id);
    }
    let mut values: HashMap<NodeId, Cow<Array>> = HashMap::new();
    for &id in &live {
        let node = graph.node(id);
        let value = match &node.op {
            Op::Input { name } => Cow::Borrowed(input_value(inputs, name, &node.shape)?),
            Op::State(state) => Cow::Borrowed(state_value(graph, states, *state)?),
            op => {
                let operands: Vec<&Array> = node.inputs.iter().map(|input| values[input].as_ref()).collect();
                let mut value = evaluate(op, &operands, &node.shape);
                if half_nodes[id.0] {
                    value.data.iter_mut().for_each(|v| *v = half::f16::from_f64(*v).to_f64());
                }
                Cow::Owned(value)
            }
        };
        values.insert(id, value);
        for input in node.inputs.iter().filter(|&input| last_use.get(input) == Some(&id)) {
            values.remove(input);
        }
    }
    Ok(values.into_iter().map(|(id, value)| (id, value.into_owned())).collect())
}

fn roots(graph: &Graph) -> impl Iterator<Item = NodeId> {
    graph.outputs().iter().map(|(_, id)| *id).chain(graph.updates().iter().flat_map(|update| update.inputs()))
}

pub(super) fn input_value<'a>(
    inputs: &'a HashMap<String, Array>,
    name: &str,
    shape: &Shape,
) -> Result<&'a Array, ReferenceError> {
    let missing = || ReferenceError::MissingInput { name: name.to_string(), shape: shape.clone() };
    shaped(inputs.get(name).ok_or_else(missing)?, "input", name, shape)
}

pub(super) fn state_value<'a>(
    graph: &Graph,
    states: &'a HashMap<String, Array>,
    state: StateId,
) -> Result<&'a Array, ReferenceError> {
    let State { name, shape } = graph.state_info(state);
    let missing = || ReferenceError::MissingState { name: name.clone(), shape: shape.clone() };
    shaped(states.get(name).ok_or_else(missing)?, "state", name, shape)
}

/// The array, if it has the shape that the graph knows and is full.
fn shaped<'a>(array: &'a Array, kind: &'static str, name: &str, shape: &Shape) -> Result<&'a Array, ReferenceError> {
    if array.shape == *shape && array.data.len() == shape.elements() {
        return Ok(array);
    }
    Err(ReferenceError::WrongShape {
        kind,
        name: name.to_string(),
        expected: shape.clone(),
        given: array.shape.clone(),
        values: array.data.len(),
    })
}

/// Every update's states exist, are distinct and of one shape, and the values that it reads fit them.
pub(super) fn check_updates(graph: &Graph, states: &HashMap<String, Array>) -> Result<(), ReferenceError> {
    for update in graph.updates() {
        let changed = [update.states(), update.follows().into_iter().collect()].concat();
        let main = graph.state_info(changed[0]);
        for (index, &state) in changed.iter().enumerate() {
            state_value(graph, states, state)?;
            let info = graph.state_info(state);
            if info.shape != main.shape || changed[..index].contains(&state) {
                let (state, other) = (info.name.clone(), main.name.clone());
                return Err(ReferenceError::UnusableState { update: update.name(), state, other });
            }
        }
        let fits = |value: NodeId, fits: bool, needed: String| {
            if fits {
                return Ok(());
            }
            let (state, given) = (main.name.clone(), graph.shape(value).clone());
            Err(ReferenceError::UnusableValue { update: update.name(), state, given, needed })
        };
        let same = |value: NodeId| {
            let needed = format!("the state's shape {}", main.shape);
            fits(value, *graph.shape(value) == main.shape, needed)
        };
        let lr_fits = |value: NodeId| fits(value, graph.shape(value).elements() == 1, "one learning rate".into());
        match *update {
            Update::Assign { value, .. } => same(value)?,
            Update::RunningStats { stats, domain, .. } => {
                let channels = main.shape.elements();
                let usable = matches!(graph.shape(stats)[..], [domains, 2, c] if c == channels && domain < domains);
                fits(stats, usable, format!("statistics [D, 2, {channels}] with D greater than domain {domain}"))?;
            }
            Update::Adam { grad, lr, correction, .. } => {
                same(grad)?;
                lr_fits(lr)?;
                fits(correction, graph.shape(correction).elements() == 2, "two bias corrections".into())?;
            }
            Update::Sgd { grad, lr, .. } => {
                same(grad)?;
                lr_fits(lr)?;
            }
            Update::Average { step, .. } => {
                fits(step, graph.shape(step).elements() == 1, "one number of steps".into())?;
            }
        }
    }
    Ok(())
}

pub(super) fn apply(
    graph: &Graph,
    update: &Update,
    values: &HashMap<NodeId, Array>,
    states: &mut HashMap<String, Array>,
) {
    match *update {
        Update::Assign { state, value } => {
            states.insert(graph.state_info(state).name.clone(), values[&value].clone());
        }
        Update::RunningStats { mean, var, stats, domain, momentum, unbias } => {
            change(graph, states, [mean, var], |[mean, var]| {
                optimizer::running_stats(mean, var, &values[&stats], domain, momentum, unbias);
            });
        }
        Update::Adam { param, first, second, grad, lr, correction, settings } => {
            change(graph, states, [param, first, second], |[param, first, second]| {
                optimizer::adam(param, first, second, &values[&grad], &values[&lr], &values[&correction], settings);
            });
        }
        Update::Sgd { param, velocity, grad, lr, settings } => {
            change(graph, states, [param, velocity], |[param, velocity]| {
                optimizer::sgd(param, velocity, &values[&grad], &values[&lr], settings);
            });
        }
        Update::Average { average, state, step, decay } => {
            change(graph, states, [average, state], |[average, state]| {
                optimizer::average(average, state, &values[&step], decay);
            });
        }
    }
}

/// Lets `change` alter several states at once.
fn change<const N: usize>(
    graph: &Graph,
    states: &mut HashMap<String, Array>,
    ids: [StateId; N],
    change: impl FnOnce([&mut Array; N]),
) {
    let names = ids.map(|id| graph.state_info(id).name.as_str());
    let arrays = states.get_disjoint_mut(names);
    change(arrays.map(|array| array.expect("states of updates were checked before the run")));
}
