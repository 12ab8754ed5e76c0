//! What a replayed step costs the host before any driver sees it.

use std::sync::Arc;
use std::time::Instant;

use super::program::Program;
use crate::gpu::device::{Gpu, States};
use crate::gpu::machine::{Divisions, Result};
use crate::graph::Graph;

/// Replays of which the median counts, after one that is not counted.
const REPEATS: usize = 21;

impl Gpu {
    /// Milliseconds of the host for one replay of a graph outside the driver: the same launches as here are recorded
    /// and submitted to wgpu's backend that does nothing. Takes as much memory of the host as the plan takes here.
    pub fn host_milliseconds(&self, graph: &Graph) -> Result<f64> {
        let idle = Arc::new(self.without_driver()?);
        idle.divide(Divisions::clone(&self.divisions()));
        let program = Program::with(&idle, graph, &States::new(idle.clone()), &self.capabilities())?;
        program.run()?;
        let mut times = Vec::with_capacity(REPEATS);
        for _ in 0..REPEATS {
            let begun = Instant::now();
            program.run()?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            idle.wait()?;
        }
        times.sort_by(f64::total_cmp);
        Ok(times[REPEATS / 2])
    }
}
