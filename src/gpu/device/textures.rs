//! The textures of a program, with memory.

use super::gpu::Gpu;
use crate::gpu::kernel::TEXTURE_WIDTH;
use crate::gpu::machine::{GpuError, Result};
use crate::gpu::plan::{ROW, TexturePlan};

/// Textures with memory.
#[derive(Default)]
pub(crate) struct Textures {
    plan: TexturePlan,
    textures: Vec<(wgpu::Texture, wgpu::TextureView)>,
}

impl Textures {
    /// All of them zero: texel 0 is what taps beyond a map read, and nothing writes there.
    pub(crate) fn new(gpu: &Gpu, plan: TexturePlan) -> Result<Textures> {
        let create = |&rows: &u32| {
            let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
            let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
                label: Some("packed values"),
                size: wgpu::Extent3d { width: TEXTURE_WIDTH, height: rows, depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: wgpu::TextureFormat::Rgba32Float,
                usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_DST,
                view_formats: &[],
            });
            if pollster::block_on(scope.pop()).is_some() {
                let (adapter, what) = (gpu.name().to_string(), "packed values".to_string());
                return Err(GpuError::OutOfMemory { adapter, what, bytes: u64::from(rows) * ROW });
            }
            let view = texture.create_view(&Default::default());
            Ok((texture, view))
        };
        let textures = plan.rows.iter().map(create).collect::<Result<_>>()?;
        Ok(Textures { plan, textures })
    }

    /// The texture that holds a value.
    pub(crate) fn view(&self, id: usize) -> &wgpu::TextureView {
        &self.textures[self.plan.places[id].expect("launches use only textures that are planned")].1
    }

    /// Fills them with NaN, but for texel 0.
    pub(crate) fn poison(&self, gpu: &Gpu) {
        for (texture, _) in &self.textures {
            for row in 0..texture.height() {
                let mut texels = vec![[f32::NAN; 4]; TEXTURE_WIDTH as usize];
                if row == 0 {
                    texels[0] = [0.0; 4];
                }
                let mut place = texture.as_image_copy();
                place.origin.y = row;
                let layout =
                    wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(ROW as u32), rows_per_image: None };
                let size = wgpu::Extent3d { width: TEXTURE_WIDTH, height: 1, depth_or_array_layers: 1 };
                gpu.queue.write_texture(place, bytemuck::cast_slice(&texels), layout, size);
            }
        }
    }
}
