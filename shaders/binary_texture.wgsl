// binary_texture: y = f(a, b) of packed feature maps of one shape (layout: pack_texture), texel by texel.
// Functions that make zero of zeros, as channels beyond the last are. Each invocation takes TEXELS texels; workgroups
// are folded into x and y. Bindings: a, b, y. Twin: reference/elementwise.rs
// Imports: Binary, grid, not_a_number, texel, texel_run

const KIND: u32 = ADD;

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
        case ADD: { return u + v; }
        case SUB: { return u - v; }
        case MUL: { return u * v; }
        default: { return vec4(not_a_number()); }
    }
}

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let run = texel_run(invocation, p.end);
    for (var t = run.x; t < run.y; t += 64u) {
        let place = texel_place(t);
        textureStore(y, place, apply(textureLoad(a, place), textureLoad(b, place)));
    }
}
