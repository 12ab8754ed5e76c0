//! One launch of a shader, described before memory is planned: what it binds, its parameters, its grid.

use super::interface::{BufferAccess, Interface, TextureAccess};
use super::kernel_family::KernelFamily;
use super::shader::{Constant, Shader, WIDE, WIDTH};
use super::uniform::{Field, Uniform};
use super::work::{LaunchWork, Work};
use crate::graph::{NodeId, StateId};

/// Bytes to which values, uniform blocks and the ranges that launches bind are aligned: WebGPU's default.
pub(crate) const ALIGNMENT: u64 = 256;
/// Elements to which a bound range is aligned, in 16-bit floats as well.
pub(crate) const ALIGNED_ELEMENTS: usize = ALIGNMENT as usize / 2;
/// Texels in a row of the textures; shaders know it as a shift by 12.
pub(crate) const TEXTURE_WIDTH: u32 = 4096;

/// Something that has memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Node(NodeId),
    State(StateId),
    /// temporary memory
    Scratch(usize),
}

/// A range of elements of a target, as a shader binds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub target: Target,
    /// first element bound, a multiple of `ALIGNED_ELEMENTS`
    pub start: usize,
    /// number of elements bound
    pub len: usize,
}

impl View {
    /// Elements `start..start+len` of a target, and where `start` lies in the bound range.
    pub(crate) fn range(target: Target, start: usize, len: usize) -> (View, usize) {
        let base = start % ALIGNED_ELEMENTS;
        (View { target, start: start - base, len: len + base }, base)
    }

    /// The first `len` elements of a target.
    pub(crate) fn whole(target: Target, len: usize) -> View {
        View { target, start: 0, len }
    }
}

/// A range bound as a storage buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BufferUse {
    pub view: View,
    pub access: BufferAccess,
    /// elements of it that are read or written
    pub used: usize,
}

/// A texture of packed values, by its place in the list that lowering makes: the plan lets those that are never needed
/// at once share memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TextureId(pub usize);

/// A texture bound after the buffers: `rgba32float`, read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextureUse {
    pub texture: TextureId,
    pub access: TextureAccess,
    /// texels of it that are read or written, if not all
    pub used: Option<usize>,
}

/// One tensor, or a piece of one, among those that a launch works through: `count` elements of each target, each from
/// an element of its own on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub from: Vec<(Target, usize)>,
    pub count: usize,
    /// a number that the shader may want to know of this tensor
    pub word: u32,
}

/// One launch: binding 0 is the uniform block of `params`, then the buffers, then the textures. A launch with `rows`
/// binds before the buffers a table, and after them one range for each target of a row (see `grouped`).
#[derive(Clone, Debug)]
pub(crate) struct Dispatch {
    pub shader: &'static str,
    pub entry: &'static str,
    pub family: KernelFamily,
    pub(crate) constants: Vec<(&'static str, Constant)>,
    /// the uniform block, word by word
    pub params: Vec<u32>,
    /// what the words are in the shader
    pub fields: &'static [Field],
    pub buffers: Vec<BufferUse>,
    pub textures: Vec<TextureUse>,
    pub groups: [u32; 3],
    pub rows: Vec<Row>,
    /// how many of a row's targets, the first, are only read
    pub rows_read: usize,
    /// elements of a row that one workgroup takes
    pub chunk: usize,
    /// bindings of values in 16-bit floats
    pub half: Vec<usize>,
    /// operations, if they are not a share of the operator's
    pub flops: Option<u64>,
}

impl Dispatch {
    /// A launch of `entry` of `shader`; the rest is added by the methods below.
    pub(crate) fn new(shader: Shader, entry: &'static str) -> Self {
        Dispatch {
            shader: shader.name(),
            entry,
            family: KernelFamily::of(shader, entry),
            constants: Vec::new(),
            params: Vec::new(),
            fields: &[],
            buffers: Vec::new(),
            textures: Vec::new(),
            groups: [1, 1, 1],
            rows: Vec::new(),
            rows_read: 0,
            chunk: 1,
            half: Vec::new(),
            flops: None,
        }
    }

