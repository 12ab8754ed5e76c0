//! Launches made ready to be recorded: where everything lies that they bind, their pipelines and bind groups.

use std::collections::HashMap;
use std::sync::Arc;

use wgpu::BufferUsages as Usage;

use super::step_part::StepPart;
use crate::gpu::device::{Gpu, Pipeline, StateBuffer, States, Textures};
use crate::gpu::kernel::{ALIGNMENT, BufferUse, Launch, LaunchWork, PipelineKey, Row, Target, View, bytes_of};
use crate::gpu::machine::{Capabilities, GpuError, OperatorClass, Result};
use crate::gpu::plan::{Located, Plan, divide, is_leaf};
use crate::graph::{Graph, MemoryPlan, NodeId, Op, StateId};

/// A place in a buffer.
#[derive(Clone)]
pub(super) struct Place {
    pub buffer: wgpu::Buffer,
    pub offset: u64,
}

/// A launch ready to be recorded.
pub(super) struct Recorded {
    pub label: &'static str,
    pub shader: &'static str,
    pub entry: &'static str,
    /// the operator with the shapes it reads, or the update
    pub class: OperatorClass,
    pub step: usize,
    pub part: StepPart,
    pub key: Arc<PipelineKey>,
    pub summary: LaunchWork,
    pipeline: Arc<Pipeline>,
    bind_group: wgpu::BindGroup,
    pub groups: [u32; 3],
}

impl Recorded {
    pub(super) fn encode(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(self.groups[0], self.groups[1], self.groups[2]);
    }
}

/// Where everything lies that launches bind.
#[derive(Clone)]
pub(super) struct Places {
    nodes: HashMap<NodeId, Place>,
    states: HashMap<StateId, Place>,
    scratch: Vec<Place>,
    pub arena: Vec<wgpu::Buffer>,
}

impl Places {
    /// Inputs and constants have memory of their own, which runs leave as it is.
    pub(super) fn leaves(gpu: &Gpu, graph: &Graph, live: &[NodeId]) -> Result<Places> {
        let mut offsets = Vec::new();
        let mut bytes = 0;
        for &id in live {
            if is_leaf(graph, id) {
                offsets.push((id, bytes));
                bytes = (bytes + graph.shape(id).bytes()).next_multiple_of(ALIGNMENT);
            }
        }
        let buffer = gpu.buffer("inputs", bytes, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)?;
        let mut nodes = HashMap::new();
        for (id, offset) in offsets {
            if let Op::Constant { value } = graph.node(id).op {
                let values = vec![value; graph.shape(id).elements()];
                gpu.queue.write_buffer(&buffer, offset, bytemuck::cast_slice(&values));
            }
            nodes.insert(id, Place { buffer: buffer.clone(), offset });
        }
        Ok(Places { nodes, states: HashMap::new(), scratch: Vec::new(), arena: Vec::new() })
    }

    pub(super) fn add_states(&mut self, graph: &Graph, states: &States) -> Result<()> {
        for (index, state) in graph.states().iter().enumerate() {
            let StateBuffer { buffer, offset, .. } = states.entry(&state.name)?;
            self.states.insert(StateId(index), Place { buffer, offset });
        }
        Ok(())
    }

    pub(super) fn add_arena(&mut self, gpu: &Gpu, plan: &Plan) -> Result<()> {
        let MemoryPlan { offsets, page, pages, .. } = &plan.memory;
        for bytes in pages {
            let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
            self.arena.push(gpu.buffer("the values of a step", *bytes, usage)?);
        }
        let place = |index: usize| {
            let offset = offsets[index];
            Place { buffer: self.arena[(offset / page) as usize].clone(), offset: offset % page }
        };
        let nodes: Vec<_> = plan.owner.iter().map(|(&id, &index)| (id, place(index))).collect();
        self.scratch = (plan.first_scratch..offsets.len()).map(place).collect();
        self.nodes.extend(nodes);
        Ok(())
    }

    pub(super) fn target(&self, target: Target) -> Result<&Place> {
        let found = match target {
            Target::Node(id) => self.nodes.get(&id),
            Target::State(id) => self.states.get(&id),
            Target::Scratch(index) => self.scratch.get(index),
        };
        found.ok_or_else(|| GpuError::UnknownName { kind: "value", name: format!("{target:?}") })
    }
}

