// batch_norm_texture: y = act(weight·(x − mean)/√(var + eps) + bias) of packed maps (layout: pack_texture).
// Grid: x = blocks of four channels, y = groups of samples of a domain, z = domains; lanes run along the pixels.
// Bindings: stats [D,2,C], weight [C], bias [C], x and y packed. Twin: reference/batch_norm.rs
// Imports: activation, channel_block, texel

const LANES: u32 = 8u;

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
@group(0) @binding(4) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(5) var y: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let blocks = blocks_of(p.channels);
    let at = channel_block(group.x, group.z, p.channels);
    let mean = means_of(at);
    let inverse = inverse_deviations_of(at, p.channels, p.eps);
    // Channels beyond the last are masked to 0: texels are zero there.
    let scale = select(weights_of(at) * inverse, vec4(0.0), at.beyond);
    let shift = select(biases_of(at), vec4(0.0), at.beyond);
    let first = group.z * p.samples_per_domain + group.y * p.samples_per_group;
    let end = min(first + p.samples_per_group, (group.z + 1u) * p.samples_per_domain);
    for (var n = first; n < end; n++) {
        let base = 1u + (n * blocks + group.x) * p.plane;
        for (var i = lane; i < p.plane; i += LANES) {
            let place = texel_place(base + i);
            textureStore(y, place, activate(fma(textureLoad(x, place) - mean, scale, shift)));
        }
    }
}
