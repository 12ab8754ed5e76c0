//! Which kernel computes a convolution on an adapter: measured on first use, kept between runs.
//!
//! Convolutions of one class (direction, kernel, stride, and channels and pixels to the next power of two) share a choice.
//! A kernel can be chosen only if sampled elements of its result agree with sums in f64. Classes without a choice, or
//! adapters for which there is one kernel only, keep to the table: `Capabilities::conv` and `Tile::fitting`. What the table
//! says is checked in the same way, for every class, also when there is no time left to measure others; where it is wrong
//! and no other kernel is known to be right, `direct` computes, if that is right.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
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
    /// classes for which the table is known to be right
    checked: BTreeSet<ConvClass>,
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
    #[serde(default)]
    checked: BTreeSet<ConvClass>,
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
        let own = self.kept(Choices::new(), BTreeSet::new());
        let known = kept.filter(|k| (&k.shaders, &k.adapter, &k.driver) == (&own.shaders, &own.adapter, &own.driver));
        let (choices, checked) = known.map_or_else(Default::default, |kept| (kept.choices, kept.checked));
        *lock(&self.tuned) = Tuned { choices: Arc::new(choices), checked, path: Some(path), ..Tuned::default() };
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

    /// The same among given kernels: classes not yet known, the dearest first, until the time is over; then the table is
    /// only checked.
    pub fn tune_among(&self, graph: &Graph, candidates: &[ConvChoice], budget: Duration) -> Result<()> {
        let begun = Instant::now();
        let (known, mut checked, fixed) = {
            let tuned = lock(&self.tuned);
            (tuned.choices.clone(), tuned.checked.clone(), tuned.fixed)
        };
        let (mut found, before) = (Choices::new(), checked.len());
        if candidates.len() > 1 && !fixed {
            for (class, id) in classes(graph).into_iter().filter(|(class, _)| !known.contains_key(class)) {
                // Of depthwise convolutions there is one kernel only, beside `direct`.
                let in_time = if !class.depthwise && begun.elapsed() < budget { candidates } else { &[] };
                if in_time.is_empty() && checked.contains(&class) {
                    continue;
                }
                let bench = Bench::new(&self.gpu, graph, id, class);
                match choose(in_time, |kernel| bench.measure(kernel), &class, self.gpu.name())? {
                    Some(Kernel::Choice(choice)) => drop(found.insert(class, choice)),
                    Some(Kernel::Table) => drop(checked.insert(class)),
                    None => {}
                }
            }
        }
        let mut tuned = lock(&self.tuned);
        tuned.spent += begun.elapsed();
        if found.is_empty() && checked.len() == before {
            return Ok(());
        }
        Arc::make_mut(&mut tuned.choices).extend(found);
        tuned.checked = checked;
        if let Some(path) = &tuned.path
            && let kept = self.kept(Choices::clone(&tuned.choices), tuned.checked.clone())
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

    fn kept(&self, choices: Choices, checked: BTreeSet<ConvClass>) -> Kept {
        let info = &self.gpu.description().info;
        let text = SOURCES.iter().chain(PARTS).fold(0, |crc, (_, text)| crc32c::crc32c_append(crc, text.as_bytes()));
        let shaders = format!("{} {text:08x}", env!("CARGO_PKG_VERSION"));
        Kept { shaders, adapter: info.name.clone(), driver: info.driver_info.clone(), choices, checked }
    }
}

/// A kernel under trial: one of the candidates, or what the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernel {
    Table,
    Choice(ConvChoice),
}

/// What became of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trial {
    /// its results are right; milliseconds
    Right(f64),
    /// they are wrong, or the driver refuses it
    Wrong,
    /// it needs more memory than there is, which says nothing of its results
    TooLarge,
}

/// The fastest right kernel for a class among the candidates; the table's if it is right and none of them; `None` if there is
/// not the memory to tell.
fn choose(
    candidates: &[ConvChoice],
    mut measure: impl FnMut(Kernel) -> Result<Trial>,
    class: &ConvClass,
    adapter: &str,
) -> Result<Option<Kernel>> {
    let table = measure(Kernel::Table)?;
    let mut best: Option<(f64, ConvChoice)> = None;
    for &choice in candidates {
        if let Trial::Right(milliseconds) = measure(Kernel::Choice(choice))?
            && best.is_none_or(|(least, _)| milliseconds < least)
        {
            best = Some((milliseconds, choice));
        }
    }
    match (best, table) {
        (Some((_, choice)), _) => return Ok(Some(Kernel::Choice(choice))),
        (None, Trial::Right(_)) => return Ok(Some(Kernel::Table)),
        (None, Trial::TooLarge) => return Ok(None),
        (None, Trial::Wrong) => {}
    }
    if let Trial::Right(_) = measure(Kernel::Choice(ConvChoice::Direct))? {
        tracing::warn!("{class} is computed without tiles on `{adapter}`, which is slow: nothing else is right there");
        return Ok(Some(Kernel::Choice(ConvChoice::Direct)));
    }
    Err(GpuError::Wrong { adapter: adapter.to_owned(), what: class.to_string() })
}

