//! Whole training steps.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Result, bail};

use super::median;
use crate::device::{Device, Program};
use crate::gpu::{Ceiling, FamilyWork, KernelTime, LaunchWork};
use crate::method::step::{GENERATOR, adam_correction};
use crate::train::{Config, fitting_step, initialise};

/// Steps of which the median counts, after one that is not counted.
const REPEATS: usize = 3;

/// What a training step costs.
#[derive(Clone, Debug)]
pub struct StepResult {
    /// from the start of a step until its loss is read, median
    pub milliseconds: f64,
    /// host time from the start of a step until the driver has it
    pub host_milliseconds: f64,
    /// the part of it outside the driver
    pub host_without_driver_milliseconds: f64,
    /// from the traced graph to the first step's loss: plan, pipelines, weights, one step
    pub cold_start_milliseconds: f64,
    /// images of one camera in the batch, over the time of a step
    pub images_per_second: f64,
    /// what the values of a step share, buffers and textures; states and inputs are beside it
    pub peak_bytes: u64,
    /// launches of kernels in a step
    pub dispatches: usize,
    /// what each launch takes
    pub works: Vec<LaunchWork>,
    /// every launch of one step, in order; empty where the adapter has no timestamps
    pub times: Vec<KernelTime>,
    /// time by operator and kernel, the dearest first; empty where the adapter has no timestamps
    pub operators: Vec<Hot>,
    /// the dearest single operators with what they read
    pub hottest: Vec<Hot>,
}

/// What kernels of a kind take of a step, and how long.
#[derive(Clone, Copy, Debug)]
pub struct FamilyTime {
    /// what they take
    pub of: FamilyWork,
    /// how long they are expected to take
    pub expected_milliseconds: f64,
    /// how long they took, if the adapter has timestamps
    pub milliseconds: Option<f64>,
}

impl StepResult {
    /// Milliseconds that the launches are expected to take on an adapter of this ceiling.
    pub fn expected_milliseconds(&self, ceiling: &Ceiling) -> f64 {
        ceiling.expected_seconds(&self.works) * 1e3
    }

    /// The same by kinds of kernels, beside what was measured.
    pub fn families(&self, ceiling: &Ceiling) -> Vec<FamilyTime> {
        let of = |of: FamilyWork| {
            let works = self.works.iter().filter(|launch| launch.family == of.family);
            let times = self.times.iter().filter(|time| time.launch.family == of.family);
            FamilyTime {
                of,
                expected_milliseconds: ceiling.expected_seconds(works) * 1e3,
                milliseconds: (!self.times.is_empty()).then(|| times.map(|time| time.milliseconds).sum()),
            }
        };
        FamilyWork::of(&self.works).into_iter().map(of).collect()
    }
}

/// An operator's share of a step.
#[derive(Clone, Debug)]
pub struct Hot {
    /// name of the operator or the update
    pub operator: &'static str,
    /// name of the shader
    pub kernel: &'static str,
    /// shapes that a single operator reads; empty for all operators of a name
    pub shapes: String,
    /// launches in one step
    pub launches: usize,
    /// time of these launches in one step, by the adapter's timestamps
    pub milliseconds: f64,
}

/// Measures the step that the settings describe (after the warm-up), on images of one grey.
pub fn measure_step(device: &Device, config: &Config) -> Result<StepResult> {
    let Some(gpu) = device.adapter() else { bail!("the reference is not made to be fast; choose an adapter") };
    let (traced, _) = fitting_step(config, true, &device.capabilities(), 0)?;
    let begun = Instant::now();
    let states = device.states();
    let compiled = device.compile(&traced.graph, &states)?;
    initialise(&states, GENERATOR, &traced.tensors, config.seed)?;
    for (prefix, tensors) in &traced.discriminators {
        initialise(&states, prefix, tensors, config.seed)?;
    }
    for image in ["image_s", "image_t", "image_t_aug"].into_iter().filter(|name| compiled.has_input(name)) {
        compiled.write(image, &vec![0.1; config.batch * 3 * config.size * config.size])?;
    }
    compiled.write("lr", &[config.lr])?;
    if compiled.has_input("lr_dis") {
        compiled.write("lr_dis", &[config.lr_discriminator])?;
    }
    compiled.write("adam_correction", &adam_correction(config.adam(), 1))?;
    compiled.run()?;
    compiled.read(&["total"])?;
    let cold_start_milliseconds = begun.elapsed().as_secs_f64() * 1e3;

    let (mut whole, mut host) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let begun = Instant::now();
        compiled.run()?;
        host.push(begun.elapsed().as_secs_f64() * 1e3);
        compiled.read(&["total"])?;
        whole.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let Program::Gpu(program) = &compiled else { unreachable!("adapters make programs of their own") };
    let times = if program.has_timestamps() { program.run_profiled()? } else { Vec::new() };
    let (operators, hottest) = hot(&times);
    let works = program.launch_works();
    let milliseconds = median(whole);
    let (peak_bytes, dispatches) = (program.peak_bytes(), program.dispatches());
    drop((compiled, states));
    Ok(StepResult {
        milliseconds,
        host_milliseconds: median(host),
        host_without_driver_milliseconds: gpu.host_milliseconds(&traced.graph)?,
        cold_start_milliseconds,
        images_per_second: config.batch as f64 / milliseconds * 1e3,
        peak_bytes,
        dispatches,
        works,
        times,
        operators,
        hottest,
    })
}

/// Times by operator and kernel, and by single operator.
fn hot(times: &[KernelTime]) -> (Vec<Hot>, Vec<Hot>) {
    let mut by_kind: BTreeMap<(&str, &str), Hot> = BTreeMap::new();
    let mut by_step: BTreeMap<(usize, &str), Hot> = BTreeMap::new();
    for time in times {
        let empty = |shapes: &str| Hot {
            operator: time.label,
            kernel: time.shader,
            shapes: shapes.to_string(),
            launches: 0,
            milliseconds: 0.0,
        };
        let kind = by_kind.entry((time.label, time.shader)).or_insert_with(|| empty(""));
        let step = by_step.entry((time.step, time.shader)).or_insert_with(|| empty(&time.shapes));
        for hot in [kind, step] {
            hot.launches += 1;
            hot.milliseconds += time.milliseconds;
        }
    }
    let sorted = |values: Vec<Hot>| {
        let mut values = values;
        values.sort_by(|a, b| b.milliseconds.total_cmp(&a.milliseconds));
        values
    };
    let mut hottest = sorted(by_step.into_values().collect());
    hottest.truncate(10);
    (sorted(by_kind.into_values().collect()), hottest)
}
