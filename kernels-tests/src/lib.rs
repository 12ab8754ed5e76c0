//! One way to test any shader: trace a graph, run it on the adapter with poisoned memory, run it in f64 on the
//! CPU, and compare every output and every state.
//!
//! `PAPILLA_DEVICE` chooses the adapter, as for the program itself.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use papilla::gpu::{ConvVariant, Gpu, GpuOptions, Program, States};
use papilla::graph::{Activation, Graph, NodeId, Op, Shape, ShapeError, StateId, Update, vector_jacobian_product};
use papilla::reference::{Array, run};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Every activation that an operator can take in.
pub const ACTIVATIONS: [Activation; 4] =
    [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::LeakyRelu(0.2)];

type Opened = Mutex<HashMap<String, Arc<Gpu>>>;

/// The adapter under test, opened once for each set of options, shaders checked.
pub fn adapter(conv: Option<ConvVariant>, binding_limit: Option<u64>) -> Arc<Gpu> {
    adapter_with(GpuOptions { checked_shaders: true, binding_limit, conv, ..GpuOptions::default() })
}

/// The same with any options.
pub fn adapter_with(options: GpuOptions) -> Arc<Gpu> {
    static OPENED: LazyLock<Opened> = LazyLock::new(Opened::default);
    let mut opened = OPENED.lock().expect("no test panics while it opens an adapter");
    let wanted = std::env::var("PAPILLA_DEVICE").ok();
    let open = || Arc::new(Gpu::open(wanted.as_deref(), options).expect("tests need an adapter"));
    opened.entry(format!("{options:?}")).or_insert_with(open).clone()
}

/// A graph under test with the values of its inputs and states.
pub struct Case {
    pub graph: Graph,
    inputs: HashMap<String, Array>,
    states: HashMap<String, Array>,
    rng: ChaCha8Rng,
}

impl Case {
    /// An empty graph; `seed` determines all values.
    pub fn new(seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Case { graph: Graph::new(), inputs: HashMap::new(), states: HashMap::new(), rng }
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

    /// Runs on the adapter and on the CPU; panics where a value differs by more than
    /// `tolerance · (1 + largest expected value)`.
    pub fn check(&self, tolerance: f64) {
        self.check_on(&adapter(None, None), tolerance);
    }

    /// The same, then again with bindings of at most `elements` elements, so that launches are divided.
    pub fn check_in_pieces(&self, elements: u64, tolerance: f64) {
        let whole = self.check_on(&adapter(None, None), tolerance);
        let divided = self.check_on(&adapter(None, Some(4 * elements)), tolerance);
        assert!(divided > whole, "nothing was divided: {divided} launches of {whole}");
    }

    /// The same on a given adapter; returns the number of launches.
    pub fn check_on(&self, gpu: &Arc<Gpu>, tolerance: f64) -> usize {
        let mut expected_states = self.states.clone();
        let expected = run(&self.graph, &self.inputs, &mut expected_states).expect("the case is complete");
        let states = States::new(gpu.clone());
        let program = Program::new(gpu, &self.graph, &states).expect("the graph compiles");
        for (name, value) in &self.states {
            states.write(name, &value.to_f32()).expect("states are declared");
        }
        program.poison();
        for node in self.graph.nodes() {
            if let Op::Input { name } = &node.op
                && program.has_input(name)
            {
                program.write(name, &self.inputs[name].to_f32()).expect("inputs have their shape");
            }
        }
        program.run().expect("the program runs");
        for (name, want) in &expected {
            let got = program.read(&[name]).expect("outputs can be read").remove(0);
            compare(name, &got, want, tolerance);
        }
        for (name, want) in &expected_states {
            let got = states.read(&[name]).expect("states can be read").remove(0);
            compare(name, &got, want, tolerance);
        }
        program.dispatches()
    }
}

fn compare(name: &str, got: &[f32], want: &Array, tolerance: f64) {
    assert_eq!(got.len(), want.data.len(), "`{name}` has another number of elements");
    let largest = want.data.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let allowed = tolerance * (1.0 + largest);
    for (index, (g, w)) in got.iter().zip(&want.data).enumerate() {
        let error = (f64::from(*g) - w).abs();
        assert!(
            error <= allowed || (g.is_nan() && w.is_nan()),
            "`{name}` of shape {}: element {index} is {g}, expected {w} (error {error:.3e}, allowed {allowed:.3e})",
            want.shape
        );
    }
}
