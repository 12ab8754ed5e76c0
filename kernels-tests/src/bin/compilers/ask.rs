//! Asks a driver for the statistics of compute shaders, which nothing executes. Runs under the shim of the driver's hardware, in
//! a process of its own.

use std::error::Error;
use std::ffi::CString;
use std::path::{Path, PathBuf};

use ash::vk;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A shader to compile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// its SPIR-V
    pub file: PathBuf,
    /// its entry point
    pub entry: String,
    /// what it binds, in order
    pub bindings: Vec<Binding>,
    /// rows and columns of the cooperative matrices that it multiplies
    pub matrices: Option<u32>,
}

/// What a shader binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binding {
    /// the uniform block
    Uniform,
    /// a storage buffer
    Buffer,
    /// a storage texture
    Texture,
}

/// What a driver says; questions are numbered in their order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// its version
    Version(String),
    /// statistics of a shader
    Statistics(usize, Map<String, Value>),
    /// why there are none
    Failed(usize, String),
    /// the chip has no such matrices
    Lacking(usize),
}

/// Answers the questions of a file on standard output, a line each.
pub fn ask(questions: &Path) -> Result<(), Box<dyn Error>> {
    let questions: Vec<Question> = serde_json::from_slice(&std::fs::read(questions)?)?;
    let say = |answer: Answer| -> Result<(), Box<dyn Error>> {
        println!("{}", serde_json::to_string(&answer)?);
        Ok(())
    };
    let driver = Driver::open()?;
    say(Answer::Version(driver.version.clone()))?;
    for (number, question) in questions.iter().enumerate() {
        say(match question.matrices {
            Some(size) if !driver.matrices.contains(&size) => Answer::Lacking(number),
            _ => match driver.statistics(question) {
                Ok(statistics) => Answer::Statistics(number, statistics),
                Err(error) => Answer::Failed(number, error.to_string()),
            },
        })?;
    }
    Ok(())
}

struct Driver {
    device: ash::Device,
    executables: ash::khr::pipeline_executable_properties::Device,
    version: String,
    /// sizes of square matrices of f16 whose products are added up in f32
    matrices: Vec<u32>,
    // Unloads the driver when it goes.
    _entry: ash::Entry,
}

impl Driver {
    fn open() -> Result<Driver, Box<dyn Error>> {
        // SAFETY: what the loader finds is a Vulkan driver, by an environment that this program makes.
        let entry = unsafe { ash::Entry::load()? };
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let instance_info = vk::InstanceCreateInfo::default().application_info(&application);
        // SAFETY: the same of every call below: handles are those just made, and live until the process ends.
        let instance = unsafe { entry.create_instance(&instance_info, None)? };
        let physical = unsafe { instance.enumerate_physical_devices()? };
        let physical = *physical.first().ok_or("the driver finds no device")?;
        let mut driver_properties = vk::PhysicalDeviceDriverProperties::default();
        let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut driver_properties);
        unsafe { instance.get_physical_device_properties2(physical, &mut properties) };
        let name = driver_properties.driver_name_as_c_str()?.to_string_lossy().into_owned();
        let version = format!("{name}, {}", driver_properties.driver_info_as_c_str()?.to_string_lossy());

