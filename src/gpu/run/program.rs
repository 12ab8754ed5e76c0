//! A graph compiled for an adapter: memory planned, pipelines and bind groups made once, then replayed.

use std::cell::{Cell, Ref, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use wgpu::BufferUsages as Usage;

use super::record::{Place, Places, Recorded, record};
use super::step_part::StepPart;
use super::submissions::{Pace, TooLong};
use crate::gpu::device::{Gpu, States, Textures, read_through};
use crate::gpu::kernel::{Launch, LaunchWork, Target};
use crate::gpu::layout::value_target;
use crate::gpu::machine::{Capabilities, Divisions, GpuError, OperatorClass, Result};
use crate::gpu::plan::Plan;
use crate::graph::{Graph, Op};

/// Times that a program's launches are made shorter, before whatever makes them long is left alone.
const MOST_DIVISIONS: u32 = 4;

/// A compiled graph. Inputs are written, the program runs, outputs are read; states change in place.
pub struct Program {
    pub(super) gpu: Arc<Gpu>,
    source: Box<Source>,
    inputs: HashMap<String, (Place, usize)>,
    staging: wgpu::Buffer,
    compiled: RefCell<Compiled>,
    /// times that launches here were found too long
    found_long: Cell<u32>,
}

/// What launches are made of, once more when they are divided.
struct Source {
    graph: Graph,
    capabilities: Capabilities,
    /// inputs, constants and states
    leaves: Places,
}

/// The launches, and the values of a run.
struct Compiled {
    launches: Vec<Recorded>,
    outputs: HashMap<String, (Place, usize)>,
    arena: Vec<wgpu::Buffer>,
    textures: Textures,
    peak_bytes: u64,
    pace: Pace,
    /// what the adapter had shown to need when this was compiled
    divisions: Arc<Divisions>,
}

impl Program {
    /// Compiles a graph; its states are found in `states`, or added there with zeros.
    pub fn new(gpu: &Arc<Gpu>, graph: &Graph, states: &States) -> Result<Program> {
        Program::with(gpu, graph, states, &gpu.capabilities())
    }

    /// The same with limits and kernels that are not the adapter's own.
    pub fn with(gpu: &Arc<Gpu>, graph: &Graph, states: &States, capabilities: &Capabilities) -> Result<Program> {
        states.declare_for(graph)?;
        let live = graph.live_nodes();
        let mut leaves = Places::leaves(gpu, graph, &live)?;
        leaves.add_states(graph, states)?;
        let mut inputs = HashMap::new();
        for &id in &live {
            if let Op::Input { name } = &graph.node(id).op {
                let place = leaves.target(Target::Node(id))?.clone();
                inputs.insert(name.clone(), (place, graph.shape(id).elements()));
            }
        }
        let compiled = RefCell::new(Compiled::new(gpu, graph, &leaves, capabilities)?);
        let readable = graph.outputs().iter().map(|(_, id)| graph.shape(*id).elements() as u64 * 4).sum();
        let staging = gpu.buffer("read-back", readable, Usage::MAP_READ | Usage::COPY_DST)?;
        gpu.check()?;
        gpu.save_pipelines();
        let source = Box::new(Source { graph: graph.clone(), capabilities: capabilities.clone(), leaves });
        let (gpu, found_long) = (gpu.clone(), Cell::new(0));
        Ok(Program { gpu, source, inputs, staging, compiled, found_long })
    }

    /// Whether the graph reads an input of this name.
    pub fn has_input(&self, name: &str) -> bool {
        self.inputs.contains_key(name)
    }

    /// Names of the inputs that the graph reads, and how many values each has.
    pub fn inputs(&self) -> Vec<(String, usize)> {
        let mut inputs: Vec<_> = self.inputs.iter().map(|(name, (_, elements))| (name.clone(), *elements)).collect();
        inputs.sort();
        inputs
    }

    /// Gives an input its values for the next runs.
    pub fn write(&self, name: &str, values: &[f32]) -> Result<()> {
        let (place, expected) =
            self.inputs.get(name).ok_or_else(|| GpuError::UnknownName { kind: "input", name: name.to_string() })?;
        if values.len() != *expected {
            let (name, expected) = (name.to_string(), *expected);
            return Err(GpuError::WrongLength { kind: "input", name, expected, given: values.len() });
        }
        self.gpu.queue.write_buffer(&place.buffer, place.offset, bytemuck::cast_slice(values));
        Ok(())
    }

    /// Submits one run, in pieces that are short enough for any watchdog; reading an output waits for it.
    pub fn run(&self) -> Result<()> {
        // Whichever program found something to be too long: what is computed must not depend on the order of programs.
        let divisions = self.gpu.divisions();
        if divisions != self.compiled.borrow().divisions {
            self.divide(divisions)?;
        }
        let Compiled { launches, pace, .. } = &*self.compiled.borrow();
        if pace.is_due() {
            return self.run_measured(launches, pace);
        }
        pace.begin();
        for range in pace.submissions() {
            self.submit(&launches[range]);
        }
        self.gpu.check()
    }

    /// One run, launch by launch. Launches that are found too long are divided before the next one.
    fn run_measured(&self, launches: &[Recorded], pace: &Pace) -> Result<()> {
        self.gpu.wait()?;
        let mut times = Vec::with_capacity(launches.len());
        for launch in launches {
            let begun = Instant::now();
            self.submit(std::slice::from_ref(launch));
            self.gpu.wait()?;
            times.push(begun.elapsed().as_secs_f64());
        }
        let Some(TooLong { seconds, steps }) = pace.measured(times) else { return Ok(()) };
        let name = self.gpu.name();
        if self.found_long.get() == MOST_DIVISIONS {
            pace.ignore();
            tracing::warn!(
                "one launch takes {seconds:.1} s on `{name}` and cannot be made shorter; should its driver reset it, use \
                 a smaller batch or smaller images"
            );
            return Ok(());
        }
        tracing::debug!("one launch takes {seconds:.1} s on `{name}`; launches are divided");
        self.found_long.set(self.found_long.get() + 1);
        let known = self.gpu.divisions();
        let further = |class: OperatorClass, shorter: usize| {
            let pieces = shorter * known.get(&class).unwrap_or(&1);
            (class, pieces)
        };
        let class_of =
            |step: usize| launches.iter().find(|launch| launch.step == step).map(|launch| launch.class.clone());
        let divisions = steps.into_iter().filter_map(|(step, shorter)| Some(further(class_of(step)?, shorter)));
        self.gpu.divide(divisions.collect());
        Ok(())
    }

    /// Compiles the graph anew, with its launches divided.
    fn divide(&self, divisions: Arc<Divisions>) -> Result<()> {
        let mut compiled = self.compiled.borrow_mut();
        // Their memory is given back before there is anything new.
        (compiled.launches, compiled.arena, compiled.outputs) = Default::default();
        compiled.textures = Textures::default();
        let Source { graph, capabilities, leaves } = &*self.source;
        let capabilities = Capabilities { divisions, ..capabilities.clone() };
        *compiled = Compiled::new(&self.gpu, graph, leaves, &capabilities)?;
        self.gpu.check()
    }

    fn submit(&self, launches: &[Recorded]) {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for launch in launches {
                launch.encode(&mut pass);
            }
        }
        self.gpu.queue.submit([encoder.finish()]);
    }

    /// The launches of a run, in order.
    pub(super) fn launches(&self) -> Ref<'_, [Recorded]> {
        Ref::map(self.compiled.borrow(), |compiled| &compiled.launches[..])
    }

    /// Launches of each submission.
    pub(super) fn submissions(&self) -> Vec<Range<usize>> {
        self.compiled.borrow().pace.submissions()
    }

    /// Reads outputs back, in the order of the names.
    pub fn read(&self, names: &[&str]) -> Result<Vec<Vec<f32>>> {
        let compiled = self.compiled.borrow();
        let mut ranges = Vec::with_capacity(names.len());
        for name in names {
            let (place, elements) = compiled
                .outputs
                .get(*name)
                .ok_or_else(|| GpuError::UnknownName { kind: "output", name: name.to_string() })?;
            ranges.push((&place.buffer, place.offset, *elements));
        }
        let values = read_through(&self.gpu, &self.staging, &ranges)?;
        compiled.pace.end();
        Ok(values)
    }

    /// Bytes of the arena and the textures: every value of a run, as the plan shares them.
    pub fn peak_bytes(&self) -> u64 {
        self.compiled.borrow().peak_bytes
    }

    /// Number of launches of one run.
    pub fn dispatches(&self) -> usize {
        self.compiled.borrow().launches.len()
    }

    /// What each launch of a run takes, in order.
    pub fn launch_works(&self) -> Vec<LaunchWork> {
        self.launches().iter().map(|launch| launch.summary).collect()
    }

    /// Fills the arena and the textures with NaN, so that a value read before it is written shows.
    pub fn poison(&self) {
        const CHUNK: u64 = 1 << 24;
        let poison = vec![f32::NAN; (CHUNK / 4) as usize];
        for buffer in &self.compiled.borrow().arena {
            for offset in (0..buffer.size()).step_by(CHUNK as usize) {
                let bytes = CHUNK.min(buffer.size() - offset) as usize;
                self.gpu.queue.write_buffer(buffer, offset, &bytemuck::cast_slice(&poison)[..bytes]);
            }
        }
        self.compiled.borrow().textures.poison(&self.gpu);
    }
}

