//! What an adapter can do at best, measured on the adapter itself.

use std::time::{Duration, Instant};

use wgpu::BufferUsages as Usage;

use crate::gpu::device::{Gpu, read_ranges};
use crate::gpu::kernel::{Dispatch, Shader, Target, View, uniform};
use crate::gpu::machine::{Ceiling, Result};
use crate::graph::NodeId;

/// Bytes of each of the two buffers: more than any cache, less than any adapter's limit.
const BYTES: u64 = 64 << 20;
/// Bytes that one invocation stores.
const VECTOR: u64 = 16;
/// Multiply-adds of one invocation in one step of the loop.
const PER_STEP: u64 = 12;
/// A measurement is long enough for the launch's own cost to vanish in it.
const LONG_ENOUGH: Duration = Duration::from_millis(60);
/// Measurements of which the shortest counts: a ceiling is what the adapter can do when nothing disturbs it.
const REPEATS: usize = 9;

uniform! {
    CeilingBlock { count: usize, steps: u32 }
}

/// The two buffers and how to launch the kernels on them.
struct Bench<'g> {
    gpu: &'g Gpu,
    x: wgpu::Buffer,
    y: wgpu::Buffer,
    params: wgpu::Buffer,
}

impl Gpu {
    /// Measures the ceilings; takes about a second.
    pub fn ceiling(&self) -> Result<Ceiling> {
        let usage = Usage::STORAGE | Usage::COPY_SRC;
        let bench = Bench {
            gpu: self,
            x: self.buffer("ceiling x", BYTES, usage)?,
            y: self.buffer("ceiling y", BYTES, usage)?,
            params: self.buffer("ceiling parameters", 256, Usage::UNIFORM | Usage::COPY_DST)?,
        };
        let invocations = BYTES / VECTOR / 16;
        let mut steps = 64;
        while bench.seconds("multiply_add", invocations, steps)? < LONG_ENOUGH.as_secs_f64() && steps < 1 << 20 {
            steps *= 2;
        }
        let arithmetic = bench.shortest("multiply_add", invocations, steps)?;
        let copying = bench.shortest("copy", BYTES / VECTOR, 0)?;
        Ok(Ceiling {
            gflops: (2 * PER_STEP * invocations * u64::from(steps)) as f64 / arithmetic * 1e-9,
            gigabytes_per_second: (2 * BYTES) as f64 / copying * 1e-9,
        })
    }

    /// The first results of `multiply_add` after `steps` steps, for its test.
    pub fn multiply_add_results(&self, invocations: u32, steps: u32) -> Result<Vec<f32>> {
        let bytes = u64::from(invocations) * VECTOR;
        let usage = Usage::STORAGE | Usage::COPY_SRC;
        let bench = Bench {
            gpu: self,
            x: self.buffer("ceiling x", bytes, usage)?,
            y: self.buffer("ceiling y", bytes, usage)?,
            params: self.buffer("ceiling parameters", 256, Usage::UNIFORM | Usage::COPY_DST)?,
        };
        bench.seconds("multiply_add", u64::from(invocations), steps)?;
        Ok(read_ranges(self, &[(&bench.y, 0, invocations as usize * 4)])?.remove(0))
    }
}

impl Bench<'_> {
    fn shortest(&self, entry: &'static str, invocations: u64, steps: u32) -> Result<f64> {
        (0..REPEATS).try_fold(f64::INFINITY, |best, _| Ok(best.min(self.seconds(entry, invocations, steps)?)))
    }

    /// Wall time of one launch.
    fn seconds(&self, entry: &'static str, invocations: u64, steps: u32) -> Result<f64> {
        let gpu = self.gpu;
        // The pipeline depends on how buffers are bound, not on which.
        let view = View::whole(Target::Node(NodeId(0)), 0);
        let dispatch = Dispatch::new(Shader::Ceiling, entry)
            .uniform(&CeilingBlock { count: invocations as usize, steps })
            .bind_written(view)
            .bind(view)
            .groups(invocations.div_ceil(64) as usize);
        let pipeline = gpu.pipeline(&dispatch)?;
        gpu.queue.write_buffer(&self.params, 0, bytemuck::cast_slice(&dispatch.params));
        let resources = [&self.params, &self.y, &self.x].map(wgpu::Buffer::as_entire_binding);
        let entries: Vec<_> =
            (0..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
        let descriptor = wgpu::BindGroupDescriptor { label: Some(entry), layout: &pipeline.layout, entries: &entries };
        let bind_group = gpu.device.create_bind_group(&descriptor);
        gpu.queue.submit([]);
        gpu.wait()?;
        let begun = Instant::now();
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&pipeline.pipeline);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.dispatch_workgroups(dispatch.groups[0], dispatch.groups[1], dispatch.groups[2]);
        }
        gpu.queue.submit([encoder.finish()]);
        gpu.wait()?;
        Ok(begun.elapsed().as_secs_f64())
    }
}
