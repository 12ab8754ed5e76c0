// dropout_texture: dropout of packed feature maps (layout: pack_texture). The mask of an element is that of its number in
// the unpacked tensor; it stands in dropout, on which this builds. Each invocation takes TEXELS texels of one plane of
// four channels; grid: x = blocks of 64·TEXELS pixels, y = planes. Bindings: seed [2] (integers below 2²⁴), x, y packed.
// Twin: reference/dropout.rs

const TEXELS: u32 = 4u;

struct PackedParams {
    channels: u32,
    plane: u32,
    stream: u32,
    threshold: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> q: PackedParams;
@group(0) @binding(1) var<storage, read_write> packed_seed: array<f32>;
@group(0) @binding(2) var maps: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var result: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(64)
fn main_texture(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let key = mask_key(packed_seed[0], packed_seed[1], q.stream);
    let blocks = (q.channels + 3u) / 4u;
    let n = group.y / blocks;
    let number = (n * q.channels + (group.y - n * blocks) * 4u) * q.plane;
    let first = group.x * 64u * TEXELS + lane;
    let end = min(first + 64u * TEXELS, q.plane);
    for (var i = first; i < end; i += 64u) {
        let t = 1u + group.y * q.plane + i;
        let place = vec2<u32>(t & 4095u, t >> 12u);
        let v = textureLoad(maps, place) * q.scale;
        var kept: vec4<f32>;
        for (var k = 0u; k < 4u; k++) {
            kept[k] = select(0.0, v[k], is_kept(number + k * q.plane + i, key, q.threshold));
        }
        textureStore(result, place, kept);
    }
}

