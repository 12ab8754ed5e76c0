//! Which texture holds which packed value: values that are never needed at once share one.

use crate::gpu::kernel::{Launch, TEXTURE_WIDTH};

/// Bytes of a texel.
pub(super) const TEXEL: u64 = 16;
/// Bytes of a row of texels.
pub(crate) const ROW: u64 = TEXTURE_WIDTH as u64 * TEXEL;

/// Which texture holds which packed value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TexturePlan {
    /// by the number that lowering gave it; `None` for what no launch uses
    pub(crate) places: Vec<Option<usize>>,
    /// rows of each texture
    pub(crate) rows: Vec<u32>,
}

impl TexturePlan {
    /// Memory of all textures.
    pub(crate) fn bytes(&self) -> u64 {
        self.rows.iter().map(|&rows| u64::from(rows) * ROW).sum()
    }
}

/// Rows of a texture that holds these texels, never a power of two: Mesa's software driver compiles a shader anew for each
/// combination of bound textures whose height is one and whose is not, which was two in five of all it compiled.
fn rows_of(texels: usize) -> u32 {
    match texels.div_ceil(TEXTURE_WIDTH as usize) as u32 {
        ..=2 => 3,
        rows if rows.is_power_of_two() => rows + 1,
        rows => rows,
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
    let mut plan = TexturePlan { places: vec![None; texels.len()], rows: Vec::new() };
    let mut taken: Vec<Vec<[usize; 2]>> = Vec::new();
    for id in order {
        let [first, last] = used[id].expect("only those that are used are in the order");
        let free = |spans: &Vec<[usize; 2]>| spans.iter().all(|span| last < span[0] || span[1] < first);
        let place = taken.iter().position(free).unwrap_or(taken.len());
        if place == taken.len() {
            taken.push(Vec::new());
            plan.rows.push(rows_of(texels[id]));
        }
        taken[place].push([first, last]);
        plan.places[id] = Some(place);
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernel::{Dispatch, Shader, TextureId, Work};
    use crate::gpu::machine::Capabilities;

    fn launch(reads: &[usize], writes: usize) -> Launch {
        let dispatch = Dispatch::new(Shader::PackTexture, "maps").write(TextureId(writes));
        let dispatch = reads.iter().fold(dispatch, |dispatch, &id| dispatch.read(TextureId(id)));
        Launch { step: 0, label: "", dispatch, work: Work::default() }
    }

    #[test]
    fn values_that_meet_in_a_launch_never_share() {
        // 1 and 3 never meet, nor do 2 and 4; 0 (weights) lives throughout, 5 is not used.
        let launches = [launch(&[0], 1), launch(&[1, 0], 2), launch(&[2, 0], 3), launch(&[3, 0], 4)];
        let row = TEXTURE_WIDTH as usize;
        let plan = assign_textures(&[7, 10, 4 * row + 1, 6 * row, 5, 99], &launches);
        assert_eq!(plan.places[5], None);
        assert_eq!(plan.places[1], plan.places[3]);
        assert_eq!(plan.places[2], plan.places[4]);
        let mut rows = plan.rows.clone();
        rows.sort();
        assert_eq!(rows, [3, 5, 6]);
        assert_eq!(plan.bytes(), 14 * ROW);
        for launch in &launches {
            let mut bound: Vec<_> = launch.dispatch.textures.iter().map(|t| plan.places[t.texture.0]).collect();
            bound.sort();
            bound.dedup();
            assert_eq!(bound.len(), launch.dispatch.textures.len());
        }
    }

    #[test]
    fn textures_hold_their_texels_in_rows_that_are_no_power_of_two() {
        let row = TEXTURE_WIDTH as usize;
        for texels in [1, row, row + 1, 2 * row, 3 * row, 4 * row, 5 * row, 8 * row - 1, 8 * row, 1024 * row] {
            let rows = rows_of(texels);
            assert!(rows as usize * row >= texels && !rows.is_power_of_two(), "{texels} texels in {rows} rows");
        }
        let most = Capabilities::typical_hardware();
        assert!(rows_of(most.texture_capacity()) as usize <= most.texture_side);
    }
}
