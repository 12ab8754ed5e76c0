//! One face for the two machines that run a graph: a GPU adapter, or the f64 reference on the CPU.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::gpu::{self, Capabilities, Gpu, GpuError, GpuOptions, Tuner};
use crate::graph::{Graph, Op, Shape, State, Update};
use crate::reference::{self, Array, ReferenceError};

/// What can go wrong when a graph is compiled or run.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The adapter or its driver failed, or the graph does not fit them.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The reference lacks a value of the graph, or was given one that does not fit.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The graph run by the reference knows no such name: it is misspelt, or nothing has been run yet.
    #[error("the graph has no {kind} named `{name}`")]
    UnknownName {
        /// `input`, `output` or `state`
        kind: &'static str,
        /// as the caller gave it
        name: String,
    },
    /// Values for the reference do not fill the shape that the graph has for the name.
    #[error("{kind} `{name}` has {expected} values, was given {given}")]
    WrongLength {
        /// `input` or `state`
        kind: &'static str,
        /// whose values they are
        name: String,
        /// elements of its shape
        expected: usize,
        /// values that the caller gave
        given: usize,
    },
}

/// Result of a call that reaches the device.
pub type Result<T> = std::result::Result<T, DeviceError>;

/// Where graphs run.
#[derive(Clone)]
pub enum Device {
    /// the reference: f64, plain loops, slow
    Cpu,
    /// an opened adapter, with the kernels chosen for it
    Gpu(Arc<Tuner>),
}

impl Device {
    /// `cpu`, the index of an adapter or part of its name; without a wish the best adapter.
    pub fn open(wanted: Option<&str>, options: GpuOptions) -> Result<Device> {
        match wanted {
            Some(name) if name.eq_ignore_ascii_case("cpu") => Ok(Device::Cpu),
            _ => Ok(Device::of(Gpu::open(wanted, options)?)),
        }
    }

    /// An opened adapter, which keeps what it compiles and measures in the user's cache folder.
    fn of(mut gpu: Gpu) -> Device {
        let folder = dirs::cache_dir().map(|folder| folder.join("papilla"));
        if let Some(folder) = &folder {
            gpu.keep_pipelines(folder);
        }
        let tuner = Tuner::new(Arc::new(gpu));
        if let Some(folder) = folder.filter(|_| tuner.gpu().options().tune) {
            tuner.keep_choices(&folder);
        }
        Device::Gpu(Arc::new(tuner))
    }

    /// The same adapter anew, after it was lost.
    pub fn reopen(&self) -> Result<Device> {
        match self {
            Device::Cpu => Ok(Device::Cpu),
            Device::Gpu(tuner) => Ok(Device::of(tuner.gpu().reopen()?)),
        }
    }

    /// The opened adapter; the reference has none.
    pub fn adapter(&self) -> Option<&Arc<Gpu>> {
        match self {
            Device::Cpu => None,
            Device::Gpu(tuner) => Some(tuner.gpu()),
        }
    }

    /// Loses the adapter, as a driver that resets it would; for tests. The reference cannot be lost.
    pub fn lose(&self) {
        if let Some(gpu) = self.adapter() {
            gpu.lose();
        }
    }

    /// The kernels that were chosen by measurement so far; the reference has none.
    pub fn kernels(&self) -> gpu::Choices {
        match self {
            Device::Cpu => gpu::Choices::default(),
            Device::Gpu(tuner) => gpu::Choices::clone(&tuner.choices()),
        }
    }

    /// Computes with the kernels of an earlier run, and chooses no others.
    pub fn fix_kernels(&self, kernels: gpu::Choices) {
        if let Device::Gpu(tuner) = self {
            tuner.fix_choices(kernels);
        }
    }

    /// Operators whose launches were found too long so far; the reference has no launches.
    pub fn divisions(&self) -> gpu::Divisions {
        self.adapter().map_or_else(Default::default, |gpu| gpu::Divisions::clone(&gpu.divisions()))
    }

