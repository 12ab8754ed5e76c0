// binary_texture: y = f(a, b) of packed feature maps of one shape (layout: pack_texture), texel by texel.
// Functions that make zero of zeros, as channels beyond the last are. Each invocation takes TEXELS texels; workgroups
// are folded into x and y. Bindings: a, b, y. Twin: reference/elementwise.rs

const KIND: u32 = 0u; // 0 a + b, 1 a − b, 2 a·b
const TEXELS: u32 = 4u;

struct Params {
    // one past the last texel
    end: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var a: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var b: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var y: texture_storage_2d<rgba32float, write>;

fn apply(u: vec4<f32>, v: vec4<f32>) -> vec4<f32> {
    switch KIND {
        case 0u: { return u + v; }
        case 1u: { return u - v; }
        default: { return u * v; }
    }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let first = 1u + (group.x + group.y * groups.x) * 64u * TEXELS + lane;
    let end = min(first + 64u * TEXELS, p.end);
    for (var t = first; t < end; t += 64u) {
        let place = vec2<u32>(t & 4095u, t >> 12u);
        textureStore(y, place, apply(textureLoad(a, place), textureLoad(b, place)));
    }
}