    /// Sets a constant of the shader.
    pub(crate) fn constant(mut self, name: &'static str, value: Constant) -> Self {
        self.constants.push((name, value));
        self
    }

    /// Sets several constants of the shader.
    pub(crate) fn constants(mut self, constants: impl IntoIterator<Item = (&'static str, Constant)>) -> Self {
        self.constants.extend(constants);
        self
    }

    /// Lets invocations read and write four elements at once, if these numbers of elements, all that the shader divides by its
    /// width, are multiples of four.
    pub(crate) fn wide_if_whole(self, elements: &[usize]) -> Self {
        match elements.iter().all(|count| count.is_multiple_of(WIDTH)) {
            true => self.constants(WIDE),
            false => self,
        }
    }

    /// Elements that an invocation reads and writes at once.
    pub(crate) fn width(&self) -> usize {
        if self.constants.contains(&WIDE[0]) { WIDTH } else { 1 }
    }

    /// Sets the uniform block.
    pub(crate) fn uniform<U: Uniform>(mut self, block: &U) -> Self {
        (self.params, self.fields) = (block.words(), U::FIELDS);
        self
    }

    /// Adds a buffer that the shader reads.
    pub(crate) fn bind(self, view: View) -> Self {
        self.bind_part(view, view.len)
    }

    /// Adds a buffer of which the shader reads so many elements.
    pub(crate) fn bind_part(mut self, view: View, used: usize) -> Self {
        self.buffers.push(BufferUse { view, access: BufferAccess::Read, used });
        self
    }

    /// Adds a buffer that the shader writes; launches of an operator that bind the same one each write a part of it.
    pub(crate) fn bind_written(mut self, view: View) -> Self {
        self.buffers.push(BufferUse { view, access: BufferAccess::ReadWrite, used: view.len });
        self
    }

    /// Adds a buffer of which the shader writes so many elements, others being those of other launches.
    pub(crate) fn bind_written_part(mut self, view: View, used: usize) -> Self {
        self.buffers.push(BufferUse { view, access: BufferAccess::ReadWrite, used });
        self
    }

    /// Adds a texture that the shader reads.
    pub(crate) fn read(mut self, texture: TextureId) -> Self {
        self.textures.push(TextureUse { texture, access: TextureAccess::Read, used: None });
        self
    }

    /// Adds a texture of which the shader reads so many texels.
    pub(crate) fn read_part(mut self, texture: TextureId, used: usize) -> Self {
        self.textures.push(TextureUse { texture, access: TextureAccess::Read, used: Some(used) });
        self
    }

    /// Adds a texture that the shader writes; launches of an operator that write the same one each write a part of it.
    pub(crate) fn write(mut self, texture: TextureId) -> Self {
        self.textures.push(TextureUse { texture, access: TextureAccess::Write, used: None });
        self
    }

    /// Adds a texture of which the shader writes so many texels.
    pub(crate) fn write_part(mut self, texture: TextureId, used: usize) -> Self {
        self.textures.push(TextureUse { texture, access: TextureAccess::Write, used: Some(used) });
        self
    }

    /// Says how many products the shader adds up, where these are others than the operator's definition has.
    pub(crate) fn multiply_adds(mut self, count: usize) -> Self {
        self.flops = Some(2 * count as u64);
        self
    }

    /// Works through tensors, `chunk` elements to a workgroup; the number of workgroups follows. Of each row's targets the
    /// first `read` are only read.
    pub(crate) fn rows(mut self, rows: Vec<Row>, chunk: usize, read: usize) -> Self {
        (self.rows, self.chunk, self.rows_read) = (rows, chunk, read);
        self
    }

    /// What the launch gives the shader.
    pub(crate) fn interface(&self) -> Interface {
        Interface {
            fields: self.fields.iter().map(|field| (field.name.to_owned(), field.scalar)).collect(),
            buffers: self.accesses(),
            textures: self.textures.iter().map(|texture| texture.access).collect(),
        }
    }

    /// What tells the launch's pipeline from others.
    pub(crate) fn pipeline_key(&self) -> PipelineKey {
        PipelineKey {
            shader: self.shader,
            entry: self.entry,
            constants: self.constants.clone(),
            half: self.half.clone(),
            fields: self.fields,
            buffers: self.accesses(),
            textures: self.textures.iter().map(|texture| texture.access).collect(),
        }
    }

    /// Whether two launches over tensors may be one.
    pub(crate) fn joins(&self, other: &Dispatch) -> bool {
        let same = |d: &Dispatch| (d.shader, d.entry, d.chunk, d.rows.is_empty());
        same(self) == same(other)
            && !self.rows.is_empty()
            && self.constants == other.constants
            && self.params == other.params
            && self.buffers == other.buffers
            && self.textures == other.textures
    }

    /// Everything with memory that the launch binds, and how.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (Target, BufferAccess)> {
        let of_row = |row: &'_ Row| {
            let targets: Vec<_> = row.from.iter().map(|(target, _)| *target).collect();
            targets.into_iter().zip(self.accesses_of_rows())
        };
        self.buffers.iter().map(|own| (own.view.target, own.access)).chain(self.rows.iter().flat_map(of_row))
    }

