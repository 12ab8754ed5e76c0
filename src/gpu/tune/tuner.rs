//! Which kernel computes a convolution on an adapter: measured on first use, kept between runs.
//!
//! Convolutions of one class (direction, kernel, stride, and channels and pixels to the next power of two) share a choice.
//! A kernel can be chosen only if sampled elements of its result agree with sums in f64. Classes without a choice, or
//! adapters for which there is one kernel only, keep to the table: `Capabilities::conv` and `Tile::fitting`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::sampling::Samples;
use crate::atomic_file::write_in_new_folder;
use crate::gpu::device::{Gpu, States, lock};
use crate::gpu::family::{Geometry, direction};
use crate::gpu::kernel::shader::{PARTS, SOURCES};
use crate::gpu::machine::{Capabilities, Choices, ConvChoice, ConvClass, GpuError, Result};
use crate::gpu::run::Program;
use crate::graph::{Graph, NodeId, Op};
use crate::input_file;

/// Time that all measurements of one opened adapter may take.
const BUDGET: Duration = Duration::from_secs(45);
/// Runs of which the fastest counts, after one that compiles.
const REPEATS: usize = 3;

/// What an adapter was found to do best, and where that is kept.
#[derive(Default)]
struct Tuned {
    choices: Arc<Choices>,
    path: Option<PathBuf>,
    /// time that measurements have taken
    spent: Duration,
    /// nothing more may be chosen
    fixed: bool,
}

/// The file's contents; choices of another driver or among other shaders are no use.
#[derive(Serialize, Deserialize)]
struct Kept {
    shaders: String,
    adapter: String,
    driver: String,
    choices: Choices,
}

/// An opened adapter with the kernels that were measured to be its fastest.
pub struct Tuner {
    gpu: Arc<Gpu>,
    tuned: Mutex<Tuned>,
}

impl Tuner {
    /// Knows of no choices yet.
    pub fn new(gpu: Arc<Gpu>) -> Tuner {
        Tuner { gpu, tuned: Mutex::default() }
    }

