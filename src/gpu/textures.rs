//! The textures of a program: packed values that are never needed at once share one.

use super::context::Gpu;
use super::error::{GpuError, Result};
use super::lower::Launch;

/// Texels in a row of the textures; shaders know it as a shift by 12.
pub(super) const WIDTH: u32 = 4096;
/// Bytes of a texel.
const TEXEL: u64 = 16;

/// Which texture holds which packed value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TexturePlan {
    /// by the number that lowering gave it; `None` for what no launch uses
    pub places: Vec<Option<usize>>,
    /// texels of each texture
    pub texels: Vec<usize>,
}

impl TexturePlan {
    /// Memory of all textures.
    pub fn bytes(&self) -> u64 {
        self.texels.iter().map(|&texels| texels as u64 * TEXEL).sum()
    }
}

/// Gives every packed value a texture over the launches that use it: the largest first, each the first texture that is
/// free for as long. A launch cannot read and write one texture, so it is not enough to share a part of one.
pub(super) fn assign_textures(texels: &[usize], launches: &[Launch]) -> TexturePlan {
    let mut used: Vec<Option<[usize; 2]>> = vec![None; texels.len()];
    for (index, launch) in launches.iter().enumerate() {
        for texture in &launch.dispatch.textures {
            let [_, last] = used[texture.texture.0].get_or_insert([index, index]);
            *last = index;
        }
    }
    let mut order: Vec<usize> = (0..texels.len()).filter(|&id| used[id].is_some()).collect();
    order.sort_by_key(|&id| (std::cmp::Reverse(texels[id]), id));
    let mut plan = TexturePlan { places: vec![None; texels.len()], texels: Vec::new() };
    let mut taken: Vec<Vec<[usize; 2]>> = Vec::new();
    for id in order {
        let [first, last] = used[id].expect("only those that are used are in the order");
        let free = |spans: &Vec<[usize; 2]>| spans.iter().all(|span| last < span[0] || span[1] < first);
        let place = taken.iter().position(free).unwrap_or(taken.len());
        if place == taken.len() {
            taken.push(Vec::new());
            plan.texels.push(texels[id]);
        }
        taken[place].push([first, last]);
        plan.places[id] = Some(place);
    }
    plan
}

/// Textures with memory.
#[derive(Default)]
pub(super) struct Textures {
    plan: TexturePlan,
    textures: Vec<(wgpu::Texture, wgpu::TextureView)>,
}

impl Textures {
    /// All of them zero: texel 0 is what taps beyond a map read, and nothing writes there.
    pub fn new(gpu: &Gpu, plan: TexturePlan) -> Result<Textures> {
        let create = |&count: &usize| {
            let rows = count.div_ceil(WIDTH as usize) as u32;
            let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
            let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
                label: Some("packed values"),
                size: wgpu::Extent3d { width: WIDTH, height: rows, depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: wgpu::TextureFormat::Rgba32Float,
                usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_DST,
                view_formats: &[],
            });
            if pollster::block_on(scope.pop()).is_some() {
                let (adapter, what) = (gpu.name().to_string(), "packed values".to_string());
                return Err(GpuError::OutOfMemory { adapter, what, bytes: count as u64 * TEXEL });
            }
            let view = texture.create_view(&Default::default());
            Ok((texture, view))
        };
        let textures = plan.texels.iter().map(create).collect::<Result<_>>()?;
        Ok(Textures { plan, textures })
    }

    /// The texture that holds a value.
    pub fn view(&self, id: usize) -> &wgpu::TextureView {
        &self.textures[self.plan.places[id].expect("launches use only textures that are planned")].1
    }

    /// Fills them with NaN, but for texel 0.
    pub fn poison(&self, gpu: &Gpu) {
        for (texture, _) in &self.textures {
            for row in 0..texture.height() {
                let mut texels = vec![[f32::NAN; 4]; WIDTH as usize];
                if row == 0 {
                    texels[0] = [0.0; 4];
                }
                let mut place = texture.as_image_copy();
                place.origin.y = row;
                let layout = wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(WIDTH * TEXEL as u32),
                    rows_per_image: None,
                };
                let size = wgpu::Extent3d { width: WIDTH, height: 1, depth_or_array_layers: 1 };
                gpu.queue.write_texture(place, bytemuck::cast_slice(&texels), layout, size);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dispatch::{Dispatch, TextureId};
    use super::*;

    fn launch(reads: &[usize], writes: usize) -> Launch {
        let dispatch = Dispatch::new("pack_texture", "maps").write(TextureId(writes));
        let dispatch = reads.iter().fold(dispatch, |dispatch, &id| dispatch.read(TextureId(id)));
        Launch { step: 0, label: "", dispatch }
    }

    #[test]
    fn values_that_meet_in_a_launch_never_share() {
        // 1 and 3 never meet, nor do 2 and 4; 0 (weights) lives throughout, 5 is not used.
        let launches = [launch(&[0], 1), launch(&[1, 0], 2), launch(&[2, 0], 3), launch(&[3, 0], 4)];
        let plan = assign_textures(&[7, 10, 20, 30, 5, 99], &launches);
        assert_eq!(plan.places[5], None);
        assert_eq!(plan.places[1], plan.places[3]);
        assert_eq!(plan.places[2], plan.places[4]);
        let mut texels = plan.texels.clone();
        texels.sort();
        assert_eq!(texels, [7, 20, 30]);
        assert_eq!(plan.bytes(), 57 * 16);
        for launch in &launches {
            let mut bound: Vec<_> = launch.dispatch.textures.iter().map(|t| plan.places[t.texture.0]).collect();
            bound.sort();
            bound.dedup();
            assert_eq!(bound.len(), launch.dispatch.textures.len());
        }
    }
}
