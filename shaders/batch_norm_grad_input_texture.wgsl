// batch_norm_grad_input_texture: dx = weight/√(var + eps)·(dz − Σdz/m − x̂·Σ(dz·x̂)/m) in training, without the two means
// in evaluation; dz = act'(z)·dy, m the elements of a channel in a domain; of packed maps (layout: pack_texture).
// Grid: x = blocks of four channels, y = groups of samples of a domain, z = domains; lanes run along the pixels.
// Bindings: stats [D,2,C], weight, bias [C], sums [D,2,C], x, dy and dx packed. Twin: reference/batch_norm.rs

const LANES: u32 = 8u;
const ACTIVATION: u32 = 0u; // 0 identity, 1 relu, 2 relu6, 3 leaky relu
const SLOPE: f32 = 0.0;
const TRAINING: bool = true;

struct Params {
    channels: u32,
    plane: u32,
    samples_per_domain: u32,
    samples_per_group: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> stats: array<f32>;
@group(0) @binding(2) var<storage, read_write> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;
@group(0) @binding(5) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(6) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(7) var dx: texture_storage_2d<rgba32float, write>;

fn slope(z: vec4<f32>) -> vec4<f32> {
    let above = select(vec4(0.0), vec4(1.0), z > vec4(0.0));
    switch ACTIVATION {
        case 0u: { return vec4(1.0); }
        case 1u: { return above; }
        case 2u: { return select(vec4(0.0), above, z < vec4(6.0)); }
        default: { return select(vec4(SLOPE), vec4(1.0), z > vec4(0.0)); }
    }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let blocks = (p.channels + 3u) / 4u;
    let c = group.x * 4u;
    let row = group.z * 2u * p.channels + c;
    let last = min(p.channels - c, 4u) - 1u;
    // Beyond the last channel that channel again, with a scale of 0: texels are zero there.
    let j = min(vec4(0u, 1u, 2u, 3u), vec4(last));
    let v = row + p.channels;
    let mean = vec4(stats[row + j.x], stats[row + j.y], stats[row + j.z], stats[row + j.w]);
    let inverse = 1.0 / sqrt(vec4(stats[v + j.x], stats[v + j.y], stats[v + j.z], stats[v + j.w]) + p.eps);
    let w = vec4(weight[c + j.x], weight[c + j.y], weight[c + j.z], weight[c + j.w]);
    let b = vec4(bias[c + j.x], bias[c + j.y], bias[c + j.z], bias[c + j.w]);
    var mean_dz = vec4(0.0);
    var mean_dz_normal = vec4(0.0);
    if (TRAINING) {
        let count = f32(p.samples_per_domain * p.plane);
        mean_dz = vec4(sums[row + j.x], sums[row + j.y], sums[row + j.z], sums[row + j.w]) / count;
        mean_dz_normal = vec4(sums[v + j.x], sums[v + j.y], sums[v + j.z], sums[v + j.w]) / count;
    }
    let scale = select(w * inverse, vec4(0.0), vec4(0u, 1u, 2u, 3u) > vec4(last));
    let first = group.z * p.samples_per_domain + group.y * p.samples_per_group;
    let end = min(first + p.samples_per_group, (group.z + 1u) * p.samples_per_domain);
    for (var n = first; n < end; n++) {
        let base = 1u + (n * blocks + group.x) * p.plane;
        for (var i = lane; i < p.plane; i += LANES) {
            let place = vec2<u32>((base + i) & 4095u, (base + i) >> 12u);
            let normal = (textureLoad(x, place) - mean) * inverse;
            let dz = slope(fma(w, normal, b)) * textureLoad(dy, place);
            textureStore(dx, place, scale * (dz - mean_dz - normal * mean_dz_normal));
        }
    }
}