    /// The adapter.
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// What lowering and planning must know of the adapter, with the kernels chosen so far.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities { choices: self.choices(), ..self.gpu.capabilities() }
    }

    /// Compiles a graph with the fastest kernels, which are measured first if the adapter was opened for that.
    pub fn compile(&self, graph: &Graph, states: &States) -> Result<Program> {
        self.tune(graph)?;
        Program::with(&self.gpu, graph, states, &self.capabilities())
    }

    /// Keeps choices in a folder from one run to the next, and takes those that are there already.
    pub fn keep_choices(&self, folder: &Path) {
        let info = &self.gpu.description().info;
        // Kernels that round are kept apart, for runs that must not.
        let kind = if self.gpu.options().matrices { "-matrices" } else { "" };
        let name = format!("kernels-{:?}-{}-{}{kind}.json", info.backend, info.vendor, info.device);
        let path = folder.join(name.to_lowercase());
        let kept = input_file::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let own = self.kept(Choices::new());
        let known = kept.filter(|k| (&k.shaders, &k.adapter, &k.driver) == (&own.shaders, &own.adapter, &own.driver));
        let choices = Arc::new(known.map_or(Choices::new(), |kept| kept.choices));
        *lock(&self.tuned) = Tuned { choices, path: Some(path), ..Tuned::default() };
    }

    /// Takes the choices of an earlier run and makes no more: another kernel adds up in another order, and a run that
    /// is continued with it would not end in the same bits.
    pub fn fix_choices(&self, choices: Choices) {
        let mut tuned = lock(&self.tuned);
        (tuned.choices, tuned.fixed) = (Arc::new(choices), true);
    }

    /// Whether measuring could find something better than the table, and has found nothing yet.
    pub fn is_untuned(&self) -> bool {
        self.gpu.options().tune && self.candidates().len() > 1 && lock(&self.tuned).choices.is_empty()
    }

    /// Measures the adapter's kernels on the convolutions of a graph, if it was opened for that.
    pub fn tune(&self, graph: &Graph) -> Result<()> {
        if !self.gpu.options().tune {
            return Ok(());
        }
        let left = BUDGET.saturating_sub(lock(&self.tuned).spent);
        self.tune_among(graph, &self.candidates(), left)
    }

    /// The same among given kernels: classes not yet known, the dearest first, until the time is over.
    pub fn tune_among(&self, graph: &Graph, candidates: &[ConvChoice], budget: Duration) -> Result<()> {
        let begun = Instant::now();
        let (known, fixed) = {
            let tuned = lock(&self.tuned);
            (tuned.choices.clone(), tuned.fixed)
        };
        let mut found = Choices::new();
        if candidates.len() > 1 && !fixed {
            for (class, id) in classes(graph).into_iter().filter(|(class, _)| !known.contains_key(class)) {
                if begun.elapsed() >= budget {
                    break;
                }
                found.extend(self.fastest(graph, id, class, candidates)?.map(|choice| (class, choice)));
            }
        }
        let mut tuned = lock(&self.tuned);
        tuned.spent += begun.elapsed();
        if found.is_empty() {
            return Ok(());
        }
        Arc::make_mut(&mut tuned.choices).extend(found);
        if let Some(path) = &tuned.path
            && let kept = self.kept(Choices::clone(&tuned.choices))
            && let Err(error) = write_in_new_folder(path, |file| Ok(serde_json::to_writer_pretty(file, &kept)?))
        {
            tracing::debug!("the choice of kernels is not kept in {}: {error}", path.display());
        }
        Ok(())
    }

    /// Choices made so far.
    pub fn choices(&self) -> Arc<Choices> {
        lock(&self.tuned).choices.clone()
    }

    /// Kernels that may be the fastest on adapters of this kind: software adapters want their operands in textures.
    fn candidates(&self) -> Vec<ConvChoice> {
        let description = self.gpu.description();
        let fits = |choice: &ConvChoice| choice.variant().1.is_some_and(|tile| tile <= description.largest_tile());
        let mut candidates: Vec<ConvChoice> = match (description.is_software(), self.gpu.options().matrices) {
            (true, false) => Vec::new(),
            (true, true) => vec![ConvChoice::Texture],
            (false, _) => ConvChoice::ALL.into_iter().filter(fits).collect(),
        };
        if self.gpu.options().matrices {
            candidates.push(ConvChoice::Cooperative);
        }
        candidates
    }

    fn kept(&self, choices: Choices) -> Kept {
        let info = &self.gpu.description().info;
        let text = SOURCES.iter().chain(PARTS).fold(0, |crc, (_, text)| crc32c::crc32c_append(crc, text.as_bytes()));
        let shaders = format!("{} {text:08x}", env!("CARGO_PKG_VERSION"));
        Kept { shaders, adapter: info.name.clone(), driver: info.driver_info.clone(), choices }
    }

    /// The fastest right kernel for a convolution of the graph.
    fn fastest(
        &self,
        graph: &Graph,
        id: NodeId,
        class: ConvClass,
        candidates: &[ConvChoice],
    ) -> Result<Option<ConvChoice>> {
        let alone = alone(graph, id);
        let samples = Samples::new(&Geometry::of(graph, id), class.direction);
        let mut best: Option<(f64, ConvChoice)> = None;
        for &choice in candidates {
            let choices = Arc::new(Choices::from([(class, choice)]));
            let capabilities = Capabilities { choices, ..self.gpu.capabilities() };
            let program = match Program::with(&self.gpu, &alone, &States::new(self.gpu.clone()), &capabilities) {
                Ok(program) => program,
                Err(GpuError::TooLarge { .. } | GpuError::SampleTooLarge { .. } | GpuError::OutOfMemory { .. }) => {
                    continue;
                }
                Err(error @ GpuError::Driver { .. }) => {
                    tracing::warn!("{choice:?} is not used for {class}: {error}");
                    continue;
                }
                Err(error) => return Err(error),
            };
            program.write("first", &samples.first)?;
            program.write("second", &samples.second)?;
            program.run()?;
            if !samples.agree(&program.read(&["result"])?.remove(0)) {
                tracing::warn!("{choice:?} computes {class} wrongly on `{}` and is not used", self.gpu.name());
                continue;
            }
            let mut fastest = f64::INFINITY;
            for _ in 0..REPEATS {
                fastest = fastest.min(program.milliseconds()?);
            }
            if best.is_none_or(|(milliseconds, _)| fastest < milliseconds) {
                best = Some((fastest, choice));
            }
        }
        Ok(best.map(|(_, choice)| choice))
    }
}

/// A convolution of each class in the graph, the class that takes most operations first.
fn classes(graph: &Graph) -> Vec<(ConvClass, NodeId)> {
    let mut found: BTreeMap<ConvClass, (f64, NodeId)> = BTreeMap::new();
    for id in graph.live_nodes() {
        let Some(direction) = direction(&graph.node(id).op) else { continue };
        let geometry = Geometry::of(graph, id);
        if geometry.spec.groups == 1 {
            found.entry(geometry.class(direction)).or_insert((0.0, id)).0 += geometry.operations();
        }
    }
    let mut list: Vec<_> = found.into_iter().collect();
    list.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    list.into_iter().map(|(class, (_, id))| (class, id)).collect()
}

/// A graph of one convolution alone, without bias and activation.
fn alone(graph: &Graph, id: NodeId) -> Graph {
    let node = graph.node(id);
    let op = match node.op {
        Op::Conv2d { spec, .. } => Op::Conv2d { spec, bias: false, activation: crate::graph::Activation::Identity },
        ref other => other.clone(),
    };
    let mut single = Graph::new();
    let first = single.input("first", graph.shape(node.inputs[0]).clone());
    let second = single.input("second", graph.shape(node.inputs[1]).clone());
    let result = single.push(op, &[first, second]).expect("the shapes fitted in the graph");
    single.output("result", result);
    single
}
