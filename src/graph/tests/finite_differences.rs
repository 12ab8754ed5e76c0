//! Compares the gradient of an operator in the middle of a graph with central differences of the f64 reference.

use std::collections::HashMap;

use crate::graph::build::Traced;
use crate::graph::{Graph, NodeId, Shape, State, Unary, vector_jacobian_product};
use crate::reference::{self, Array};

const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-6;

/// An input of the operator under test.
pub(crate) struct Operand {
    shape: Shape,
    range: Range,
}

enum Range {
    Any,
    Positive,
    Unit,
    Fixed(Vec<f64>),
}

/// Differentiated, values around 0.
pub(crate) fn any(shape: impl Into<Shape>) -> Operand {
    Operand { shape: shape.into(), range: Range::Any }
}

/// Differentiated, values between 0.5 and 2.5.
pub(crate) fn positive(shape: impl Into<Shape>) -> Operand {
    Operand { shape: shape.into(), range: Range::Positive }
}

/// Differentiated, values between 0 and 1.
pub(crate) fn unit(shape: impl Into<Shape>) -> Operand {
    Operand { shape: shape.into(), range: Range::Unit }
}

/// Not differentiated.
pub(crate) fn fixed(shape: impl Into<Shape>, values: &[f64]) -> Operand {
    Operand { shape: shape.into(), range: Range::Fixed(values.to_vec()) }
}

/// `count` values in [−1, 1), the same for the same seed.
pub(crate) fn noise(seed: u32, count: usize) -> Vec<f64> {
    let key = reference::dropout::key([seed, 0], 0);
    (0..count).map(|i| f64::from(reference::dropout::bits(i as u32, key)) / 2f64.powi(31) - 1.0).collect()
}

/// Asserts that the gradients of all differentiated operands are right, alone and together, where each operand is
/// computed from a leaf and is also used elsewhere, and where what follows the operator makes its upstream gradient
/// uneven. Returns the operator's output, so that a test can tell what its case reaches.
#[track_caller]
pub(crate) fn check(operands: &[Operand], operator: impl Fn(&mut Graph, &[NodeId]) -> Traced) -> Array {
    let traced = trace(operands, operator);
    let mut inputs = traced.inputs;
    let mut forward = traced.graph.clone();
    forward.output("y", traced.output);
    let output = evaluate(&forward, &inputs)["y"].clone();

    let mut losses = traced.graph.clone();
    losses.output("loss", traced.loss);
    losses.output("main", traced.main);
    for (&(leaf, ref name), gradient) in
        traced.leaves.iter().zip(gradients(&traced.graph, traced.loss, &traced.leaves, &inputs))
    {
        let alone = gradients(&traced.graph, traced.loss, &[(leaf, name.clone())], &inputs).remove(0);
        assert_close(&alone.data, &gradient.data, 1e-12, &format!("gradient of {name} alone"));
        let mut losses_at = |index: usize, shift: f64| {
            let centre = inputs[name].data[index];
            inputs.get_mut(name).expect("a leaf has a value").data[index] = centre + shift;
            let values = evaluate(&losses, &inputs);
            inputs.get_mut(name).expect("a leaf has a value").data[index] = centre;
            ["loss", "main"].map(|loss| values[loss].data[0])
        };
        let mut expected = Vec::new();
        let mut through_operator = Vec::new();
        for index in 0..gradient.data.len() {
            let ([loss_up, main_up], [loss_down, main_down]) = (losses_at(index, STEP), losses_at(index, -STEP));
            expected.push((loss_up - loss_down) / (2.0 * STEP));
            through_operator.push((main_up - main_down) / (2.0 * STEP));
        }
        assert!(largest(&through_operator) > 1e-3, "{name} hardly matters: {through_operator:?}");
        assert_close(&gradient.data, &expected, TOLERANCE, &format!("gradient of {name}"));
    }
    output
}

/// Largest deviation relative to the largest expected value.
#[track_caller]
pub(crate) fn assert_close(got: &[f64], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let difference: Vec<f64> = got.iter().zip(want).map(|(got, want)| got - want).collect();
    let error = largest(&difference) / largest(want);
    assert!(error <= tolerance, "{what} is off by {error:e}:\n got {got:?}\nwant {want:?}");
}

/// Values of the outputs of a graph; its states, if it has any, are uneven and the same each time.
pub(crate) fn evaluate(graph: &Graph, inputs: &HashMap<String, Array>) -> HashMap<String, Array> {
    let mut states = HashMap::new();
    for (seed, State { name, shape }) in (201..).zip(graph.states()) {
        let values = noise(seed, shape.elements()).iter().map(|v| 0.4 + v).collect();
        states.insert(name.clone(), Array::new(shape.clone(), values));
    }
    reference::run(graph, inputs, &mut states).expect("every input and state is given")
}

