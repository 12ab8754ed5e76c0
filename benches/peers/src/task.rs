//! What is timed, and the face that the peers share.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use papilla::bench::{Layer, layers};

/// A sample of something shorter than this is the mean over as many runs as fill it.
const LONG_ENOUGH: Duration = Duration::from_millis(200);

/// Layers of `papilla bench` that are compared, by their names there.
const COMPARED: [&str; 5] = ["3x3", "3x3, rate 6", "1x1", "depthwise 3x3", "decoder 3x3"];

/// How much of a layer is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    Forward,
    /// forward, and the gradients of the weights and of the input
    ForwardBackward,
}

impl Pass {
    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Pass::Forward => "forward",
            Pass::ForwardBackward => "forward + backward",
        }
    }
}

/// One row of the comparison.
#[derive(Clone, Copy, Debug)]
pub enum Task {
    Layer {
        layer: Layer,
        pass: Pass,
    },
    /// the source-only training step of DeepLabv3+ on MobileNetV2: forward, loss, backward, Adam
    Step {
        size: usize,
        batch: usize,
    },
}

impl Task {
    /// The compared layers, each in both passes, for images of `size` pixels a side.
    pub fn layers(size: usize, batch: usize) -> Vec<Task> {
        let list = layers(size, batch).into_iter().filter(|layer| COMPARED.contains(&layer.name));
        list.flat_map(|layer| [Pass::Forward, Pass::ForwardBackward].map(|pass| Task::Layer { layer, pass })).collect()
    }

    /// Name in tables.
    pub fn name(&self) -> String {
        match self {
            Task::Layer { layer, pass } => format!("{}, {}", layer.name, pass.name()),
            Task::Step { .. } => "source-only step".to_string(),
        }
    }

    /// Shape of what goes in, for tables.
    pub fn shape(&self) -> String {
        match self {
            Task::Layer { layer, .. } => layer.shape(),
            Task::Step { size, batch } => format!("[{batch}, 3, {size}, {size}]"),
        }
    }
}

/// Time of one run.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub seconds: f64,
    /// of a training step
    pub loss: Option<f32>,
}

/// Someone who computes the tasks.
pub trait Peer {
    /// Name in tables.
    fn name(&self) -> &'static str;

    /// Makes a task ready and forgets the one before; the number of trained parameters if it is a step.
    fn prepare(&mut self, task: &Task) -> Result<Option<usize>>;

    /// Computes the task once to the end, and gives the loss if it is a step.
    fn run(&mut self) -> Result<Option<f32>>;

    /// Times the task.
    fn sample(&mut self) -> Result<Sample> {
        let begun = Instant::now();
        let mut runs = 0;
        let mut loss = None;
        while runs == 0 || begun.elapsed() < LONG_ENOUGH {
            loss = self.run()?;
            runs += 1;
        }
        let seconds = begun.elapsed().as_secs_f64() / f64::from(runs);
        if let Some(loss) = loss {
            ensure!(loss.is_finite(), "the loss of {} is {loss}", self.name());
        }
        Ok(Sample { seconds, loss })
    }
}

/// `count` values spread over [−1, 1), the same on every machine.
pub fn values(count: usize) -> Vec<f32> {
    let value = |i: usize| (i.wrapping_mul(2_654_435_761) >> 8) as u16;
    (0..count).map(|i| f32::from(value(i)) / 32768.0 - 1.0).collect()
}

/// `count` labels, about half of them 1.
pub fn labels(count: usize) -> Vec<f32> {
    values(count).into_iter().map(|value| f32::from(value > 0.0)).collect()
}
