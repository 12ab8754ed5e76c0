//! One way to test any shader: trace a graph, run it on the adapter with poisoned memory, run it in f64 on the
//! CPU, and compare every output and every state.
//!
//! `PAPILLA_DEVICE` chooses the adapter, as for the program itself.

pub mod compilers;

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock, Mutex};

use papilla::conformance::{Probe, ROUNDING};
use papilla::gpu::{Capabilities, ConvVariant, Gpu, GpuOptions, Program, States};
use papilla::graph::Activation;
use papilla::reference::Bounded;

/// Every activation that an operator can take in.
pub const ACTIVATIONS: [Activation; 4] =
    [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::LeakyRelu(0.2)];

/// Of the terms of an element, what convolutions of Winograd may round: each of their products is of sums over a tile, so
/// that an element with few or small products of its own, at an edge of the map, has roundings of its neighbours'. Up to
/// nine times [`ROUNDING`] is seen there, and less than it elsewhere.
pub const WINOGRAD_ROUNDING: f64 = 16.0 * ROUNDING;

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

/// The adapter under test with the kernels for software adapters: those that send values round its subgroups, if it has
/// some of eight, and those that do not.
pub fn texture_adapters(binding_limit: Option<u64>) -> Vec<Arc<Gpu>> {
    let conv = Some(ConvVariant::Texture);
    let options = GpuOptions { checked_shaders: true, binding_limit, conv, ..GpuOptions::default() };
    let gpu = adapter_with(options);
    if gpu.capabilities().subgroups_of_eight {
        return vec![gpu, adapter_with(GpuOptions { without_subgroups: true, ..options })];
    }
    harness::skip(format_args!("`{}` has no subgroups of eight", gpu.name()));
    vec![gpu]
}

/// The adapter under test if it has 16-bit floats; says so where it has none.
pub fn half_adapter(conv: Option<ConvVariant>) -> Option<Arc<Gpu>> {
    let gpu = adapter(conv, None);
    if gpu.capabilities().half {
        return Some(gpu);
    }
    harness::skip(format_args!("`{}` has no 16-bit floats", gpu.name()));
    None
}

/// A graph under test with the values of its inputs and states.
pub struct Case(Probe);

impl Deref for Case {
    type Target = Probe;

    fn deref(&self) -> &Probe {
        &self.0
    }
}

impl DerefMut for Case {
    fn deref_mut(&mut self) -> &mut Probe {
        &mut self.0
    }
}

impl Case {
    /// An empty graph; `seed` determines all values.
    pub fn new(seed: u64) -> Self {
        Case(Probe::new(seed))
    }

    /// Runs on the adapter and on the CPU; panics where an element differs by more than roundings make of it, with
    /// operators that round to [`ROUNDING`] of their terms: see [`papilla::reference::run_bounded`].
    pub fn check(&self) {
        self.check_on(&adapter(None, None));
    }

    /// The same from buffers, then again with bindings of at most `elements` elements, so that launches are divided.
    pub fn check_in_pieces(&self, elements: u64) {
        let conv = Some(ConvVariant::Tiled);
        let whole = self.check_on(&adapter(conv, None));
        let divided = self.check_on(&adapter(conv, Some(4 * elements)));
        assert!(divided > whole, "nothing was divided: {divided} launches of {whole}");
    }

    /// The same on a given adapter; returns the number of launches.
    pub fn check_on(&self, gpu: &Arc<Gpu>) -> usize {
        self.check_to(gpu, ROUNDING)
    }

    /// The same for kernels that round to more of their terms.
    pub fn check_to(&self, gpu: &Arc<Gpu>, rounding: f64) -> usize {
        self.check_with(gpu, &gpu.capabilities(), rounding)
    }

    /// The same with limits and kernels that are not the adapter's own.
    pub fn check_with(&self, gpu: &Arc<Gpu>, capabilities: &Capabilities, rounding: f64) -> usize {
        let expected = self.expected(rounding).expect("the case is complete");
        let states = States::new(gpu.clone());
        let program = Program::with(gpu, &self.graph, &states, capabilities).expect("the graph compiles");
        for (name, value) in self.states() {
            states.write(name, &value.to_f32()).expect("states are declared");
        }
        program.poison();
        for (name, value) in self.inputs().filter(|(name, _)| program.has_input(name)) {
            program.write(name, &value.to_f32()).expect("inputs have their shape");
        }
        program.run().expect("the program runs");
        for (name, want) in &expected.outputs {
            compare(name, &program.read(&[name]).expect("outputs can be read").remove(0), want);
        }
        for (name, want) in &expected.states {
            compare(name, &states.read(&[name]).expect("states can be read").remove(0), want);
        }
        program.dispatches()
    }
}

/// Panics where an element lies outside its radius.
pub fn compare(name: &str, got: &[f32], want: &Bounded) {
    assert_eq!(got.len(), want.value.data.len(), "`{name}` has another number of elements");
    let (index, deviation) = want.worst(got);
    let (got, expected, allowed) = (got[index], want.value.data[index], want.radius_at(index));
    assert!(
        deviation <= 1.0,
        "`{name}` of shape {}: element {index} is {got}, expected {expected} (error {:.3e}, allowed {allowed:.3e})",
        want.value.shape,
        (f64::from(got) - expected).abs()
    );
}