impl Compiled {
    fn new(gpu: &Gpu, graph: &Graph, leaves: &Places, capabilities: &Capabilities) -> Result<Compiled> {
        let plan = Plan::new(graph, capabilities)?;
        let mut places = leaves.clone();
        places.add_arena(gpu, &plan)?;
        let Plan { live, launches, snapshots, textures, memory, .. } = plan;
        let peak_bytes = memory.peak_bytes + textures.bytes();
        let textures = Textures::new(gpu, textures)?;
        let parts = StepPart::of_nodes(graph, &live);
        let place = |launch: &Launch| match live.get(launch.step) {
            Some(&id) => (OperatorClass::of(graph, id), parts[launch.step]),
            None => (OperatorClass::of_update(launch.label), StepPart::Updates),
        };
        let place = |launch: Launch| {
            let (class, part) = place(&launch);
            (class, part, launch)
        };
        let launches = launches.into_iter().map(place).collect();
        let launches = record(gpu, launches, &places, &textures, capabilities)?;
        let mut outputs = HashMap::new();
        for (name, id) in graph.outputs() {
            let place = places.target(value_target(graph, &snapshots, *id))?.clone();
            outputs.insert(name.clone(), (place, graph.shape(*id).elements()));
        }
        let works = launches.iter().map(|launch| (launch.step, launch.summary.work));
        let pace = Pace::new(works, capabilities.watchdog);
        let (arena, divisions) = (places.arena, capabilities.divisions.clone());
        Ok(Compiled { launches, outputs, arena, textures, peak_bytes, pace, divisions })
    }
}
