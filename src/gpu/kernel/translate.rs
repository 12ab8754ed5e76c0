//! Shaders in the languages of the backends, with the settings that wgpu has for them.
//!
//! As at run time, shaders are trusted: nothing is bounded or initialised that they do not bound or initialise themselves.
//! Bindings are numbered as wgpu's backends number those of one group.

use std::collections::BTreeMap;

use naga::back::pipeline_constants::process_overrides;
use naga::back::{glsl, hlsl, msl, spv, wgsl};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, GlobalUse, ModuleInfo, ValidationFlags, Validator};
use naga::{
    AddressSpace, GlobalVariable, ImageClass, Module, ResourceBinding, ScalarKind, ShaderStage, StorageAccess,
    StorageFormat, TypeInner,
};

use super::interface::{BufferAccess, Interface, TextureAccess};
use super::uniform::Scalar;
use crate::named::named_enum;

named_enum! {
    /// A language that a backend takes.
    #[derive(PartialOrd, Ord)]
    pub enum ShaderLanguage {
        /// WebGPU's own
        Wgsl = "wgsl",
        /// Vulkan's: version 1.3, with cooperative matrices 1.6
        Spirv = "spirv",
        /// Metal's: version 2.1, with cooperative matrices 2.3
        Msl = "msl",
        /// DirectX 12's: shader model 5.1, with subgroups 6.0, with 16-bit floats 6.2
        Hlsl = "hlsl",
        /// OpenGL's: ES 3.1
        Glsl = "glsl",
    }
}

impl ShaderLanguage {
    /// Extension of files, without the dot: those that validators know.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Wgsl => "wgsl",
            Self::Spirv => "spv",
            Self::Msl => "metal",
            Self::Hlsl => "hlsl",
            Self::Glsl => "comp.glsl",
        }
    }
}

/// Why there is no translation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TranslationError {
    /// The shader itself is wrong.
    #[error("the shader is not valid: {0}")]
    Invalid(String),
    /// The language lacks something that the shader is made of.
    #[error("{language} has no {what}")]
    Inexpressible {
        /// the language
        language: &'static str,
        /// what it lacks
        what: &'static str,
    },
    /// The translator failed.
    #[error("it cannot be translated: {0}")]
    Failed(String),
}

/// What an entry point takes of an adapter's limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// invocations of a workgroup along each axis
    pub workgroup: [u32; 3],
    /// memory that a workgroup shares
    pub workgroup_bytes: u32,
    /// bindings of uniform buffers
    pub uniform_buffers: usize,
    /// bindings of storage buffers
    pub storage_buffers: usize,
    /// bindings of storage textures
    pub storage_textures: usize,
}

/// A shader read and found valid.
pub struct ValidShader {
    module: Module,
    info: ModuleInfo,
    entry: String,
    /// index of the entry point
    point: usize,
    needs: Capabilities,
}

/// What a shader may use beyond WebGPU's core: what it enables.
pub fn needed_capabilities(text: &str) -> Capabilities {
    let enables = |name: &str| text.contains(&format!("enable {name};"));
    let mut capabilities = Capabilities::empty();
    capabilities.set(Capabilities::SHADER_FLOAT16, enables("f16"));
    capabilities.set(Capabilities::COOPERATIVE_MATRIX, enables("wgpu_cooperative_matrix"));
    capabilities.set(Capabilities::SUBGROUP, text.contains("@builtin(subgroup_"));
    capabilities
}

impl ValidShader {
    /// Reads a shader of which one entry point is launched.
    ///
    /// # Errors
    /// [`TranslationError::Invalid`].
    pub fn parse(text: &str, entry: &str) -> Result<Self, TranslationError> {
        let invalid =
            |message: String| TranslationError::Invalid(message.split_whitespace().collect::<Vec<_>>().join(" "));
        let module = naga::front::wgsl::parse_str(text).map_err(|error| invalid(error.emit_to_string(text)))?;
        let needs = needed_capabilities(text);
        let info = Validator::new(ValidationFlags::all(), needs)
            .validate(&module)
            .map_err(|error| invalid(error.emit_to_string(text)))?;
        let point = module.entry_points.iter().position(|point| point.name == entry);
        let point = point.ok_or_else(|| invalid(format!("it has no entry point `{entry}`")))?;
        Ok(Self { module, info, entry: entry.to_owned(), point, needs })
    }

