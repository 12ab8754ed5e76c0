// batch_norm_grad_input_texture: dx = weight/√(var + eps)·(dz − Σdz/m − x̂·Σ(dz·x̂)/m) in training, without the two means
// in evaluation; dz = act'(z)·dy, m the elements of a channel in a domain; of packed maps (layout: pack_texture).
// Grid: x = blocks of four channels, y = groups of samples of a domain, z = domains; lanes run along the pixels.
// Bindings: stats [D,2,C], weight, bias [C], sums [D,2,C], x, dy and dx packed. Twin: reference/batch_norm.rs
// Imports: activation, channel_block, texel

const LANES: u32 = 8u;
const TRAINING: bool = true;

struct Params {
    channels: u32,
    plane: u32,
    samples_per_domain: u32,
    samples_per_group: u32,
    eps: f32,
}

alias Value = vec4<f32>;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> stats: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> sums: array<f32>;
@group(0) @binding(5) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(6) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(7) var dx: texture_storage_2d<rgba32float, write>;

fn sums_of(i: vec4<u32>) -> vec4<f32> {
    return vec4(sums[i.x], sums[i.y], sums[i.z], sums[i.w]);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let blocks = blocks_of(p.channels);
    let at = channel_block(group.x, group.z, p.channels);
    let mean = means_of(at);
    let inverse = inverse_deviations_of(at, p.channels, p.eps);
    let w = weights_of(at);
    let b = biases_of(at);
    var mean_dz = vec4(0.0);
    var mean_dz_normal = vec4(0.0);
    if (TRAINING) {
        let count = f32(p.samples_per_domain * p.plane);
        mean_dz = sums_of(at.places + at.row) / count;
        mean_dz_normal = sums_of(at.places + at.row + p.channels) / count;
    }
    // Texels are zero beyond the last channel.
    let scale = select(w * inverse, vec4(0.0), at.beyond);
    let first = group.z * p.samples_per_domain + group.y * p.samples_per_group;
    let end = min(first + p.samples_per_group, (group.z + 1u) * p.samples_per_domain);
    for (var n = first; n < end; n++) {
        let base = 1u + (n * blocks + group.x) * p.plane;
        for (var i = lane; i < p.plane; i += LANES) {
            let place = texel_place(base + i);
            let normal = (textureLoad(x, place) - mean) * inverse;
            let dz = slope(fma(w, normal, b)) * textureLoad(dy, place);
            textureStore(dx, place, scale * (dz - mean_dz - normal * mean_dz_normal));
        }
    }
}
