//! One way to test any shader: trace a graph, run it on the adapter with poisoned memory, run it in f64 on the
//! CPU, and compare every output and every state.
//!
//! `PAPILLA_DEVICE` chooses the adapter, as for the program itself.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock, Mutex};

use papilla::conformance::Probe;
use papilla::gpu::{Capabilities, ConvVariant, Gpu, GpuOptions, Program, States};
use papilla::graph::Activation;
use papilla::reference::Array;

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

    /// Runs on the adapter and on the CPU; panics where a value differs by more than
    /// `tolerance · (1 + largest expected value)`.
    pub fn check(&self, tolerance: f64) {
        self.check_on(&adapter(None, None), tolerance);
    }

    /// The same from buffers, then again with bindings of at most `elements` elements, so that launches are divided.
    pub fn check_in_pieces(&self, elements: u64, tolerance: f64) {
        let conv = Some(ConvVariant::Tiled);
        let whole = self.check_on(&adapter(conv, None), tolerance);
        let divided = self.check_on(&adapter(conv, Some(4 * elements)), tolerance);
        assert!(divided > whole, "nothing was divided: {divided} launches of {whole}");
    }

    /// The same on a given adapter; returns the number of launches.
    pub fn check_on(&self, gpu: &Arc<Gpu>, tolerance: f64) -> usize {
        self.check_with(gpu, &gpu.capabilities(), tolerance)
    }

    /// The same with limits and kernels that are not the adapter's own.
    pub fn check_with(&self, gpu: &Arc<Gpu>, capabilities: &Capabilities, tolerance: f64) -> usize {
        let expected = self.expected().expect("the case is complete");
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
            let got = program.read(&[name]).expect("outputs can be read").remove(0);
            compare(name, &got, want, tolerance);
        }
        for (name, want) in &expected.states {
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
