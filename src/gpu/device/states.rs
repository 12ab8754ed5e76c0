//! Named buffers that outlive a run, shared by the programs that read and change them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::gpu::Gpu;
use super::lock::lock;
use crate::gpu::kernel::ALIGNMENT;
use crate::gpu::machine::{GpuError, Result};
use crate::graph::{Graph, Shape, State};

/// Where a state lives.
#[derive(Clone)]
pub(crate) struct StateBuffer {
    pub(crate) buffer: wgpu::Buffer,
    pub(crate) offset: u64,
    pub(crate) shape: Shape,
}

/// Named states on an adapter.
pub struct States {
    gpu: Arc<Gpu>,
    entries: Mutex<BTreeMap<String, StateBuffer>>,
}

impl States {
    /// No states yet.
    pub fn new(gpu: Arc<Gpu>) -> Self {
        States { gpu, entries: Mutex::new(BTreeMap::new()) }
    }

    /// Makes room for the states of a graph that are not known yet, each where its updates want it.
    pub fn declare_for(&self, graph: &Graph) -> Result<()> {
        let states: Vec<State> = graph.states_by_place().into_iter().map(|id| graph.state_info(id).clone()).collect();
        self.declare(&states)
    }

    /// Makes room for states not known yet, filled with zeros.
    pub fn declare(&self, states: &[State]) -> Result<()> {
        let mut entries = lock(&self.entries);
        let mut fresh = Vec::new();
        for state in states {
            match entries.get(&state.name) {
                Some(known) if known.shape == state.shape => {}
                Some(known) => {
                    let (expected, given) = (known.shape.elements(), state.shape.elements());
                    return Err(GpuError::WrongLength { kind: "state", name: state.name.clone(), expected, given });
                }
                None => fresh.push(state),
            }
        }
        let limit = self.gpu.device.limits().max_buffer_size.min(1 << 30);
        let mut start = 0;
        while start < fresh.len() {
            let (mut bytes, mut end) = (0, start);
            while end < fresh.len() && (end == start || bytes + fresh[end].shape.bytes() <= limit) {
                bytes = (bytes + fresh[end].shape.bytes()).next_multiple_of(ALIGNMENT);
                end += 1;
            }
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
            let buffer = self.gpu.buffer("states", bytes, usage)?;
            let mut offset = 0;
            for state in &fresh[start..end] {
                let entry = StateBuffer { buffer: buffer.clone(), offset, shape: state.shape.clone() };
                offset = (offset + state.shape.bytes()).next_multiple_of(ALIGNMENT);
                entries.insert(state.name.clone(), entry);
            }
            start = end;
        }
        Ok(())
    }

    /// Names and shapes of all states, sorted by name.
    pub fn list(&self) -> Vec<State> {
        let entries = lock(&self.entries);
        entries.iter().map(|(name, e)| State { name: name.clone(), shape: e.shape.clone() }).collect()
    }

    /// Replaces a state's values.
    pub fn write(&self, name: &str, values: &[f32]) -> Result<()> {
        let entry = self.entry(name)?;
        let expected = entry.shape.elements();
        if values.len() != expected {
            let name = name.to_string();
            return Err(GpuError::WrongLength { kind: "state", name, expected, given: values.len() });
        }
        self.gpu.queue.write_buffer(&entry.buffer, entry.offset, bytemuck::cast_slice(values));
        self.gpu.check()
    }

    /// Reads states back, in the order of the names.
    pub fn read(&self, names: &[&str]) -> Result<Vec<Vec<f32>>> {
        let entries = names.iter().map(|n| self.entry(n)).collect::<Result<Vec<_>>>()?;
        let ranges: Vec<_> = entries.iter().map(|e| (&e.buffer, e.offset, e.shape.elements())).collect();
        read_ranges(&self.gpu, &ranges)
    }

    pub(crate) fn entry(&self, name: &str) -> Result<StateBuffer> {
        let found = lock(&self.entries).get(name).cloned();
        found.ok_or_else(|| GpuError::UnknownName { kind: "state", name: name.to_string() })
    }
}

/// Copies ranges (buffer, byte offset, number of f32) through one staging buffer.
pub(crate) fn read_ranges(gpu: &Gpu, ranges: &[(&wgpu::Buffer, u64, usize)]) -> Result<Vec<Vec<f32>>> {
    let bytes: u64 = ranges.iter().map(|(_, _, len)| *len as u64 * 4).sum();
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = gpu.buffer("read-back", bytes, usage)?;
    read_through(gpu, &staging, ranges)
}

/// Copies ranges through a staging buffer that is large enough.
pub(crate) fn read_through(
    gpu: &Gpu,
    staging: &wgpu::Buffer,
    ranges: &[(&wgpu::Buffer, u64, usize)],
) -> Result<Vec<Vec<f32>>> {
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let mut offset = 0;
    for (buffer, start, len) in ranges {
        encoder.copy_buffer_to_buffer(buffer, *start, staging, offset, *len as u64 * 4);
        offset += *len as u64 * 4;
    }
    gpu.queue.submit([encoder.finish()]);
    gpu.check()?;
    let (sender, receiver) = std::sync::mpsc::channel();
    staging.map_async(wgpu::MapMode::Read, 0..offset, move |result| {
        // The receiver waits below, or has gone with an error of its own.
        let _ = sender.send(result);
    });
    gpu.wait()?;
    let failed = |message: String| GpuError::Driver { adapter: gpu.name().to_string(), message };
    receiver.recv().map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
    let mapped = staging.get_mapped_range(0..offset).map_err(|e| failed(e.to_string()))?;
    let mut values = Vec::with_capacity(ranges.len());
    let mut start = 0;
    for (_, _, len) in ranges {
        let range = &mapped[start..start + len * 4];
        values.push(bytemuck::pod_collect_to_vec(range));
        start += len * 4;
    }
    drop(mapped);
    staging.unmap();
    Ok(values)
}
