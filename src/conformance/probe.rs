//! A small graph with random values, run on a device and by the f64 twin: how far every value is apart.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::device::{Device, DeviceError};
use crate::graph::{Graph, NodeId, Op, Shape, ShapeError, StateId, Update, vector_jacobian_product};
use crate::reference::{Array, Bounded, BoundedRun, ReferenceError, run_bounded};

/// A graph under test with the values of its inputs and states.
pub struct Probe {
    /// what is computed
    pub graph: Graph,
    inputs: HashMap<String, Array>,
    states: HashMap<String, Array>,
    rng: ChaCha8Rng,
}

/// A value that a device computed, by how much it is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    /// output or state
    pub value: String,
    /// largest error of an element in units of all that was added up and handed on to it: up to the rounding allowed is
    /// right, and infinite is where a NaN or an exact value was missed
    pub error: f64,
}

impl Probe {
    /// An empty graph; `seed` determines all values.
    pub fn new(seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Probe { graph: Graph::new(), inputs: HashMap::new(), states: HashMap::new(), rng }
    }

    /// An input of values in [−1, 1).
    pub fn input(&mut self, shape: impl Into<Shape>) -> NodeId {
        self.input_in(shape, -1.0, 1.0)
    }

    /// An input of values in [low, high).
    pub fn input_in(&mut self, shape: impl Into<Shape>, low: f32, high: f32) -> NodeId {
        let shape = shape.into();
        let values: Vec<f32> = (0..shape.elements()).map(|_| self.rng.random_range(low..high)).collect();
        self.input_of(shape, &values)
    }

    /// An input of given values.
    pub fn input_of(&mut self, shape: impl Into<Shape>, values: &[f32]) -> NodeId {
        let shape = shape.into();
        let name = format!("x{}", self.inputs.len());
        self.inputs.insert(name.clone(), Array::from_f32(shape.clone(), values));
        self.graph.input(&name, shape)
    }

    /// A state of values in [low, high).
    pub fn state_in(&mut self, name: &str, shape: impl Into<Shape>, low: f32, high: f32) -> StateId {
        let shape = shape.into();
        let values: Vec<f32> = (0..shape.elements()).map(|_| self.rng.random_range(low..high)).collect();
        self.states.insert(name.to_string(), Array::from_f32(shape.clone(), &values));
        self.graph.declare_state(name, shape).expect("each state is declared once")
    }

    /// A random extent in `low..=high`.
    pub fn extent(&mut self, low: usize, high: usize) -> usize {
        self.rng.random_range(low..=high)
    }

    /// Makes `y` an output, and the gradients of `wrt` under a random upstream gradient.
    pub fn output_with_gradients(&mut self, y: NodeId, wrt: &[NodeId]) -> Result<(), ShapeError> {
        self.graph.output("y", y);
        let dy = self.input(self.graph.shape(y).clone());
        let gradients = vector_jacobian_product(&mut self.graph, &[(y, dy)], wrt)?;
        for (index, gradient) in gradients.into_iter().enumerate() {
            self.graph.output(&format!("gradient {index}"), gradient.expect("the output depends on its inputs"));
        }
        Ok(())
    }

    /// Adds an update of the states.
    pub fn update(&mut self, update: Update) {
        self.graph.update(update);
    }

    /// Values of the states before the run, by name.
    pub fn states(&self) -> &HashMap<String, Array> {
        &self.states
    }

    /// Names of the inputs in the graph, with their values.
    pub fn inputs(&self) -> impl Iterator<Item = (&String, &Array)> {
        self.graph.nodes().iter().filter_map(|node| match &node.op {
            Op::Input { name } => Some((name, &self.inputs[name])),
            _ => None,
        })
    }

    /// What the twin computes, and how far a device may be from it whose operators round to `rounding` of their terms.
    pub fn expected(&self, rounding: f64) -> Result<BoundedRun, ReferenceError> {
        run_bounded(&self.graph, &self.inputs, &self.states, rounding)
    }

    /// The value that a device gets most wrong.
    pub fn deviation(&self, device: &Device, rounding: f64) -> Result<Deviation, DeviceError> {
        let BoundedRun { outputs, states: after } = self.expected(rounding)?;
        let states = device.states();
        let program = device.compile(&self.graph, &states)?;
        for (name, value) in &self.states {
            states.write(name, &value.to_f32())?;
        }
        for (name, value) in self.inputs().filter(|(name, _)| program.has_input(name)) {
            program.write(name, &value.to_f32())?;
        }
        program.run()?;
        let mut worst = Deviation { value: String::new(), error: f64::NEG_INFINITY };
        let mut consider = |name: &String, got: Vec<f32>, want: &Bounded| {
            let (_, deviation) = want.worst(&got);
            let error = rounding * deviation;
            if error > worst.error {
                worst = Deviation { value: name.clone(), error };
            }
        };
        for (name, want) in &outputs {
            consider(name, program.read(&[name])?.remove(0), want);
        }
        for (name, want) in &after {
            consider(name, states.read(&[name])?.remove(0), want);
        }
        Ok(worst)
    }
}