/// Largest magnitude, NaN if there is one.
fn largest(values: &[f64]) -> f64 {
    let larger =
        |largest: f64, value: &f64| if largest.is_nan() || value.abs() <= largest { largest } else { value.abs() };
    values.iter().fold(0.0, larger)
}

struct Case {
    graph: Graph,
    inputs: HashMap<String, Array>,
    leaves: Vec<(NodeId, String)>,
    output: NodeId,
    /// What is differentiated, and its part that runs through the operator.
    loss: NodeId,
    main: NodeId,
}

fn trace(operands: &[Operand], operator: impl Fn(&mut Graph, &[NodeId]) -> Traced) -> Case {
    let mut graph = Graph::new();
    let mut inputs = HashMap::new();
    let mut leaves = Vec::new();
    let mut values = Vec::new();
    for (index, operand) in operands.iter().enumerate() {
        let name = format!("operand {index}");
        let leaf = graph.input(&name, operand.shape.clone());
        let g = &mut graph;
        let value = match &operand.range {
            Range::Fixed(_) => Ok(leaf),
            Range::Unit => g.sigmoid(leaf),
            Range::Positive => g.sigmoid(leaf).and_then(|s| g.affine(s, 2.0, 0.5)),
            Range::Any => g.sigmoid(leaf).and_then(|s| g.affine(leaf, 1.5, 0.0).and_then(|a| g.sub(a, s))),
        };
        values.push(value.expect("elementwise"));
        let data = match &operand.range {
            Range::Fixed(data) => data.clone(),
            _ => noise(index as u32 + 1, operand.shape.elements()).iter().map(|v| 2.0 * v).collect(),
        };
        if !matches!(operand.range, Range::Fixed(_)) {
            leaves.push((leaf, name.clone()));
        }
        inputs.insert(name, Array::new(operand.shape.clone(), data));
    }
    let output = operator(&mut graph, &values).expect("shapes fit");
    let (loss, main) = uneven_loss(&mut graph, &mut inputs, output, &values);
    Case { graph, inputs, leaves, output, loss, main }
}

/// `Σ (σ(r·y) + s·y)²` with uneven `r` and `s`, plus `0.1·Σ x²` of each operand; and the first term alone.
fn uneven_loss(
    graph: &mut Graph,
    inputs: &mut HashMap<String, Array>,
    y: NodeId,
    operands: &[NodeId],
) -> (NodeId, NodeId) {
    let shape = graph.shape(y).clone();
    let mut weighed = |graph: &mut Graph, name: &str, seed: u32| {
        let weights = noise(seed, shape.elements()).iter().map(|v| 0.7 + 0.5 * v).collect();
        inputs.insert(name.to_string(), Array::new(shape.clone(), weights));
        let weights = graph.input(name, shape.clone());
        graph.mul(y, weights).expect("same shapes")
    };
    let (first, second) = (weighed(graph, "r", 101), weighed(graph, "s", 102));
    let bent = graph.sigmoid(first).expect("elementwise");
    let mixed = graph.add(bent, second).expect("same shapes");
    let main = sum_of_squares(graph, mixed);
    let loss = operands.iter().fold(main, |total, &x| {
        let term = sum_of_squares(graph, x);
        let term = graph.affine(term, 0.1, 0.0).expect("elementwise");
        graph.add(total, term).expect("scalars")
    });
    (loss, main)
}

fn sum_of_squares(graph: &mut Graph, x: NodeId) -> NodeId {
    let squares = graph.unary(Unary::Square, x).expect("elementwise");
    graph.sum_all(squares).expect("all axes exist")
}

fn gradients(graph: &Graph, loss: NodeId, leaves: &[(NodeId, String)], inputs: &HashMap<String, Array>) -> Vec<Array> {
    let mut graph = graph.clone();
    let one = graph.constant(1.0, Shape::scalar());
    let wrt: Vec<NodeId> = leaves.iter().map(|(leaf, _)| *leaf).collect();
    let found = vector_jacobian_product(&mut graph, &[(loss, one)], &wrt).expect("differentiable");
    for ((_, name), gradient) in leaves.iter().zip(found) {
        graph.output(name, gradient.expect("the loss depends on every leaf"));
    }
    let mut outputs = evaluate(&graph, inputs);
    leaves.iter().map(|(_, name)| outputs.remove(name).expect("the gradient is an output")).collect()
}
