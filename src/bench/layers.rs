//! Single layers of the network, forward and both gradients.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::gpu::{Ceiling, KernelFamily, Program, Result, States, Tuner};
use crate::graph::{ConvSpec, Graph, Op, ShapeError};

/// Measurements of which the median counts: at least so many, and until so much time has passed.
const REPEATS: usize = 3;
const LONG_ENOUGH: Duration = Duration::from_millis(500);
const MOST: usize = 25;

/// A convolution of the network.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    /// in tables
    pub name: &'static str,
    /// `[N, I, H, W]`
    pub input: [usize; 4],
    /// output channels O
    pub outputs: usize,
    /// rows and columns of the kernel
    pub kernel: usize,
    /// along rows and columns
    pub stride: usize,
    /// zeros on every side
    pub padding: usize,
    /// along rows and columns
    pub dilation: usize,
    /// as many as channels in a depthwise convolution
    pub groups: usize,
}

/// What a convolution computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `y` from `x` and `w`
    Forward,
    /// `dx` from `dy` and `w`
    InputGrad,
    /// `dw` from `x` and `dy`
    WeightGrad,
}

impl Direction {
    /// All directions.
    pub const ALL: [Direction; 3] = [Direction::Forward, Direction::InputGrad, Direction::WeightGrad];

    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Forward => "forward",
            Direction::InputGrad => "input gradient",
            Direction::WeightGrad => "weight gradient",
        }
    }
}

/// Time of a layer in one direction.
#[derive(Clone, Debug)]
pub struct KernelResult {
    /// what was measured
    pub layer: Layer,
    /// which of its three computations
    pub direction: Direction,
    /// median of the runs, without what comes next
    pub milliseconds: f64,
    /// of the same run, what packing feature maps and unpacking the result took, if the adapter has timestamps: in a step
    /// all kernels but the first and the last read and leave their maps packed
    pub packing_milliseconds: Option<f64>,
    /// operations of the computation as it is defined, two for each product; taps that meet padding count
    pub flops: u64,
    /// bytes that the launches read and write in these milliseconds
    pub bytes: u64,
}

impl Layer {
    /// Whether the layer is limited by memory and not by arithmetic.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1
    }

    fn output(&self) -> [usize; 4] {
        let [n, _, h, w] = self.input;
        let extent = |side: usize| (side + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) / self.stride + 1;
        [n, self.outputs, extent(h), extent(w)]
    }

    /// `[N, I, H, W] → O`, for tables.
    pub fn shape(&self) -> String {
        let [n, i, h, w] = self.input;
        format!("[{n}, {i}, {h}, {w}] -> {}", self.outputs)
    }

    fn graph(&self, direction: Direction) -> std::result::Result<Graph, ShapeError> {
        let mut graph = Graph::new();
        let weights = [self.outputs, self.input[1] / self.groups, self.kernel, self.kernel];
        let spec = ConvSpec {
            stride: [self.stride; 2],
            padding: [self.padding; 2],
            dilation: [self.dilation; 2],
            groups: self.groups,
        };
        let x = graph.input("x", self.input);
        let w = graph.input("w", weights);
        let y = graph.conv2d(x, w, None, spec)?;
        let dy = graph.input("dy", self.output());
        let result = match direction {
            Direction::Forward => y,
            Direction::InputGrad => {
                let [_, _, h, w_] = self.input;
                graph.push(Op::Conv2dInputGrad { spec, input: [h, w_] }, &[dy, w])?
            }
            Direction::WeightGrad => graph.push(Op::Conv2dWeightGrad { spec, kernel: [self.kernel; 2] }, &[x, dy])?,
        };
        graph.output("result", result);
        Ok(graph)
    }
}

/// The layers in which DeepLabv3+ on MobileNetV2 spends its time, for images of `size` pixels a side.
pub fn layers(size: usize, batch: usize) -> Vec<Layer> {
    let (half, low, deep) = (size / 2, size / 4, size / 16);
    let conv = |name, channels, outputs, side, kernel: usize, dilation: usize| Layer {
        name,
        input: [batch, channels, side, side],
        outputs,
        kernel,
        stride: 1,
        padding: dilation * (kernel / 2),
        dilation,
        groups: 1,
    };
    vec![
        conv("3x3", 256, 256, deep, 3, 1),
        conv("3x3, rate 6", 256, 256, deep, 3, 6),
        conv("decoder 3x3", 304, 256, low, 3, 1),
        conv("1x1", 320, 256, deep, 1, 1),
        conv("1x1, expand", 24, 144, low, 1, 1),
        conv("1x1, project", 144, 24, low, 1, 1),
        Layer { stride: 2, ..conv("3x3, stride 2", 3, 32, size, 3, 1) },
        Layer { stride: 2, padding: 2, ..conv("4x4, stride 2", 64, 128, half, 4, 1) },
        Layer { groups: 144, ..conv("depthwise 3x3", 144, 144, low, 3, 1) },
        Layer { groups: 960, ..conv("depthwise 3x3, rate 2", 960, 960, deep, 3, 2) },
    ]
}

impl KernelResult {
    /// Rate of arithmetic.
    pub fn gflops(&self) -> f64 {
        self.flops as f64 / self.milliseconds * 1e-6
    }

    /// GB/s of what is read and written.
    pub fn gigabytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.milliseconds * 1e-6
    }

    /// Share of the ceiling that binds the layer: memory for depthwise ones, arithmetic for the others.
    pub fn share(&self, ceiling: &Ceiling) -> f64 {
        match self.layer.is_depthwise() {
            true => self.gigabytes_per_second() / ceiling.gigabytes_per_second,
            false => self.gflops() / ceiling.gflops,
        }
    }
}

/// Measures a layer in one direction.
pub fn measure(tuner: &Tuner, layer: Layer, direction: Direction) -> Result<KernelResult> {
    let graph = layer.graph(direction).expect("the layers' shapes fit");
    let program = tuner.compile(&graph, &States::new(tuner.gpu().clone()))?;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for (name, elements) in program.inputs() {
        let values: Vec<f32> = (0..elements).map(|_| rng.random_range(-1.0..1.0)).collect();
        program.write(&name, &values)?;
    }
    let begun = Instant::now();
    let mut times = Vec::new();
    time(&program)?;
    while times.len() < REPEATS || (begun.elapsed() < LONG_ENOUGH && times.len() < MOST) {
        times.push(time(&program)?);
    }
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (milliseconds, packing_milliseconds) = times[times.len() / 2];
    let works = program.launch_works();
    let timed = works.iter().filter(|launch| packing_milliseconds.is_none() || launch.family != KernelFamily::PackMaps);
    let (flops, bytes) = (graph.flops(), timed.map(|launch| launch.work.bytes()).sum());
    Ok(KernelResult { layer, direction, milliseconds, packing_milliseconds, flops, bytes })
}

/// Milliseconds of one run without packing, and of the packing; where the adapter has no timestamps, all is in the first.
fn time(program: &Program) -> Result<(f64, Option<f64>)> {
    if !program.has_timestamps() {
        return Ok((program.milliseconds()?, None));
    }
    let (mut rest, mut packing) = (0.0, 0.0);
    for kernel in program.run_profiled()? {
        let part = if kernel.launch.family == KernelFamily::PackMaps { &mut packing } else { &mut rest };
        *part += kernel.milliseconds;
    }
    Ok((rest, Some(packing)))
}
