// unary_texture: activations of packed feature maps (layout: pack_texture), texel by texel, and their gradients.
// Each invocation takes TEXELS texels; workgroups are folded into x and y.
// Bindings: x, dy (x again in `main`), y. Twin: reference/elementwise.rs

const ACTIVATION: u32 = 1u; // 1 relu, 2 relu6, 3 leaky relu
const SLOPE: f32 = 0.0;
const TEXELS: u32 = 4u;

struct Params {
    // one past the last texel
    end: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var y: texture_storage_2d<rgba32float, write>;

fn activate(v: vec4<f32>) -> vec4<f32> {
    switch ACTIVATION {
        case 1u: { return max(v, vec4(0.0)); }
        case 2u: { return clamp(v, vec4(0.0), vec4(6.0)); }
        default: { return select(SLOPE * v, v, v > vec4(0.0)); }
    }
}

fn slope(v: vec4<f32>) -> vec4<f32> {
    let above = select(vec4(0.0), vec4(1.0), v > vec4(0.0));
    switch ACTIVATION {
        case 1u: { return above; }
        case 2u: { return select(vec4(0.0), above, v < vec4(6.0)); }
        default: { return select(vec4(SLOPE), vec4(1.0), v > vec4(0.0)); }
    }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let first = 1u + (group.x + group.y * groups.x) * 64u * TEXELS + lane;
    let end = min(first + 64u * TEXELS, p.end);
    for (var t = first; t < end; t += 64u) {
        let place = vec2<u32>(t & 4095u, t >> 12u);
        textureStore(y, place, activate(textureLoad(x, place)));
    }
}

@compute @workgroup_size(64)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let first = 1u + (group.x + group.y * groups.x) * 64u * TEXELS + lane;
    let end = min(first + 64u * TEXELS, p.end);
    for (var t = first; t < end; t += 64u) {
        let place = vec2<u32>(t & 4095u, t >> 12u);
        textureStore(y, place, slope(textureLoad(x, place)) * textureLoad(dy, place));
    }
}
