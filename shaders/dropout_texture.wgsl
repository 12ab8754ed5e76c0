// dropout_texture: dropout (see there) of packed feature maps (layout: pack_texture): the mask of an element is that of
// its number in the unpacked tensor. Each invocation takes TEXELS texels of one plane of four channels; grid: x =
// blocks of 64·TEXELS pixels, y = planes. Bindings: seed [2] (integers below 2²⁴), x, y. Twin: reference/dropout.rs

const TEXELS: u32 = 4u;

struct Params {
    channels: u32,
    plane: u32,
    stream: u32,
    threshold: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> seed: array<f32>;
@group(0) @binding(2) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var y: texture_storage_2d<rgba32float, write>;

// Integer hash of low bias (Wellons, "lowbias32").
fn mix_bits(value: u32) -> u32 {
    var h = value;
    h ^= h >> 16u;
    h *= 0x7feb352du;
    h ^= h >> 15u;
    h *= 0x846ca68bu;
    h ^= h >> 16u;
    return h;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let key = mix_bits(mix_bits(mix_bits(u32(seed[0])) ^ u32(seed[1])) ^ p.stream);
    let blocks = (p.channels + 3u) / 4u;
    let n = group.y / blocks;
    let number = (n * p.channels + (group.y - n * blocks) * 4u) * p.plane;
    let first = group.x * 64u * TEXELS + lane;
    let end = min(first + 64u * TEXELS, p.plane);
    for (var i = first; i < end; i += 64u) {
        let t = 1u + group.y * p.plane + i;
        let place = vec2<u32>(t & 4095u, t >> 12u);
        let v = textureLoad(x, place) * p.scale;
        var kept: vec4<f32>;
        for (var k = 0u; k < 4u; k++) {
            let bits = mix_bits(mix_bits((number + k * p.plane + i) ^ key) + key);
            kept[k] = select(0.0, v[k], bits >= p.threshold);
        }
        textureStore(y, place, kept);
    }
}