    /// Names of a shader's entry points.
    pub fn entry_points(text: &str) -> Vec<String> {
        let module = naga::front::wgsl::parse_str(text);
        module.map_or(Vec::new(), |module| module.entry_points.into_iter().map(|point| point.name).collect())
    }

    /// Global variables that the entry point uses.
    fn used_variables(&self) -> impl Iterator<Item = &GlobalVariable> {
        let info = self.info.get_entry_point(self.point);
        let variables = self.module.global_variables.iter().filter(|(handle, _)| !info[*handle].is_empty());
        variables.map(|(_, variable)| variable)
    }

    /// Numbers of the bindings that are declared to be written, although the entry point only reads them.
    pub fn only_read(&self) -> Vec<u32> {
        let info = self.info.get_entry_point(self.point);
        let writable =
            |space| matches!(space, AddressSpace::Storage { access } if access.contains(StorageAccess::STORE));
        let variables = self.module.global_variables.iter().filter(|(_, variable)| writable(variable.space));
        let only_read = variables.filter(|(handle, _)| info[*handle] == GlobalUse::READ);
        only_read.filter_map(|(_, variable)| Some(variable.binding?.binding)).collect()
    }

    /// Whether the entry point reads what it also writes.
    pub fn updates(&self) -> bool {
        let info = self.info.get_entry_point(self.point);
        let mut stored =
            self.module.global_variables.iter().filter(|(_, v)| matches!(v.space, AddressSpace::Storage { .. }));
        stored.any(|(handle, _)| info[handle].contains(GlobalUse::READ | GlobalUse::WRITE))
    }

    /// What the entry point takes of an adapter's limits.
    pub fn usage(&self) -> Usage {
        let workgroup = self.module.entry_points[self.point].workgroup_size;
        let mut usage = Usage { workgroup, ..Usage::default() };
        for variable in self.used_variables() {
            let inner = &self.module.types[variable.ty].inner;
            match variable.space {
                AddressSpace::WorkGroup => {
                    usage.workgroup_bytes += inner.size(self.module.to_ctx()).next_multiple_of(16)
                }
                AddressSpace::Uniform => usage.uniform_buffers += 1,
                AddressSpace::Storage { .. } => usage.storage_buffers += 1,
                AddressSpace::Handle if is_storage_texture(inner) => usage.storage_textures += 1,
                _ => {}
            }
        }
        usage
    }

    /// What the entry point takes of a launch. A binding that it leaves alone between others counts, as launches bind it all
    /// the same.
    ///
    /// # Errors
    /// [`TranslationError::Invalid`] with what no launch could give it: bindings in another group, order or kind.
    pub fn interface(&self) -> Result<Interface, TranslationError> {
        let invalid = |what: &str| TranslationError::Invalid(format!("`{}` {what}", self.entry));
        let used: BTreeMap<ResourceBinding, &GlobalVariable> =
            self.used_variables().filter_map(|variable| Some((variable.binding?, variable))).collect();
        let last = used.keys().last().map_or(0, |binding| binding.binding);
        let mut interface = Interface { fields: Vec::new(), buffers: Vec::new(), textures: Vec::new() };
        for number in 0..=last {
            let binding = ResourceBinding { group: 0, binding: number };
            let mut declared = self.module.global_variables.iter().map(|(_, variable)| variable);
            let idle = || declared.find(|variable| variable.binding == Some(binding));
            let Some(variable) = used.get(&binding).copied().or_else(idle) else {
                return Err(invalid(&format!("has no binding {number}")));
            };
            match (variable.space, &self.module.types[variable.ty].inner) {
                (AddressSpace::Uniform, TypeInner::Struct { members, .. }) if number == 0 => {
                    for (index, member) in members.iter().enumerate() {
                        let name = member.name.clone().unwrap_or_default();
                        let scalar = scalar_of(&self.module.types[member.ty].inner);
                        match scalar.filter(|_| member.offset as usize == 4 * index) {
                            Some(scalar) => interface.fields.push((name, scalar)),
                            None => return Err(invalid(&format!("has a uniform block in which `{name}` is no word"))),
                        }
                    }
                }
                (AddressSpace::Storage { access }, _) if interface.textures.is_empty() => {
                    interface.buffers.push(match access.contains(StorageAccess::STORE) {
                        true => BufferAccess::ReadWrite,
                        false => BufferAccess::Read,
                    });
                }
                (AddressSpace::Handle, TypeInner::Image { class: ImageClass::Storage { format, access }, .. })
                    if *format == StorageFormat::Rgba32Float =>
                {
                    interface.textures.push(match *access {
                        StorageAccess::LOAD => TextureAccess::Read,
                        StorageAccess::STORE => TextureAccess::Write,
                        _ => return Err(invalid("both reads and writes a texture")),
                    });
                }
                _ => return Err(invalid(&format!("has binding {number} of another kind"))),
            }
        }
        match used.keys().all(|binding| binding.group == 0) {
            true => Ok(interface),
            false => Err(invalid("binds more than one group")),
        }
    }