    /// How the targets of a row are used.
    pub(crate) fn accesses_of_rows(&self) -> impl Iterator<Item = BufferAccess> + use<> {
        let (targets, read) = (self.rows.first().map_or(0, |row| row.from.len()), self.rows_read);
        (0..targets).map(move |index| if index < read { BufferAccess::Read } else { BufferAccess::ReadWrite })
    }

    /// How the buffers after the uniform block are bound.
    pub(crate) fn accesses(&self) -> Vec<BufferAccess> {
        let table = self.rows.first().map(|_| BufferAccess::Read);
        table.into_iter().chain(self.buffers.iter().map(|own| own.access)).chain(self.accesses_of_rows()).collect()
    }

    /// Launches as many workgroups, folded into two axes; shaders recover the number as `x + y·num_workgroups.x`.
    pub(crate) fn groups(mut self, count: usize) -> Self {
        self.groups = fold_groups(count);
        self
    }

    /// Launches a grid of workgroups.
    pub(crate) fn grid(mut self, x: usize, y: usize, z: usize) -> Self {
        self.groups = [x as u32, y as u32, z as u32];
        self
    }
}

/// What tells pipelines apart: the shader's text, and what launches bind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PipelineKey {
    pub(crate) shader: &'static str,
    pub(crate) entry: &'static str,
    pub(crate) constants: Vec<(&'static str, Constant)>,
    pub(crate) half: Vec<usize>,
    fields: &'static [Field],
    buffers: Vec<BufferAccess>,
    textures: Vec<TextureAccess>,
}

/// A launch with the step (live node or update) it belongs to and that step's name.
pub(crate) struct Launch {
    pub(crate) step: usize,
    pub(crate) label: &'static str,
    pub(crate) dispatch: Dispatch,
    /// its operations as of lowering; its traffic as of the plan, which knows where everything lies
    pub(crate) work: Work,
}

impl Launch {
    /// What it takes.
    pub(crate) fn summary(&self) -> LaunchWork {
        LaunchWork { family: self.dispatch.family, work: self.work }
    }
}

/// Bytes of an element.
pub(crate) fn bytes_of(half: bool) -> u64 {
    if half { 2 } else { 4 }
}

/// Workgroups per axis that WebGPU guarantees.
pub(crate) const MAX_GROUPS: usize = 65535;

/// As many workgroups over two axes, and a few more where they do not divide evenly.
pub(crate) fn fold_groups(count: usize) -> [u32; 3] {
    let rows = count.div_ceil(MAX_GROUPS).max(1);
    [count.div_ceil(rows).max(1) as u32, rows as u32, 1]
}