    /// Divides the operators that an earlier run has divided.
    pub fn divide(&self, divisions: gpu::Divisions) {
        if let Some(gpu) = self.adapter() {
            gpu.divide(divisions);
        }
    }

    /// Name for logs and reports.
    pub fn name(&self) -> String {
        self.adapter().map_or("cpu (f64 reference)", |gpu| gpu.name()).to_string()
    }

    /// Whether the device is an adapter that computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.adapter().is_some_and(|gpu| gpu.description().is_software())
    }

    /// What planning must know of the device; the reference has no limits.
    pub fn capabilities(&self) -> Capabilities {
        match self {
            Device::Cpu => Capabilities { memory_is_dear: false, ..Capabilities::typical_hardware() },
            Device::Gpu(tuner) => tuner.capabilities(),
        }
    }

    /// An empty set of named states.
    pub fn states(&self) -> States {
        match self {
            Device::Cpu => States::Cpu(Rc::default()),
            Device::Gpu(tuner) => States::Gpu(Rc::new(gpu::States::new(tuner.gpu().clone()))),
        }
    }

    /// Compiles a graph whose states are found in `states`, or added there with zeros.
    pub fn compile(&self, graph: &Graph, states: &States) -> Result<Program> {
        match (self, states) {
            (Device::Gpu(tuner), States::Gpu(states)) => Ok(Program::Gpu(tuner.compile(graph, states)?)),
            (Device::Cpu, States::Cpu(values)) => {
                for State { name, shape } in graph.states() {
                    let zeros = || Array::zeros(shape.clone());
                    values.borrow_mut().entry(name.clone()).or_insert_with(zeros);
                }
                let graph = graph.clone();
                Ok(Program::Cpu {
                    graph,
                    states: values.clone(),
                    inputs: RefCell::default(),
                    outputs: RefCell::default(),
                })
            }
            _ => unreachable!("states are made by the device that compiles"),
        }
    }
}

/// Named states on a device, shared by the programs compiled with them.
#[derive(Clone)]
pub enum States {
    /// in host memory, by name
    Cpu(Rc<RefCell<HashMap<String, Array>>>),
    /// in buffers of the adapter
    Gpu(Rc<gpu::States>),
}

impl States {
    /// Makes room for the states of a graph, filled with zeros, unless they are there.
    pub fn declare_for(&self, graph: &Graph) -> Result<()> {
        match self {
            States::Gpu(own) => Ok(own.declare_for(graph)?),
            States::Cpu(_) => self.declare(graph.states()),
        }
    }

    /// Makes room for states, filled with zeros, unless they are there.
    pub fn declare(&self, states: &[State]) -> Result<()> {
        match self {
            States::Gpu(own) => own.declare(states)?,
            States::Cpu(own) => {
                for State { name, shape } in states {
                    own.borrow_mut().entry(name.clone()).or_insert_with(|| Array::zeros(shape.clone()));
                }
            }
        }
        Ok(())
    }

    /// Names and shapes of all states, sorted by name.
    pub fn list(&self) -> Vec<State> {
        match self {
            States::Gpu(states) => states.list(),
            States::Cpu(states) => {
                let states = states.borrow();
                let mut list: Vec<State> = states
                    .iter()
                    .map(|(name, array)| State { name: name.clone(), shape: array.shape.clone() })
                    .collect();
                list.sort_by(|a, b| a.name.cmp(&b.name));
                list
            }
        }
    }

    /// Replaces a state's values.
    pub fn write(&self, name: &str, values: &[f32]) -> Result<()> {
        match self {
            States::Gpu(states) => Ok(states.write(name, values)?),
            States::Cpu(states) => {
                let mut states = states.borrow_mut();
                let unknown = || DeviceError::UnknownName { kind: "state", name: name.to_string() };
                let array = states.get_mut(name).ok_or_else(unknown)?;
                check_length("state", name, array.data.len(), values.len())?;
                *array = Array::from_f32(array.shape.clone(), values);
                Ok(())
            }
        }
    }