    /// The entry point in another language; text is UTF-8.
    ///
    /// # Errors
    /// [`TranslationError::Inexpressible`], [`TranslationError::Failed`].
    pub fn translate(&self, language: ShaderLanguage) -> Result<Vec<u8>, TranslationError> {
        self.check_expressible(language)?;
        let failed = |error: &dyn std::fmt::Display| TranslationError::Failed(error.to_string());
        let point = (ShaderStage::Compute, self.entry.as_str());
        let (module, info) =
            process_overrides(&self.module, &self.info, Some(point), &Default::default()).map_err(|e| failed(&e))?;
        let point = Some((ShaderStage::Compute, self.entry.clone()));
        let bounds_check_policies = BoundsCheckPolicies {
            index: BoundsCheckPolicy::Unchecked,
            buffer: BoundsCheckPolicy::Unchecked,
            image_load: BoundsCheckPolicy::Unchecked,
            binding_array: BoundsCheckPolicy::Unchecked,
        };
        let (shader_stage, entry_point) = (ShaderStage::Compute, self.entry.clone());
        match language {
            ShaderLanguage::Wgsl => {
                let text = wgsl::write_string(&module, &info, wgsl::WriterFlags::empty()).map_err(|e| failed(&e))?;
                // Naga neither takes nor writes what browsers ask for.
                let enabled = if self.needs.contains(Capabilities::SUBGROUP) { "enable subgroups;\n" } else { "" };
                Ok((enabled.to_owned() + &text).into_bytes())
            }
            ShaderLanguage::Spirv => {
                let options = spv::Options {
                    lang_version: if self.has_matrices() { (1, 6) } else { (1, 3) },
                    flags: spv::WriterFlags::empty(),
                    bounds_check_policies,
                    zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
                    force_loop_bounding: false,
                    ..spv::Options::default()
                };
                let pipeline = spv::PipelineOptions { shader_stage, entry_point };
                let words = spv::write_vec(&module, &info, &options, Some(&pipeline)).map_err(|e| failed(&e))?;
                Ok(words.into_iter().flat_map(u32::to_le_bytes).collect())
            }
            ShaderLanguage::Msl => {
                let resources = metal_resources(&module);
                let options = msl::Options {
                    lang_version: if self.has_matrices() { (2, 3) } else { (2, 1) },
                    per_entry_point_map: BTreeMap::from([(self.entry.clone(), resources)]),
                    fake_missing_bindings: false,
                    bounds_check_policies,
                    zero_initialize_workgroup_memory: false,
                    force_loop_bounding: false,
                    ..msl::Options::default()
                };
                let pipeline = msl::PipelineOptions { entry_point: point, ..Default::default() };
                let (text, _) = msl::write_string(&module, &info, &options, &pipeline).map_err(|e| failed(&e))?;
                Ok(text.into_bytes())
            }
            ShaderLanguage::Hlsl => {
                let half = self.needs.contains(Capabilities::SHADER_FLOAT16);
                let options = hlsl::Options {
                    shader_model: match (half, self.needs.contains(Capabilities::SUBGROUP)) {
                        (true, _) => hlsl::ShaderModel::V6_2,
                        (false, true) => hlsl::ShaderModel::V6_0,
                        (false, false) => hlsl::ShaderModel::V5_1,
                    },
                    zero_initialize_workgroup_memory: false,
                    restrict_indexing: false,
                    force_loop_bounding: false,
                    ..hlsl::Options::default()
                };
                let pipeline = hlsl::PipelineOptions { entry_point: point };
                let mut text = String::new();
                let mut writer = hlsl::Writer::new(&mut text, &options, &pipeline);
                writer.write(&module, &info, None).map_err(|e| failed(&e))?;
                Ok(text.into_bytes())
            }
            ShaderLanguage::Glsl => {
                let options = glsl::Options {
                    version: glsl::Version::new_gles(310),
                    binding_map: opengl_bindings(&module),
                    zero_initialize_workgroup_memory: false,
                    ..glsl::Options::default()
                };
                let pipeline = glsl::PipelineOptions { shader_stage, entry_point, multiview: None };
                let mut text = String::new();
                let writer = glsl::Writer::new(&mut text, &module, &info, &options, &pipeline, bounds_check_policies);
                writer.and_then(|mut writer| writer.write()).map_err(|e| failed(&e))?;
                Ok(text.into_bytes())
            }
        }
    }

