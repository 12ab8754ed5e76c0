// dropout_texture: dropout of packed feature maps (layout: pack_texture). The mask of an element is that of its number in
// the unpacked tensor. Each invocation takes TEXELS texels of one plane of four channels; grid: x = blocks of 64·TEXELS
// pixels, y = planes. Bindings: seed [2] (integers below 2²⁴), x, y packed. Twin: reference/dropout.rs
// Imports: dropout_mask, texel

const TEXELS: u32 = 4u;

struct Params {
    channels: u32,
    plane: u32,
    stream: u32,
    threshold: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> seed: array<f32>;
@group(0) @binding(2) var maps: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var result: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(64)
fn main_texture(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let key = mask_key(seed[0], seed[1], p.stream);
    let blocks = blocks_of(p.channels);
    let n = group.y / blocks;
    let number = (n * p.channels + (group.y - n * blocks) * 4u) * p.plane;
    let first = group.x * 64u * TEXELS + lane;
    let end = min(first + 64u * TEXELS, p.plane);
    for (var i = first; i < end; i += 64u) {
        let t = 1u + group.y * p.plane + i;
        let place = texel_place(t);
        let v = textureLoad(maps, place) * p.scale;
        var masked: vec4<f32>;
        for (var k = 0u; k < 4u; k++) {
            masked[k] = kept(v[k], number + k * p.plane + i, key, p.threshold);
        }
        textureStore(result, place, masked);
    }
}