    /// Reads states back, in the order of the names.
    pub fn read(&self, names: &[&str]) -> Result<Vec<Vec<f32>>> {
        match self {
            States::Gpu(states) => Ok(states.read(names)?),
            States::Cpu(states) => read_arrays(&states.borrow(), "state", names),
        }
    }
}

/// A compiled graph.
pub enum Program {
    /// for the reference, which evaluates the graph as it is
    Cpu {
        /// what is computed
        graph: Graph,
        /// shared with the programs compiled with the same states
        states: Rc<RefCell<HashMap<String, Array>>>,
        /// given so far, by name
        inputs: RefCell<HashMap<String, Array>>,
        /// of the last run, by name
        outputs: RefCell<HashMap<String, Array>>,
    },
    /// for an adapter: recorded launches and their buffers
    Gpu(gpu::Program),
}

impl Program {
    /// Whether the graph reads an input of this name.
    pub fn has_input(&self, name: &str) -> bool {
        match self {
            Program::Gpu(program) => program.has_input(name),
            Program::Cpu { graph, .. } => input_shape(graph, name).is_some(),
        }
    }

    /// Gives an input its values for the next runs.
    pub fn write(&self, name: &str, values: &[f32]) -> Result<()> {
        match self {
            Program::Gpu(program) => Ok(program.write(name, values)?),
            Program::Cpu { graph, inputs, .. } => {
                let unknown = || DeviceError::UnknownName { kind: "input", name: name.to_string() };
                let shape = input_shape(graph, name).ok_or_else(unknown)?;
                check_length("input", name, shape.elements(), values.len())?;
                inputs.borrow_mut().insert(name.to_string(), Array::from_f32(shape, values));
                Ok(())
            }
        }
    }

    /// Runs once; on a GPU, reading an output waits for it.
    pub fn run(&self) -> Result<()> {
        match self {
            Program::Gpu(program) => Ok(program.run()?),
            Program::Cpu { graph, states, inputs, outputs } => {
                let mut states = states.borrow_mut();
                *outputs.borrow_mut() = reference::run(graph, &inputs.borrow(), &mut states)?;
                // As checkpoints hold them, so that a resumed run goes on with the same values.
                for state in graph.updates().iter().flat_map(Update::states) {
                    if let Some(array) = states.get_mut(&graph.state_info(state).name) {
                        array.data.iter_mut().for_each(|value| *value = f64::from(*value as f32));
                    }
                }
                Ok(())
            }
        }
    }

    /// Reads outputs back, in the order of the names.
    pub fn read(&self, names: &[&str]) -> Result<Vec<Vec<f32>>> {
        match self {
            Program::Gpu(program) => Ok(program.read(names)?),
            Program::Cpu { outputs, .. } => read_arrays(&outputs.borrow(), "output", names),
        }
    }
}

fn input_shape(graph: &Graph, wanted: &str) -> Option<Shape> {
    let found = graph.nodes().iter().find(|n| matches!(&n.op, Op::Input { name } if name == wanted));
    found.map(|node| node.shape.clone())
}

fn read_arrays(arrays: &HashMap<String, Array>, kind: &'static str, names: &[&str]) -> Result<Vec<Vec<f32>>> {
    let unknown = |name: &str| DeviceError::UnknownName { kind, name: name.to_string() };
    names.iter().map(|n| arrays.get(*n).map(Array::to_f32).ok_or_else(|| unknown(n))).collect()
}

fn check_length(kind: &'static str, name: &str, expected: usize, given: usize) -> Result<()> {
    match expected == given {
        true => Ok(()),
        false => Err(DeviceError::WrongLength { kind, name: name.to_string(), expected, given }),
    }
}
