//! Where the time of a run goes, by the adapter's own timestamps.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::program::Program;
use super::step_part::StepPart;
use crate::gpu::device::read_through;
use crate::gpu::kernel::{LaunchWork, PipelineKey};
use crate::gpu::machine::Result;
use crate::gpu::plan::variant_name;

/// Timestamps of a query set, WebGPU's limit.
const QUERIES: u32 = 4096;

/// Time of one launch.
#[derive(Clone, Debug)]
pub struct KernelTime {
    /// operator or update that the launch belongs to
    pub label: &'static str,
    /// name of the shader, one of [`SOURCES`](crate::gpu::shader::SOURCES)
    pub shader: &'static str,
    /// entry point of it
    pub entry: &'static str,
    /// the shader as it is specialised, by [`Variant::name`](crate::gpu::Variant::name)
    pub variant: Arc<str>,
    /// shapes that the operator reads
    pub shapes: String,
    /// position of the operator among the live nodes
    pub step: usize,
    /// what the launch is for
    pub part: StepPart,
    /// workgroups along three axes
    pub groups: [u32; 3],
    /// what the launch takes
    pub launch: LaunchWork,
    /// when it begins, after the beginning of the first launch
    pub begin_milliseconds: f64,
    /// from its beginning to its end on the adapter
    pub milliseconds: f64,
}

impl Program {
    /// Whether the adapter was opened with timestamps.
    pub fn has_timestamps(&self) -> bool {
        self.gpu.options().timestamps
    }

    /// Time of one run: the sum of its launches where the adapter was opened with timestamps, or else from submission
    /// to the end.
    pub fn milliseconds(&self) -> Result<f64> {
        if self.has_timestamps() {
            return Ok(self.run_profiled()?.iter().map(|time| time.milliseconds).sum());
        }
        self.gpu.wait()?;
        let begun = Instant::now();
        self.run()?;
        self.gpu.wait()?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }

    /// One run with a timestamp after each launch; the adapter must have been opened with `timestamps`.
    pub fn run_profiled(&self) -> Result<Vec<KernelTime>> {
        let gpu = &self.gpu;
        let period = f64::from(gpu.queue.get_timestamp_period()) * 1e-6;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = gpu.buffer("timestamps", u64::from(QUERIES) * 8, usage)?;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = gpu.buffer("timestamps", u64::from(QUERIES) * 8, usage)?;
        let queries = gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("kernels"),
            ty: wgpu::QueryType::Timestamp,
            count: QUERIES,
        });
        let launches = self.launches();
        let mut times = Vec::with_capacity(launches.len());
        let mut names: HashMap<&PipelineKey, Arc<str>> = HashMap::new();
        let mut origin = None;
        let submissions = self.submissions().into_iter();
        for chunk in submissions.flat_map(|range| launches[range].chunks(QUERIES as usize - 1)) {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.write_timestamp(&queries, 0);
                for (index, launch) in chunk.iter().enumerate() {
                    launch.encode(&mut pass);
                    pass.write_timestamp(&queries, index as u32 + 1);
                }
            }
            encoder.resolve_query_set(&queries, 0..chunk.len() as u32 + 1, &resolved, 0);
            gpu.queue.submit([encoder.finish()]);
            let words = read_through(gpu, &staging, &[(&resolved, 0, (chunk.len() + 1) * 2)])?.remove(0);
            let stamp = |i: usize| u64::from(words[2 * i].to_bits()) | u64::from(words[2 * i + 1].to_bits()) << 32;
            let origin = *origin.get_or_insert(stamp(0));
            for (index, launch) in chunk.iter().enumerate() {
                let between = |from: u64, to: u64| to.saturating_sub(from) as f64 * period;
                let name = names.entry(&launch.key).or_insert_with(|| variant_name(&launch.key).into());
                times.push(KernelTime {
                    label: launch.label,
                    shader: launch.shader,
                    entry: launch.entry,
                    variant: name.clone(),
                    shapes: launch.class.shapes(),
                    step: launch.step,
                    part: launch.part,
                    groups: launch.groups,
                    launch: launch.summary,
                    begin_milliseconds: between(origin, stamp(index)),
                    milliseconds: between(stamp(index), stamp(index + 1)),
                });
            }
        }
        Ok(times)
    }
}