    fn has_matrices(&self) -> bool {
        self.needs.contains(Capabilities::COOPERATIVE_MATRIX)
    }

    /// The translators may panic on what a language lacks.
    fn check_expressible(&self, language: ShaderLanguage) -> Result<(), TranslationError> {
        let (name, supported) = match language {
            ShaderLanguage::Wgsl => ("WGSL", Capabilities::all()),
            ShaderLanguage::Spirv => ("SPIR-V", spv::supported_capabilities()),
            ShaderLanguage::Msl => ("MSL", msl::supported_capabilities()),
            ShaderLanguage::Hlsl => ("HLSL", hlsl::supported_capabilities()),
            // Only as an extension that OpenGL ES 3.1 does not ask for.
            ShaderLanguage::Glsl => (
                "GLSL",
                glsl::supported_capabilities().difference(Capabilities::SHADER_FLOAT16 | Capabilities::SUBGROUP),
            ),
        };
        let parts = [
            (Capabilities::COOPERATIVE_MATRIX, "cooperative matrices"),
            (Capabilities::SHADER_FLOAT16, "16-bit floats"),
            (Capabilities::SUBGROUP, "subgroups"),
        ];
        let lacking = parts.into_iter().find(|(part, _)| self.needs.contains(*part) && !supported.contains(*part));
        match lacking {
            Some((_, what)) => Err(TranslationError::Inexpressible { language: name, what }),
            None => Ok(()),
        }
    }
}

fn scalar_of(inner: &TypeInner) -> Option<Scalar> {
    let TypeInner::Scalar(naga::Scalar { kind, width: 4 }) = inner else { return None };
    match kind {
        ScalarKind::Uint => Some(Scalar::U32),
        ScalarKind::Sint => Some(Scalar::I32),
        ScalarKind::Float => Some(Scalar::F32),
        _ => None,
    }
}

fn is_storage_texture(inner: &TypeInner) -> bool {
    matches!(inner, TypeInner::Image { class: ImageClass::Storage { .. }, .. })
}

/// Bindings in order, with whether each is a texture.
fn bindings(module: &Module) -> BTreeMap<ResourceBinding, (AddressSpace, bool)> {
    let variables = module.global_variables.iter();
    let bound = variables.filter_map(|(_, variable)| {
        Some((variable.binding?, (variable.space, is_storage_texture(&module.types[variable.ty].inner))))
    });
    bound.collect()
}

/// Buffers and textures counted apart, and after the buffers one with their sizes.
fn metal_resources(module: &Module) -> msl::EntryPointResources {
    let (mut buffers, mut textures) = (0, 0);
    let mut next = |is_texture: bool| {
        let count = if is_texture { &mut textures } else { &mut buffers };
        *count += 1;
        Some(*count - 1)
    };
    let mut resources = BTreeMap::new();
    for (binding, (space, is_texture)) in bindings(module) {
        let slot = next(is_texture);
        let mutable = match space {
            AddressSpace::Storage { access } => access.contains(StorageAccess::STORE),
            space => space != AddressSpace::Uniform,
        };
        let mut target = msl::BindTarget { mutable, ..Default::default() };
        if is_texture {
            target.texture = slot;
        } else {
            target.buffer = slot;
        }
        resources.insert(binding, target);
    }
    msl::EntryPointResources { resources, immediates_buffer: None, sizes_buffer: next(false) }
}

/// Uniform buffers, storage buffers and textures, each counted apart.
fn opengl_bindings(module: &Module) -> BTreeMap<ResourceBinding, u8> {
    let mut counts = [0u8; 3];
    let mut map = BTreeMap::new();
    for (binding, (space, is_texture)) in bindings(module) {
        let kind = if is_texture { 2 } else { usize::from(space != AddressSpace::Uniform) };
        map.insert(binding, counts[kind]);
        counts[kind] += 1;
    }
    map
}