        let known = unsafe { instance.enumerate_device_extension_properties(physical)? };
        let has = |name| known.iter().any(|extension| extension.extension_name_as_c_str() == Ok(name));
        let cooperative = has(ash::khr::cooperative_matrix::NAME);
        let mut extensions = vec![ash::khr::pipeline_executable_properties::NAME.as_ptr()];
        let mut matrices = Vec::new();
        if cooperative {
            extensions.push(ash::khr::cooperative_matrix::NAME.as_ptr());
            let functions = ash::khr::cooperative_matrix::Instance::new(&entry, &instance);
            let sizes = unsafe { functions.get_physical_device_cooperative_matrix_properties(physical)? };
            let fits = |m: &&vk::CooperativeMatrixPropertiesKHR| {
                let (half, single) = (vk::ComponentTypeKHR::FLOAT16, vk::ComponentTypeKHR::FLOAT32);
                (m.m_size, m.n_size) == (m.k_size, m.k_size)
                    && (m.a_type, m.b_type, m.c_type, m.result_type) == (half, half, single, single)
            };
            matrices = sizes.iter().filter(fits).map(|m| m.m_size).collect();
        }
        let mut features_11 = vk::PhysicalDeviceVulkan11Features::default();
        let mut features_12 = vk::PhysicalDeviceVulkan12Features::default();
        let mut features_13 = vk::PhysicalDeviceVulkan13Features::default();
        let mut statistics = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default();
        let mut products = vk::PhysicalDeviceCooperativeMatrixFeaturesKHR::default();
        let mut features = vk::PhysicalDeviceFeatures2::default()
            .push_next(&mut features_11)
            .push_next(&mut features_12)
            .push_next(&mut features_13)
            .push_next(&mut statistics);
        if cooperative {
            features = features.push_next(&mut products);
        }
        // All that there is.
        unsafe { instance.get_physical_device_features2(physical, &mut features) };
        let queues = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
        let device_info = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .enabled_extension_names(&extensions)
            .push_next(&mut features);
        let device = unsafe { instance.create_device(physical, &device_info, None)? };
        let executables = ash::khr::pipeline_executable_properties::Device::new(&instance, &device);
        Ok(Driver { device, executables, version, matrices, _entry: entry })
    }

    fn statistics(&self, question: &Question) -> Result<Map<String, Value>, Box<dyn Error>> {
        let words = ash::util::read_spv(&mut std::fs::File::open(&question.file)?)?;
        let bindings: Vec<_> = question
            .bindings
            .iter()
            .enumerate()
            .map(|(number, binding)| {
                let kind = match binding {
                    Binding::Uniform => vk::DescriptorType::UNIFORM_BUFFER,
                    Binding::Buffer => vk::DescriptorType::STORAGE_BUFFER,
                    Binding::Texture => vk::DescriptorType::STORAGE_IMAGE,
                };
                let binding = vk::DescriptorSetLayoutBinding::default().binding(number as u32).descriptor_type(kind);
                binding.descriptor_count(1).stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        let set_info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
        // SAFETY: handles are those just made, and nothing else knows them.
        let sets = [unsafe { self.device.create_descriptor_set_layout(&set_info, None)? }];
        let layout_info = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
        let layout = unsafe { self.device.create_pipeline_layout(&layout_info, None)? };
        let module_info = vk::ShaderModuleCreateInfo::default().code(&words);
        let module = unsafe { self.device.create_shader_module(&module_info, None)? };
        let entry = CString::new(question.entry.as_str())?;
        let stage = vk::PipelineShaderStageCreateInfo::default()
            .stage(vk::ShaderStageFlags::COMPUTE)
            .module(module)
            .name(&entry);
        let pipeline_info = [vk::ComputePipelineCreateInfo::default()
            .flags(vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR)
            .stage(stage)
            .layout(layout)];
        let none = vk::PipelineCache::null();
        let made = unsafe { self.device.create_compute_pipelines(none, &pipeline_info, None) };
        let pipeline = made.map_err(|(_, error)| error)?[0];
        let executable = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
        let found = unsafe { self.executables.get_pipeline_executable_statistics(&executable)? };
        let statistics = found.iter().map(|statistic| {
            // SAFETY: all formats but floats, which no driver uses, lie in the same eight bytes.
            let value = unsafe { statistic.value.u64 };
            Ok((statistic.name_as_c_str()?.to_string_lossy().into_owned(), Value::from(value)))
        });
        let statistics = statistics.collect::<Result<_, std::ffi::FromBytesUntilNulError>>()?;
        unsafe {
            self.device.destroy_pipeline(pipeline, None);
            self.device.destroy_shader_module(module, None);
            self.device.destroy_pipeline_layout(layout, None);
            self.device.destroy_descriptor_set_layout(sets[0], None);
        }
        Ok(statistics)
    }
}