/// One convolution alone, with operands of which some results are known.
struct Bench<'g> {
    gpu: &'g Arc<Gpu>,
    class: ConvClass,
    graph: Graph,
    samples: Samples,
}

impl<'g> Bench<'g> {
    fn new(gpu: &'g Arc<Gpu>, graph: &Graph, id: NodeId, class: ConvClass) -> Bench<'g> {
        let samples = Samples::new(&Geometry::of(graph, id), class.direction);
        Bench { gpu, class, graph: alone(graph, id), samples }
    }

    /// Runs a kernel, looks at its results, and takes its time; that of the table's kernel is not taken.
    fn measure(&self, kernel: Kernel) -> Result<Trial> {
        let Bench { gpu, class, graph, samples } = self;
        let choices = match kernel {
            Kernel::Table => Choices::new(),
            Kernel::Choice(choice) => Choices::from([(*class, choice)]),
        };
        let capabilities = Capabilities { choices: Arc::new(choices), ..gpu.capabilities() };
        let program = match Program::with(gpu, graph, &States::new((*gpu).clone()), &capabilities) {
            Ok(program) => program,
            Err(GpuError::TooLarge { .. } | GpuError::SampleTooLarge { .. } | GpuError::OutOfMemory { .. }) => {
                return Ok(Trial::TooLarge);
            }
            Err(error @ GpuError::Driver { .. }) => {
                tracing::warn!("{kernel} is not used for {class}: {error}");
                return Ok(Trial::Wrong);
            }
            Err(error) => return Err(error),
        };
        program.write("first", &samples.first)?;
        program.write("second", &samples.second)?;
        program.run()?;
        if !samples.agree(&program.read(&["result"])?.remove(0)) {
            tracing::warn!("{kernel} computes {class} wrongly on `{}` and is not used", gpu.name());
            return Ok(Trial::Wrong);
        }
        let mut fastest = f64::INFINITY;
        for _ in 0..if kernel == Kernel::Table { 0 } else { REPEATS } {
            fastest = fastest.min(program.milliseconds()?);
        }
        Ok(Trial::Right(fastest))
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kernel::Table => f.write_str("the table's kernel"),
            Kernel::Choice(choice) => write!(f, "{choice:?}"),
        }
    }
}

/// A convolution of each class in the graph, the class that takes most operations first.
fn classes(graph: &Graph) -> Vec<(ConvClass, NodeId)> {
    let mut found: BTreeMap<ConvClass, (f64, NodeId)> = BTreeMap::new();
    for id in graph.live_nodes() {
        let Some(direction) = direction(&graph.node(id).op) else { continue };
        let geometry = Geometry::of(graph, id);
        if geometry.spec.groups == 1 || geometry.is_depthwise() {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is chosen where kernels do so in trials, and what was tried.
    fn chosen(candidates: &[ConvChoice], trials: &[(Kernel, Trial)]) -> (Result<Option<Kernel>>, Vec<Kernel>) {
        let class = "conv2d 3x3 stride 1x1, 8 to 8 channels, 64 pixels".parse().expect("a class");
        let mut tried = Vec::new();
        let measure = |kernel| {
            tried.push(kernel);
            Ok(trials.iter().find(|(known, _)| *known == kernel).map_or(Trial::Wrong, |(_, trial)| *trial))
        };
        (choose(candidates, measure, &class, "adapter"), tried)
    }

    #[test]
    fn what_is_wrong_is_never_kept_to() {
        use Kernel::{Choice, Table};
        let [direct, small, large] = [ConvChoice::Direct, ConvChoice::Small, ConvChoice::Large].map(Choice);
        let both = [ConvChoice::Small, ConvChoice::Large];
        let right = Trial::Right;
        let is =
            |candidates: &[ConvChoice], trials: &[(Kernel, Trial)]| chosen(candidates, trials).0.expect("one is right");
        let all = [(Table, right(0.0)), (small, right(2.0)), (large, right(1.0))];
        assert_eq!(is(&both, &all), Some(large));
        assert_eq!(chosen(&both, &all).1, [Table, small, large]);
        // No time is left, or only the table is right.
        assert_eq!([is(&[], &all), is(&both, &all[..1])], [Some(Table); 2]);
        assert_eq!(is(&both, &[(small, right(2.0)), (direct, right(1.0))]), Some(small));
        assert_eq!(is(&both, &[(Table, Trial::TooLarge)]), None);
        for candidates in [&both[..], &[]] {
            assert_eq!(is(candidates, &[(direct, right(9.0))]), Some(direct));
            let error = chosen(candidates, &[]).0.expect_err("nothing is right").to_string();
            assert_eq!(
                error,
                "`adapter` computes conv2d 3x3 stride 1x1, 8 to 8 channels, 64 pixels wrongly with every kernel"
            );
        }
    }
}