/// Makes the uniform block, pipelines and bind groups of all launches.
pub(super) fn record(
    gpu: &Gpu,
    launches: Vec<(OperatorClass, StepPart, Launch)>,
    places: &Places,
    textures: &Textures,
    capabilities: &Capabilities,
) -> Result<Vec<Recorded>> {
    let mut words = vec![0u32; launches.len() * (ALIGNMENT as usize / 4)];
    for ((.., launch), block) in launches.iter().zip(words.chunks_mut(ALIGNMENT as usize / 4)) {
        block[..launch.dispatch.params.len()].copy_from_slice(&launch.dispatch.params);
    }
    let bytes = words.len() as u64 * 4;
    let uniforms = gpu.buffer("parameters", bytes, Usage::UNIFORM | Usage::COPY_DST)?;
    gpu.queue.write_buffer(&uniforms, 0, bytemuck::cast_slice(&words));
    let mut recorded = Vec::with_capacity(launches.len());
    for (index, (class, part, launch)) in launches.into_iter().enumerate() {
        let (dispatch, label, step) = (&launch.dispatch, launch.label, launch.step);
        let (shader, entry, pipeline) = (dispatch.shader, dispatch.entry, gpu.pipeline(dispatch)?);
        let (key, summary) = (Arc::new(dispatch.pipeline_key()), launch.summary());
        let parameters = bound(&uniforms, index as u64 * ALIGNMENT, ALIGNMENT);
        let mut views = Vec::new();
        for BufferUse { view: View { target, start, len }, .. } in &dispatch.buffers {
            if *len > gpu.binding_elements() {
                let (adapter, what) = (gpu.name().to_string(), label.to_string());
                let (bytes, limit) = (*len as u64 * 4, gpu.binding_elements() as u64 * 4);
                return Err(GpuError::TooLarge { adapter, what, bytes, limit });
            }
            let place = places.target(*target)?;
            let size = bytes_of(dispatch.half.contains(&(views.len() + 1)));
            // Bound ranges are whole words.
            let bytes = (*len as u64 * size).next_multiple_of(4);
            views.push(bound(&place.buffer, place.offset + *start as u64 * size, bytes));
        }
        let textures = dispatch.textures.iter().map(|t| wgpu::BindingResource::TextureView(textures.view(t.texture.0)));
        let textures: Vec<_> = textures.collect();
        let mut add = |resources: &[&[wgpu::BindingResource]], groups, summary| {
            let all = resources.iter().flat_map(|list| list.iter().cloned()).enumerate();
            let entries: Vec<_> =
                all.map(|(binding, resource)| wgpu::BindGroupEntry { binding: binding as u32, resource }).collect();
            let descriptor =
                wgpu::BindGroupDescriptor { label: Some(shader), layout: &pipeline.layout, entries: &entries };
            let bind_group = gpu.device.create_bind_group(&descriptor);
            let (class, key, pipeline) = (class.clone(), key.clone(), pipeline.clone());
            let of = Recorded { label, shader, entry, class, step, part, key, summary, pipeline, bind_group, groups };
            recorded.push(of);
            gpu.check()
        };
        if dispatch.rows.is_empty() {
            add(&[&[parameters], &views, &textures], dispatch.groups, summary)?;
            continue;
        }
        let rows = dispatch.rows.iter().map(|row| locate(row, places)).collect::<Result<Vec<_>>>()?;
        let elements = rows.iter().map(|row| row.count as u64).sum();
        let mut limit = gpu.binding_elements() as u64 * 4;
        if let Some(&pieces) = capabilities.divisions.get(&class) {
            let bytes: u64 = rows.iter().map(|row| row.count as u64 * 4).sum();
            limit = limit.min(bytes.div_ceil(pieces as u64));
        }
        for group in divide(rows, dispatch.chunk, dispatch.rows_read, limit) {
            let bytes = bytemuck::cast_slice(&group.table);
            let table = gpu.buffer("table", bytes.len() as u64, Usage::STORAGE | Usage::COPY_DST)?;
            gpu.queue.write_buffer(&table, 0, bytes);
            let table = bound(&table, 0, bytes.len() as u64);
            let windows: Vec<_> = group
                .windows
                .iter()
                .map(|window| bound(&window.buffer, window.start, window.end - window.start))
                .collect();
            let work = summary.work.share(group.elements, elements);
            add(
                &[&[parameters.clone(), table], &views, &windows, &textures],
                group.groups,
                LaunchWork { work, ..summary },
            )?;
        }
    }
    Ok(recorded)
}

fn bound(buffer: &wgpu::Buffer, offset: u64, size: u64) -> wgpu::BindingResource<'_> {
    wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size: wgpu::BufferSize::new(size) })
}

fn locate(row: &Row, places: &Places) -> Result<Located<wgpu::Buffer>> {
    let mut from = Vec::with_capacity(row.from.len());
    for &(target, start) in &row.from {
        let place = places.target(target)?;
        from.push((place.buffer.clone(), place.offset + start as u64 * 4));
    }
    Ok(Located { from, count: row.count, word: row.word })
}
