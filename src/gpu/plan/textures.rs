//! Which texture holds which packed value: values that are never needed at once share one.

use crate::gpu::kernel::Launch;

/// Bytes of a texel.
pub(crate) const TEXEL: u64 = 16;

/// Which texture holds which packed value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TexturePlan {
    /// by the number that lowering gave it; `None` for what no launch uses
    pub(crate) places: Vec<Option<usize>>,
    /// texels of each texture
    pub(crate) texels: Vec<usize>,
}

impl TexturePlan {
    /// Memory of all textures.
    pub(crate) fn bytes(&self) -> u64 {
        self.texels.iter().map(|&texels| texels as u64 * TEXEL).sum()
    }
}

/// Gives every packed value a texture over the launches that use it: the largest first, each the first texture that is
/// free for as long. A launch cannot read and write one texture, so it is not enough to share a part of one.
pub(crate) fn assign_textures(texels: &[usize], launches: &[Launch]) -> TexturePlan {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernel::{Dispatch, Shader, TextureId};

    fn launch(reads: &[usize], writes: usize) -> Launch {
        let dispatch = Dispatch::new(Shader::PackTexture, "maps").write(TextureId(writes));
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
